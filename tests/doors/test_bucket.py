"""A bucket and its queue over real HTTP: what is uploaded is found, what is deleted is gone.

The bucket's events go to the queue as moto delivers them; the handler is called with what is in the
queue, and deletes what it does not name as failed, as Lambda's poller does.
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
from functions.gallery.pictures.decode import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.search.search import SearchOptions
from functions.gallery.stores.server.store import QdrantStore
from functions.ingest import handler
from functions.ingest.events import Reconcile, reconcile_message
from functions.ingest.work import Ingest
from tests.cloud import cloud
from tests.doors.server import run
from tests.drawing import jpeg, scene, written
from tests.fakes import FakeEmbedder

ODD = "Ä 猫/a+b %20#?&=.jpg"


class Context:
    """What Lambda hands to a call."""

    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


class Cloud:
    """A bucket whose events go to a queue, directly or by EventBridge, and the ingest function."""

    def __init__(self, bucket: str) -> None:
        self.s3, self.sqs, self.events = client("s3"), client("sqs"), boto3.client("events")
        self.bucket = bucket
        region = {"LocationConstraint": "eu-west-1"}
        self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=region)
        self.url = self.sqs.create_queue(QueueName=bucket)["QueueUrl"]
        wanted = ["QueueArn"]
        attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=wanted)
        self.arn = attributes["Attributes"]["QueueArn"]
        embedder, originals = FakeEmbedder(), S3Originals.connect(bucket)
        spec = CollectionSpec(embedder.card.id, embedder.card.dims, fields={"category": "keyword"})
        self.store = QdrantStore.in_memory(spec)
        self.gallery = Gallery(spec, Limits(), embedder, self.store, originals, originals)
        self.ingest = Ingest(self.gallery, SqsQueue.connect(self.url))

    def send_events(self, route: str) -> None:
        created = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
        setting: dict[str, Any] = {"EventBridgeConfiguration": {}}
        if route == "direct":
            setting = {"QueueConfigurations": [{"QueueArn": self.arn, "Events": created}]}
        else:
            pattern = json.dumps({"source": ["aws.s3"]})
            self.events.put_rule(Name="pictures", EventPattern=pattern)
            self.events.put_targets(Rule="pictures", Targets=[{"Id": "q", "Arn": self.arn}])
        self.s3.put_bucket_notification_configuration(
            Bucket=self.bucket, NotificationConfiguration=setting
        )

    def waiting(self) -> list[dict[str, Any]]:
        asked = {"QueueUrl": self.url, "MaxNumberOfMessages": 10, "VisibilityTimeout": 0}
        return self.sqs.receive_message(**asked).get("Messages", [])

    def poll(self) -> list[dict[str, Any]]:
        """Call the function as long as messages wait and none fails; give its answers."""
        answers = []
        while messages := self.waiting():
            records = [
                {"messageId": m["MessageId"], "eventSource": "aws:sqs", "body": m["Body"]}
                for m in messages
            ]
            with patch.object(handler, "_ingest", lambda: self.ingest):
                answer = handler.handle({"Records": records}, Context())
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    receipt = message["ReceiptHandle"]
                    self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)
            answers.append(answer)
            if failed:
                break
        return answers

    def upload(self, key: str, data: bytes, **metadata: str) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, Metadata=metadata)

    def names(self) -> list[str]:
        return sorted(image.name for image in self.gallery.list(limit=100).images)


@pytest.fixture(scope="module")
def address() -> Iterator[None]:
    with cloud():
        yield


@pytest.fixture(params=["direct", "EventBridge"])
def place(address, request) -> Cloud:
    made = Cloud(f"pictures-{uuid4()}")
    made.send_events(request.param)
    return made


@pytest.fixture
def quiet(address) -> Cloud:
    """A bucket that sends no events."""
    return Cloud(f"quiet-{uuid4()}")


@pytest.mark.parametrize("key", ["shoes/1.jpg", ODD])
def test_what_is_uploaded_is_found_and_what_is_deleted_is_gone(place, key):
    place.upload(key, jpeg(1), category="shoe")
    place.upload("other.jpg", jpeg(2))

    place.poll()
    altered = written(scene(1).resize((200, 150)), quality=60)
    found = place.gallery.find_similar(altered, SearchOptions(limit=1)).matches
    place.s3.delete_object(Bucket=place.bucket, Key=key)
    place.poll()

    assert [match.image.name for match in found] == [key]
    assert found[0].image.metadata == {"category": "shoe"}
    assert place.names() == ["other.jpg"]


def test_what_is_no_picture_ends_as_a_refusal_and_not_in_the_queue(place):
    place.upload("notes.txt", b"no picture")

    answers = place.poll()

    assert answers[-1] == {"batchItemFailures": []}
    assert place.waiting() == []
    stats = place.gallery.stats()
    assert (stats.images, stats.refused) == (0, 1)
    assert [refusal.name for refusal in stats.refusals] == ["notes.txt"]


def test_what_the_gallery_keeps_in_the_bucket_is_never_taken_for_a_picture(place):
    place.upload("1.jpg", jpeg(1))
    place.poll()

    place.gallery.view.thumbnail(image_id(place.bucket, "1.jpg"))
    place.poll()

    assert place.names() == ["1.jpg"]
    listed = place.s3.list_objects_v2(Bucket=place.bucket, Prefix=".lookalike/thumbnails/")
    assert listed["KeyCount"] == 1


def test_a_store_that_fails_once_costs_one_more_delivery_of_that_message_alone(place, monkeypatch):
    place.upload("1.jpg", jpeg(1))
    place.upload("2.jpg", jpeg(2))
    write = place.store.put

    def fail_for_1(images, vectors):
        if images[0].name == "1.jpg":
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(place.store, "put", fail_for_1)
    place.poll()
    while_it_failed = place.names()
    monkeypatch.undo()
    place.poll()

    assert while_it_failed == ["2.jpg"]
    assert place.names() == ["1.jpg", "2.jpg"]


def test_a_whole_batch_that_fails_is_an_answer_and_no_error(place, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    place.upload("1.jpg", jpeg(1))
    monkeypatch.setattr(place.store, "get", fail)

    (answer,) = place.poll()

    assert len(answer["batchItemFailures"]) >= 1


def test_what_was_added_through_the_gallery_is_known_to_its_own_event(place, caplog):
    metadata = {"category": "hat", "größe": 42, "tags": ["a", "ä"]}
    added = place.gallery.add(Submission(lambda: jpeg(1), ODD, metadata))

    place.poll()

    assert place.gallery.get(added.image.id) == added.image
    told = [line.outcome for line in caplog.records if line.message == "looked"]
    assert set(told) == {"unchanged"}


def test_the_schedule_finds_what_no_event_told_and_queues_it(quiet):
    for number in range(12):
        quiet.upload(f"{number}.jpg", jpeg(number))
    quiet.gallery.sync("3.jpg")
    quiet.gallery.sync("4.jpg")
    quiet.s3.delete_object(Bucket=quiet.bucket, Key="4.jpg")
    quiet.sqs.send_message(
        QueueUrl=quiet.url, MessageBody=json.dumps(reconcile_message(Reconcile()))
    )

    quiet.poll()

    assert quiet.names() == sorted(f"{number}.jpg" for number in range(12) if number != 4)
    assert [piece.names for piece in quiet.gallery.differences() if piece.names] == []


def test_an_event_without_a_queue_raises_so_that_lambda_calls_again(quiet, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    detail = {"bucket": {"name": quiet.bucket}, "object": {"key": "1.jpg"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    quiet.upload("1.jpg", jpeg(1))
    monkeypatch.setattr(handler, "_ingest", lambda: quiet.ingest)
    handler.handle(event, Context())
    monkeypatch.setattr(quiet.store, "get", fail)

    assert quiet.names() == ["1.jpg"]
    with pytest.raises(StoreUnavailable):
        handler.handle(event, Context())


def test_metrics_tell_what_became_of_the_objects(quiet, monkeypatch, capsys):
    monkeypatch.setattr(handler, "_ingest", lambda: quiet.ingest)
    quiet.upload("1.jpg", jpeg(1))
    quiet.upload("2.txt", b"no picture")
    body = json.dumps({"lookalike": "look", "names": ["1.jpg", "2.txt", "3.jpg"]})
    record = {"messageId": "m", "eventSource": "aws:sqs", "body": body}

    handler.handle({"Records": [record]}, Context())

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (told,) = [line for line in lines if "_aws" in line]
    names = ("PicturesIndexed", "PicturesRefused", "PicturesRemoved", "PicturesFailed")
    assert [told[name] for name in names] == [[1.0], [1.0], [0.0], [0.0]]


def test_without_a_bucket_the_function_says_what_is_missing(monkeypatch):
    monkeypatch.delenv("LOOKALIKE_BUCKET", raising=False)
    handler._ingest.cache_clear()

    with pytest.raises(SettingsError, match="LOOKALIKE_BUCKET"):
        handler.handle({"lookalike": "reconcile"}, Context())


def test_a_form_brings_a_picture_into_the_index(place):
    form = place.gallery.view.form(ODD, "image/jpeg")

    httpx.post(form.url, data=dict(form.fields), files={"file": jpeg(1)}).raise_for_status()
    place.poll()

    assert place.names() == [ODD]
    link = place.gallery.view.link(image_id(place.bucket, ODD))
    assert httpx.get(link).content == jpeg(1)


def on_the_laptop(quiet: Cloud, folder: Path, *arguments: str) -> CompletedProcess[str]:
    """Run scripts/reconcile for the bucket, with an index in a folder."""
    return run("reconcile", *arguments, data=folder, LOOKALIKE_BUCKET=quiet.bucket)


def test_the_command_tells_what_differs_and_mends_it(quiet, tmp_path):
    quiet.upload("1.jpg", jpeg(1))
    quiet.upload("notes.txt", b"no picture")

    dry = on_the_laptop(quiet, tmp_path, "--dry-run")
    mending = on_the_laptop(quiet, tmp_path)
    after = on_the_laptop(quiet, tmp_path)

    assert (dry.returncode, mending.returncode, after.returncode) == (1, 0, 0), mending.stderr
    assert dry.stdout.splitlines() == [
        "differs 1.jpg",
        "differs notes.txt",
        "2 compared: 2 differs",
    ]
    assert mending.stdout.splitlines()[:2] == ["indexed 1.jpg", "refused notes.txt"]
    assert after.stdout.splitlines()[-1].endswith("compared: no difference")


def test_the_command_mends_a_folder_too(tmp_path):
    (tmp_path / "originals" / "shoes").mkdir(parents=True)
    (tmp_path / "originals" / "shoes" / "1.jpg").write_bytes(jpeg(1))

    first = run("reconcile", data=tmp_path)
    (tmp_path / "originals" / "shoes" / "1.jpg").unlink()
    second = run("reconcile", data=tmp_path)

    assert first.stdout.splitlines()[0] == "indexed shoes/1.jpg"
    assert second.stdout.splitlines()[0] == "removed shoes/1.jpg"


def test_the_command_stops_where_there_is_no_bucket(address, tmp_path):
    stopped = run("reconcile", data=tmp_path, LOOKALIKE_BUCKET="nobodys-pictures")

    assert stopped.returncode == 2
    assert "NoSuchBucket" in stopped.stderr
