"""Sums over the ids of points, which show where two sets of points differ. Depends on numpy only.

Ids are cut into ranges by their first bits, as many as make a range about one page of the index.
Ids are hashes, so two sets with the same sum in a range are the same there.
"""

import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterable

import numpy as np

_POINTS_PER_RANGE = 200
_MOST_RANGES = 4_096  # 44 KB of text, which fit into a message


class IdSums:
    """One sum, modulo 2^64, for each range of ids."""

    def __init__(self, sums: "np.ndarray[tuple[int], np.dtype[np.uint64]]") -> None:
        """Start from these sums, as many as a power of two."""
        self._sums = sums
        self._shift = 129 - len(sums).bit_length()

    @classmethod
    def empty(cls, points: int) -> "IdSums":
        """Start with sums of zero, for about this many points."""
        ranges = min(_MOST_RANGES, max(1, points // _POINTS_PER_RANGE))
        return cls(np.zeros(1 << (ranges.bit_length() - 1), np.uint64))

    @classmethod
    def read(cls, text: str) -> "IdSums":
        """Read what `write` returned; of an empty text, sums that no points have."""
        return cls(np.frombuffer(b64decode(text), "<u8").copy()) if text else cls.empty(0)

    def write(self) -> str:
        """Return the sums as text."""
        return b64encode(self._sums.astype("<u8").tobytes()).decode()

    def range_of(self, id: str) -> int:
        """Return the number of the range that an id is in; it rises with the id."""
        return uuid.UUID(id).int >> self._shift

    def add(self, ids: Iterable[str]) -> None:
        """Add points; each is added once."""
        for id in ids:
            at = self.range_of(id)
            self._sums[at] = (int(self._sums[at]) + uuid.UUID(id).int) & 0xFFFF_FFFF_FFFF_FFFF

    def differing(self, other: "IdSums") -> set[int]:
        """Return the ranges in which these points are not those of the other sums."""
        return set(np.flatnonzero(self._sums != other._sums).tolist())

    def like(self) -> "IdSums":
        """Return sums of zero for the same ranges."""
        return IdSums(np.zeros_like(self._sums))
