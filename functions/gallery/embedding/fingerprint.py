"""The perceptual hash: 64 bits that are nearly equal for copies of one picture.

Krawetz's difference hash (dHash): 9 x 8 grey values, one bit for each two neighbours in a row. It
survives scaling, recompression, blur and loss of colour, which change a network's vector, but not
crops, rotations or flips. Depends on pictures and numpy.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from functions.gallery.pictures.picture import Picture

HASH_BITS = 64
# Copies by blur of 1 %, JPEG quality 10 or loss of colour stay within 4 bits in 95 to 100 % of 700
# photos; different pictures do in 15 to 45 of 720,000 pairs of two development sets.
SAME_PICTURE_BITS = 4
# A hash with fewer bits that differ from the rest says nothing: plain areas and smooth gradients.
_FEWEST_DISTINCT = 4


@dataclass(frozen=True, slots=True)
class PerceptualHash:
    """A difference hash as 16 hex digits, the form in which it is stored and published."""

    hex: str

    @classmethod
    def of(cls, picture: Picture) -> Self | None:
        """Hash a whole upright picture; None if it is too plain to be recognised by its hash."""
        return cls.of_grey(picture.grey(9, 8))

    @classmethod
    def of_grey(cls, grey: NDArray[np.uint8]) -> Self | None:
        """Hash (8, 9) grey values; None if they are too plain."""
        falling = grey[:, :-1] > grey[:, 1:]
        distinct = min(int(falling.sum()), HASH_BITS - int(falling.sum()))
        return None if distinct < _FEWEST_DISTINCT else cls(np.packbits(falling).tobytes().hex())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check 16 hex digits; raises ValueError for anything else."""
        if len(text) != HASH_BITS // 4 or len(bytes.fromhex(text)) != HASH_BITS // 8:
            raise ValueError(f"a perceptual hash has {HASH_BITS // 4} hex digits")
        return cls(text)

    @property
    def bits(self) -> int:
        """The hash as a number of 64 bits."""
        return int(self.hex, 16)

    def distance(self, other: "PerceptualHash") -> int:
        """Count the bits that differ (Hamming): 0 for equal hashes, about 32 for any two."""
        return (self.bits ^ other.bits).bit_count()

    def mirrored_distance(self, other: "PerceptualHash") -> int:
        """Count the bits that differ if the other is mirrored, upside down or both: the fewest.

        Mirroring a row reverses its eight bits and turns each around.
        """
        rows = np.frombuffer(bytes.fromhex(other.hex), np.uint8)
        mirrored = np.packbits(1 - np.unpackbits(rows).reshape(8, 8)[:, ::-1])
        turned = (mirrored, rows[::-1], mirrored[::-1])
        return min(self.distance(PerceptualHash(each.tobytes().hex())) for each in turned)

    def vector(self) -> NDArray[np.float32]:
        """Return the bits as (64,) zeros and ones, whose Manhattan distance is `distance`."""
        return np.unpackbits(np.frombuffer(bytes.fromhex(self.hex), np.uint8)).astype(np.float32)


def hash_similarity(differing_bits: float) -> float:
    """Convert a distance of perceptual hashes to 0..1: 1 - d / 64."""
    return 1.0 - differing_bits / HASH_BITS


def distances(
    one: PerceptualHash | None, other: PerceptualHash | None
) -> tuple[int, int] | tuple[None, None]:
    """Return the distance of two hashes, and that of one mirrored; None if either is missing."""
    if one is None or other is None:
        return None, None
    return one.distance(other), one.mirrored_distance(other)
