"""The ingest function as Lambda runs it, with real event files and a bucket over real HTTP."""

import json
import subprocess
import sys
from collections.abc import Iterator

import boto3
import httpx
import pytest

from tests.cloud import cloud
from tests.doors.lambda_emulator import ROOT, SAM_LOCAL, Function, event, function
from tests.drawing import jpeg

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the runtime emulator is a program for Linux"
)
HANDLER = "functions.ingest.handler.handle"
CREATED = event("eventbridge-created")["detail"]
BUCKET, KEY = CREATED["bucket"]["name"], CREATED["object"]["key"]
ALL_WELL = {"batchItemFailures": []}


class Place:
    """The function, its bucket, and what it did since the last question."""

    def __init__(self, started: Function) -> None:
        self.function = started
        self.s3 = boto3.client("s3")
        self._read = 0

    def put(self, key: str, data: bytes) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def outcomes(self) -> list[tuple[str, str]]:
        lines = self.function.log.splitlines()[self._read :]
        self._read += len(lines)
        told = [json.loads(line) for line in lines if line.startswith("{")]
        return [(line["key"], line["outcome"]) for line in told if line.get("message") == "looked"]


@pytest.fixture
def place(tmp_path) -> Iterator[Place]:
    with cloud() as aws:
        # All servers of one process share their contents.
        httpx.post(f"{aws['AWS_ENDPOINT_URL']}/moto-api/reset")
        region = {"LocationConstraint": aws["AWS_REGION"]}
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        with function(HANDLER, tmp_path, **SAM_LOCAL, **aws, LOOKALIKE_BUCKET=BUCKET) as started:
            yield Place(started)


def test_a_picture_is_indexed_once_whatever_tells_of_it(place):
    place.put(KEY, jpeg(1))

    told = [place.function.invoke(event(n)) for n in ("s3-put", "eventbridge-created")]

    assert told == [ALL_WELL] * 2
    assert place.outcomes() == [(KEY, "indexed"), (KEY, "unchanged")]


def test_a_batch_of_the_queue_adds_what_is_there_and_forgets_what_is_not(place):
    place.put("shoes/gone.jpg", jpeg(2))
    place.function.invoke(event("queue-eventbridge"))
    place.s3.delete_object(Bucket=BUCKET, Key="shoes/gone.jpg")
    place.put(KEY, jpeg(1))

    answer = place.function.invoke(event("queue-eventbridge"))

    assert answer == ALL_WELL
    assert place.outcomes()[-2:] == [(KEY, "indexed"), ("shoes/gone.jpg", "removed")]


def test_what_is_no_picture_is_refused_and_does_not_come_again(place):
    place.put(KEY, b"no picture at all")

    answer = place.function.invoke(event("queue-eventbridge"))

    assert answer == ALL_WELL
    assert place.outcomes()[0] == (KEY, "refused")


def test_while_the_bucket_does_not_answer_every_message_comes_again(tmp_path):
    nowhere = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "LOOKALIKE_BUCKET": BUCKET}
    batch = event("queue-eventbridge")

    with function(HANDLER, tmp_path, **SAM_LOCAL, **nowhere) as ingest:
        answer = ingest.invoke(batch)

    failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
    assert failed == [record["messageId"] for record in batch["Records"]]


def test_the_schedule_finds_what_no_event_told(place):
    place.put("silent/one.jpg", jpeg(1))
    place.put("silent/two.jpg", jpeg(2))

    answer = place.function.invoke(event("scheduled"))

    assert answer == ALL_WELL
    assert place.outcomes() == [("silent/one.jpg", "indexed"), ("silent/two.jpg", "indexed")]


def test_a_deployed_function_without_qdrant_does_not_start_and_says_why(tmp_path):
    with function(HANDLER, tmp_path, LOOKALIKE_BUCKET=BUCKET) as ingest:
        answer = ingest.invoke(event("scheduled"))

    assert answer["errorType"] == "SettingsError"
    assert "QDRANT_URL is not set" in answer["errorMessage"]


def test_the_ingest_function_starts_without_the_web_framework():
    script = "import functions.ingest.handler, sys; print(*sys.modules)"
    environment = SAM_LOCAL | {"AWS_LAMBDA_FUNCTION_NAME": "ingest", "LOOKALIKE_BUCKET": BUCKET}
    environment |= {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"}
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    assert ran.returncode == 0, ran.stderr
    assert "botocore" in loaded
    assert loaded.isdisjoint({"fastapi", "starlette", "mangum", "qdrant_edge", "boto3"})
