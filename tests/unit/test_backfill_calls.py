"""A batch of a backfill as the state machine sends it, and storms of them."""

import json
import random
from typing import Any
from unittest.mock import patch

import pytest

from functions.gallery.errors import StoreTimeout, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.records import Original
from functions.ingest import handler
from functions.ingest.events import UnknownEvent
from functions.ingest.work import Ingest
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder
from tests.unit.test_events import FakeQueue, sqs_batch

PICTURES = [jpeg(seed) for seed in range(4)]
FIVE_TRIES = 5  # of a message in the queue, and of a batch that gets no further


class Context:
    """The context that Lambda passes to a call."""

    aws_request_id = "r-1"
    left_ms = 60_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


def call(ingest: Any, event: dict[str, Any]) -> dict[str, Any]:
    with patch.object(handler, "_ingest", lambda: ingest):
        return json.loads(json.dumps(handler.handle(event, Context())))


def batch(*names: str, tries: int = 0) -> dict[str, Any]:
    return {"lookalike": "backfill", "names": list(names), "tries": tries}


def put(rig, *names: str) -> None:
    for number, name in enumerate(names):
        rig.originals.upload(name, Original(PICTURES[number % len(PICTURES)]))


def failing(rig, monkeypatch, *names: str) -> None:
    write = rig.store.put

    def fail(images, vectors):
        if images[0].name in names:
            raise StoreUnavailable("asleep")
        write(images, vectors)

    monkeypatch.setattr(rig.store, "put", fail)


def test_a_batch_returns_the_names_that_failed_and_why_and_raises_nothing(rig, monkeypatch):
    put(rig, "a", "b", "c")
    rig.originals.upload("d", Original(b"no picture"))
    failing(rig, monkeypatch, "b")

    returned = call(Ingest(rig.gallery, None), batch("a", "b", "c", "d", "gone", tries=3))

    assert returned == {
        "done": False,
        "names": ["b"],
        "tries": 0,  # others succeeded
        "reasons": "b: store-unreachable",
        "outcomes": {"indexed": 2, "refused": 1, "unchanged": 1},
    }


def test_tries_are_counted_while_nothing_succeeds(rig, monkeypatch):
    put(rig, "b")
    failing(rig, monkeypatch, "b")

    returned = call(Ingest(rig.gallery, None), batch("b", tries=3))

    assert (returned["done"], returned["names"], returned["tries"]) == (False, ["b"], 4)


def test_a_batch_that_succeeds_is_done(rig):
    put(rig, "a", ".lookalike/thumbnails/x.jpg")

    returned = call(Ingest(rig.gallery, None), batch("a", "folder/", ".lookalike/thumbnails/x.jpg"))

    assert (returned["done"], returned["names"], rig.store.count()) == (True, [], 1)


def test_names_that_are_not_reached_are_returned(rig, monkeypatch):
    put(rig, "a", "b")
    monkeypatch.setattr(Context, "left_ms", 6_000)  # the answer and too little for a picture

    returned = call(Ingest(rig.gallery, None), batch("a", "b"))

    assert (returned["names"], returned["tries"]) == (["a", "b"], 1)
    assert "a: out-of-time" in returned["reasons"]


def test_a_function_that_cannot_start_returns_every_name(monkeypatch):
    def asleep() -> None:
        raise StoreUnavailable("asleep")

    monkeypatch.setattr(handler, "_ingest", asleep)

    returned = handler.handle(batch("a", "b"), Context())

    assert (returned["names"], returned["tries"]) == (["a", "b"], 1)
    assert returned["reasons"] == "a: store-unreachable; b: store-unreachable"


@pytest.mark.parametrize("names", [None, "a", [7], {}])
def test_a_batch_without_names_is_an_error(rig, names):
    with pytest.raises(UnknownEvent):
        call(Ingest(rig.gallery, None), {"lookalike": "backfill", "names": names})


class Stormy:
    """A port of which a fifth of the calls fails, before or after it takes effect."""

    def __init__(self, port: Any, chance: random.Random) -> None:
        self._port, self._chance = port, chance
        self.bucket = getattr(port, "bucket", "")

    def __getattr__(self, method: str) -> Any:
        def call(*args: Any) -> Any:
            luck = self._chance.random()
            if luck < 0.1:
                raise StoreUnavailable("did not answer")
            result = getattr(self._port, method)(*args)
            if luck < 0.2:
                raise StoreTimeout("did it, and did not answer")
            return result

        return call


@pytest.mark.parametrize("seed", range(3))
def test_after_a_storm_one_comparison_makes_the_index_equal_to_the_bucket(rig, seed):
    """20 % of all calls fail, batches and messages are given up after five tries."""
    chance = random.Random(seed)
    names = [f"{number:03}.jpg" for number in range(150)]
    put(rig, *names)
    for name in names[::10]:
        rig.originals.upload(name, Original(b"no picture"))
    for name in names[1::10]:
        rig.originals.unreadable[name] = f"{name} is archived"
    for name in names[2::10]:
        rig.originals.upload(name, Original(PICTURES[0], {"a.b": "c"}))
    queue, calm = FakeQueue(), rig.process()
    ports = Stormy(rig.store, chance), Stormy(rig.originals, chance)
    storm = Gallery(calm.spec, calm.limits, FakeEmbedder(), *ports)

    for start in range(0, len(names), 50):
        left, tries = names[start : start + 50], 0
        while left and tries < FIVE_TRIES:
            returned = call(Ingest(storm, queue), batch(*left, tries=tries))
            left, tries = returned["names"], returned["tries"]
    for name in names[3::10]:  # lost events
        rig.originals.remove(name)
    call(Ingest(calm, queue), {"lookalike": "reconcile"})
    while queue.sent:
        messages, queue.sent = queue.sent[:10], queue.sent[10:]
        event = sqs_batch(*messages)
        assert call(Ingest(calm, queue), event) == {"batchItemFailures": []}

    indexed = {image.name for image in rig.store.page((), 1_000).images}
    refused = {refusal.name: refusal.code for refusal in rig.originals.refusals()}
    assert indexed == set(rig.originals.originals) - set(names[::10]) - set(names[1::10])
    assert refused == {
        **dict.fromkeys(names[::10], "unsupported-format"),
        **dict.fromkeys(names[1::10], "unreadable-original"),
        **dict.fromkeys(names[2::10], "metadata-left-out"),
    }
    assert [n for part in calm.differences() for n in part.names] == []
