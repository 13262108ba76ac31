"""The bucket entry point on Lambda: what the runtime calls, its log and metrics. Depends on Lambda.

In a function everything is built at import, when the processor is fastest; what the store was not
ready for is built by a later call, as it is elsewhere by the first.
"""

from collections import Counter
from functools import cache
from typing import Any, Protocol

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.gallery.bootstrap import build_gallery, open_lease, open_queue
from functions.gallery.deadline import seconds_left, time_limit
from functions.gallery.errors import SettingsError, StoreError, StoreUnavailable
from functions.gallery.settings import Settings
from functions.gallery.sync.sync import Synced
from functions.ingest.events import Backfill, backfill_in
from functions.ingest.work import Ingest, Report, failed, log
from functions.runtime import ANSWER_S, START_S, finish_start, in_function

_REASON_CHARACTERS = 20_000  # Step Functions shows 32,768 of a cause

metrics = Metrics(namespace="Lookalike", service="ingest")


class Context(Protocol):
    """The part of Lambda's context that is used."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until Lambda ends this call."""


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Do what this call asks for.

    Queued messages that failed are listed in the result, and only they are delivered again. A batch
    of a backfill returns the names that failed, for the state machine to send again. Any other call
    without a queue raises its first failure, so that Lambda calls again.
    """
    log.append_keys(request_id=context.aws_request_id)
    batch = backfill_in(event)
    with time_limit(context.get_remaining_time_in_millis() / 1000 - ANSWER_S):
        if batch is not None:
            return _backfill(batch)
        report = _run(event)
    _count(report)
    queued = [message.id for message in report.failed if message.id is not None]
    if len(queued) < len(report.failed):
        raise report.failures[0]
    return {"batchItemFailures": [{"itemIdentifier": id} for id in queued]}


def _run(event: dict[str, Any]) -> Report:
    try:
        ingest = _ready()
    except StoreError as error:
        return failed(event, error)
    return ingest.run(event, seconds_left)


def _backfill(batch: Backfill) -> dict[str, Any]:
    """Sync a batch; `tries` counts how often in a row not one of its names succeeded."""
    try:
        report = _ready().backfill(batch, seconds_left)
    except StoreError as error:
        log.error("failed", key="every name", code=error.code, detail=str(error))
        report = Report(failed_names=dict.fromkeys(batch.names, error.code), failures=[error])
    _count(report)
    reasons = "; ".join(f"{name}: {code}" for name, code in report.failed_names.items())
    return {
        "done": not report.failed_names,
        "names": list(report.failed_names),
        "tries": 0 if report.outcomes else batch.tries + 1,
        "reasons": reasons[:_REASON_CHARACTERS],
        "outcomes": Counter(outcome.value for outcome in report.outcomes.values()),
    }


def _ready() -> Ingest:
    with time_limit(START_S):
        return _ingest()


@cache
def _ingest() -> Ingest:
    settings = Settings.from_environment()
    if settings.lookalike_bucket is None:
        raise SettingsError(
            "LOOKALIKE_BUCKET is not set; set it to the name of the bucket whose events this "
            "function receives"
        )
    return Ingest(build_gallery(settings), open_queue(settings), open_lease(settings))


def _count(report: Report) -> None:
    outcomes = Counter(report.outcomes.values())
    for name, count in (
        ("PicturesIndexed", outcomes[Synced.INDEXED]),
        ("PicturesRemoved", outcomes[Synced.REMOVED]),
        ("PicturesRefused", outcomes[Synced.REFUSED]),
        ("PicturesFailed", len(report.failures)),
    ):
        metrics.add_metric(name, MetricUnit.Count, count)
    if report.compared is not None:
        metrics.add_metric("ObjectsDifferent", MetricUnit.Count, report.compared.different)
    metrics.flush_metrics()


def _start() -> None:
    try:
        _ready()
    except StoreUnavailable as error:
        log.error("Not ready: %s", error)
    finish_start()


if in_function():
    _start()
