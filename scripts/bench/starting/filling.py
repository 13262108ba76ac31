"""Puts images into the stand-in through the real store, which makes the collection it needs."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from functions.gallery.embedder import read_card
from functions.gallery.names import image_id
from functions.gallery.records import CollectionSpec, StoredImage
from functions.gallery.stores.qdrant_store import QdrantStore

IMAGES = 100


def fill(qdrant: str, model: Path) -> None:
    """Put images with vectors of the model's width there."""
    card = read_card(model)
    store = QdrantStore.connect(qdrant, None, CollectionSpec(card.id, card.dims))
    vectors = np.random.default_rng(1).standard_normal((IMAGES, card.dims)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    store.put([_image(n, card.id) for n in range(IMAGES)], vectors)
    store.close()


def _image(number: int, model: str) -> StoredImage:
    name = f"catalogue/shoe-{number}.jpg"
    return StoredImage(
        id=image_id("pictures", name),
        name=name,
        etag="9b2cf535f27731c974343645a3985328",
        sha256=f"{number:064x}",
        width=1200,
        height=900,
        format="JPEG",
        bytes=123_456,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        model=model,
        metadata={"category": "shoe", "price": 49.9},
    )
