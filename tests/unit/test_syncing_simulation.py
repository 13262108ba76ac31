"""Whatever happens to objects, events and workers, the index ends equal to the bucket.

A bucket of two keys is written to while two workers look at it. Each of their calls to the bucket
or the store is a step; between any two steps anything may happen: the object changes, the other
worker goes on, the call fails before or after it had its effect, the worker is killed. Events come
repeated and in any order; those of a look that did not end well come again, as from a queue.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Semaphore, Thread
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.gallery.errors import LookalikeError, StoreTimeout, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.names import image_id
from functions.gallery.pictures.decode import Limits
from functions.gallery.records import CollectionSpec, Original
from functions.gallery.sync import reconcile as reconciling
from functions.gallery.sync.reconcile import Progress
from functions.ingest.events import Reconcile, messages_in, reconcile_message
from tests.drawing import scene, written
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

pytestmark = pytest.mark.slow

FIELDS = {"category": "keyword", "price": "float"}
RED, BLUE = (written(scene(seed, 18, 18), "PNG") for seed in (1, 2))
CONTENTS = [
    Original(RED),
    Original(RED, {"category": "hat"}),  # the same bytes, so S3's own etag is the same too
    Original(RED, {"category": "coat", "price": "3"}),
    Original(BLUE, {"category": "hat"}),
    Original(b"no picture"),
    Original(BLUE, {"price": "cheap"}),  # no number
]
KEYS = ["a.png", "b/ä +%.png"]

key, content, worker = st.sampled_from(KEYS), st.sampled_from(range(6)), st.sampled_from([0, 1])
some = st.integers(0, 20)
happenings = [
    *4 * [st.tuples(st.just("race"), key, content, st.none() | content, st.integers(1, 8))],
    *2 * [st.tuples(st.just("write"), key, content)],
    st.tuples(st.just("delete"), key),
    st.tuples(st.just("repeat"), some),
    *4 * [st.tuples(st.just("go"), worker, some, st.integers(1, 8))],
    st.tuples(st.just("trip"), worker, st.sampled_from(["before", "after", "kill"])),
]
losses = [*happenings, st.tuples(st.just("drop"), some)]


def stories(of: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw stories long enough for two workers to meet."""
    return st.integers(1, 12).flatmap(lambda n: st.lists(st.one_of(of), min_size=n, max_size=n))


class Killed(BaseException):
    """The worker's process is gone."""


class SteppedWorker:
    """Looks at one object in a thread that stands still before every call it makes."""

    def __init__(self, world: "World", name: str) -> None:
        self.name = name
        self.ended: str | None = None
        self._order = ""
        self._may_go, self._stands = Semaphore(0), Semaphore(0)
        stepped = [Stepped(port, self._pause) for port in (world.store, world.originals)]
        self._gallery = world.gallery_on(*stepped)
        Thread(target=self._run, daemon=True).start()
        self._stands.acquire()

    def step(self, order: str = "go") -> None:
        """Let it make the call it stands before: well, failing before or after it, or killed."""
        self._order = order
        self._may_go.release()
        self._stands.acquire()

    def _pause(self) -> str:
        self._stands.release()
        self._may_go.acquire()
        return self._order

    def _run(self) -> None:
        try:
            self._gallery.sync(self.name)
            self.ended = "well"
        except (LookalikeError, Killed):
            self.ended = "badly"
        finally:
            self._stands.release()


class Stepped:
    """A port that waits for its turn before each call."""

    def __init__(self, port: Any, pause: Callable[[], str]) -> None:
        self._port, self._pause = port, pause
        self.bucket = getattr(port, "bucket", "")

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            order = self._pause()
            if order == "before":
                raise StoreUnavailable("did not answer")
            if order == "kill":
                raise Killed
            answer = getattr(self._port, method)(*given)
            if order == "after":
                raise StoreTimeout("did it, and did not answer")
            return answer

        return call


