"""Every kind of event that the ingest function receives, and what it does with a batch."""

import json
import random
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
from functions.ingest.work import Ingest
from tests.drawing import jpeg

names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


def bridged(key: str, bucket: str = "local", kind: str = "Object Created") -> dict[str, Any]:
    """An event from EventBridge: the key as it is."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
    return {"version": "0", "source": "aws.s3", "detail-type": kind, "detail": detail}


def notified(*keys: str, bucket: str = "local") -> dict[str, Any]:
    """Events from S3 itself: keys form-encoded."""
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


def queued(*bodies: Any) -> dict[str, Any]:
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


def wanted_by(event: dict[str, Any]) -> list[Any]:
    return [wanted for message in messages_in(event) for wanted in message.wanted]


@given(names)
def test_every_key_is_read_as_it_is_in_the_bucket(key):
    wanted = SyncObject(key, "local")

    assert wanted_by(bridged(key)) == [wanted]
    assert wanted_by(queued(bridged(key))) == [wanted]
    assert wanted_by(notified(key)) == [wanted]
    assert wanted_by(queued(notified(key))) == [wanted]


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
def test_only_keys_of_s3_itself_are_decoded(written, key):
    event = notified("x")
    event["Records"][0]["s3"]["object"]["key"] = written

    assert wanted_by(event) == [SyncObject(key, "local")]
    assert wanted_by(bridged(written)) == [SyncObject(written, "local")]


@pytest.mark.parametrize("kind", ["Object Created", "Object Deleted"])
def test_what_happened_to_an_object_does_not_matter(kind):
    assert wanted_by(bridged("a", kind=kind)) == [SyncObject("a", "local")]


def test_our_own_messages_come_back_as_they_were_sent():
    progress = Progress("points", "some-id", 400, 3, 390)
    wanted = Reconcile(progress, dry_run=True)

    event = queued(sync_message(["a", "ä +"]), reconcile_message(wanted))

    assert wanted_by(event) == [SyncObject("a"), SyncObject("ä +"), wanted]


def test_the_schedule_starts_a_comparison():
    assert wanted_by(SCHEDULED) == [Reconcile()]


def test_the_test_event_of_s3_asks_for_nothing():
    test = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "local"}

    (message,) = messages_in(queued(test))

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
def test_a_message_that_nobody_should_send_is_known_as_such(body):
    (message,) = messages_in(queued(body))

    assert isinstance(message.unknown, UnknownEvent)


class FakeQueue:
    """Keeps the messages sent to it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, messages: Any) -> None:
        self.sent += json.loads(json.dumps(list(messages)))


def failed(report: Any) -> list[str | None]:
    return [message.id for message in report.failed]


def plenty() -> float:
    return 60.0


def put(rig, name: str, data: bytes) -> None:
    rig.originals.write(name, Original(data))


def test_only_the_message_whose_object_failed_comes_again(rig, monkeypatch):
    for name in "abc":
        put(rig, name, jpeg(ord(name)))
    write = rig.store.put

    def fail_for_b(images, vectors):
        if images[0].name == "b":
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(rig.store, "put", fail_for_b)

    report = Ingest(rig.gallery, None).run(queued(*map(bridged, "abc"), "no json"), plenty)

    assert failed(report) == ["m1", "m3"]
    assert sorted(image.name for image in rig.gallery.list(limit=10).images) == ["a", "c"]


def test_a_key_named_twice_in_a_batch_is_looked_at_once(rig, monkeypatch):
    put(rig, "a", jpeg(1))
    looks = []
    sync = rig.gallery.sync
    monkeypatch.setattr(rig.gallery, "sync", lambda name: looks.append(name) or sync(name))

    report = Ingest(rig.gallery, None).run(
        queued(bridged("a"), notified("a", "a"), sync_message(["a"])), plenty
    )

    assert (looks, report.outcomes, failed(report)) == (["a"], {"a": Synced.INDEXED}, [])


def test_events_of_another_bucket_are_passed_over(rig):
    put(rig, "a", jpeg(1))

    report = Ingest(rig.gallery, None).run(queued(bridged("a", bucket="other")), plenty)

    assert (report.outcomes, report.failed) == ({}, [])


