"""The back ends that the contract tests run on, and the images they use."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from functions.gallery.embedding.fingerprint import Fingerprint, PerceptualHash
from functions.gallery.embedding.vectors import Vectors
from functions.gallery.names import image_id
from functions.gallery.pictures.picture import Flaw
from functions.gallery.records import CollectionSpec, StoredImage
from functions.gallery.stores.embedded.store import EdgeStore
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.library import QdrantClient
from functions.gallery.stores.server.store import QdrantStore
from tests.fakes import FakeStore

if TYPE_CHECKING:
    from functions.gallery.ports import VectorStore

OpenStore = Callable[[CollectionSpec, Path], AbstractContextManager["VectorStore"]]


@contextmanager
def open_fake(spec: CollectionSpec, folder: Path) -> Iterator["VectorStore"]:
    yield FakeStore(spec)


@contextmanager
def open_edge(spec: CollectionSpec, folder: Path) -> Iterator["VectorStore"]:
    store = EdgeStore.open(folder, spec)
    yield store
    store.close()


@contextmanager
def open_qdrant_memory(spec: CollectionSpec, folder: Path) -> Iterator["VectorStore"]:
    store = QdrantStore.in_memory(spec)
    yield store
    store.close()


@contextmanager
def open_qdrant_server(spec: CollectionSpec, folder: Path) -> Iterator["VectorStore"]:
    url, key = os.environ["QDRANT_TEST_URL"], os.environ.get("QDRANT_TEST_API_KEY")
    alias = f"lookalike-test-{uuid.uuid4()}"
    spec = replace(spec, model=f"{spec.model}-{alias}")
    collections = QdrantCollections(QdrantConnection.to(url, key), alias)
    store = QdrantStore.open(collections, spec)
    yield store
    store.close()
    cleaner = QdrantClient(url=url, api_key=key, check_compatibility=False)
    cleaner.delete_collection(spec.name)  # deletes its alias too
    cleaner.close()


BACK_ENDS: dict[str, OpenStore] = {
    "fake": open_fake,
    "edge": open_edge,
    "qdrant-memory": open_qdrant_memory,
}
if "QDRANT_TEST_URL" in os.environ:
    BACK_ENDS["qdrant-server"] = open_qdrant_server


def an_image(name: str, **changes: Any) -> StoredImage:
    """Return an image with this name, as the gallery makes it."""
    image = StoredImage(
        id=image_id("test", name),
        name=name,
        etag='"9b2cf535f27731c974343645a3985328"',
        sha256="ab" * 32,
        width=640,
        height=480,
        format="JPEG",
        bytes=12_345,
        added_at=datetime(2025, 3, 1, 12, 30, 0, 123456, tzinfo=UTC),
        model="test@1",
        fingerprint=a_fingerprint("0f1e2d3c4b5a6978" * 4),
        flaws=(Flaw.DAMAGED,),
    )
    return replace(image, **changes)


def a_fingerprint(hash: str) -> Fingerprint:
    """Return a fingerprint with this hash, in 64 hex digits, and always the same colours."""
    return Fingerprint(PerceptualHash.parse(hash), bytes(576), bytes(128))


def unit(*rows: list[float]) -> Vectors:
    """Return these rows scaled to length 1."""
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_units(rows: int, dims: int, seed: int = 0) -> Vectors:
    """Return random vectors of length 1."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dims)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