@dataclass
class World:
    """A bucket, its index, the events on their way and the workers."""

    originals: FakeOriginals = field(default_factory=FakeOriginals)
    events: list[str] = field(default_factory=list)
    workers: list[SteppedWorker | None] = field(default_factory=lambda: [None, None])

    def __post_init__(self) -> None:
        self.embedder = FakeEmbedder()
        self.spec = CollectionSpec("patches@1", 48, fields=FIELDS)
        self.store = FakeStore(self.spec)
        self.gallery = self.gallery_on(self.store, self.originals)

    def gallery_on(self, store: Any, originals: Any) -> Gallery:
        return Gallery(self.spec, Limits(), self.embedder, store, originals)

    def happen(self, what: str, *given: Any) -> None:
        getattr(self, what)(*given)

    def write(self, name: str, content: int) -> None:
        self.originals.write(name, CONTENTS[content])
        self.events.append(name)

    def delete(self, name: str) -> None:
        self.originals.remove(name)
        self.events.append(name)

    def repeat(self, which: int) -> None:
        if self.events:
            self.events.append(self.events[which % len(self.events)])

    def drop(self, which: int) -> None:
        if self.events:
            self.events.pop(which % len(self.events))

    def go(self, number: int, which: int, steps: int) -> None:
        if self.workers[number] is None and self.events:
            name = self.events.pop(which % len(self.events))
            self.workers[number] = SteppedWorker(self, name)
        for _ in range(steps):
            self._step(number, "go")

    def race(self, name: str, first: int, second: int | None, steps: int) -> None:
        """Let one worker begin with an object, and another look at what it becomes meanwhile."""
        self.end_work()
        self.write(name, first)
        self.go(0, len(self.events) - 1, steps)
        if second is None:
            self.delete(name)
        else:
            self.write(name, second)
        self.go(1, len(self.events) - 1, 9)

    def trip(self, number: int, how: str) -> None:
        self._step(number, how)

    def _step(self, number: int, order: str) -> None:
        worker = self.workers[number]
        if worker is None:
            return
        worker.step(order)
        if worker.ended is None:
            return
        self.workers[number] = None
        if worker.ended == "badly":  # the queue gives the message to somebody else later
            self.events.append(worker.name)

    def end_work(self) -> None:
        """Let the workers end, one after the other."""
        for number in (0, 1):
            while self.workers[number] is not None:
                self._step(number, "go")

    def deliver_the_rest(self) -> None:
        while self.events:
            self.gallery.sync(self.events.pop())

    def reconcile(self, *, dry_run: bool = False) -> list[str]:
        """Compare and mend, every piece in a call of its own that a message begins."""
        differences: list[str] = []
        progress = Progress()
        while True:
            piece = next(self.gallery.differences(progress), None)
            if piece is None:
                return differences
            differences += piece.names
            for name in () if dry_run else piece.names:
                self.gallery.sync(name)
            message = json.loads(json.dumps(reconcile_message(Reconcile(piece.progress))))
            ((wanted,),) = [message.wanted for message in messages_in(message)]
            progress = wanted.progress

    def shown(self) -> dict[str, list[Any]]:
        """What the index says, by name: a point, a refusal, or both if it is not right yet."""
        said: dict[str, list[Any]] = {}
        for image in self.store.page((), 100).images:
            point = ("indexed", image.id, image.etag, image.sha256, image.metadata)
            said.setdefault(image.name, []).append(point)
        for refusal in self.originals.refusals():
            said.setdefault(refusal.name, []).append(("refused", refusal.etag))
        return said

    def wrong_in(self, said: dict[str, list[Any]]) -> set[str]:
        """Which names an index that says this has wrong."""
        true = self.true()
        return {name for name in said.keys() | true.keys() if said.get(name) != true.get(name)}

    def true(self) -> dict[str, list[Any]]:
        """What the index should say."""
        found: dict[str, list[Any]] = {}
        for name in self.originals.originals:
            original = self.originals.fetch(name)
            if original.data == b"no picture" or original.metadata.get("price") == "cheap":
                found[name] = [("refused", original.etag)]
                continue
            typed = {n: float(v) if n == "price" else v for n, v in original.metadata.items()}
            sha256 = hashlib.sha256(original.data).hexdigest()
            point = ("indexed", image_id("local", name), original.etag, sha256, typed)
            found[name] = [point]
        return found


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@example([("race", "a.png", 0, 3, 4)])  # a put that comes late
@given(stories(happenings))
def test_when_every_event_came_at_last_the_index_is_equal_to_the_bucket(story):
    world = World()

    for what in story:
        world.happen(*what)
    world.end_work()
    world.deliver_the_rest()

    assert world.shown() == world.true()


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@example(  # a refusal of one version under the etag of another with the same bytes
    story=[
        ("race", "a.png", 3, 5, 1),
        ("race", "a.png", 3, 3, 1),
        ("trip", 0, "before"),
        ("drop", 0),
    ],
    all_lost=False,
)
@example(  # a point that is to go counts for one without an object
    story=[("write", "a.png", 0), ("go", 0, 0, 8), ("write", "a.png", 4)]
    + [("write", "c", 0), ("go", 1, 1, 8), ("delete", "c")],
    all_lost=True,
)
@example(  # other metadata, the same bytes
    story=[("write", "a.png", 0), ("go", 0, 0, 8), ("write", "a.png", 1)], all_lost=True
)
@given(stories(losses), st.booleans())
def test_one_comparison_makes_good_for_every_event_that_was_lost(story, all_lost):
    world = World()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciling, "CHUNK", 2)

        for what in story:
            world.happen(*what)
        world.end_work()
        if not all_lost:
            world.deliver_the_rest()
        before = world.shown()
        found = world.reconcile(dry_run=True)
        told = world.shown()
        world.reconcile()

        assert told == before
        assert set(found) == world.wrong_in(before)
        assert world.shown() == world.true()
        assert world.reconcile() == []
