"""Do what the messages of one call ask for. Depends on the gallery and a queue; not on Lambda.

Objects are synced before reconciliations, which use all the time that is left. Each object is
synced once, however many messages name it: all of those events are in the past.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from functions.gallery.errors import LookalikeError
from functions.gallery.gallery import Gallery
from functions.gallery.ports import Queue
from functions.gallery.sync.reconcile import Progress
from functions.gallery.sync.sync import Synced
from functions.ingest.events import (
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
SECONDS_TO_RECONCILE = 15.0  # with less left a reconciliation continues in another call


class OutOfTime(Exception):
    """The call ends before its work; the message is delivered again."""

    code = "out-of-time"


@dataclass
class Report:
    """The results of one call."""

    outcomes: dict[str, Synced] = field(default_factory=dict)  # by the name of the object
    failures: list[Exception] = field(default_factory=list)  # of objects, messages, comparisons
    failed: list[Message] = field(default_factory=list)
    compared: Progress | None = None


def failed(event: Mapping[str, Any], error: LookalikeError) -> Report:
    """Return the report of a call that could not begin: all its messages are delivered again."""
    log.error("failed", key="every message", code=error.code, detail=str(error))
    return Report(failures=[error], failed=messages_in(event))


class Ingest:
    """Follows a bucket; one call at a time, as Lambda does."""

    def __init__(self, gallery: Gallery, queue: Queue | None) -> None:
        """Send what a reconciliation finds to the queue; without one it is synced at once."""
        self._gallery = gallery
        self._queue = queue

    def run(self, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> Report:
        """Do all that this call asks for; failures are in the report, nothing is raised."""
        report = Report()
        call = _Call(self._gallery, self._queue, seconds_left, report)
        messages = messages_in(event)
        synced = [call.sync(message) for message in messages]
        done = [
            call.reconcile(message) and done for message, done in zip(messages, synced, strict=True)
        ]
        report.failed = [message for message, done in zip(messages, done, strict=True) if not done]
        return report


@dataclass(frozen=True)
class _Call:
    gallery: Gallery
    queue: Queue | None
    seconds_left: Callable[[], float]
    report: Report
    synced: dict[str, bool] = field(default_factory=dict)  # by name, whether it succeeded

    def sync(self, message: Message) -> bool:
        """Sync the objects of a message; return whether all succeeded."""
        if message.unknown is not None:
            self._fail(f"message {message.id}", message.unknown)
            return False
        names = []
        for wanted in message.wanted:
            if isinstance(wanted, SyncObject) and wanted.bucket in (None, self.gallery.bucket):
                names.append(wanted.name)
            elif isinstance(wanted, SyncObject):
                log.warning("another bucket", bucket=wanted.bucket, key=wanted.name)
        return self._sync_all(names)

    def reconcile(self, message: Message) -> bool:
        """Do the reconciliations of a message; return whether all succeeded."""
        wanted = [each for each in message.wanted if isinstance(each, Reconcile)]
        try:
            return all([self._reconcile(each) for each in wanted])
        except Exception as error:
            self._fail("comparison", error)
            return False

    def _sync_all(self, names: Sequence[str]) -> bool:
        """Sync all, whatever happens to one; return whether all succeeded."""
        for name in names:
            if name not in self.synced:
                self.synced[name] = self._sync(name)
        return all(self.synced[name] for name in names)

    def _sync(self, name: str) -> bool:
        try:
            if self.seconds_left() < SECONDS_TO_SYNC:
                raise OutOfTime("Too little time is left for this object; it is delivered again")
            outcome = self.gallery.sync(name)
        except Exception as error:
            self._fail(name, error)
            return False
        self.report.outcomes[name] = outcome
        log.info("synced", key=name, outcome=outcome.value)
        return True

    def _fail(self, what: str, error: Exception) -> None:
        self.report.failures.append(error)
        code = getattr(error, "code", "unexpected")
        is_unexpected = code == "unexpected"
        log.error("failed", key=what, code=code, detail=str(error), exc_info=is_unexpected)

    def _reconcile(self, wanted: Reconcile) -> bool:
        succeeded = True
        for part in self.gallery.differences(wanted.progress):
            self.report.compared = part.progress
            if not wanted.dry_run:
                succeeded &= self._repair(part.names)
            if self.seconds_left() < SECONDS_TO_RECONCILE:
                self._continue_later(Reconcile(part.progress, wanted.dry_run))
                return succeeded
        if self.report.compared is not None:
            log.info("compared", dry_run=wanted.dry_run, **asdict(self.report.compared))
        return succeeded

    def _repair(self, names: Sequence[str]) -> bool:
        if self.queue is None:
            return self._sync_all(names)
        starts = range(0, len(names), NAMES_PER_MESSAGE)
        self.queue.send([sync_message(names[at : at + NAMES_PER_MESSAGE]) for at in starts])
        return True

    def _continue_later(self, wanted: Reconcile) -> None:
        if self.queue is None:
            log.warning("Out of time; set LOOKALIKE_QUEUE_URL to continue, or call again")
        else:
            self.queue.send([reconcile_message(wanted)])
