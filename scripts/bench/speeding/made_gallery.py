"""A gallery made for measuring searches: clustered vectors, their images, the exact results.

A vector is one of 500 centres plus noise, both drawn in a space of 64 numbers and mapped to the
model's width by a fixed matrix, plus a little noise of full width. So a query has nearer and less
near neighbours, also among what a filter leaves. (Vectors without structure are all about equally
far apart, and which of them are nearest means nothing.) Queries are further points of that kind.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np

from functions.gallery.embedding.fingerprint import Fingerprint, PerceptualHash
from functions.gallery.embedding.vectors import Vectors
from functions.gallery.names import image_id
from functions.gallery.records import StoredImage

KINDS = 100  # values of the field `kind`: a filter matches one image in a hundred
TOP = 10
_CENTRES, _FREE = 500, 64
_SPREAD, _GRAIN = 0.7, 0.2  # standard deviations; of the centres it is 1
_AT_ONCE = 1_000


class MadeGallery:
    """So many vectors of a width, the same at each reading and on every machine."""

    def __init__(self, size: int, dims: int) -> None:
        """Draw the centres."""
        dice = np.random.default_rng(7)
        self._size = size
        self._centres = dice.standard_normal((_CENTRES, _FREE), np.float32)
        self._map = dice.standard_normal((_FREE, dims), np.float32) / np.float32(_FREE**0.5)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """Yield the vectors, a thousand at a time, with the number of the first."""
        dice = np.random.default_rng(8)
        for start in range(0, self._size, _AT_ONCE):
            yield start, self._draw(dice, min(_AT_ONCE, self._size - start))

    def queries(self, count: int) -> Vectors:
        """Return vectors that the gallery does not contain."""
        return self._draw(np.random.default_rng(9), count)

    def nearest(self, queries: Vectors, kinds: Sequence[int | None]) -> list[set[str]]:
        """Return the ids of each query's exact ten nearest, among all or those of one kind."""
        scores = np.hstack([queries @ vectors.T for _, vectors in self.blocks()])
        for row, kind in enumerate(kinds):
            if kind is not None:
                scores[row, np.arange(self._size) % KINDS != kind] = -np.inf
        best = np.argpartition(-scores, TOP - 1, axis=1)[:, :TOP]
        found = zip(best, np.take_along_axis(scores, best, axis=1), strict=True)
        return [{id_of(int(number)) for number in row[np.isfinite(s)]} for row, s in found]

    def _draw(self, dice: np.random.Generator, count: int) -> Vectors:
        centres = self._centres[dice.integers(0, _CENTRES, count)]
        near = centres + _SPREAD * dice.standard_normal((count, _FREE), np.float32)
        vectors: Vectors = near @ self._map
        vectors += _GRAIN * dice.standard_normal(vectors.shape, np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def id_of(number: int) -> str:
    """Return the id of an image of the gallery."""
    return image_id("bench", f"{number}.jpg")


def kind_of(number: int) -> str:
    """Return the value of its field `kind`."""
    return f"kind-{number % KINDS}"


def made_image(number: int, model: str) -> StoredImage:
    """Describe an image as if its file had been indexed; its perceptual hash is random."""
    digest = hashlib.sha256(f"{number}.jpg".encode()).hexdigest()
    return StoredImage(
        id=id_of(number),
        name=f"{number}.jpg",
        etag=digest[:32],
        sha256=digest,
        width=500,
        height=375,
        format="JPEG",
        bytes=50_000,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        model=model,
        metadata={"kind": kind_of(number)},
        fingerprint=Fingerprint(PerceptualHash.parse(digest), bytes(576), bytes(128)),
    )
