"""All hashes or all vectors of a gallery in memory, each compared with all. Depends on the records.

For a report over everything, where a store would need one search per image. The results are exact:
a graph index may find b from a and not a from b (of 400 planted pairs among 100,000 images it lost
35 that way).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.fingerprint import hash_similarity
from functions.gallery.embedding.vectors import Vector
from functions.gallery.records import Match, StoredImage

MOST_VECTOR_BYTES = 1_000_000_000  # 195,000 vectors of 1,280 numbers; beyond, the store is searched
_READ_AT_ONCE = 500
# Hash differences that fit into the processor's cache: twice as fast as all columns at once.
_HASH_COLUMNS = 8_192

Rows = NDArray[Any]  # (images, ...): a hash as uint64, or a vector, in each
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

    def nearest(self, ids: Sequence[str], least: float, most: int) -> list[list[Match]]:
        """Find the others whose score to each image is at least `least`, nearest first, then by id.

        At most `most` for each; none for ids that are not in the table.
        """
        known = [id for id in ids if id in self._position]
        positions = [self._position[id] for id in known]
        found: dict[str, list[tuple[float, int]]] = {id: [] for id in ids}
        for first, scores in self._parts(positions):
            for row, column in np.argwhere(scores >= least).tolist():
                if first + column != positions[row]:
                    found[known[row]].append((-scores[row, column].item(), first + column))
        return [
            [self._match(self._images[at], -score) for score, at in sorted(found[id])[:most]]
            for id in ids
        ]

    def _parts(self, positions: Sequence[int]) -> Iterable[tuple[int, NDArray[Any]]]:
        step = max(1, len(self._rows)) if self._rows.ndim > 1 else _HASH_COLUMNS
        for first in range(0, len(self._rows), step):
            yield first, self._scores(self._rows[positions], self._rows[first : first + step])


def hash_table(images: Iterable[StoredImage]) -> Table:
    """Make a table of perceptual hashes, in which a score is minus the number of differing bits.

    Images without a hash are left out.
    """
    by_id = sorted(images, key=lambda image: image.id)
    hashed = [(image, image.perceptual_hash.bits) for image in by_id if image.perceptual_hash]

    def scores(one: Rows, other: Rows) -> NDArray[Any]:
        return -np.bitwise_count(one[:, None] ^ other[None]).astype(np.int8)

    rows = np.array([bits for _, bits in hashed], np.uint64)
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
