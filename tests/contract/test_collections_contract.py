"""What the collections of every store promise: of the fake, the folder and Qdrant's client."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from functions.gallery.errors import ModelMismatch
from functions.gallery.gallery import Gallery
from functions.gallery.indexing import Indexer
from functions.gallery.pictures import Limits
from functions.gallery.ports import VectorStore
from functions.gallery.records import Collection, CollectionSpec, Distance, Submission
from functions.gallery.reindexing import Reindexing
from functions.gallery.stores.edge_collections import EdgeCollections
from functions.gallery.stores.edge_store import EdgeStore
from functions.gallery.stores.qdrant_collections import QdrantCollections
from functions.gallery.stores.qdrant_connection import QdrantConnection
from functions.gallery.stores.qdrant_store import QdrantStore
from functions.gallery.width import NarrowEmbedder
from tests.contract.stores import an_image, random_units
from tests.drawing import jpeg
from tests.fakes import FakeCollections, FakeEmbedder, FakeOriginals

OLD = CollectionSpec(f"test-{uuid.uuid4().hex[:8]}@1", 4, fields={"stock": "integer"})
NEW = replace(OLD, dims=2)

Opened = tuple[FakeCollections | EdgeCollections | QdrantCollections, Callable[..., VectorStore]]


@contextmanager
def fake_lane(folder: Path) -> Iterator[Opened]:
    collections = FakeCollections()
    yield collections, collections.open


@contextmanager
def edge_lane(folder: Path) -> Iterator[Opened]:
    collections = EdgeCollections.open(folder)
    yield collections, lambda collection: EdgeStore(collections, collection, shared=True)
    collections.close()


@contextmanager
def qdrant_memory_lane(folder: Path) -> Iterator[Opened]:
    collections = QdrantCollections(QdrantConnection.in_memory())
    yield collections, lambda collection: QdrantStore(collections, collection, shared=True)
    collections.close()


@contextmanager
def qdrant_server_lane(folder: Path) -> Iterator[Opened]:
    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    connection = QdrantConnection.to(url, key)
    collections = QdrantCollections(connection, alias=OLD.name + "--used")
    yield collections, lambda collection: QdrantStore(collections, collection, shared=True)
    collections.drop(OLD.name)
    collections.drop(NEW.name)
    collections.close()


LANES = {"fake": fake_lane, "edge": edge_lane, "qdrant-memory": qdrant_memory_lane}
if "QDRANT_TEST_URL" in os.environ:
    LANES["qdrant-server"] = qdrant_server_lane


@pytest.fixture(params=LANES.values(), ids=LANES.keys())
def opened(request, tmp_path):
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture
def collections(opened):
    """A store whose old collection is in use."""
    opened[0].ready(OLD)
    return opened[0]


@pytest.fixture
def filling(collections):
    """A new collection beside it that is being filled."""
    made = Collection(NEW.name, NEW, filling=True, replaces=OLD.name)
    collections.make(made)
    return made


def told(collection):
    """Leave out the fields to filter by, which no collection tells."""
    return replace(collection, spec=replace(collection.spec, fields={}))


def test_a_new_store_has_none_in_use_until_one_is_wanted(opened):
    collections, _ = opened
    assert collections.current() is None

    ready = collections.ready(OLD)

    assert ready == Collection(OLD.name, OLD)
    assert collections.current() == OLD.name
    assert collections.read(OLD.name) == told(ready)


def test_what_is_not_there_is_none(collections):
    assert collections.read(NEW.name) is None
    collections.drop(NEW.name)


def test_a_collection_remembers_what_is_written_down_of_it(collections, filling):
    assert collections.read(NEW.name) == told(filling)

    whole = replace(filling, filling=False)
    collections.mark(whole)
    assert collections.read(NEW.name) == told(whole)

    alone = replace(whole, replaces=None)
    collections.mark(alone)
    assert collections.read(NEW.name) == told(alone)


def test_making_a_collection_again_keeps_what_is_in_it(opened, collections, filling):
    store = opened[1](filling)
    store.put([an_image("a.jpg")], random_units(1, 2))
    store.close()

    collections.make(filling)

    again = opened[1](filling)
    assert again.count() == 1
    again.close()


def test_while_it_is_filled_a_collection_is_not_opened_and_the_old_one_is(collections, filling):
    with pytest.raises(ModelMismatch, match="scripts/reindex"):
        collections.ready(NEW)

    assert collections.ready(OLD).name == OLD.name


def test_after_a_swap_old_and_new_settings_each_open_their_own(collections, filling):
    collections.mark(replace(filling, filling=False))
    collections.use(NEW.name)

    assert collections.current() == NEW.name
    assert collections.ready(NEW).name == NEW.name
    assert collections.ready(OLD).name == OLD.name
    assert collections.current() == NEW.name


def test_when_the_old_collection_is_deleted_its_settings_are_refused(collections, filling):
    collections.mark(replace(filling, filling=False))
    collections.use(NEW.name)

    collections.drop(OLD.name)

    with pytest.raises(ModelMismatch, match=r"LOOKALIKE_DIMS.*scripts/reindex"):
        collections.ready(OLD)
    assert collections.ready(NEW).name == NEW.name


@pytest.mark.parametrize(
    ("other", "setting"),
    [
        (replace(OLD, model="other@1"), "LOOKALIKE_MODEL"),
        (replace(OLD, dims=3), "LOOKALIKE_DIMS"),
        (replace(OLD, distance=Distance.EUCLID), "LOOKALIKE_DISTANCE"),
    ],
)
def test_other_settings_are_refused_by_name_and_nothing_is_made(collections, other, setting):
    with pytest.raises(ModelMismatch, match=f"{setting}.*scripts/reindex"):
        collections.ready(other)

    assert collections.read(other.name) is None


def test_both_collections_are_open_at_once(opened, collections, filling):
    old, new = opened[1](Collection(OLD.name, OLD)), opened[1](filling)

    old.put([an_image("a.jpg"), an_image("b.jpg")], random_units(2, 4))
    new.put([an_image("a.jpg", copied="0123456789abcdef")], random_units(1, 2))

    assert (old.count(), new.count()) == (2, 1)
    assert [image.copied for image in new.page((), 9).images] == ["0123456789abcdef"]
    old.close()
    assert new.count() == 1
    new.close()


def test_reindexing_over_this_store_brings_everything_and_deletes_the_old_collection(opened):
    collections, stores = opened[0], {}

    def open_store(collection: Collection) -> VectorStore:
        if collection.name not in stores:  # a folder's can be opened only once
            stores[collection.name] = opened[1](collection)
        return stores[collection.name]

    embedder, originals = FakeEmbedder(), FakeOriginals()
    wide = CollectionSpec(OLD.model, 48, fields={"stock": "integer"})
    old = open_store(collections.ready(wide))
    gallery = Gallery(wide, Limits(), embedder, old, originals)
    for number in range(5):
        picture = jpeg(number, 32, 24)
        gallery.add(Submission(lambda picture=picture: picture, f"{number}.jpg", {"stock": number}))
    before = gallery.list(limit=9).images
    gallery.update(before[0].id, {"stock": 99})
    spec = replace(wide, distance=Distance.EUCLID, dims=16)
    narrow = NarrowEmbedder(embedder, 16)

    def reindexing() -> Reindexing:
        indexer = Indexer(narrow, Limits())
        return Reindexing(collections, open_store, originals, indexer, Limits(), spec)

    next(half := reindexing().run(2))
    half.close()
    list(reindexing().run(2))
    gallery.update(before[1].id, {"stock": 100})
    gallery.remove(before[2].id)
    list(reindexing().finish(2))

    assert collections.current() == spec.name
    assert collections.read(wide.name) is None
    there = open_store(collections.ready(spec)).page((), 9).images
    assert [image.id for image in there] == [before[n].id for n in (0, 1, 3, 4)]
    assert [image.added_at for image in there] == [before[n].added_at for n in (0, 1, 3, 4)]
    assert [image.metadata["stock"] for image in there[:2]] == [99, 100]
    collections.drop(spec.name)
