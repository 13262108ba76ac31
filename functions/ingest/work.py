"""Does what the messages of one call ask for. Knows the gallery and a queue; no Lambda.

Looks are made before comparisons, which take all the time that is left, and each object is looked
at once however many messages name it: whatever they tell happened before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from functions.gallery.gallery import Gallery
from functions.gallery.objects import Progress, Synced
from functions.gallery.ports import Queue
from functions.ingest.events import (
    Look,
    Message,
    Reconcile,
    look_message,
    messages_in,
    reconcile_message,
)

log = Logger(service="lookalike-ingest")

NAMES_A_MESSAGE = 10  # about a second of work; a name is at most 1 KB
SECONDS_TO_LOOK = 5.0  # a look is not begun with less: the largest picture allowed must fit
SECONDS_TO_COMPARE = 15.0  # a comparison goes on in another call when less is left


class OutOfTime(Exception):
    """The call ends before its work; the message comes again."""

    code = "out-of-time"


@dataclass
class Report:
    """What one call came to."""

    outcomes: dict[str, Synced] = field(default_factory=dict)  # by the name of the object
    failures: dict[str, Exception] = field(default_factory=dict)  # by the same, or by what it was
    failed: list[Message] = field(default_factory=list)
    compared: Progress | None = None


class Ingest:
    """Follows a bucket; one call at a time, as Lambda does."""

    def __init__(self, gallery: Gallery, queue: Queue | None) -> None:
        """Use the queue for what a comparison finds; without one it is mended at once."""
        self._gallery = gallery
        self._queue = queue

    def run(self, event: Mapping[str, Any], seconds_left: Callable[[], float]) -> Report:
        """Do all that this call asks for; what failed is told in the report, nothing is raised."""
        report = Report()
        call = _Call(self._gallery, self._queue, seconds_left, report)
        messages = messages_in(event)
        report.failed = [message for message in messages if not call.looked(message)]
        report.failed += [message for message in messages if not call.compared(message)]
        return report


@dataclass(frozen=True)
class _Call:
    gallery: Gallery
    queue: Queue | None
    seconds_left: Callable[[], float]
    report: Report

    def looked(self, message: Message) -> bool:
        if message.unknown is not None:
            self._fail(f"message {message.id}", message.unknown)
            return False
        names = []
        for wanted in message.wanted:
            if isinstance(wanted, Look) and wanted.bucket in (None, self.gallery.bucket):
                names.append(wanted.name)
            elif isinstance(wanted, Look):
                log.warning("another bucket", bucket=wanted.bucket, key=wanted.name)
        for name in names:
            self._look(name)
        return self.report.failures.keys().isdisjoint(names)

    def compared(self, message: Message) -> bool:
        comparisons = [wanted for wanted in message.wanted if isinstance(wanted, Reconcile)]
        failures_before = len(self.report.failures)
        try:
            for wanted in comparisons:
                self._compare(wanted)
        except Exception as problem:
            self._fail("comparison", problem)
        return len(self.report.failures) == failures_before

    def _look(self, name: str) -> None:
        if name in self.report.outcomes or name in self.report.failures:
            return
        try:
            if self.seconds_left() < SECONDS_TO_LOOK:
                raise OutOfTime("Too little time is left to look at one more object")
            outcome = self.gallery.sync(name)
        except Exception as problem:
            self._fail(name, problem)
        else:
            self.report.outcomes[name] = outcome
            log.info("looked", key=name, outcome=outcome.value)

    def _fail(self, what: str, problem: Exception) -> None:
        self.report.failures[what] = problem
        code = getattr(problem, "code", "unexpected")
        unexpected = code == "unexpected"
        log.error("failed", key=what, code=code, detail=str(problem), exc_info=unexpected)

    def _compare(self, wanted: Reconcile) -> None:
        for piece in self.gallery.differences(wanted.progress):
            self.report.compared = piece.progress
            if not wanted.dry_run:
                self._mend(piece.names)
            if self.seconds_left() < SECONDS_TO_COMPARE:
                self._continue_later(Reconcile(piece.progress, wanted.dry_run))
                return
        if self.report.compared is not None:
            log.info("compared", dry_run=wanted.dry_run, **asdict(self.report.compared))

    def _mend(self, names: Sequence[str]) -> None:
        if self.queue is None:
            for name in names:
                self._look(name)
            return
        starts = range(0, len(names), NAMES_A_MESSAGE)
        self.queue.send([look_message(names[at : at + NAMES_A_MESSAGE]) for at in starts])

    def _continue_later(self, wanted: Reconcile) -> None:
        if self.queue is None:
            log.warning("out of time, and no LOOKALIKE_QUEUE_URL to go on by; run it again")
        else:
            self.queue.send([reconcile_message(wanted)])
