"""How much one request can decode, and when it is its turn. Depends on errors and threads.

The budget of the request in progress is a context variable, so that all decoding counts, wherever
it is done. That of an import has slots only; other commands and the bucket entry point have none.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from threading import TIMEOUT_MAX, Lock

from functions.gallery.errors import NotReached, TooManyPixels
from functions.gallery.threads import FairSemaphore

_current: ContextVar["DecodeBudget | None"] = ContextVar("decode_budget", default=None)


@dataclass(eq=False)
class DecodeBudget:
    """What one request can decode: until when, and how many pixels in all."""

    slots: FairSemaphore  # of all requests
    deadline: float = TIMEOUT_MAX  # by time.monotonic
    max_pixels: int = sys.maxsize
    pixels: int = 0  # spent
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Apply this budget to all decoding inside the block, also in anyio's threads."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def spend(self, pixels: int) -> None:
        """Count pixels about to be decoded; raises TooManyPixels."""
        with self._lock:
            if self.pixels + pixels > self.max_pixels:
                raise TooManyPixels(
                    "The pictures of this request exceed max_pixels_per_request, "
                    f"{self.max_pixels} px in all; send fewer or smaller pictures"
                )
            self.pixels += pixels


@contextmanager
def decode_slot() -> Iterator[None]:
    """Hold a slot for one picture, from its bytes until only its vector is left.

    Waits for the request's turn; raises NotReached if that does not come before the deadline.
    """
    budget = _current.get()
    if budget is None:
        yield
        return
    left_s = budget.deadline - time.monotonic()
    if left_s <= 0 or not budget.slots.acquire(budget, left_s):
        raise NotReached("The time for one request is over; send this item again")
    try:
        yield
    finally:
        budget.slots.release()


def spend_pixels(count: int) -> None:
    """Count the pixels of a picture about to be decoded; raises TooManyPixels."""
    if budget := _current.get():
        budget.spend(count)
