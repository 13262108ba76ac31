"""The ingest function as Lambda runs it, with real event files and a bucket over real HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator

import boto3
import httpx
import pytest

from tests.cloud import cloud
from tests.drawing import jpeg
from tests.end_to_end.lambda_emulator import ROOT, SAM_LOCAL, Function, event, function

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the runtime emulator runs only on Linux"
)
HANDLER = "functions.ingest.handler.handle"
CREATED = event("eventbridge-created")["detail"]
BUCKET, KEY = CREATED["bucket"]["name"], CREATED["object"]["key"]
NO_FAILURES = {"batchItemFailures": []}


class Deployment:
    """The function and its bucket, with the outcomes logged since the last call."""

    def __init__(self, started: Function) -> None:
        self.function = started
        self.s3 = boto3.client("s3")
        self._read = 0

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def outcomes(self) -> list[tuple[str, str]]:
        lines = self.function.log.splitlines()[self._read :]
        self._read += len(lines)
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [
            (line["key"], line["outcome"]) for line in records if line.get("message") == "synced"
        ]


@pytest.fixture
def deployment(tmp_path) -> Iterator[Deployment]:
    with cloud() as aws:
        # All moto servers in one process share their contents.
        httpx.post(f"{aws['AWS_ENDPOINT_URL']}/moto-api/reset")
        region = {"LocationConstraint": aws["AWS_REGION"]}
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        with function(HANDLER, tmp_path, **SAM_LOCAL, **aws, LOOKALIKE_BUCKET=BUCKET) as started:
            yield Deployment(started)


def test_a_picture_reported_by_two_kinds_of_event_is_indexed_once(deployment):
    deployment.put(KEY, jpeg(1))

    responses = [deployment.function.invoke(event(n)) for n in ("s3-put", "eventbridge-created")]

    assert responses == [NO_FAILURES] * 2
    assert deployment.outcomes() == [(KEY, "indexed"), (KEY, "unchanged")]


def test_a_queue_batch_indexes_new_objects_and_removes_deleted_ones(deployment):
    deployment.put("shoes/gone.jpg", jpeg(2))
    deployment.function.invoke(event("queue-eventbridge"))
    deployment.s3.delete_object(Bucket=BUCKET, Key="shoes/gone.jpg")
    deployment.put(KEY, jpeg(1))

    response = deployment.function.invoke(event("queue-eventbridge"))

    assert response == NO_FAILURES
    last = sorted(deployment.outcomes()[-2:])  # both were in progress at once
    assert last == [("shoes/gone.jpg", "removed"), (KEY, "indexed")]


def test_a_batch_of_a_backfill_returns_what_became_of_it(deployment):
    deployment.put("a.jpg", jpeg(1))
    deployment.put("b.txt", b"no picture")

    batch = {"lookalike": "backfill", "tries": 2, "names": ["a.jpg", "b.txt", "gone.jpg"]}
    response = deployment.function.invoke(batch)

    assert (response["done"], response["names"], response["tries"]) == (True, [], 0)
    assert response["outcomes"] == {"indexed": 1, "refused": 1, "unchanged": 1}


def test_a_file_that_is_not_a_picture_is_refused_and_not_retried(deployment):
    deployment.put(KEY, b"no picture at all")

    response = deployment.function.invoke(event("queue-eventbridge"))

    assert response == NO_FAILURES
    assert (KEY, "refused") in deployment.outcomes()


def test_every_message_is_retried_while_the_bucket_is_unreachable(tmp_path):
    unreachable = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "LOOKALIKE_BUCKET": BUCKET}
    batch = event("queue-eventbridge")

    with function(HANDLER, tmp_path, **SAM_LOCAL, **unreachable) as ingest:
        response = ingest.invoke(batch)

    failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    assert failed == [record["messageId"] for record in batch["Records"]]


def test_the_scheduled_run_indexes_objects_that_sent_no_event(deployment):
    deployment.put("silent/one.jpg", jpeg(1))
    deployment.put("silent/two.jpg", jpeg(2))

    response = deployment.function.invoke(event("scheduled"))

    assert response == NO_FAILURES
    assert sorted(deployment.outcomes()) == [
        ("silent/one.jpg", "indexed"),
        ("silent/two.jpg", "indexed"),
    ]


def test_a_deployed_function_without_qdrant_fails_to_start_and_names_the_missing_setting(tmp_path):
    with function(HANDLER, tmp_path, LOOKALIKE_BUCKET=BUCKET) as ingest:
        response = ingest.invoke(event("scheduled"))

    assert response["errorType"] == "SettingsError"
    assert "QDRANT_URL is not set" in response["errorMessage"]


def test_the_ingest_function_starts_without_the_web_framework():
    script = "import functions.ingest.handler, sys; print(*sys.modules)"
    environment = SAM_LOCAL | {"AWS_LAMBDA_FUNCTION_NAME": "ingest", "LOOKALIKE_BUCKET": BUCKET}
    environment |= {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    loaded = {name.partition(".")[0] for name in result.stdout.split()}
    assert result.returncode == 0, result.stderr
    assert "botocore" in loaded
    assert loaded.isdisjoint({"fastapi", "starlette", "mangum", "qdrant_edge", "boto3"})
