"""Groups matches by field, bytes or picture, and keeps the best of each group.

Depends on the records and on likeness.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from functions.gallery.embedding.fingerprint import HASH_BITS, SAME_HASH_BITS
from functions.gallery.embedding.likeness import REPLACEABLE, likeness
from functions.gallery.records import BUILT_IN_FIELDS, Match, StoredImage


def collapse(
    matches: Sequence[Match], *, group_by: str | None, duplicates: bool, copies: bool
) -> list[Match]:
    """Keep the first match of each group, with the number of matches hidden behind it.

    A group is the images with the same value of the field `group_by`; images without a value, and
    all images without a field, are grouped as the same picture (`copies`), by their bytes
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
        self._words = np.zeros((most, HASH_BITS // 64), np.uint64)
        self._images: list[StoredImage] = []
        self._by_sha256: dict[str, str] = {}

    def first_like(self, image: StoredImage) -> str:
        """Return the id of the first image with its bytes or the same picture; else its own."""
        if image.sha256 not in self._by_sha256:
            self._by_sha256[image.sha256] = self._nearest(image) or image.id
        return self._by_sha256[image.sha256]

    def _nearest(self, image: StoredImage) -> str | None:
        if image.fingerprint is None:
            return None
        words, count = image.fingerprint.hash.words(), len(self._images)
        differing = np.bitwise_count(self._words[:count] ^ words).sum(axis=1)
        for at in np.flatnonzero(differing <= SAME_HASH_BITS).tolist():
            if likeness(image, self._images[at]) in REPLACEABLE:
                return self._images[at].id
        self._words[count] = words
        self._images.append(image)
        return None
