"""Whatever happens to objects, events and workers, the index ends up equal to the bucket.

Two workers sync a bucket of two keys, or change metadata, while it is written to. Each of their
calls to the bucket or the store is a step; between two steps anything can happen: the object
changes, the other worker continues, the call fails before or after it takes effect, the worker is
killed. Events are repeated and in any order; those of a failed sync are delivered again, as from a
queue.
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
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec, Original
from functions.gallery.sync import reconcile as reconciling
from functions.gallery.sync import sums
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
    Original(BLUE, {"price": "cheap"}),  # not a number, so it is left out
]
KEYS = ["a.png", "b/ä +%.png"]

key, content, worker = st.sampled_from(KEYS), st.sampled_from(range(6)), st.sampled_from([0, 1])
position = st.integers(0, 20)
actions = [
    *4 * [st.tuples(st.just("race"), key, content, st.none() | content, st.integers(1, 8))],
    *2 * [st.tuples(st.just("write"), key, content)],
    st.tuples(st.just("delete"), key),
    st.tuples(st.just("archive"), key),
    st.tuples(st.just("restore"), key),
    st.tuples(st.just("repeat"), position),
    *4 * [st.tuples(st.just("go"), worker, position, st.integers(1, 8))],
    st.tuples(st.just("disrupt"), worker, st.sampled_from(["before", "after", "kill"])),
]
changes = st.tuples(st.just("change"), worker, key, st.sampled_from("xy"), st.integers(1, 8))
actions_with_losses = [*actions, *3 * [changes], st.tuples(st.just("drop"), position)]


def stories(actions: list[Any]) -> st.SearchStrategy[list[Any]]:
    """Draw stories long enough for two workers to meet."""
    return st.integers(1, 12).flatmap(
        lambda n: st.lists(st.one_of(actions), min_size=n, max_size=n)
    )


class Killed(BaseException):
    """The worker's process was killed."""


class SteppedWorker:
    """Does something with one object in a thread that pauses before every call."""

    name: str  # of the message, delivered again after a failure; "" if there is none

    def __init__(self, world: "World", name: str, work: Callable[[Gallery], Any]) -> None:
        self.name, self._work = name, work
        self.outcome: str | None = None
        self._order = ""
        self._resume, self._paused = Semaphore(0), Semaphore(0)
        stepped = [Stepped(port, self._pause) for port in (world.store, world.originals)]
        self._gallery = world.gallery_on(*stepped)
        Thread(target=self._run, daemon=True).start()
        self._paused.acquire()

    def step(self, order: str = "go") -> None:
        """Let it make its next call: normally, failing before or after it, or killed."""
        self._order = order
        self._resume.release()
        self._paused.acquire()

    def _pause(self) -> str:
        self._paused.release()
        self._resume.acquire()
        return self._order

    def _run(self) -> None:
        try:
            self._work(self._gallery)
            self.outcome = "done"
        except (LookalikeError, Killed):
            self.outcome = "failed"
        finally:
            self._paused.release()


class Stepped:
    """A port that pauses before each call."""

    def __init__(self, port: Any, pause: Callable[[], str]) -> None:
        self._port, self._pause = port, pause
        self.bucket = getattr(port, "bucket", "")
        self.in_place = getattr(port, "in_place", False)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            order = self._pause()
            if order == "before":
                raise StoreUnavailable("did not answer")
            if order == "kill":
                raise Killed
            result = getattr(self._port, method)(*args)
            if order == "after":
                raise StoreTimeout("did it, and did not answer")
            return result

        return call


