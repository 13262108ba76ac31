"""A bucket and its queue over real HTTP: uploaded pictures are found, deleted ones are gone.

The bucket's events reach the queue as moto delivers them. As with Lambda's poller, the handler is
called with the queue's messages, and those that it does not report as failed are deleted.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import boto3
import httpx
import pytest

from functions.gallery.errors import SettingsError, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.names import image_id
from functions.gallery.originals.aws import client
from functions.gallery.originals.queue import SqsQueue
from functions.gallery.originals.s3 import S3Originals
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.search.search import SearchOptions
from functions.gallery.stores.server.store import QdrantStore
from functions.ingest import handler
from functions.ingest.events import Reconcile, reconcile_message
from functions.ingest.work import Ingest
from tests.cloud import cloud
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import run
from tests.fakes import FakeEmbedder

ODD_KEY = "Ä 猫/a+b %20#?&=.jpg"


class Context:
    """The context that Lambda passes to a call."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Deployment:
    """A bucket, the queue for its events and the ingest function."""

    def __init__(self, bucket: str) -> None:
        self.s3, self.sqs, self.events = client("s3"), client("sqs"), boto3.client("events")
        self.bucket = bucket
        region = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        self.url = self.sqs.create_queue(QueueName=bucket)["QueueUrl"]
        attribute_names = ["QueueArn"]
        attributes = self.sqs.get_queue_attributes(
            QueueUrl=self.url, AttributeNames=attribute_names
        )
        self.arn = attributes["Attributes"]["QueueArn"]
        embedder, originals = FakeEmbedder(), S3Originals.connect(bucket)
        spec = CollectionSpec(embedder.card.id, embedder.card.dims, fields={"category": "keyword"})
        self.store = QdrantStore.in_memory(spec)
        self.gallery = Gallery(spec, Limits(), embedder, self.store, originals, originals)
        self.ingest = Ingest(self.gallery, SqsQueue.connect(self.url))

    def send_events(self, route: str) -> None:
        created = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
        configuration: dict[str, Any] = {"EventBridgeConfiguration": {}}
        if route == "direct":
            configuration = {"QueueConfigurations": [{"QueueArn": self.arn, "Events": created}]}
        else:
            pattern = json.dumps({"source": ["aws.s3"]})
            self.events.put_rule(Name="pictures", EventPattern=pattern)
            self.events.put_targets(Rule="pictures", Targets=[{"Id": "q", "Arn": self.arn}])
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=configuration
        )

    def waiting(self) -> list[dict[str, Any]]:
        request = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
        return self.sqs.receive_message(**request).get("Messages", [])

    def poll(self) -> list[dict[str, Any]]:
        """Call the function until the queue is empty or a message fails; return its responses."""
        responses = []
        while messages := self.waiting():
            records = [
                {"messageId": m["MessageId"], "eventSource": "aws:sqs", "body": m["Body"]}
                for m in messages
            ]
            with patch.object(handler, "_ingest", lambda: self.ingest):
                response = handler.handle({"Records": records}, Context())
            failed = {each["itemIdentifier"] for each in response["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    receipt = message["ReceiptHandle"]
                    self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
            responses.append(response)
            if failed:
                break
        return responses

    def upload(self, key: str, data: bytes, **metadata: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=metadata)

    def names(self) -> list[str]:
        return sorted(image.name for image in self.gallery.list(limit=100).images)


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    with cloud():
        yield


@pytest.fixture(params=["direct", "EventBridge"])
def deployment(aws, request) -> Deployment:
    deployment = Deployment(f"pictures-{uuid4()}")
    deployment.send_events(request.param)
    return deployment


@pytest.fixture
def without_events(aws) -> Deployment:
    """A bucket that sends no events."""
    return Deployment(f"quiet-{uuid4()}")


@pytest.mark.parametrize("key", ["shoes/1.jpg", ODD_KEY])
def test_uploaded_pictures_are_found_and_deleted_ones_are_gone(deployment, key):
    deployment.upload(key, jpeg(1), category="shoe")
    deployment.upload("other.jpg", jpeg(2))

    deployment.poll()
    altered = written(scene(1).resize((200, 150)), quality=60)
    found = deployment.gallery.find_similar(altered, SearchOptions(limit=1)).matches
    deployment.s3.delete_object(Bucket=deployment.bucket, Key=key)
    deployment.poll()

    assert [match.image.name for match in found] == [key]
    assert found[0].image.metadata == {"category": "shoe"}
    assert deployment.names() == ["other.jpg"]


def test_a_file_that_is_not_a_picture_is_refused_and_leaves_the_queue(deployment):
    deployment.upload("notes.txt", b"no picture")

    responses = deployment.poll()

    assert responses[-1] == {"batchItemFailures": []}
    assert deployment.waiting() == []
    stats = deployment.gallery.stats()
    assert (stats.images, stats.refused) == (0, 1)
    assert [refusal.name for refusal in stats.refusals] == ["notes.txt"]


def test_the_gallerys_own_objects_in_the_bucket_are_not_indexed(deployment):
    deployment.upload("1.jpg", jpeg(1))
    deployment.poll()

    deployment.gallery.view.thumbnail(image_id(deployment.bucket, "1.jpg"))
    deployment.poll()

    assert deployment.names() == ["1.jpg"]
    listed = deployment.s3.list_objects_v2(
        Bucket=deployment.bucket, Prefix=".lookalike/thumbnails/"
    )
    assert listed["KeyCount"] == 1


def test_after_a_store_failure_only_the_failed_message_is_delivered_again(deployment, monkeypatch):
    deployment.upload("1.jpg", jpeg(1))
    deployment.upload("2.jpg", jpeg(2))
    write = deployment.store.put

    def fail_for_1(images, vectors):
        if images[0].name == "1.jpg":
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(deployment.store, "put", fail_for_1)
    deployment.poll()
    names_during_failure = deployment.names()
    monkeypatch.undo()
    deployment.poll()

    assert names_during_failure == ["2.jpg"]
    assert deployment.names() == ["1.jpg", "2.jpg"]


def test_a_batch_that_fails_completely_is_reported_without_an_exception(deployment, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    deployment.upload("1.jpg", jpeg(1))
    monkeypatch.setattr(deployment.store, "get", fail)

    (response,) = deployment.poll()

    assert len(response["batchItemFailures"]) >= 1


def test_the_event_of_an_image_added_through_the_gallery_changes_nothing(deployment, caplog):
    metadata = {"category": "hat", "größe": 42, "tags": ["a", "ä"]}
    added = deployment.gallery.add(Submission(lambda: jpeg(1), ODD_KEY, metadata))

    deployment.poll()

    assert deployment.gallery.get(added.image.id) == added.image
    outcomes = [line.outcome for line in caplog.records if line.message == "synced"]
    assert set(outcomes) == {"unchanged"}


def test_the_scheduled_run_finds_and_queues_changes_that_sent_no_event(without_events):
    for number in range(12):
        without_events.upload(f"{number}.jpg", jpeg(number))
    without_events.gallery.sync("3.jpg")
    without_events.gallery.sync("4.jpg")
    without_events.s3.delete_object(Bucket=without_events.bucket, Key="4.jpg")
    without_events.sqs.send_message(
        QueueUrl=without_events.url, MessageBody=json.dumps(reconcile_message(Reconcile()))
    )

    without_events.poll()

    assert without_events.names() == sorted(f"{number}.jpg" for number in range(12) if number != 4)
    assert [piece.names for piece in without_events.gallery.differences() if piece.names] == []


def test_a_direct_event_that_fails_raises_so_that_lambda_retries(without_events, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    detail = {"bucket": {"name": without_events.bucket}, "object": {"key": "1.jpg"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    without_events.upload("1.jpg", jpeg(1))
    monkeypatch.setattr(handler, "_ingest", lambda: without_events.ingest)
    handler.handle(event, Context())
    monkeypatch.setattr(without_events.store, "get", fail)

    assert without_events.names() == ["1.jpg"]
    with pytest.raises(StoreUnavailable):
        handler.handle(event, Context())


def test_metrics_count_what_happened_to_the_objects(without_events, monkeypatch, capsys):
    monkeypatch.setattr(handler, "_ingest", lambda: without_events.ingest)
    without_events.upload("1.jpg", jpeg(1))
    without_events.upload("2.txt", b"no picture")
    body = json.dumps({"lookalike": "look", "names": ["1.jpg", "2.txt", "3.jpg"]})
    record = {"messageId": "m", "eventSource": "aws:sqs", "body": body}

    handler.handle({"Records": [record]}, Context())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (metrics,) = [line for line in lines if "_aws" in line]
    names = ("PicturesIndexed", "PicturesRefused", "PicturesRemoved", "PicturesFailed")
    assert [metrics[name] for name in names] == [[1.0], [1.0], [0.0], [0.0]]


def test_without_a_bucket_the_function_names_the_missing_setting(monkeypatch):
    monkeypatch.delenv("LOOKALIKE_BUCKET", raising=False)
    handler._ingest.cache_clear()

    with pytest.raises(SettingsError, match="LOOKALIKE_BUCKET"):
        handler.handle({"lookalike": "reconcile"}, Context())


def test_a_picture_uploaded_with_a_form_is_indexed(deployment):
    form = deployment.gallery.view.form(ODD_KEY, "image/jpeg")

    httpx.post(form.url, data=dict(form.fields), files={"file": jpeg(1)}).raise_for_status()
    deployment.poll()

    assert deployment.names() == [ODD_KEY]
    link = deployment.gallery.view.link(image_id(deployment.bucket, ODD_KEY))
    assert httpx.get(link).content == jpeg(1)


def reconcile_locally(
    without_events: Deployment, folder: Path, *arguments: str
) -> CompletedProcess[str]:
    """Run scripts/reconcile for the bucket, with an index in a folder."""
    return run("reconcile", *arguments, data=folder, LOOKALIKE_BUCKET=without_events.bucket)


def test_the_command_lists_differences_and_fixes_them(without_events, tmp_path):
    without_events.upload("1.jpg", jpeg(1))
    without_events.upload("notes.txt", b"no picture")

    dry_run = reconcile_locally(without_events, tmp_path, "--dry-run")
    fixed = reconcile_locally(without_events, tmp_path)
    after = reconcile_locally(without_events, tmp_path)

    assert (dry_run.returncode, fixed.returncode, after.returncode) == (1, 0, 0), fixed.stderr
    assert dry_run.stdout.splitlines() == [
        "differs 1.jpg",
        "differs notes.txt",
        "2 compared: 2 differs",
    ]
    indexed, refused, *_ = fixed.stdout.splitlines()
    assert indexed == "indexed 1.jpg"
    assert refused.startswith("refused notes.txt: The file is not a picture in a known format")
    assert after.stdout.splitlines()[-1].endswith("compared: no difference")


def test_the_command_fixes_a_folder_too(tmp_path):
    (tmp_path / "originals" / "shoes").mkdir(parents=True)
    (tmp_path / "originals" / "shoes" / "1.jpg").write_bytes(jpeg(1))

    first = run("reconcile", data=tmp_path)
    (tmp_path / "originals" / "shoes" / "1.jpg").unlink()
    second = run("reconcile", data=tmp_path)

    assert first.stdout.splitlines()[0] == "indexed shoes/1.jpg"
    assert second.stdout.splitlines()[0] == "removed shoes/1.jpg"


def test_the_command_stops_if_the_bucket_does_not_exist(aws, tmp_path):
    result = run("reconcile", data=tmp_path, LOOKALIKE_BUCKET="nobodys-pictures")

    assert result.returncode == 2
    assert "NoSuchBucket" in result.stderr
