"""What the collections of every store promise: of the fake, the folder and Qdrant's client."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from functions.gallery.errors import ModelMismatch
from functions.gallery.ports import VectorStore
from functions.gallery.records import Collection, CollectionSpec, Distance
from functions.gallery.stores.edge_collections import EdgeCollections
from functions.gallery.stores.edge_store import EdgeStore
from functions.gallery.stores.qdrant_collections import QdrantCollections
from functions.gallery.stores.qdrant_connection import QdrantConnection
from functions.gallery.stores.qdrant_store import QdrantStore
from tests.contract.stores import an_image, random_units
from tests.fakes import FakeCollections

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
