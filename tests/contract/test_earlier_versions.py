"""Galleries of earlier versions are refused until scripts/reindex has filled a new collection."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import ModelMismatch, OtherOriginals
from functions.gallery.gallery import Gallery
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec, Original, Query
from functions.gallery.reindex.reindex import Reindexing, Situation
from functions.gallery.stores.embedded.collections import EdgeCollections
from functions.gallery.stores.embedded.store import EdgeStore
from functions.gallery.stores.ownership import Owner
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.store import QdrantStore
from functions.gallery.sync.adopt import Adoption
from tests.contract import earlier
from tests.contract.stores import an_image, random_units
from tests.drawing import written
from tests.fakes import FakeEmbedder, FakeOriginals

NAMES = [f"{n}.jpg" for n in range(5)]
FIELDS = {"stock": "integer"}
Write = Callable[[CollectionSpec, int, earlier.Points], str]


def picture(seed: int) -> bytes:
    """Draw squares, with enough detail for a fingerprint."""
    squares = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return written(Image.fromarray(squares.repeat(16, axis=0).repeat(16, axis=1)), "PNG")


@contextmanager
def edge_folder(folder: Path) -> Iterator[tuple[Write, Callable[[], Any], Any, str]]:
    yield (
        lambda spec, schema, rows: earlier.write_folder(folder, spec, schema, rows),
        lambda: EdgeCollections(folder),
        EdgeStore,
        "lookalike",
    )


@contextmanager
def memory(folder: Path) -> Iterator[tuple[Write, Callable[[], Any], Any, str]]:
    connection = QdrantConnection.in_memory()
    yield (
        lambda *old: earlier.write_server(connection.library, "lookalike", *old),
        lambda: QdrantCollections(connection),
        QdrantStore,
        "lookalike",
    )


@contextmanager
def server(folder: Path) -> Iterator[tuple[Write, Callable[[], Any], Any, str]]:
    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    client = QdrantConnection.to(url, key).library
    gallery = f"lookalike-test-{uuid.uuid4()}"
    yield (
        lambda *old: earlier.write_server(client, gallery, *old),
        lambda: QdrantCollections(QdrantConnection.to(url, key), gallery),
        QdrantStore,
        gallery,
    )
    for collection in client.get_collections().collections:
        if collection.name.startswith(gallery):
            client.delete_collection(collection.name)
    client.close()


BACK_ENDS = {"edge": edge_folder, "qdrant-memory": memory}
if "QDRANT_TEST_URL" in os.environ:
    BACK_ENDS["qdrant-server"] = server


class Upgraded:
    """An earlier version's gallery of five pictures, and this version's processes."""

    def __init__(self, opened: Any, schema: int) -> None:
        write, open_collections, self._store, gallery = opened
        self.originals, self.embedder = FakeOriginals(), FakeEmbedder()
        card = self.embedder.card
        self.spec = CollectionSpec(card.id, card.dims, fields=FIELDS, gallery=gallery)
        self.owner = Owner(earlier.OWNER, self.originals)
        self.images = []
        for number, name in enumerate(NAMES):
            state = self.originals.write(name, Original(picture(number), {"stock": number}))
            self.images.append(
                an_image(
                    name,
                    id=image_id("local", name),
                    etag=state.etag,
                    added_at=datetime(2025, 1, number + 1, tzinfo=UTC),
                    metadata={"stock": number},
                    model=card.id,
                )
            )
        vectors = random_units(len(NAMES), card.dims)
        self.old = write(self.spec, schema, earlier.points(self.images, vectors, schema))
        self.collections = open_collections()
        self._stores: dict[str, Any] = {}

    def open_store(self, collection: Any) -> Any:
        if collection.name not in self._stores:
            self._stores[collection.name] = self._store(self.collections, collection, shared=True)
        return self._stores[collection.name]

    def reindexing(self) -> Reindexing:
        """Start one as bootstrap.py does."""
        self.owner.admit_current(self.collections)
        indexer = Indexer(self.embedder, Limits())
        return Reindexing(self.collections, self.open_store, self.originals, indexer, self.spec)

    def gallery(self) -> Gallery:
        store = self.open_store(self.collections.ready(self.spec, self.owner))
        return Gallery(self.spec, Limits(), self.embedder, store, self.originals)


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
def back_end(request, tmp_path):
    with request.param(tmp_path) as opened:
        yield opened


@pytest.fixture(params=[2, 3])
def upgraded(request, back_end):
    upgraded = Upgraded(back_end, request.param)
    yield upgraded
    for store in upgraded._stores.values():
        store.close()
    upgraded.collections.close()


def test_an_earlier_gallery_of_the_same_model_is_refused_with_what_to_do(upgraded):
    with pytest.raises(ModelMismatch, match=r"schema [23] .*scripts/reindex.*earlier version"):
        upgraded.collections.ready(upgraded.spec, upgraded.owner)

    assert upgraded.collections.current() == upgraded.old
    assert upgraded.collections.read(upgraded.spec.name) is None


def test_reindexing_keeps_ids_names_and_metadata_and_takes_fingerprints(upgraded):
    assert upgraded.reindexing().situation() is Situation.OTHER

    assert [step.copied.left_out for step in upgraded.reindexing().run(1)][0] == {}

    assert upgraded.reindexing().situation() is Situation.SWAPPED
    images = {image.id: image for image in upgraded.gallery().list(limit=9).images}
    assert images.keys() == {image.id for image in upgraded.images}
    for old in upgraded.images:
        new = images[old.id]
        assert (new.name, new.metadata, new.added_at) == (old.name, old.metadata, old.added_at)
        assert new.fingerprint is not None
    hash = images[upgraded.images[3].id].fingerprint.hash
    store = upgraded.open_store(upgraded.collections.read(upgraded.spec.name))
    assert store.search(Query(hash, most_bits=0))[0].image.id == upgraded.images[3].id


def test_the_earlier_version_can_start_until_reindexing_is_finished(upgraded):
    list(upgraded.reindexing().run(1))
    kept = upgraded.collections.read(upgraded.old)
    assert upgraded.collections.current() == upgraded.old
    assert kept.is_outdated
    upgraded.originals.write("new.jpg", Original(picture(7)))  # by the earlier version

    list(upgraded.reindexing().finish(1))

    assert upgraded.reindexing().situation() is Situation.DONE
    assert upgraded.collections.current() == upgraded.spec.name
    assert upgraded.collections.read(upgraded.old) is None
    names = {image.name for image in upgraded.gallery().list(limit=9).images}
    assert names == {*NAMES, "new.jpg"}


def test_a_half_filled_collection_is_not_opened_and_filling_continues(upgraded):
    next(half := upgraded.reindexing().run(1))
    half.close()
    with pytest.raises(ModelMismatch, match="still being filled"):
        upgraded.collections.ready(upgraded.spec, upgraded.owner)

    list(upgraded.reindexing().run(1))

    assert len(upgraded.gallery().list(limit=9).images) == len(NAMES)
    assert not upgraded.reindexing().discard()


def test_others_cannot_take_an_earlier_gallery(upgraded):
    theirs = FakeOriginals()
    theirs.bucket = "theirs"

    with pytest.raises(OtherOriginals):
        Owner("s3:theirs", theirs).admit_current(upgraded.collections)

    upgraded.owner.admit_current(upgraded.collections)
    assert upgraded.collections.read(upgraded.old).originals == earlier.OWNER


def test_an_earlier_gallery_cannot_be_adopted(upgraded):
    adoption = Adoption(upgraded.collections, upgraded.open_store, upgraded.originals, "s3:new")

    with pytest.raises(ModelMismatch, match="scripts/adopt of that version"):
        adoption.used()
