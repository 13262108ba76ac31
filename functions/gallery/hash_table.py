"""The perceptual hashes of a gallery in memory, all compared with all. Knows the records only.

For a report over everything, where a store would take a search for each image; what it finds is
the same.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.records import Match, StoredImage, hash_similarity

# Differences that fit into the processor's cache: twice as fast as all columns at once.
_COLUMNS = 8_192


class HashTable:
    """Finds the nearest hashes; images without one are in no answer."""

    def __init__(self, images: Iterable[StoredImage]) -> None:
        """Keep the images that have a hash."""
        by_id = sorted(images, key=lambda image: image.id)
        self._images = [image for image in by_id if image.perceptual_hash is not None]
        self._bits = _bits([image.perceptual_hash for image in self._images])

    def nearest(
        self, hashes: Sequence[PerceptualHash], most_bits: int, most: int
    ) -> list[list[Match]]:
        """Find for each hash the images at most so many bits away, nearest first, equal by id."""
        wanted = _bits(hashes)[:, None]
        found: list[list[tuple[int, int]]] = [[] for _ in hashes]
        for start in range(0, len(self._bits), _COLUMNS):
            differing = np.bitwise_count(wanted ^ self._bits[None, start : start + _COLUMNS])
            for row, column in np.argwhere(differing <= most_bits).tolist():
                found[row].append((int(differing[row, column]), start + column))
        return [[self._match(*each) for each in sorted(near)[:most]] for near in found]

    def _match(self, bits: int, place: int) -> Match:
        return Match(self._images[place], bits, hash_similarity(bits))


def _bits(hashes: Sequence[PerceptualHash | None]) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.array([hash.bits for hash in hashes if hash is not None], np.uint64)
