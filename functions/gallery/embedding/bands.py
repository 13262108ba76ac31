"""What a similarity means in words, by the limits measured for a model. Depends on nothing.

How often each word is right, and for which pictures, is in the model card next to the limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

ALL_BITS = 64  # of a hash: no two differ in more


class Band(StrEnum):
    """How similar two pictures are, from most to least."""

    SAME_PICTURE = "same picture"  # saved again: another size, format or quality
    NEAR_DUPLICATE = "near-duplicate"  # made from the other: cropped, recoloured, written on
    SIMILAR = "similar"  # the same kind of thing
    WEAK = "weak"


@dataclass(frozen=True, slots=True)
class Bands:
    """The least similarity of each band; if both pictures have a hash, it decides too.

    A picture with few differing bits needs less similarity to be a near-duplicate, because blur,
    grey and small copies change the vector but not the hash. One with too many is none: the hash
    is of the whole picture, and no edit that leaves the vector as it is changes so much of it.
    """

    same_picture: float
    near_duplicate: float
    similar: float
    same_picture_bits: int  # at most this many differ between files of the same picture
    near_duplicate_bits: int
    near_duplicate_with_bits: float  # the least similarity if at most those bits differ
    near_duplicate_most_bits: int = ALL_BITS  # with more it is none ...
    near_duplicate_mirrored_bits: int = ALL_BITS  # ... unless at most these differ from its mirror

    @classmethod
    def read(cls, limits: Mapping[str, Any]) -> Self:
        """Read the limits of a model card; raises KeyError, TypeError or ValueError."""
        same, near, similar = (
            float(limits[name]) for name in ("same_picture", "near_duplicate", "similar")
        )
        with_bits = float(limits["near_duplicate_with_bits"])
        if not 0 <= similar <= with_bits <= near <= same <= 1:
            raise ValueError("the limits of the bands are not in order")
        bits = int(limits["same_picture_bits"]), int(limits["near_duplicate_bits"])
        most = int(limits.get("near_duplicate_most_bits", ALL_BITS))
        mirrored = int(limits.get("near_duplicate_mirrored_bits", ALL_BITS))
        if most < max(bits):
            raise ValueError("the most bits of a near-duplicate are fewer than those that make one")
        return cls(same, near, similar, *bits, with_bits, most, mirrored)

    def of(
        self,
        similarity: float,
        differing_bits: int | None = None,
        mirrored_bits: int | None = None,
    ) -> Band:
        """Return the band of a similarity (0..1, cosine) and, if known, of hash distances.

        The second is of the picture mirrored or upside down, whose vector hardly differs.
        """
        bits = differing_bits
        if similarity >= self.same_picture and (bits is None or bits <= self.same_picture_bits):
            return Band.SAME_PICTURE
        hashes_agree = bits is not None and bits <= self.near_duplicate_bits
        least = self.near_duplicate_with_bits if hashes_agree else self.near_duplicate
        if similarity >= least and not self.differ(bits, mirrored_bits):
            return Band.NEAR_DUPLICATE
        return Band.SIMILAR if similarity >= self.similar else Band.WEAK

    def differ(self, differing_bits: int | None, mirrored_bits: int | None) -> bool:
        """Return whether hash distances show two different pictures, whatever their vectors say."""
        if differing_bits is None or differing_bits <= self.near_duplicate_most_bits:
            return False
        return mirrored_bits is None or mirrored_bits > self.near_duplicate_mirrored_bits
