"""Do what the messages of one call ask for. Depends on the gallery and a queue; not on Lambda.

Objects are synced before reconciliations, which use all the time that is left. Each object is
synced once, however many messages name it: all of those events are in the past. Several are synced
at once, because each mostly waits for the bucket.
"""

import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from time import monotonic
from typing import Any

from aws_lambda_powertools import Logger

from functions.gallery.errors import LookalikeError
from functions.gallery.gallery import Gallery
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.ports import Lease, Queue
from functions.gallery.sync.reconcile import Progress
from functions.gallery.sync.sync import Synced
from functions.gallery.threads import FairSemaphore, map_in_threads
from functions.ingest.events import (
    Backfill,
    Message,
    Reconcile,
    SyncObject,
    messages_in,
    reconcile_message,
    sync_message,
)

log = Logger(service="lookalike-ingest")

NAMES_PER_MESSAGE = 10  # about a second of work; a name is at most 1 KB
SECONDS_TO_SYNC = 5.0  # with less left no object is started: the largest picture must fit
# Of the 228 ms that a small picture takes, 58 are the processor's (docs/cost.md). Each can have
# 20 MB of bytes, and hundreds once it is open, so only one is open at a time.
THREADS = 4
SECONDS_TO_DECODE = 4.0  # with less left no picture is opened
SECONDS_TO_RECONCILE = 15.0  # with less left a reconciliation continues in another call


class OutOfTime(Exception):
    """The call ends before its work; the message is delivered again."""

    code = "out-of-time"


@dataclass
class Report:
    """The results of one call."""

    outcomes: dict[str, Synced] = field(default_factory=dict)  # by the name of the object
    failed_names: dict[str, str] = field(default_factory=dict)  # of objects, with the code
    failures: list[Exception] = field(default_factory=list)  # of objects, messages, comparisons
    failed: list[Message] = field(default_factory=list)
    compared: Progress | None = None


def failed(event: Mapping[str, Any], error: LookalikeError) -> Report:
    """Return the report of a call that could not begin: all its messages are delivered again."""
    log.error("failed", key="every message", code=error.code, detail=str(error))
    return Report(failures=[error], failed=messages_in(event))


class Ingest:
    """Follows a bucket; one call at a time, as Lambda does."""

    def __init__(self, gallery: Gallery, queue: Queue | None, lease: Lease | None = None) -> None:
        """Send what a reconciliation finds to the queue; without one it is synced at once.

        With a lease, a reconciliation ends at once while another one runs.
        """
        self._gallery = gallery
        self._queue = queue
        self._lease = lease

    def run(self, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> Report:
        """Do all that this call asks for; failures are in the report, nothing is raised."""
        report = Report()
        call = _Call(self._gallery, self._queue, self._lease, seconds_left, report)
        messages = messages_in(event)
        names = [call.names_in(message) for message in messages]
        call.sync_all([name for each in names for name in each])
        for message, its_names in zip(messages, names, strict=True):
            synced = message.unknown is None and all(call.synced[name] for name in its_names)
            if not (call.reconcile(message) and synced):
                report.failed.append(message)
        return report

    def backfill(self, batch: Backfill, seconds_left: Callable[[], float]) -> Report:
        """Sync the objects of a batch; failures are in the report, nothing is raised."""
        report = Report()
        _Call(self._gallery, None, None, seconds_left, report).sync_all(batch.names)
        return report


@dataclass(frozen=True)
class _Call:
    gallery: Gallery
    queue: Queue | None
    lease: Lease | None
    seconds_left: Callable[[], float]
    report: Report
    synced: dict[str, bool] = field(default_factory=dict)  # by name, whether it succeeded

    def names_in(self, message: Message) -> list[str]:
        """Return the names of our objects to be synced; none of a message that is unknown."""
        if message.unknown is not None:
            self._fail(f"message {message.id}", message.unknown)
        names = []
        for wanted in message.wanted:
            if isinstance(wanted, SyncObject) and wanted.bucket in (None, self.gallery.bucket):
                names.append(wanted.name)
            elif isinstance(wanted, SyncObject):
                log.warning("another bucket", bucket=wanted.bucket, key=wanted.name)
        return names

    def sync_all(self, names: Sequence[str]) -> bool:
        """Sync all, whatever happens to one; return whether all succeeded."""
        new = [name for name in dict.fromkeys(names) if name not in self.synced]
        # One picture is open at a time, while others are read and written.
        last_start = monotonic() + self.seconds_left() - SECONDS_TO_DECODE
        budget = DecodeBudget(FairSemaphore(1), last_start, max_pixels=sys.maxsize)
        with budget.in_use(), closing(map_in_threads(self._sync, new, THREADS)) as results:
            self.synced.update(zip(new, results, strict=True))
        return all(self.synced[name] for name in names)

    def reconcile(self, message: Message) -> bool:
        """Do the reconciliations of a message; return whether all succeeded."""
        wanted = [each for each in message.wanted if isinstance(each, Reconcile)]
        try:
            return all([self._reconcile(each) for each in wanted])
        except Exception as error:
            self._fail("comparison", error)
            return False

    def _sync(self, name: str) -> bool:
        try:
            if self.seconds_left() < SECONDS_TO_SYNC:
                raise OutOfTime("Too little time is left for this object; it is delivered again")
            outcome = self.gallery.sync(name)
        except Exception as error:
            self.report.failed_names[name] = self._fail(name, error)
            return False
        self.report.outcomes[name] = outcome
        log.info("synced", key=name, outcome=outcome.value)
        return True

    def _fail(self, what: str, error: Exception) -> str:
        self.report.failures.append(error)
        code = str(getattr(error, "code", "unexpected"))
        is_unexpected = code == "unexpected"
        log.error("failed", key=what, code=code, detail=str(error), exc_info=is_unexpected)
        return code

    def _reconcile(self, wanted: Reconcile) -> bool:
        wanted = wanted if wanted.id else replace(wanted, id=str(uuid.uuid4()))
        if self.lease is None:
            return self._compare(wanted)
        if not self.lease.take(wanted.id, wanted.part):
            log.warning("another comparison runs, or this part of it was delivered twice")
            return True
        try:
            return self._compare(wanted)
        except Exception:
            if wanted.part == 0:  # it is tried again, perhaps under another id
                self.lease.release(wanted.id)
            raise

    def _compare(self, wanted: Reconcile) -> bool:
        succeeded = True
        for part in self.gallery.differences(wanted.progress):
            self.report.compared = part.progress
            if not wanted.dry_run:
                succeeded &= self._repair(part.names)
            if self.seconds_left() < SECONDS_TO_RECONCILE:
                self._continue_later(replace(wanted, progress=part.progress, part=wanted.part + 1))
                return succeeded
        if self.report.compared is not None:
            counts = {n: v for n, v in asdict(self.report.compared).items() if n != "seen"}
            log.info("compared", dry_run=wanted.dry_run, **counts)
        if self.lease is not None:
            self.lease.release(wanted.id)
        return succeeded

    def _repair(self, names: Sequence[str]) -> bool:
        if self.queue is None:
            return self.sync_all(names)
        starts = range(0, len(names), NAMES_PER_MESSAGE)
        self.queue.send([sync_message(names[at : at + NAMES_PER_MESSAGE]) for at in starts])
        return True

    def _continue_later(self, wanted: Reconcile) -> None:
        if self.queue is None:
            log.warning("Out of time; set LOOKALIKE_QUEUE_URL to continue, or call again")
        else:
            self.queue.send([reconcile_message(wanted)])
