"""Every kind of event that the ingest function receives, and how it handles a batch."""

import json
import random
from threading import Barrier
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.gallery.errors import StoreUnavailable
from functions.gallery.records import Original
from functions.gallery.sync.reconcile import Progress
from functions.gallery.sync.sync import Synced
from functions.ingest.events import (
    Reconcile,
    SyncObject,
    UnknownEvent,
    messages_in,
    reconcile_message,
    sync_message,
)
from functions.ingest.work import THREADS, Ingest
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def eventbridge_event(
    key: str, bucket: str = "local", kind: str = "Object Created"
) -> dict[str, Any]:
    """An event from EventBridge, with the key unencoded."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    return {"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail}


def s3_event(*keys: str, bucket: str = "local") -> dict[str, Any]:
    """Events from S3 itself, with form-encoded keys."""
    records = [
        {
            "eventSource": "aws:s3",
            "eventVersion": "2.6",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/")}},
        }
        for key in keys
    ]
    return {"Records": records}


def sqs_batch(*bodies: Any) -> dict[str, Any]:
    """A batch of messages from a queue, with ids m0, m1 and so on."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "eventSource": "aws:sqs",
                "body": body if isinstance(body, str) else json.dumps(body),
            }
            for number, body in enumerate(bodies)
        ]
    }


SCHEDULED = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}


def all_wanted(event: dict[str, Any]) -> list[Any]:
    return [wanted for message in messages_in(event) for wanted in message.wanted]


@given(names)
def test_every_key_is_read_exactly_as_in_the_bucket(key):
    wanted = SyncObject(key, "local")

    assert all_wanted(eventbridge_event(key)) == [wanted]
    assert all_wanted(sqs_batch(eventbridge_event(key))) == [wanted]
    assert all_wanted(s3_event(key)) == [wanted]
    assert all_wanted(sqs_batch(s3_event(key))) == [wanted]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("a+b.jpg", "a b.jpg"),
        ("a%20b.jpg", "a b.jpg"),
        ("a%2Bb.jpg", "a+b.jpg"),
        ("100%25.jpg", "100%.jpg"),
        ("%C3%A4/%E7%8C%AB.jpg", "ä/猫.jpg"),
        ("a%2Fb.jpg", "a/b.jpg"),
    ],
)
def test_only_keys_from_s3_itself_are_decoded(written, key):
    event = s3_event("x")
    event["Records"][0]["s3"]["object"]["key"] = written

    assert all_wanted(event) == [SyncObject(key, "local")]
    assert all_wanted(eventbridge_event(written)) == [SyncObject(written, "local")]


@pytest.mark.parametrize("kind", ["Object Created", "Object Deleted", "Object Restore Completed"])
def test_created_deleted_and_restored_objects_are_treated_the_same(kind):
    assert all_wanted(eventbridge_event("a", kind=kind)) == [SyncObject("a", "local")]


def test_our_own_messages_are_read_back_unchanged():
    progress = Progress("points", "some-id", 400, 3, 390)
    wanted = Reconcile(progress, dry_run=True, id="r-1", part=3)

    event = sqs_batch(sync_message(["a", "ä +"]), reconcile_message(wanted))

    assert all_wanted(event) == [SyncObject("a"), SyncObject("ä +"), wanted]


def test_a_scheduled_event_starts_a_comparison():
    assert all_wanted(SCHEDULED) == [Reconcile()]
    assert all_wanted(SCHEDULED | {"id": "e-1"}) == [Reconcile(id="e-1")]  # the same when retried


def test_the_test_event_of_s3_requests_nothing():
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "local"}

    (message,) = messages_in(sqs_batch(test))

    assert (message.wanted, message.unknown) == ([], None)


@pytest.mark.parametrize(
    "body",
    [
        "no json",
        [],
        "7",
        {},
        {"source": "aws.s3"},
        {"source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": 7}}},
        {"Records": [{"dynamodb": {}}]},
        {"lookalike": "dance"},
        {"lookalike": "look"},
        {"lookalike": "reconcile", "progress": {"stage": "objects", "more": 1}},
        {"source": "aws.ec2", "detail-type": "State change"},
    ],
)
def test_an_invalid_message_is_recognised_as_unknown(body):
    (message,) = messages_in(sqs_batch(body))

    assert isinstance(message.unknown, UnknownEvent)


