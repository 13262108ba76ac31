"""All hashes or all vectors of a gallery in memory, each compared with all. Depends on the records.

For a report over everything, where a store would need one search per image. The results are exact:
a graph index may find b from a and not a from b (of 400 planted pairs among 100,000 images it lost
35 that way).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.fingerprint import HASH_BITS, hash_similarity
from functions.gallery.embedding.vectors import Vector
from functions.gallery.records import Match, StoredImage

MOST_VECTOR_BYTES = 1_000_000_000  # 195,000 vectors of 1,280 numbers; beyond, the store is searched
_READ_AT_ONCE = 500
# Hash differences that fit into the processor's cache: twice as fast as all columns at once.
_HASH_COLUMNS = 4_096

Rows = NDArray[Any]  # (images, ...): a hash as (4,) uint64, or a vector, in each
Scores = Callable[[Rows, Rows], NDArray[Any]]  # (n, ...), (m, ...) -> (n, m), larger is nearer
ReadVectors = Callable[[Sequence[str]], Mapping[str, Vector]]  # as VectorStore.vectors


class Table:
    """Finds the nearest rows of a table with one row per image."""

    def __init__(
        self,
        images: Sequence[StoredImage],
        rows: Rows,
        scores: Scores,
        match: Callable[[StoredImage, float], Match],
    ) -> None:
        """Use one row per image, in the order of their ids, compared by `scores`."""
        self._images, self._rows = images, rows
        self._scores, self._match = scores, match
        self._position = {image.id: position for position, image in enumerate(images)}

    def row(self, id: str) -> NDArray[Any] | None:
        """Return the row of an image; None if it is not in the table."""
        position = self._position.get(id)
        return None if position is None else self._rows[position]

    def nearest(self, rows: Sequence[Rows], least: float, most: int) -> list[list[Match]]:
        """Find the images whose score to each row is at least `least`, nearest first, then by id.

        At most `most` for each.
        """
        found: list[list[tuple[float, int]]] = [[] for _ in rows]
        for first, scores in self._parts(np.array(rows)):
            # Flat: numpy's search in two dimensions takes as long as counting the bits.
            for at in np.flatnonzero(scores >= least).tolist():
                row, column = divmod(at, scores.shape[1])
                found[row].append((-scores[row, column].item(), first + column))
        return [
            [self._match(self._images[at], -score) for score, at in sorted(near)[:most]]
            for near in found
        ]

    def _parts(self, rows: Rows) -> Iterable[tuple[int, NDArray[Any]]]:
        step = _HASH_COLUMNS if self._rows.dtype == np.uint64 else max(1, len(self._rows))
        for first in range(0, len(self._rows), step):
            yield first, self._scores(rows, self._rows[first : first + step])


def hash_table(images: Iterable[StoredImage]) -> Table:
    """Make a table of perceptual hashes, in which a score is minus the number of differing bits.

    Images without one are left out.
    """
    by_id = sorted(images, key=lambda image: image.id)
    hashed = [(image, image.fingerprint.hash.words()) for image in by_id if image.fingerprint]

    def scores(one: Rows, other: Rows) -> NDArray[Any]:
        """Count one word after the other: a tenth of the time of all four at once."""
        differing = np.zeros((len(one), len(other)), np.int16)
        for word in range(HASH_BITS // 64):
            differing += np.bitwise_count(one[:, word, None] ^ other[None, :, word])
        return -differing

    rows = np.array([words for _, words in hashed], np.uint64).reshape(-1, HASH_BITS // 64)
    rows = np.asfortranarray(rows)  # the same word of all hashes lies together
    return Table(
        [image for image, _ in hashed],
        rows,
        scores,
        lambda image, score: Match(image, -score, hash_similarity(-score)),
    )


def vector_table(read: ReadVectors, images: Iterable[StoredImage], dims: int) -> Table:
    """Make a table of vectors, in which a score is the dot product: the similarity of unit vectors.

    For cosine, dot and Euclid, whose similarity is the cosine; not for Manhattan. Images that no
    longer exist are left out.
    """
    by_id = sorted(images, key=lambda image: image.id)
    vectors = np.empty((len(by_id), dims), np.float32)
    kept: list[StoredImage] = []
    for start in range(0, len(by_id), _READ_AT_ONCE):
        part = by_id[start : start + _READ_AT_ONCE]
        found = read([image.id for image in part])
        for image in part:
            if image.id in found:
                vectors[len(kept)] = found[image.id]
                kept.append(image)
    return Table(
        kept,
        vectors[: len(kept)],
        lambda one, other: one @ other.T,
        lambda image, score: Match(image, score, min(1.0, score)),
    )
