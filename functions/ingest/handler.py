"""The bucket's door on Lambda: what the runtime calls, its log and its metrics. Knows Lambda.

In a function all is built at import, when the processor is fastest; elsewhere at the first call.
"""

from collections import Counter
from functools import cache
from typing import Any, Protocol

from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit

from functions.gallery.bootstrap import build_gallery, open_queue
from functions.gallery.errors import SettingsError
from functions.gallery.objects import Synced
from functions.gallery.place import in_function, settle
from functions.gallery.settings import Settings
from functions.ingest.work import Ingest, Report, log

metrics = Metrics(namespace="Lookalike", service="ingest")


class Context(Protocol):
    """What is used of Lambda's context."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Give the time until this call is ended."""


def handle(event: dict[str, Any], context: Context) -> dict[str, Any]:
    """Do what this call asks for.

    Messages of a queue that failed are named in the answer and come again, the others do not.
    A call without a queue raises what failed, so that Lambda calls again.
    """
    log.append_keys(request_id=context.aws_request_id)
    report = _ingest().run(event, lambda: context.get_remaining_time_in_millis() / 1000)
    _count(report)
    queued = [message.id for message in report.failed if message.id is not None]
    if len(queued) < len(report.failed):
        raise next(iter(report.failures.values()))
    return {"batchItemFailures": [{"itemIdentifier": id} for id in queued]}


@cache
def _ingest() -> Ingest:
    settings = Settings.from_environment()
    if settings.lookalike_bucket is None:
        raise SettingsError(
            "LOOKALIKE_BUCKET is not set, and there is nothing to follow without it; set it to "
            "the name of the bucket whose events come here"
        )
    return Ingest(build_gallery(settings), open_queue(settings))


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


if in_function():
    _ingest()
    settle()