class FakeQueue:
    """Records the messages sent to it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, messages: Any) -> None:
        self.sent += json.loads(json.dumps(list(messages)))


def failed(report: Any) -> list[str | None]:
    return [message.id for message in report.failed]


def enough_time() -> float:
    return 60.0


def put(rig, name: str, data: bytes) -> None:
    rig.originals.write(name, Original(data))


def test_only_failed_messages_are_delivered_again(rig, monkeypatch):
    for name in "abc":
        put(rig, name, jpeg(ord(name)))
    write = rig.store.put

    def fail_for_b(images, vectors):
        if images[0].name == "b":
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(rig.store, "put", fail_for_b)

    report = Ingest(rig.gallery, None).run(
        sqs_batch(*map(eventbridge_event, "abc"), "no json"), enough_time
    )

    assert failed(report) == ["m1", "m3"]
    assert sorted(image.name for image in rig.gallery.list(limit=10).images) == ["a", "c"]


def test_a_key_repeated_in_a_batch_is_synced_once(rig, monkeypatch):
    put(rig, "a", jpeg(1))
    synced = []
    sync = rig.gallery.sync
    monkeypatch.setattr(rig.gallery, "sync", lambda name: synced.append(name) or sync(name))

    report = Ingest(rig.gallery, None).run(
        sqs_batch(eventbridge_event("a"), s3_event("a", "a"), sync_message(["a"])), enough_time
    )

    assert (synced, report.outcomes, failed(report)) == (["a"], {"a": Synced.INDEXED}, [])


def test_several_objects_are_in_progress_but_one_picture_is_open_at_a_time(rig, monkeypatch):
    for number in range(THREADS * 2):
        put(rig, f"{number}", jpeg(number))
    everybody_is_here = Barrier(THREADS, timeout=20)
    read, embed, open_now, most_open = rig.originals.read, FakeEmbedder.embed, [], []

    def read_together(*args):
        everybody_is_here.wait()  # fails if fewer are read at once
        return read(*args)

    def count_open(self, pictures):
        open_now.append(1)
        most_open.append(len(open_now))
        vectors = embed(self, pictures)
        open_now.pop()
        return vectors

    monkeypatch.setattr(rig.originals, "read", read_together)
    monkeypatch.setattr(FakeEmbedder, "embed", count_open)

    report = Ingest(rig.gallery, None).run(
        sqs_batch(*(eventbridge_event(name) for name in rig.originals.originals)), enough_time
    )

    assert (report.failed, rig.store.count()) == ([], THREADS * 2)
    assert max(most_open) == 1


def test_events_of_another_bucket_are_ignored(rig):
    put(rig, "a", jpeg(1))

    report = Ingest(rig.gallery, None).run(
        sqs_batch(eventbridge_event("a", bucket="other")), enough_time
    )

    assert (report.outcomes, report.failed) == ({}, [])


def test_no_sync_is_started_without_time_to_finish_it(rig, monkeypatch):
    monkeypatch.setattr("functions.ingest.work.THREADS", 1)
    for name in "abc":
        put(rig, name, jpeg(1))
    seconds = iter([30.0, 30.0, 3.0, 3.0])  # of the call, then before each object

    report = Ingest(rig.gallery, None).run(
        sqs_batch(*map(eventbridge_event, "abc")), lambda: next(seconds)
    )

    assert failed(report) == ["m1", "m2"]


def test_a_scheduled_comparison_queues_the_differences(rig):
    for number in range(25):
        put(rig, f"{number:02}.jpg", jpeg(number))
    queue = FakeQueue()

    Ingest(rig.gallery, queue).run(SCHEDULED, enough_time)

    assert rig.store.count() == 0
    assert [len(message["names"]) for message in queue.sent] == [10, 10, 5]
    Ingest(rig.gallery, queue).run(sqs_batch(*queue.sent), enough_time)
    assert rig.store.count() == 25


def test_without_a_queue_a_scheduled_comparison_fixes_the_differences(rig):
    for number in range(5):
        put(rig, f"{number}.jpg", jpeg(number))

    report = Ingest(rig.gallery, None).run(SCHEDULED, enough_time)

    assert rig.store.count() == 5
    assert report.compared.different == 5


def test_a_dry_run_reports_differences_and_sends_nothing(rig):
    put(rig, "1.jpg", jpeg(1))
    queue = FakeQueue()

    report = Ingest(rig.gallery, queue).run(
        sqs_batch({"lookalike": "reconcile", "dry_run": True}), enough_time
    )

    assert (queue.sent, report.compared.different, report.failed) == ([], 1, [])


def test_a_comparison_out_of_time_continues_in_another_call(rig, monkeypatch):
    monkeypatch.setattr("functions.gallery.sync.reconcile.CHUNK", 4)
    for number in range(10):
        put(rig, f"{number}.jpg", jpeg(number))
    queue, calls = FakeQueue(), 0
    event: Any = SCHEDULED

    while event is not None:
        Ingest(rig.gallery, queue).run(event, lambda: 10.0)  # too little for a second part
        calls += 1
        last = queue.sent[-1]
        event = sqs_batch(queue.sent.pop()) if last["lookalike"] == "reconcile" else None

    assert calls == 4  # three parts, and the end
    assert sorted(name for m in queue.sent for name in m["names"]) == sorted(
        rig.originals.originals
    )


def test_a_failed_comparison_is_delivered_again(rig, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    put(rig, "1.jpg", jpeg(1))
    monkeypatch.setattr(rig.store, "get", fail)

    report = Ingest(rig.gallery, FakeQueue()).run(
        sqs_batch({"lookalike": "reconcile"}), enough_time
    )

    assert failed(report) == ["m0"]


def test_each_comparison_that_fails_is_delivered_again(rig, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    put(rig, "1.jpg", jpeg(1))
    monkeypatch.setattr(rig.store, "get", fail)
    dry_run = {"lookalike": "reconcile", "dry_run": True}

    report = Ingest(rig.gallery, None).run(
        sqs_batch(dry_run, eventbridge_event("1.jpg"), dry_run, dry_run), enough_time
    )

    assert sorted(failed(report)) == ["m0", "m1", "m2", "m3"]
    assert len(report.failures) == 4


def test_each_message_about_an_object_that_fails_is_delivered_again(rig, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    put(rig, "1.jpg", jpeg(1))
    monkeypatch.setattr(rig.store, "put", fail)

    report = Ingest(rig.gallery, None).run(
        sqs_batch(
            eventbridge_event("1.jpg"),
            sync_message(["other.jpg", "1.jpg"]),
            {"lookalike": "reconcile"},
            sync_message(["other.jpg"]),
        ),
        enough_time,
    )

    assert failed(report) == ["m0", "m1", "m2"]
    assert len(report.failures) == 1  # it is tried once in a call


def test_shuffled_and_repeated_events_on_a_failing_store_lose_nothing(rig, monkeypatch):
    rng = random.Random(7)
    pictures = [jpeg(seed, 40, 30) for seed in range(8)] + [b"no picture"]
    keys = [f"{number % 7}/ä +%{number}.jpg" for number in range(100)]
    for method in ("get", "put", "remove"):
        real = getattr(rig.store, method)

        def flaky(*args: Any, real: Any = real) -> Any:
            if rng.random() < 0.1:
                raise StoreUnavailable("not now")
            return real(*args)

        monkeypatch.setattr(rig.store, method, flaky)
    waiting = []
    for _ in range(5_000):
        key = rng.choice(keys)
        if rng.random() < 0.3:
            rig.originals.remove(key)
        else:
            put(rig, key, rng.choice(pictures))
        waiting += 2 * [eventbridge_event(key) if rng.random() < 0.5 else s3_event(key)]
    rng.shuffle(waiting)

    ingest = Ingest(rig.gallery, None)
    while waiting:
        batch = [waiting.pop() for _ in range(min(10, len(waiting)))]
        if rng.random() < 0.02:
            put(rig, (key := rng.choice(keys)), rng.choice(pictures))
            batch.append(eventbridge_event(key))
        report = ingest.run(sqs_batch(*batch), enough_time)
        waiting += [batch[int(message.id[1:])] for message in report.failed]

    monkeypatch.undo()
    in_bucket = {name: rig.originals.head(name).etag for name in rig.originals.originals}
    indexed = {image.name: image.etag for image in rig.store.page((), 200).images}
    refused = {refusal.name: refusal.etag for refusal in rig.originals.refusals()}
    assert indexed | refused == in_bucket
    assert indexed.keys().isdisjoint(refused)
