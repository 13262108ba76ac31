"""Groups matches by field, bytes or picture, and keeps the best of each group.

Depends on the records and on perceptual hashes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from functions.gallery.embedding.fingerprint import SAME_PICTURE_BITS
from functions.gallery.records import BUILT_IN_FIELDS, Match, StoredImage


def collapse(
    matches: Sequence[Match], *, group_by: str | None, duplicates: bool, copies: bool
) -> list[Match]:
    """Keep the first match of each group, with the number of matches hidden behind it.

    A group is the images with the same value of the field `group_by`; images without a value, and
    all images without a field, are grouped by their perceptual hashes (`copies`), by their bytes
    (`duplicates`) or not at all.
    """
    groups: dict[object, list[Match]] = {}
    seen = _SeenPictures(len(matches))
    for match in matches:
        image = match.image
        key: object = image.id
        if group_by is not None and (value := _value(image, group_by)) is not None:
            key = repr(value)
        elif copies:
            key = seen.first_like(image)
        elif duplicates:
            key = image.sha256
        groups.setdefault(key, []).append(match)
    return [replace(group[0], hidden=len(group) - 1) for group in groups.values()]


def _value(image: StoredImage, field: str) -> object:
    return getattr(image, field) if field in BUILT_IN_FIELDS else image.metadata.get(field)


class _SeenPictures:
    """Remembers pictures and finds the first one that another picture is a copy of."""

    def __init__(self, most: int) -> None:
        self._bits = np.zeros(most, np.uint64)
        self._ids: list[str] = []
        self._by_sha256: dict[str, str] = {}

    def first_like(self, image: StoredImage) -> str:
        """Return the id of the first image with its bytes or nearly its hash; else its own."""
        if image.sha256 not in self._by_sha256:
            self._by_sha256[image.sha256] = self._nearest(image) or image.id
        return self._by_sha256[image.sha256]

    def _nearest(self, image: StoredImage) -> str | None:
        if image.perceptual_hash is None:
            return None
        bits, count = np.uint64(image.perceptual_hash.bits), len(self._ids)
        near = np.flatnonzero(np.bitwise_count(self._bits[:count] ^ bits) <= SAME_PICTURE_BITS)
        if near.size:
            return self._ids[int(near[0])]
        self._bits[count] = bits
        self._ids.append(image.id)
        return None
