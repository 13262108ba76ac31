"""The contract of collections, tested on the fake, the folder and Qdrant's client."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from functions.gallery.errors import ModelMismatch, OtherOriginals, StoreError
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.ports import VectorStore
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Distance,
    Original,
    Quantization,
)
from functions.gallery.reindex.reindex import Reindexing
from functions.gallery.stores.embedded.collections import EdgeCollections
from functions.gallery.stores.embedded.store import EdgeStore
from functions.gallery.stores.ownership import NOBODY, Owner
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.store import QdrantStore
from functions.gallery.sync import adopt
from functions.gallery.sync.adopt import Adoption
from tests.contract.stores import an_image, random_units
from tests.drawing import jpeg
from tests.fakes import FakeCollections, FakeEmbedder, FakeOriginals

OLD = CollectionSpec(f"test-{uuid.uuid4().hex[:8]}@1", 4, fields={"stock": "integer"})
NEW = replace(OLD, dims=2)
WIDE = replace(OLD, dims=48)  # the dims of FakeEmbedder

Opened = tuple[FakeCollections | EdgeCollections | QdrantCollections, Callable[..., VectorStore]]


@contextmanager
def open_fake(folder: Path) -> Iterator[Opened]:
    collections = FakeCollections()
    yield collections, collections.open


@contextmanager
def open_edge(folder: Path) -> Iterator[Opened]:
    collections = EdgeCollections(folder)
    yield collections, lambda collection: EdgeStore(collections, collection, shared=True)
    collections.close()


@contextmanager
def open_qdrant_memory(folder: Path) -> Iterator[Opened]:
    collections = QdrantCollections(QdrantConnection.in_memory())
    yield collections, lambda collection: QdrantStore(collections, collection, shared=True)
    collections.close()


@contextmanager
def open_qdrant_server(folder: Path) -> Iterator[Opened]:
    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    connection = QdrantConnection.to(url, key)
    collections = QdrantCollections(connection, OLD.name + "--used")
    yield collections, lambda collection: QdrantStore(collections, collection, shared=True)
    collections.drop(OLD.name)
    collections.drop(NEW.name)
    collections.close()


BACK_ENDS = {"fake": open_fake, "edge": open_edge, "qdrant-memory": open_qdrant_memory}
if "QDRANT_TEST_URL" in os.environ:
    BACK_ENDS["qdrant-server"] = open_qdrant_server


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
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
    """A new collection next to it that is being filled."""
    return collections.create(Collection(NEW.name, NEW, filling=True, replaces=OLD.name))


def without_fields(collection):
    """Leave out the filter fields, which are not recorded."""
    return replace(collection, spec=replace(collection.spec, fields={}))


def test_a_new_store_has_no_collection_in_use_until_one_is_opened(opened):
    collections, _ = opened
    assert collections.current() is None

    ready = collections.ready(OLD)

    assert ready.quantized(None) == Collection(OLD.name, OLD)
    assert collections.current() == OLD.name
    assert collections.read(OLD.name) == without_fields(ready)


def test_reading_a_missing_collection_returns_none(collections):
    assert collections.read(NEW.name) is None
    collections.drop(NEW.name)


def test_a_collection_remembers_its_description(collections, filling):
    assert collections.read(NEW.name) == without_fields(filling)

    whole = replace(filling, filling=False)
    collections.mark(whole)
    assert collections.read(NEW.name) == without_fields(whole)

    alone = replace(whole, replaces=None)
    collections.mark(alone)
    assert collections.read(NEW.name) == without_fields(alone)


def test_creating_a_collection_again_keeps_its_images(opened, collections, filling):
    store = opened[1](filling)
    store.put([an_image("a.jpg")], random_units(1, 2))
    store.close()

    collections.create(filling)

    again = opened[1](filling)
    assert again.count() == 1
    again.close()


def test_while_a_collection_is_filled_only_the_old_one_can_be_opened(collections, filling):
    with pytest.raises(ModelMismatch, match="scripts/reindex"):
        collections.ready(NEW)

    assert collections.ready(OLD).name == OLD.name


def test_after_a_swap_old_and_new_settings_each_open_their_own_collection(collections, filling):
    collections.mark(replace(filling, filling=False))
    collections.use(NEW.name)

    assert collections.current() == NEW.name
    assert collections.ready(NEW).name == NEW.name
    assert collections.ready(OLD).name == OLD.name
    assert collections.current() == NEW.name


def test_after_the_old_collection_is_deleted_its_settings_are_refused(collections, filling):
    collections.mark(replace(filling, filling=False))
    collections.use(NEW.name)

    collections.drop(OLD.name)

    with pytest.raises(ModelMismatch, match=r"scripts/reindex.*LOOKALIKE_DIMS"):
        collections.ready(OLD)
    assert collections.ready(NEW).name == NEW.name


def test_a_collection_that_is_not_paired_with_the_one_in_use_is_not_opened(collections, filling):
    collections.mark(replace(filling, filling=False, replaces=None))

    with pytest.raises(ModelMismatch, match=r"scripts/reindex.*LOOKALIKE_DIMS"):
        collections.ready(NEW)
    assert collections.ready(OLD).name == OLD.name

    collections.use(NEW.name)

    with pytest.raises(ModelMismatch, match=r"scripts/reindex.*LOOKALIKE_DIMS"):
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
def test_other_settings_are_refused_by_name_and_nothing_is_created(collections, other, setting):
    with pytest.raises(ModelMismatch, match=f"scripts/reindex.*{setting}"):
        collections.ready(other)

    assert collections.read(other.name) is None


INT8, TURBO4 = (replace(WIDE, quantization=q) for q in (Quantization.INT8, Quantization.TURBO4))


def test_the_quantization_of_a_collection_is_kept_whether_the_settings_name_it_or_not(opened):
    collections, _ = opened
    made = collections.ready(INT8)
    assert made.spec.quantization is Quantization.INT8

    assert collections.ready(WIDE) == made
    assert collections.read(made.name).spec.quantization is Quantization.INT8
    with pytest.raises(ModelMismatch, match="scripts/reindex.*LOOKALIKE_QUANTIZATION"):
        collections.ready(TURBO4)
    collections.drop(made.name)


def test_another_quantization_is_a_new_index_with_the_same_vectors_and_back(opened):
    installation = Installation(opened)
    add(installation.gallery(WIDE), 0)
    first = installation.collections.ready(WIDE)
    asked = INT8 if first.spec.quantization is not Quantization.INT8 else TURBO4

    list(installation.reindexing(asked).run(1))

    second = installation.collections.ready(asked)
    assert second.name != first.name
    assert second.spec.quantization is asked.quantization
    assert names(installation.gallery(asked)) == ["0.jpg"]
    own = replace(WIDE, quantization=first.spec.quantization)
    assert installation.collections.ready(own).name == first.name  # kept until the end
    list(installation.reindexing(own).run(1))  # and back
    assert installation.collections.current() == first.name
    list(installation.reindexing(own).finish(1))
    assert installation.collections.read(second.name) is None
    installation.collections.drop(first.name)


def test_both_collections_can_be_open_at_once(opened, collections, filling):
    old, new = opened[1](Collection(OLD.name, OLD)), opened[1](filling)

    old.put([an_image("a.jpg"), an_image("b.jpg")], random_units(2, 4))
    new.put([an_image("a.jpg", etag="0123456789abcdef")], random_units(1, 2))

    assert (old.count(), new.count()) == (2, 1)
    assert [image.etag for image in new.page((), 9).images] == ["0123456789abcdef"]
    old.close()
    assert new.count() == 1
    new.close()


class Installation:
    """Galleries and reindexers with several settings on one store."""

    def __init__(self, opened: Opened) -> None:
        self.collections, self._open = opened
        self._stores: dict[str, VectorStore] = {}
        self._originals = FakeOriginals()

    def open_store(self, collection: Collection) -> VectorStore:
        if collection.name not in self._stores:  # a folder can be opened only once
            self._stores[collection.name] = self._open(collection)
        return self._stores[collection.name]

    def gallery(self, spec: CollectionSpec, owner: Owner = NOBODY) -> Gallery:
        store = self.open_store(self.collections.ready(spec, owner))
        embedder = FakeEmbedder(spec.dims)
        return Gallery(spec, Limits(), embedder, store, self._originals)

    def reindexing(self, spec: CollectionSpec) -> Reindexing:
        """Start one as another process would."""
        indexer = Indexer(FakeEmbedder(spec.dims), Limits())
        return Reindexing(self.collections, self.open_store, self._originals, indexer, spec)


def add(gallery: Gallery, number: int) -> None:
    picture = jpeg(number, 32, 24)
    gallery.add(Submission(lambda: picture, f"{number}.jpg", {"stock": number}))


def names(gallery: Gallery) -> list[str]:
    return sorted(image.name for image in gallery.list(limit=9).images)


def test_a_third_index_is_started_only_after_the_first_is_deleted(opened):
    installation = Installation(opened)
    first, second, third = WIDE, replace(WIDE, dims=16), replace(WIDE, dims=8)
    gallery = installation.gallery(first)
    add(gallery, 0)
    add(gallery, 1)
    list(installation.reindexing(second).run(1))

    with pytest.raises(StoreError, match="scripts/reindex --finish"):
        list(installation.reindexing(third).run(1))

    assert installation.collections.read(third.name) is None
    list(installation.reindexing(second).finish(1))
    assert installation.collections.read(first.name) is None
    list(installation.reindexing(third).run(1))
    assert names(installation.gallery(third)) == ["0.jpg", "1.jpg"]
    list(installation.reindexing(second).run(1))  # and back
    assert installation.collections.current() == second.name
    list(installation.reindexing(second).finish(1))
    assert installation.collections.read(third.name) is None
    installation.collections.drop(second.name)


def test_a_leftover_index_is_not_opened_and_reindexing_creates_it_again(opened):
    installation = Installation(opened)
    spec = replace(WIDE, dims=16)
    gallery = installation.gallery(WIDE)
    add(gallery, 0)
    add(gallery, 1)
    installation.collections.create(Collection(spec.name, spec))
    stale = installation._open(Collection(spec.name, spec))
    stale.put([an_image("gone.jpg", metadata={"stock": 7})], random_units(1, 16))
    stale.close()

    with pytest.raises(ModelMismatch, match=r"scripts/reindex.*LOOKALIKE_DIMS"):
        installation.gallery(spec)

    list(installation.reindexing(spec).run(1))

    assert names(installation.gallery(spec)) == ["0.jpg", "1.jpg"]
    assert names(installation.gallery(WIDE)) == ["0.jpg", "1.jpg"]
    installation.collections.drop(spec.name)
    installation.collections.drop(WIDE.name)


def test_a_leftover_index_can_be_discarded(collections):
    installation = Installation((collections, None))
    collections.create(Collection(NEW.name, NEW))

    assert installation.reindexing(NEW).discard()

    assert collections.read(NEW.name) is None
    assert not installation.reindexing(OLD).discard()
    assert collections.read(OLD.name) is not None


def test_reindexing_copies_everything_and_deletes_the_old_collection(opened):
    installation = Installation(opened)
    collections, open_store = installation.collections, installation.open_store
    gallery = installation.gallery(WIDE)
    for number in range(5):
        add(gallery, number)
    before = gallery.list(limit=9).images
    gallery.update(before[0].id, {"stock": 99})
    spec = replace(WIDE, distance=Distance.EUCLID, dims=16)

    next(half := installation.reindexing(spec).run(2))
    half.close()
    list(installation.reindexing(spec).run(2))
    gallery.update(before[1].id, {"stock": 100})
    gallery.remove(before[2].id)
    list(installation.reindexing(spec).finish(2))

    assert collections.current() == spec.name
    assert collections.read(WIDE.name) is None
    images = open_store(collections.ready(spec)).page((), 9).images
    assert [image.id for image in images] == [before[n].id for n in (0, 1, 3, 4)]
    assert [image.added_at for image in images] == [before[n].added_at for n in (0, 1, 3, 4)]
    assert [image.metadata["stock"] for image in images[:2]] == [99, 100]
    collections.drop(spec.name)


def owner(id: str, *names: str, bucket: str = "test") -> Owner:
    """Return the owner of originals with these names."""
    originals = FakeOriginals()
    originals.bucket = bucket
    for name in names:
        originals.write(name, Original(b"a picture"))
    return Owner(id, originals)


NAMES = [f"{n}.jpg" for n in range(20)]
OURS, THEIRS = owner("s3:ours", *NAMES), owner("s3:theirs", *NAMES, bucket="theirs")


def fill(opened: Opened, names: list[str] = NAMES) -> None:
    """Put images into the old collection."""
    with closing(opened[1](Collection(OLD.name, OLD))) as store:
        images = [an_image(name, metadata={"stock": n}) for n, name in enumerate(names)]
        store.put(images, random_units(len(images), OLD.dims))


@pytest.fixture
def unowned(opened, collections):
    """A collection of an earlier version, which does not say whose it is."""
    fill(opened)
    return collections


def test_a_collection_is_opened_only_by_processes_with_its_originals(opened):
    collections, _ = opened
    assert collections.ready(OLD, OURS).originals == "s3:ours"

    with pytest.raises(OtherOriginals, match="s3:ours.*LOOKALIKE_GALLERY.*scripts/adopt"):
        collections.ready(OLD, THEIRS)

    assert collections.read(OLD.name).originals == "s3:ours"
    assert collections.ready(OLD, OURS).name == OLD.name


def test_others_are_refused_whatever_their_model_and_create_nothing(opened):
    collections, _ = opened
    collections.ready(OLD, OURS)

    with pytest.raises(OtherOriginals):
        collections.ready(NEW, THEIRS)

    assert collections.read(NEW.name) is None


def test_a_collection_that_was_not_put_into_use_before_a_kill_is_still_its_owners(opened):
    collections, _ = opened
    collections.create(Collection(OLD.name, OLD, originals="s3:ours"))

    with pytest.raises(OtherOriginals):
        collections.ready(OLD, THEIRS)

    assert collections.current() is None
    assert collections.ready(OLD, OURS).name == OLD.name
    assert collections.current() == OLD.name


def test_a_collection_of_an_earlier_version_is_taken_over_by_whoever_has_its_originals(unowned):
    few = owner("s3:few", *NAMES[:17])  # what was removed lately can be missing, not that much
    for other in (THEIRS, few):
        with pytest.raises(OtherOriginals):
            unowned.ready(OLD, other)
    assert unowned.read(OLD.name).originals == ""

    unowned.ready(OLD, owner("s3:ours", *NAMES[:18]))

    assert unowned.read(OLD.name).originals == "s3:ours"
    with pytest.raises(OtherOriginals):
        unowned.ready(OLD, THEIRS)


def test_an_empty_collection_of_an_earlier_version_is_taken_over_by_the_first(collections):
    collections.ready(OLD, THEIRS)

    with pytest.raises(OtherOriginals):
        collections.ready(OLD, OURS)


def test_reindexing_keeps_the_owner(opened):
    collections, _ = opened
    installation = Installation(opened)
    collections.ready(WIDE, OURS)
    add(installation.gallery(WIDE, OURS), 0)
    spec = replace(WIDE, dims=16)

    list(installation.reindexing(spec).run(1))

    assert collections.read(spec.name).originals == "s3:ours"
    with pytest.raises(OtherOriginals):
        collections.ready(spec, THEIRS)
    list(installation.reindexing(spec).finish(1))
    assert collections.read(spec.name).originals == "s3:ours"
    collections.drop(spec.name)


def test_a_gallery_moved_to_another_bucket_keeps_vectors_and_metadata(opened, monkeypatch):
    collections, open_store = opened
    collections.ready(OLD, OURS)
    fill(opened)
    with closing(open_store(Collection(OLD.name, OLD))) as store:
        before = store.page((), 99).images
        vectors = store.vectors([image.id for image in before])
    monkeypatch.setattr(adopt, "_IMAGES_PER_PAGE", 7)
    adoption = Adoption(collections, open_store, THEIRS.originals, THEIRS.id)
    half = adoption.run(adoption.used())
    next(half)
    half.close()  # as a kill would
    with pytest.raises(OtherOriginals):
        collections.ready(OLD, THEIRS)

    assert sum(adoption.run(adoption.used())) >= len(NAMES)

    assert collections.ready(OLD, THEIRS).originals == "s3:theirs"
    with closing(open_store(Collection(OLD.name, OLD))) as store:
        after = {image.name: image for image in store.page((), 99).images}
        moved = store.vectors([image.id for image in after.values()])
    assert after.keys() == set(NAMES)
    for image in before:
        id = image_id("theirs", image.name)
        assert after[image.name] == replace(image, id=id)
        # A server gets six decimals.
        np.testing.assert_allclose(moved[id], vectors[image.id], atol=1e-6)


def test_adopting_keeps_the_image_that_has_the_name_already(opened):
    collections, open_store = opened
    collections.ready(OLD, OURS)
    fill(opened)
    theirs = an_image("0.jpg", id=image_id("theirs", "0.jpg"), metadata={"stock": 99})
    with closing(open_store(Collection(OLD.name, OLD))) as store:
        store.put([theirs], random_units(1, OLD.dims))
    adoption = Adoption(collections, open_store, THEIRS.originals, THEIRS.id)

    list(adoption.run(adoption.used()))

    with closing(open_store(Collection(OLD.name, OLD))) as store:
        assert store.count() == len(NAMES)
        assert store.get([theirs.id])[theirs.id].metadata == {"stock": 99}