def test_no_look_is_begun_that_the_call_could_not_end(rig):
    for name in "abc":
        put(rig, name, jpeg(1))
    seconds = iter([30.0, 3.0, 3.0])

    report = Ingest(rig.gallery, None).run(queued(*map(bridged, "abc")), lambda: next(seconds))

    assert failed(report) == ["m1", "m2"]


def test_the_schedule_queues_what_differs(rig):
    for number in range(25):
        put(rig, f"{number:02}.jpg", jpeg(number))
    queue = FakeQueue()

    Ingest(rig.gallery, queue).run(SCHEDULED, plenty)

    assert rig.store.count() == 0
    assert [len(message["names"]) for message in queue.sent] == [10, 10, 5]
    Ingest(rig.gallery, queue).run(queued(*queue.sent), plenty)
    assert rig.store.count() == 25


def test_without_a_queue_the_schedule_mends_at_once(rig):
    for number in range(5):
        put(rig, f"{number}.jpg", jpeg(number))

    report = Ingest(rig.gallery, None).run(SCHEDULED, plenty)

    assert rig.store.count() == 5
    assert report.compared.different == 5


def test_a_dry_run_tells_and_sends_nothing(rig):
    put(rig, "1.jpg", jpeg(1))
    queue = FakeQueue()

    report = Ingest(rig.gallery, queue).run(
        queued({"lookalike": "reconcile", "dry_run": True}), plenty
    )

    assert (queue.sent, report.compared.different, report.failed) == ([], 1, [])


def test_a_comparison_out_of_time_goes_on_in_another_call(rig, monkeypatch):
    monkeypatch.setattr("functions.gallery.sync.reconcile.CHUNK", 4)
    for number in range(10):
        put(rig, f"{number}.jpg", jpeg(number))
    queue, calls = FakeQueue(), 0
    event: Any = SCHEDULED

    while event is not None:
        Ingest(rig.gallery, queue).run(event, lambda: 10.0)  # too little for a second piece
        calls += 1
        last = queue.sent[-1]
        event = queued(queue.sent.pop()) if last["lookalike"] == "reconcile" else None

    assert calls == 4  # three pieces, and the end
    assert sorted(name for m in queue.sent for name in m["names"]) == sorted(
        rig.originals.originals
    )


def test_a_comparison_that_fails_comes_again(rig, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    put(rig, "1.jpg", jpeg(1))
    monkeypatch.setattr(rig.store, "get", fail)

    report = Ingest(rig.gallery, FakeQueue()).run(queued({"lookalike": "reconcile"}), plenty)

    assert failed(report) == ["m0"]


def test_a_storm_of_shuffled_and_repeated_events_on_a_failing_store_loses_nothing(rig, monkeypatch):
    dice = random.Random(7)
    pictures = [jpeg(seed, 40, 30) for seed in range(8)] + [b"no picture"]
    keys = [f"{number % 7}/ä +%{number}.jpg" for number in range(100)]
    for method in ("get", "put", "remove"):
        real = getattr(rig.store, method)

        def flaky(*given: Any, real: Any = real) -> Any:
            if dice.random() < 0.1:
                raise StoreUnavailable("not now")
            return real(*given)

        monkeypatch.setattr(rig.store, method, flaky)
    waiting = []
    for _ in range(5_000):
        key = dice.choice(keys)
        if dice.random() < 0.3:
            rig.originals.remove(key)
        else:
            put(rig, key, dice.choice(pictures))
        waiting += 2 * [bridged(key) if dice.random() < 0.5 else notified(key)]
    dice.shuffle(waiting)

    ingest = Ingest(rig.gallery, None)
    while waiting:
        batch = [waiting.pop() for _ in range(min(10, len(waiting)))]
        if dice.random() < 0.02:
            put(rig, (key := dice.choice(keys)), dice.choice(pictures))
            batch.append(bridged(key))
        report = ingest.run(queued(*batch), plenty)
        waiting += [batch[int(message.id[1:])] for message in report.failed]

    monkeypatch.undo()
    there = {name: rig.originals.head(name).etag for name in rig.originals.originals}
    points = {image.name: image.etag for image in rig.store.page((), 200).images}
    refused = {refusal.name: refusal.etag for refusal in rig.originals.refusals()}
    assert points | refused == there
    assert points.keys().isdisjoint(refused)
