"""Retries with a deadline. Depends on errors and the deadline of the work in progress."""

import logging
import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from functions.gallery.deadline import seconds_left
from functions.gallery.errors import StoreNotReached, StoreUnavailable
from functions.gallery.stores.server.errors import is_away

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 2.0
# A node of a cluster is replaced in about a minute.
LONG_WAIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how long to try."""

    tries: int = 4
    deadline_s: float = 15.0  # no pause is started that would end later than this
    away_s: float = 0.0  # how long to wait for a store that was reached before and went away
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random  # 0 to 1

    def call(self, work: Callable[[], T], *, was_reached: bool = False) -> T:
        """Do the work, again after StoreUnavailable; raises the last one in the end.

        Pauses have full jitter (anything up to 0.2, 0.4, 0.8 ... 2 s), so that many callers do not
        come back together; a pause that the store asked for is kept, with the jitter on top.
        StoreNotReached is raised only if no try reached the store. The long wait is for a store
        `was_reached` before: an address that never worked is a mistake.
        """
        started = self.clock()
        tried = 0
        reached: StoreUnavailable | None = None
        while True:
            try:
                return work()
            except StoreUnavailable as error:
                tried += 1
                if not isinstance(error, StoreNotReached):
                    reached = error
                tries, limit_s = float(self.tries), self.deadline_s
                if self.away_s and was_reached and is_away(error):
                    tries, limit_s = math.inf, self.away_s
                longest = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tried - 1, 9))
                pause = (error.retry_after or 0.0) + longest * self.jitter()
                time_left = min(limit_s - (self.clock() - started), seconds_left())
                if tried >= tries or pause > time_left:
                    raise reached or error from error.__cause__
                if tried == self.tries:
                    log.warning("Waiting up to %d minutes for Qdrant", self.away_s // 60)
            self.sleep(pause)
