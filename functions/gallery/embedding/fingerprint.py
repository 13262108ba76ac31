"""The fingerprint of a picture: a perceptual hash of its shapes, and its colours.

Copies in another size, format or quality have nearly the same of both; recoloured ones the same
hash, different pictures neither. Depends on pictures and numpy.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from functions.gallery.pictures.picture import Picture

HASH_BITS = 256
# Of 14.8 million pairs of 5,441 photos and product shots, those within 40 bits are copies, series
# and colourways; the first two of different things differ in 46. Mirrored and turned ones: in 52.
SAME_HASH_BITS = 40
# PDQ's own limit; 99 % of copies saved in another size, format or quality are within 26.
SAME_PICTURE_BITS = 31

_BLOCKS = 64  # a side of the reduced picture
_WAVES = 16  # frequencies in each direction, without the constant one
_LEAST_PX = 5  # a side that PDQ needs
_LEAST_QUALITY = 50  # the limit that PDQ's authors recommend
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # and chroma as in JPEG
_COLOUR_CELLS = 8
_COLOURS_BYTES = _COLOUR_CELLS**2 * 3
# What saving a picture again changes at most: the luminance of 4 x 4 cells, the chroma of 8 x 8, and
# this as a multiple of its mean change. A recoloured detail stands out: 12 times or more.
_MOST_LIGHT, _MOST_CHROMA = 6, 6
_STANDS_OUT, _ROUNDING = 11, 0.15


def _cosines() -> NDArray[np.float32]:
    wave, block = np.arange(1, _WAVES + 1)[:, None], np.arange(_BLOCKS)[None]
    angles = np.pi / 2 / _BLOCKS * wave * (2 * block + 1)
    cosines: NDArray[np.float64] = np.sqrt(2 / _BLOCKS) * np.cos(angles)
    return cosines.astype(np.float32)


_COSINES = _cosines()  # (16, 64)
_ODD = np.arange(_WAVES) % 2 == 0  # waves 1, 3, ...: mirroring a picture turns their sign around


@dataclass(frozen=True)
class PerceptualHash:
    """A PDQ hash as 64 hex digits, the form in which it is stored, published and exchanged.

    PDQ (Meta, 2019, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm"):
    64 x 64 luminance, its lowest 16 x 16 cosine frequencies, one bit for each that exceeds their
    median. The last frequency comes first, as in its reference implementation.
    """

    hex: str

    @classmethod
    def of_luminance(cls, luminance: NDArray[np.float32]) -> Self:
        """Hash (64, 64) luminance, 0..255."""
        waves = _COSINES @ luminance @ _COSINES.T
        return cls._of_bits(waves > np.median(waves))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Check 64 hex digits; raises ValueError for anything else."""
        if len(text) != HASH_BITS // 4 or len(bytes.fromhex(text)) != HASH_BITS // 8:
            raise ValueError(f"a perceptual hash has {HASH_BITS // 4} hex digits")
        return cls(text)

    @classmethod
    def _of_bits(cls, bits: NDArray[np.bool_]) -> Self:
        return cls(np.packbits(bits.ravel()[::-1]).tobytes().hex())

    @cached_property
    def bits(self) -> int:
        """The hash as a number of 256 bits."""
        return int(self.hex, 16)

    def distance(self, other: "PerceptualHash") -> int:
        """Count the bits that differ (Hamming): 0 for equal hashes, about 128 for any two."""
        return (self.bits ^ other.bits).bit_count()

    @cached_property
    def turned(self) -> tuple["PerceptualHash", ...]:
        """The hashes of the picture mirrored, turned by right angles or both: seven.

        Mirroring changes the sign of every second wave, a quarter turn swaps rows and columns. The
        median is close to zero, so bits take the place of waves: all of 1,600 mirrored and turned
        copies are within 40 bits either way.
        """
        packed = np.frombuffer(bytes.fromhex(self.hex), np.uint8)
        upright = np.unpackbits(packed)[::-1].reshape(_WAVES, _WAVES).astype(bool)
        return tuple(
            self._of_bits(base ^ rows ^ columns)
            for base in (upright, upright.T)
            for rows in (np.False_, _ODD[:, None])
            for columns in (np.False_, _ODD[None])
            if base is not upright or rows is not columns
        )

    def words(self) -> NDArray[np.uint64]:
        """Return the bits as (4,) numbers of 64 bits, to compare many at once."""
        return np.frombuffer(bytes.fromhex(self.hex), np.uint64)

    def signs(self) -> NDArray[np.float32]:
        """Return the bits as (256,) +1 and -1: the dot product of two is 256 - 2 x `distance`."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(self.hex), np.uint8))
        return bits.astype(np.float32) * 2 - 1

    def turned_distance(self, other: "PerceptualHash") -> int:
        """Count the bits that differ from the other picture mirrored or turned: the fewest."""
        return min(turned.distance(other) for turned in self.turned)


@dataclass(frozen=True)
class Fingerprint:
    """What stays the same when a picture is saved again."""

    hash: PerceptualHash
    colours: bytes  # (8, 8, 3) means of luminance, Cb and Cr

    @classmethod
    def of(cls, picture: Picture) -> Self | None:
        """Take the fingerprint of a whole upright picture; None if it has too little detail."""
        if min(picture.pixels.size) < _LEAST_PX:
            return None
        blocks = picture.blocks(_BLOCKS).astype(np.float32)
        luminance = blocks @ _LUMINANCE
        if quality(luminance) < _LEAST_QUALITY:
            return None
        return cls(PerceptualHash.of_luminance(luminance), _colours(blocks))

    @classmethod
    def read(cls, stored: Mapping[str, str]) -> Self:
        """Read what `write` returned; raises KeyError or ValueError for anything else."""
        colours = base64.b64decode(stored["colours"], validate=True)
        if len(colours) != _COLOURS_BYTES:
            raise ValueError(f"the colours of a picture are {_COLOURS_BYTES} bytes")
        return cls(PerceptualHash.parse(stored["hash"]), colours)

    def write(self) -> dict[str, str]:
        """Return the form in which it is stored."""
        return {"hash": self.hash.hex, "colours": base64.b64encode(self.colours).decode()}

    def is_same_picture(self, other: "Fingerprint") -> bool:
        """Return whether these can be two files of one picture: shapes and colours agree."""
        if self.hash.distance(other.hash) > SAME_PICTURE_BITS:
            return False
        differences = _cells(self) - _cells(other)
        light = differences[..., 0].reshape(4, 2, 4, 2).mean(axis=(1, 3))
        chroma = np.abs(differences[..., 1:])
        most = min(_MOST_CHROMA, _STANDS_OUT * (float(chroma.mean()) + _ROUNDING))
        return bool(np.abs(light).max() <= _MOST_LIGHT and chroma.max() <= most)


def hash_similarity(differing_bits: float) -> float:
    """Convert a distance of perceptual hashes to 0..1: 1 - d / 256."""
    return 1.0 - differing_bits / HASH_BITS


def quality(luminance: NDArray[np.float32]) -> int:
    """Return PDQ's measure of detail in (64, 64) luminance: 0 (plain) to 100."""
    steps = [np.trunc(np.diff(luminance, axis=axis) * 100 / 255) for axis in (0, 1)]
    return min(100, int(sum(np.abs(each).sum() for each in steps) / 90))


def _colours(blocks: NDArray[np.float32]) -> bytes:
    side = _BLOCKS // _COLOUR_CELLS
    means = blocks.reshape(_COLOUR_CELLS, side, _COLOUR_CELLS, side, 3).mean(axis=(1, 3))
    light = means @ _LUMINANCE
    blue, red = ((means[..., at] - light) * factor for at, factor in ((2, 0.564), (0, 0.713)))
    cells = np.stack([light, blue + 128, red + 128], axis=-1)
    return cells.round().clip(0, 255).astype(np.uint8).tobytes()


def _cells(fingerprint: Fingerprint) -> NDArray[np.float32]:
    cells = np.frombuffer(fingerprint.colours, np.uint8).astype(np.float32)
    return cells.reshape(_COLOUR_CELLS, _COLOUR_CELLS, 3)
