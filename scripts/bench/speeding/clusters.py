"""Galleries made for the bench of searches: clustered vectors, their images, the exact answers.

A vector is one of 500 centres plus noise, both drawn in a space of 64 numbers and turned into the
width of the model by a fixed matrix; a little noise of full width comes on top. So there are near,
less near and far neighbours in every part of a gallery that a filter may leave. (Vectors drawn
without a structure are all about equally far apart: which are nearest would mean nothing.) Queries
are further points of the same kind. The vectors are made anew, block by block, at each reading.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from functions.gallery.names import image_id
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.records import StoredImage, Vectors

KINDS = 100  # values of the field that is filtered by: each lets one image in a hundred through
TOP = 10
_CENTRES, _FREE = 500, 64
_SPREAD, _GRAIN = 0.7, 0.2  # deviations; of the centres it is 1
_AT_ONCE = 1_000


class Clusters:
    """So many vectors of this width, the same at each reading and on every machine."""

    def __init__(self, points: int, dims: int) -> None:
        """Draw the centres."""
        dice = np.random.default_rng(7)
        self._points = points
        self._centres = dice.standard_normal((_CENTRES, _FREE), np.float32)
        self._turn = dice.standard_normal((_FREE, dims), np.float32) / np.float32(_FREE**0.5)

    def blocks(self) -> Iterator[tuple[int, Vectors]]:
        """Give the vectors, a thousand at a time, each time with the number of the first."""
        dice = np.random.default_rng(8)
        for start in range(0, self._points, _AT_ONCE):
            yield start, self._drawn(dice, min(_AT_ONCE, self._points - start))

    def queries(self, count: int) -> Vectors:
        """Give vectors to search for, which the gallery does not hold."""
        return self._drawn(np.random.default_rng(9), count)

    def nearest(self, queries: Vectors, kinds: Sequence[int | None]) -> list[set[str]]:
        """Give the ids of the exact top ten of each query, among all or of one kind only."""
        scores = np.full((len(queries), TOP), -np.inf, np.float32)
        numbers = np.zeros((len(queries), TOP), np.int64)
        for start, vectors in self.blocks():
            here = np.arange(start, start + len(vectors))
            found = queries @ vectors.T
            for row, kind in enumerate(kinds):
                if kind is not None:
                    found[row, here % KINDS != kind] = -np.inf
            scores = np.hstack([scores, found])
            numbers = np.hstack([numbers, np.broadcast_to(here, found.shape)])
            best = np.argpartition(-scores, TOP - 1, axis=1)[:, :TOP]
            scores = np.take_along_axis(scores, best, axis=1)
            numbers = np.take_along_axis(numbers, best, axis=1)
        kept = zip(numbers, np.isfinite(scores), strict=True)
        return [{id_of(int(number)) for number in row[real]} for row, real in kept]

    def _drawn(self, dice: np.random.Generator, count: int) -> Vectors:
        centres = self._centres[dice.integers(0, _CENTRES, count)]
        near = centres + _SPREAD * dice.standard_normal((count, _FREE), np.float32)
        vectors: NDArray[np.float32] = near @ self._turn
        vectors += _GRAIN * dice.standard_normal(vectors.shape, np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


def id_of(number: int) -> str:
    """Name one image of the gallery."""
    return image_id("bench", f"{number}.jpg")


def image(number: int, model: str) -> StoredImage:
    """Describe an image as a picture's file would be; its perceptual hash is drawn."""
    name = f"{number}.jpg"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return StoredImage(
        id=id_of(number),
        name=name,
        etag=digest[:32],
        sha256=digest,
        width=500,
        height=375,
        format="JPEG",
        bytes=50_000,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        model=model,
        metadata={"kind": kind_of(number)},
        perceptual_hash=PerceptualHash.parse(digest[:16]),
    )


def kind_of(number: int) -> str:
    """Give the value of the field that is filtered by."""
    return f"kind-{number % KINDS}"
