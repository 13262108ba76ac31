"""Whatever happens while a collection is filled, the new one ends up equal to the old one.

A reindexer pauses before every call to the collections, to both stores and to the originals. At
each pause pictures can be added, replaced, changed and removed in the old gallery, the call can
fail before or after it takes effect, and the reindexer can be killed and restarted in another
process. Originals can also change before the index is synced, as in a bucket.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Semaphore, Thread
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.gallery.embedding.vectors import Vectors
from functions.gallery.errors import LookalikeError, StoreTimeout, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import AddStatus, Submission
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Picture
from functions.gallery.records import CollectionSpec, Original, StoredImage
from functions.gallery.reindex import copy as copying
from functions.gallery.reindex.reindex import Reindexing, Situation
from tests.drawing import scene, written
from tests.fakes import FakeCollections, FakeEmbedder, FakeOriginals

pytestmark = pytest.mark.slow

FIELDS = {"category": "keyword"}
PICTURES = [written(scene(seed, 18, 18), "PNG") for seed in range(3)]
NAMES = ["a.png", "b/ä +%.png", "c.png", "d.png"]
OLD = CollectionSpec("patches@1", 48, fields=FIELDS)

name, picture, category = st.sampled_from(NAMES), st.integers(0, 2), st.sampled_from("xyz")
calls = [
    *3 * [st.tuples(st.just("add"), name, picture, category)],
    *2 * [st.tuples(st.just("change"), name, category)],
    *2 * [st.tuples(st.just("remove"), name)],
]
unsynced_changes = [
    st.tuples(st.just("write"), name, picture),
    st.tuples(st.just("delete"), name),
    st.tuples(st.just("sync"), name),
]
steps = [
    *6 * [st.tuples(st.just("go"), st.integers(1, 12))],
    *2 * [st.tuples(st.just("disrupt"), st.sampled_from(["before", "after", "kill"]))],
]
stories = st.lists(st.one_of([*calls, *unsynced_changes, *steps]), max_size=16)
stories_of_calls = st.lists(st.one_of([*calls, *steps]), max_size=10)


class Mirrored(FakeEmbedder):
    """Another model: the same numbers in reverse order."""

    card = replace(FakeEmbedder.card, name="mirrored")

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        return super().embed(pictures)[:, ::-1]


MODELS = {"model": Mirrored(), "width": FakeEmbedder(16)}


class Killed(BaseException):
    """The process was killed."""


class Stepped:
    """A port that pauses before each call."""

    def __init__(self, port: Any, pause: Callable[[Any, str, tuple[Any, ...]], str]) -> None:
        self._port, self._pause = port, pause
        self.bucket = getattr(port, "bucket", "")
        self.in_place = getattr(port, "in_place", False)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            order = self._pause(self._port, method, args)
            if order == "before":
                raise StoreUnavailable("did not answer")
            if order == "kill":
                raise Killed
            result = getattr(self._port, method)(*args)
            if order == "after":
                raise StoreTimeout("did it, and did not answer")
            return result

        return call


class World:
    """A gallery with the old settings and a reindexer with the new ones."""

    def __init__(self, model: str) -> None:
        self.embedder = MODELS[model]
        self.new = CollectionSpec(self.embedder.card.id, self.embedder.card.dims, fields=FIELDS)
        self.originals, self.collections = FakeOriginals(), FakeCollections()
        self.active = self.gallery(OLD, FakeEmbedder())
        self.active_spec = OLD
        self.work = "run"
        self.expected_metadata: dict[str, Any] = {}  # the metadata each picture must end up with
        self.touched: set[str] = set()  # in the old gallery, since the last pass began
        self.unequal_at_swap: set[str] = set()
        self._order, self._state = "", "done"
        self._resume, self._paused = Semaphore(0), Semaphore(0)

    def gallery(self, spec: CollectionSpec, embedder: Any) -> Gallery:
        """Start a process with these settings."""
        collection = self.collections.ready(spec)
        assert collection.name == spec.name
        store = self.collections.open(collection)
        return Gallery(spec, Limits(), embedder, store, self.originals)

    def play(self, story: list[Any]) -> None:
        for action, *args in story:
            getattr(self, action)(*args)
            used = self.collections.read(self.collections.current() or "")
            assert used is not None and not used.filling
            # A process with these settings can start.
            self.gallery(self.active_spec, FakeEmbedder())

    def deploy(self) -> None:
        """Replace the functions with the old settings by ones with the new settings."""
        self.active, self.active_spec = self.gallery(self.new, self.embedder), self.new
        self.work = "finish"

    def add(self, name: str, picture: int, category: str) -> None:
        data, metadata = PICTURES[picture], {"category": category}
        added = self.active.add(Submission(lambda: data, name, metadata, overwrite=True))
        if added.status is not AddStatus.DUPLICATE or self.expected_metadata[name] is None:
            self._record(name)

    def change(self, name: str, category: str) -> None:
        if self._is_indexed(name) and self.originals.exists(name):
            self.active.update(image_id("local", name), {"category": category})
            self._record(name)

    def remove(self, name: str) -> None:
        if self._is_indexed(name):
            self.active.remove(image_id("local", name))
            self._record(name)

    def _is_indexed(self, name: str) -> bool:
        return image_id("local", name) in self.images(self.active_spec)

    def _record(self, name: str) -> None:
        self.touched.add(name)
        image = self.images(self.active_spec).get(image_id("local", name))
        self.expected_metadata[name] = None if image is None else image.metadata

    def write(self, name: str, picture: int) -> None:
        """Replace an original that is not synced yet."""
        self.touched.add(name)
        self.originals.write(name, Original(PICTURES[picture], {"category": "written"}))

    def delete(self, name: str) -> None:
        self.touched.add(name)
        self.originals.remove(name)

    def sync(self, name: str) -> None:
        self.touched.add(name)
        self.active.sync(name)

    def images(self, spec: CollectionSpec) -> dict[str, StoredImage]:
        collection = self.collections.read(spec.name)
        store = None if collection is None else self.collections.open(collection)
        return {} if store is None else {image.id: image for image in store.page((), 99).images}

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self._step("go")

    def disrupt(self, how: str) -> None:
        self._step(how)

    def run_to_the_end(self, work: str = "run") -> None:
        """Finish the current run, then do one more from start to end."""
        while self._state == "running":
            self._step("go")
        self._state = "done"
        self._begin(work)
        while self._state == "running":
            self._step("go")
        assert self._state == "done"

    def situation(self) -> Situation:
        return self._reindexing(self.collections.open, self.collections, self.originals).situation()

    def _step(self, order: str) -> None:
        if self._state != "running":
            if self.situation() is Situation.EMPTY:
                return
            self._begin(self.work)
            return
        self._order = order
        self._resume.release()
        self._paused.acquire()

    def _begin(self, work: str) -> None:
        self._state = "running"
        Thread(target=self._run, args=(work,), daemon=True).start()
        self._paused.acquire()

    def _reindexing(self, open_store: Any, collections: Any, originals: Any) -> Reindexing:
        indexer = Indexer(self.embedder, Limits())
        return Reindexing(collections, open_store, originals, indexer, self.new)

    def _run(self, work: str) -> None:
        def open_store(collection: Any) -> Any:
            return Stepped(self.collections.open(collection), self._pause)

        ports = [Stepped(port, self._pause) for port in (self.collections, self.originals)]
        try:
            for _ in getattr(self._reindexing(open_store, *ports), work)(1):
                pass
            self._state = "done"
        except (LookalikeError, Killed):
            self._state = "failed"
        except BaseException:
            self._state = "broken"
            raise
        finally:
            self._paused.release()

    def _pause(self, port: Any, method: str, args: tuple[Any, ...]) -> str:
        self._paused.release()
        self._resume.acquire()
        if port is self.collections.stores.get(OLD.name) and method == "page" and args[2] is None:
            self.touched.clear()
        if method == "use":
            self.unequal_at_swap = self.differing() - self.touched - self.unsynced()
        return self._order

    def unsynced(self) -> set[str]:
        """Return the names whose originals differ from the old index."""
        etags = {image.name: image.etag for image in self.images(OLD).values()}
        states = {name: self.originals.head(name) for name in NAMES}
        return {n for n, state in states.items() if (state and state.etag) != etags.get(n)}

    def differing(self) -> set[str]:
        """Return the names that differ between the old and the new collection."""
        old, new = (
            {
                i.name: (i.id, i.etag, i.sha256, i.added_at, i.metadata, i.width, i.format)
                for i in self.images(spec).values()
            }
            for spec in (OLD, self.new)
        )
        return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}

    def check_vectors(self) -> None:
        """Compare with the vectors that the new model gives the originals."""
        images = self.images(self.new)
        vectors = self.collections.stores[self.new.name].vectors(list(images))
        for id, image in images.items():
            needed = self.embedder.card.short_side_px
            picture = decode(self.originals.read(image.name), Limits(), short_side_px=needed)
            expected = self.embedder.embed([picture])[0]
            np.testing.assert_allclose(vectors[id], expected, atol=1e-6)
            assert image.model == self.new.model


def play_from_start(story: list[Any], model: str) -> World:
    """Add a few pictures, then play the story."""
    world = World(model)
    for number, name in enumerate(NAMES[:3]):
        world.add(name, number, "x")
    world.play(story)
    return world


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(copying, "CHUNK", 2)


thorough = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("model", MODELS)
def test_whatever_happens_the_new_collection_ends_up_equal_to_the_old(model):
    @thorough
    @example([("go", 12), ("go", 12), ("change", "a.png", "y"), ("go", 12), ("go", 12)])
    @given(stories)
    def check(story):
        world = play_from_start(story, model)
        world.run_to_the_end()
        for name in NAMES:  # events not yet delivered
            world.sync(name)
        world.run_to_the_end()

        assert world.unequal_at_swap == set()
        assert world.situation() is Situation.SWAPPED
        assert world.differing() == set()
        world.check_vectors()
        kept = world.images(OLD)

        world.run_to_the_end("finish")

        assert world.situation() is Situation.DONE
        assert set(world.images(world.new)) == set(kept)
        assert list(world.collections.stores) == [world.new.name]

    check()


@pytest.mark.parametrize("model", MODELS)
def test_changes_under_both_settings_after_the_swap_are_kept(model):
    @thorough
    @given(stories_of_calls, stories_of_calls, stories_of_calls)
    def check(during, swapped, deployed):
        world = play_from_start(during, model)
        world.run_to_the_end()
        world.play(swapped)
        world.deploy()
        world.play(deployed)

        world.run_to_the_end("finish")

        images = {image.name: image for image in world.images(world.new).values()}
        expected = {
            name for name, metadata in world.expected_metadata.items() if metadata is not None
        }
        assert set(images) == expected == set(world.originals.originals)
        assert {name: images[name].metadata for name in expected} == {
            n: world.expected_metadata[n] for n in expected
        }
        assert {
            i.name for i in images.values() if i.etag != world.originals.head(i.name).etag
        } == set()
        world.check_vectors()
        assert list(world.collections.stores) == [world.new.name]

    check()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("swapped", "deployed", "name"),
    [
        (
            [("add", "a.png", 1, "x")],
            [("go", 7), ("add", "a.png", 0, "y")],
            "a.png",
        ),
        (
            [("change", "c.png", "y"), ("go", 12), ("change", "c.png", "x")],
            [("disrupt", "before")],
            "c.png",
        ),
    ],
    ids=["replaced while it is copied", "changed after a pass was killed"],
)
def test_a_change_during_the_copy_after_the_swap_is_kept(model, swapped, deployed, name):
    world = play_from_start([], model)
    world.run_to_the_end()
    world.play(swapped)
    world.deploy()
    world.play(deployed)

    world.run_to_the_end("finish")

    images = {image.name: image for image in world.images(world.new).values()}
    assert images[name].metadata == world.expected_metadata[name]
