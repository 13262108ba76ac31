"""Whatever happens while a collection is filled, the new one ends equal to the old one.

A reindexer stands still before every call it makes, of the collections, of both stores and of the
originals. Between any two of them pictures are added, replaced, changed and removed in the old
gallery, the call fails before or after it had its effect, or the reindexer is killed and begun
again in another process. Originals also change without the index being told yet, as in a bucket.
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
from functions.gallery.pictures.decode import Limits, Picture, decode
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
behind_the_index = [
    st.tuples(st.just("write"), name, picture),
    st.tuples(st.just("delete"), name),
    st.tuples(st.just("tell"), name),
]
steps = [
    *6 * [st.tuples(st.just("go"), st.integers(1, 12))],
    *2 * [st.tuples(st.just("trip"), st.sampled_from(["before", "after", "kill"]))],
]
stories = st.lists(st.one_of([*calls, *behind_the_index, *steps]), max_size=16)
stories_of_calls = st.lists(st.one_of([*calls, *steps]), max_size=10)


class Mirrored(FakeEmbedder):
    """Another model: the same numbers, the other way round."""

    card = replace(FakeEmbedder.card, name="mirrored")

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        return super().embed(pictures)[:, ::-1]


MODELS = {"model": Mirrored(), "width": FakeEmbedder(16)}


class Killed(BaseException):
    """The process is gone."""


class Stepped:
    """A port that waits for its turn before each call."""

    def __init__(self, port: Any, pause: Callable[[Any, str, tuple[Any, ...]], str]) -> None:
        self._port, self._pause = port, pause
        self.bucket = getattr(port, "bucket", "")

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            order = self._pause(self._port, method, given)
            if order == "before":
                raise StoreUnavailable("did not answer")
            if order == "kill":
                raise Killed
            answer = getattr(self._port, method)(*given)
            if order == "after":
                raise StoreTimeout("did it, and did not answer")
            return answer

        return call


class World:
    """A gallery of the old settings and a reindexer with the new ones."""

    def __init__(self, model: str) -> None:
        self.embedder = MODELS[model]
        self.new = CollectionSpec(self.embedder.card.id, self.embedder.card.dims, fields=FIELDS)
        self.originals, self.collections = FakeOriginals(), FakeCollections()
        self.acting = self.gallery(OLD, FakeEmbedder())
        self.acting_spec = OLD
        self.work = "run"
        self.said: dict[str, Any] = {}  # the metadata that each picture must have at last
        self.touched: set[str] = set()  # in the old, since the last pass began
        self.unequal_at_swap: set[str] = set()
        self._order, self._ended = "", "well"
        self._may_go, self._stands = Semaphore(0), Semaphore(0)

    def gallery(self, spec: CollectionSpec, embedder: Any) -> Gallery:
        """Start a process of these settings."""
        collection = self.collections.ready(spec)
        assert collection.name == spec.name
        store = self.collections.open(collection)
        return Gallery(spec, Limits(), embedder, store, self.originals)

    def live_through(self, story: list[Any]) -> None:
        for what, *told in story:
            getattr(self, what)(*told)
            used = self.collections.read(self.collections.current() or "")
            assert used is not None and not used.filling
            self.gallery(self.acting_spec, FakeEmbedder())  # a process of these settings can start

    def deploy(self) -> None:
        """Replace the functions of the old settings by those of the new ones."""
        self.acting, self.acting_spec = self.gallery(self.new, self.embedder), self.new
        self.work = "finish"

    def add(self, name: str, picture: int, category: str) -> None:
        data, metadata = PICTURES[picture], {"category": category}
        added = self.acting.add(Submission(lambda: data, name, metadata, overwrite=True))
        if added.status is not AddStatus.DUPLICATE or self.said[name] is None:
            self._note(name)

    def change(self, name: str, category: str) -> None:
        if self.acting_spec is not OLD and name in self.differing():
            return  # two changes to one picture, of which none knows the other
        if self._there(name):
            self.acting.update(image_id("local", name), {"category": category})
            self._note(name)

    def remove(self, name: str) -> None:
        if self._there(name):
            self.acting.remove(image_id("local", name))
            self._note(name)

    def _there(self, name: str) -> bool:
        return image_id("local", name) in self.images(self.acting_spec)

    def _note(self, name: str) -> None:
        self.touched.add(name)
        image = self.images(self.acting_spec).get(image_id("local", name))
        self.said[name] = None if image is None else image.metadata

    def write(self, name: str, picture: int) -> None:
        """Replace an original, of which the index is not told yet."""
        self.touched.add(name)
        self.originals.write(name, Original(PICTURES[picture], {"category": "written"}))

    def delete(self, name: str) -> None:
        self.touched.add(name)
        self.originals.remove(name)

    def tell(self, name: str) -> None:
        self.touched.add(name)
        self.acting.sync(name)

    def images(self, spec: CollectionSpec) -> dict[str, StoredImage]:
        collection = self.collections.read(spec.name)
        store = None if collection is None else self.collections.open(collection)
        return {} if store is None else {image.id: image for image in store.page((), 99).images}

    def go(self, steps: int) -> None:
        for _ in range(steps):
            self._step("go")

    def trip(self, how: str) -> None:
        self._step(how)

    def go_to_the_end(self, work: str = "run") -> None:
        """End what is going on, and do this once more from the beginning to its end."""
        while self._ended == "not":
            self._step("go")
        self._ended = "well"
        self._begin(work)
        while self._ended == "not":
            self._step("go")
        assert self._ended == "well"

    def situation(self) -> Situation:
        return self._reindexing(self.collections.open, self.collections, self.originals).situation()

    def _step(self, order: str) -> None:
        if self._ended != "not":
            if self.situation() is Situation.EMPTY:
                return
            self._begin(self.work)
            return
        self._order = order
        self._may_go.release()
        self._stands.acquire()

    def _begin(self, work: str) -> None:
        self._ended = "not"
        Thread(target=self._run, args=(work,), daemon=True).start()
        self._stands.acquire()

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
            self._ended = "well"
        except (LookalikeError, Killed):
            self._ended = "badly"
        except BaseException:
            self._ended = "broken"
            raise
        finally:
            self._stands.release()

    def _pause(self, port: Any, method: str, given: tuple[Any, ...]) -> str:
        self._stands.release()
        self._may_go.acquire()
        if port is self.collections.stores.get(OLD.name) and method == "page" and given[2] is None:
            self.touched.clear()
        if method == "use":
            self.unequal_at_swap = self.differing() - self.touched - self.untold()
        return self._order

    def untold(self) -> set[str]:
        """Name the originals that are otherwise than the old index knows."""
        etags = {image.name: image.etag for image in self.images(OLD).values()}
        states = {name: self.originals.head(name) for name in NAMES}
        return {n for n, state in states.items() if (state and state.etag) != etags.get(n)}

    def differing(self) -> set[str]:
        """Name what the new collection has otherwise than the old one."""
        old, new = (
            {
                i.name: (i.id, i.etag, i.sha256, i.added_at, i.metadata, i.width, i.format)
                for i in self.images(spec).values()
            }
            for spec in (OLD, self.new)
        )
        return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}

    def check_vectors(self) -> None:
        """Compare with what the new model says of the originals."""
        images = self.images(self.new)
        vectors = self.collections.stores[self.new.name].vectors(list(images))
        for id, image in images.items():
            picture = decode(self.originals.read(image.name), Limits(), short_side_px=4)
            expected = self.embedder.embed([picture])[0]
            np.testing.assert_allclose(vectors[id], expected, atol=1e-6)
            assert image.model == self.new.model


def play(story: list[Any], model: str) -> World:
    """Fill a gallery a little, then let the story happen to it and to its reindexer."""
    world = World(model)
    for number, name in enumerate(NAMES[:3]):
        world.add(name, number, "x")
    world.live_through(story)
    return world


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(copying, "CHUNK", 2)


slowly = settings(max_examples=300, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize("model", MODELS)
def test_whatever_happens_meanwhile_the_new_collection_ends_equal_to_the_old(model):
    @slowly
    @example([("go", 12), ("go", 12), ("change", "a.png", "y"), ("go", 12), ("go", 12)])
    @given(stories)
    def check(story):
        world = play(story, model)
        world.go_to_the_end()
        for name in NAMES:  # the events that were still on their way
            world.tell(name)
        world.go_to_the_end()

        assert world.unequal_at_swap == set()
        assert world.situation() is Situation.SWAPPED
        assert world.differing() == set()
        world.check_vectors()
        kept = world.images(OLD)

        world.go_to_the_end("finish")

        assert world.situation() is Situation.DONE
        assert set(world.images(world.new)) == set(kept)
        assert list(world.collections.stores) == [world.new.name]

    check()


@pytest.mark.parametrize("model", MODELS)
def test_what_functions_of_both_settings_did_after_the_swap_is_kept(model):
    @slowly
    @given(stories_of_calls, stories_of_calls, stories_of_calls)
    def check(during, swapped, deployed):
        world = play(during, model)
        world.go_to_the_end()
        world.live_through(swapped)
        world.deploy()
        world.live_through(deployed)

        world.go_to_the_end("finish")

        images = {image.name: image for image in world.images(world.new).values()}
        there = {name for name, metadata in world.said.items() if metadata is not None}
        assert set(images) == there == set(world.originals.originals)
        assert {name: images[name].metadata for name in there} == {n: world.said[n] for n in there}
        assert {
            i.name for i in images.values() if i.etag != world.originals.head(i.name).etag
        } == set()
        world.check_vectors()
        assert list(world.collections.stores) == [world.new.name]

    check()