@dataclass
class World:
    """A bucket, its index, the undelivered events and the workers."""

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

    def play(self, action: str, *args: Any) -> None:
        getattr(self, action)(*args)

    def write(self, name: str, content: int) -> None:
        self.originals.upload(name, CONTENTS[content])
        self.events.append(name)

    def delete(self, name: str) -> None:
        self.originals.originals.pop(name, None)
        self.originals.unreadable.pop(name, None)
        self.events.append(name)

    def archive(self, name: str) -> None:
        """Make an object unreadable, as a lifecycle rule does; nobody gets an event."""
        if name in self.originals.originals:
            self.originals.unreadable[name] = f"{name} is archived"

    def restore(self, name: str) -> None:
        if self.originals.unreadable.pop(name, None):
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
            self.workers[number] = SteppedWorker(self, name, lambda gallery: gallery.sync(name))
        for _ in range(steps):
            self._step(number, "go")

    def change(self, number: int, name: str, category: str, steps: int) -> None:
        """Change the metadata of an image; if that fails, nobody might try again."""

        def update(gallery: Gallery) -> None:
            gallery.update(image_id("local", name), {"category": category})

        if self.workers[number] is None:
            self.workers[number] = SteppedWorker(self, "", update)
        for _ in range(steps):
            self._step(number, "go")

    def race(self, name: str, first: int, second: int | None, steps: int) -> None:
        """Let one worker start on an object, change the object, and let another worker sync it."""
        self.finish_work()
        self.write(name, first)
        self.go(0, len(self.events) - 1, steps)
        if second is None:
            self.delete(name)
        else:
            self.write(name, second)
        self.go(1, len(self.events) - 1, 9)

    def disrupt(self, number: int, how: str) -> None:
        self._step(number, how)

    def _step(self, number: int, order: str) -> None:
        worker = self.workers[number]
        if worker is None:
            return
        worker.step(order)
        if worker.outcome is None:
            return
        self.workers[number] = None
        if worker.outcome == "failed" and worker.name:  # the queue delivers the message again later
            self.events.append(worker.name)

    def finish_work(self) -> None:
        """Let the workers finish, one after the other."""
        for number in (0, 1):
            while self.workers[number] is not None:
                self._step(number, "go")

    def deliver_the_rest(self) -> None:
        while self.events:
            self.gallery.sync(self.events.pop())

    def reconcile(self, *, dry_run: bool = False) -> list[str]:
        """Compare and fix, each part in a call of its own, started by a message."""
        differences: list[str] = []
        progress = Progress()
        while True:
            part = next(self.gallery.differences(progress), None)
            if part is None:
                return differences
            differences += part.names
            for name in () if dry_run else part.names:
                self.gallery.sync(name)
            message = json.loads(json.dumps(reconcile_message(Reconcile(part.progress))))
            ((wanted,),) = [message.wanted for message in messages_in(message)]
            progress = wanted.progress

    def indexed(self) -> dict[str, list[Any]]:
        """Return what the index has under each name: points, then refusals."""
        found: dict[str, list[Any]] = {}
        for image in self.store.page((), 100).images:
            left_out = tuple(image.left_out)
            point = ("indexed", image.id, image.etag, image.sha256, image.metadata, left_out)
            found.setdefault(image.name, []).append(point)
        for refusal in self.originals.refusals():
            found.setdefault(refusal.name, []).append(("refused", refusal.code, refusal.etag))
        return found

    def wrong_in(self, indexed: dict[str, list[Any]]) -> set[str]:
        """Return the names that are wrong in this index."""
        expected = self.expected(indexed)
        return {
            name
            for name in indexed.keys() | expected.keys()
            if indexed.get(name) != expected.get(name)
        }

    def expected(self, indexed: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """Return what this index should have."""
        found: dict[str, list[Any]] = {}
        for name in self.originals.originals:
            found[name] = self._expected_of(name)
            if name in self.originals.unreadable and not self._can_stay(indexed.get(name), name):
                etag = self.originals._fetch(name).etag
                found[name] = [("refused", "unreadable-original", etag)]
        return found

    def _can_stay(self, indexed: list[Any] | None, name: str) -> bool:
        """Return whether an object was indexed, or refused, before it became unreadable."""
        return indexed == self._expected_of(name)

    def _expected_of(self, name: str) -> list[Any]:
        original = self.originals._fetch(name)
        if original.data == b"no picture":
            return [("refused", "unsupported-format", original.etag)]
        given = original.metadata
        cheap = given.get("price") == "cheap"
        typed = {n: float(v) if n == "price" else v for n, v in given.items() if v != "cheap"}
        sha256 = hashlib.sha256(original.data).hexdigest()
        left_out = ("price",) if cheap else ()
        point = ("indexed", image_id("local", name), original.etag, sha256, typed, left_out)
        refused = ("refused", "metadata-left-out", original.etag)
        return [point, refused] if cheap else [point]


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@example([("race", "a.png", 0, 3, 4)])  # a late put
@given(stories(actions))
def test_when_all_events_are_delivered_the_index_equals_the_bucket(story):
    world = World()

    for action in story:
        world.play(*action)
    world.finish_work()
    world.deliver_the_rest()

    assert world.wrong_in(world.indexed()) == set()


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@example(  # a refusal of one version under the etag of another with the same bytes
    story=[
        ("race", "a.png", 3, 5, 1),
        ("race", "a.png", 3, 3, 1),
        ("disrupt", 0, "before"),
        ("drop", 0),
    ],
    all_lost=False,
)
@example(  # a point to be removed counts as one without an object
    story=[("write", "a.png", 0), ("go", 0, 0, 8), ("write", "a.png", 4)]
    + [("write", "c", 0), ("go", 1, 1, 8), ("delete", "c")],
    all_lost=True,
)
@example(  # a process killed between the record and the index
    story=[("change", 0, "a.png", "x", 3), ("disrupt", 0, "kill")], all_lost=True
)
@example(  # other metadata, the same bytes
    story=[("write", "a.png", 0), ("go", 0, 0, 8), ("write", "a.png", 1)], all_lost=True
)
@given(stories(actions_with_losses), st.booleans())
def test_one_comparison_makes_up_for_all_lost_events(story, all_lost):
    world = World()
    world.write("a.png", 0)
    world.deliver_the_rest()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciling, "CHUNK", 2)
        patch.setattr(sums, "_POINTS_PER_RANGE", 1)  # so that there are two

        for action in story:
            world.play(*action)
        world.finish_work()
        if not all_lost:
            world.deliver_the_rest()
        before = world.indexed()
        found = world.reconcile(dry_run=True)
        after_dry_run = world.indexed()
        world.reconcile()

        assert after_dry_run == before
        assert set(found) == world.wrong_in(before)
        assert world.wrong_in(world.indexed()) == set()
        assert world.reconcile() == []
