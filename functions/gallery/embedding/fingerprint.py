"""The fingerprint of a picture: a perceptual hash of its shapes, and its colours.

Copies in another size, format or quality have nearly the same of both; recoloured ones the same
hash, different pictures neither. Depends on pictures, frames, alignment and numpy.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.alignment import SIDE, Reduced, align
from functions.gallery.embedding.frame import content_box, enlarged, framed_share
from functions.gallery.pictures.picture import Picture

HASH_BITS = 256
# PDQ's own limit. Of 14.8 million pairs of 5,441 photos and product shots, those within 40 bits are
# copies, series and colourways; the first of different things differ in 46, or in 52 if turned.
SAME_HASH_BITS = 31
# 99 % of copies saved in another size, format or quality are within 12 bits, also of text within
# 22. Screens of one program with other text in the same places begin at 20.
SAME_PICTURE_BITS = 22
# A text band, a sticker or a darker picture; only if 65 % of the cells that are not background have
# the same colours.
COVERED_BITS = 60

_BLOCKS = 64  # a side of the reduced picture
_WAVES = 16  # frequencies in each direction, without the constant one
_LEAST_PX = 5  # a side that PDQ needs
_LEAST_QUALITY = 50  # the limit that PDQ's authors recommend
_COLOUR_CELLS = 8
_COLOURS_BYTES = _COLOUR_CELLS**2 * 2
_LIGHT_BYTES = SIDE**2
# Of eight blocks in three cells.
_SHARES = np.array(
    [[3, 3, 2, 0, 0, 0, 0, 0], [0, 0, 1, 3, 3, 1, 0, 0], [0, 0, 0, 0, 0, 2, 3, 3]], np.float32
) / np.float32(8)
# What saving a picture again changes at most: the luminance of 4 x 4 cells, the chroma of 8 x 8,
# and this as a multiple of its mean change. A recoloured detail stands out: 12 times or more.
_MOST_LIGHT, _MOST_CHROMA = 6, 6
_STANDS_OUT, _ROUNDING = 11, 0.15
_BACKGROUND = 10  # what differs less from the colour of the edge
_COVERED_SHARE, _COVERED_FEWEST = 0.65, 8  # cells
# Of the chroma values in order, the mean difference: 99 % of copies with a crop of up to 20 %, a
# border, text or a rotation stay below, screens in other colours do not.
_MOST_RECOLOURED = 20
# The mean difference of chroma where one lies on the other: 9 for 98 of 100 copies cropped by a
# tenth, 6 for those by a fifth.
_MOST_RECOLOURED_CELLS = 12
# Text, screens and line drawings: a third is of one colour, and the steps between neighbouring
# blocks change from one to the next nearly as much as they can. All pages and screens that the
# bench draws; 3 in 1,000 product shots and photos of clothes, 5 in 100 pictures of Caltech, which
# has drawings.
_DRAWN_PLAIN, _DRAWN_ROUGH = 0.3, 1.4
_ONE_COLOUR = 6


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
        # Not matrix products: when memory runs out, OpenBLAS ends the process.
        across = np.einsum("ij,wj->iw", luminance, _COSINES)
        waves = np.einsum("vi,iw->vw", _COSINES, across)
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
    light: bytes  # (24, 24) means of luminance
    colours: bytes  # (8, 8, 2) means of Cb and Cr
    inner: PerceptualHash | None = None  # of what a uniform frame or background surrounds
    content: float = 1.0  # the share of the picture that is not a frame
    drawn: bool = False  # text, a screen or a line drawing: its vector says little

    @classmethod
    def of(cls, picture: Picture) -> Self | None:
        """Take the fingerprint of a whole upright picture; None if it has too little detail."""
        if min(picture.pixels.size) < _LEAST_PX:
            return None
        return cls.of_blocks(picture.blocks(_BLOCKS))

    @classmethod
    def of_blocks(cls, blocks: NDArray[np.uint8]) -> Self | None:
        """Take the fingerprint of a picture reduced to (64, 64, 3) sRGB."""
        planes = np.ascontiguousarray(blocks.transpose(2, 0, 1), np.float32)
        luminance = _light(*planes)
        if quality(luminance) < _LEAST_QUALITY:
            return None
        box = content_box(planes)
        return cls(
            PerceptualHash.of_luminance(luminance),
            _reduced(luminance),
            _colours(planes),
            PerceptualHash.of_luminance(enlarged(luminance, box)) if box else None,
            framed_share(planes, box) if box else 1.0,
            _is_drawn(planes, luminance),
        )

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `write` returned; raises KeyError, TypeError or ValueError otherwise."""
        inner = stored.get("inner")
        return cls(
            PerceptualHash.parse(stored["hash"]),
            _bytes(stored["light"], _LIGHT_BYTES),
            _bytes(stored["colours"], _COLOURS_BYTES),
            None if inner is None else PerceptualHash.parse(inner),
            float(stored.get("content", 1)),
            bool(stored.get("drawn", False)),
        )

    def write(self) -> dict[str, Any]:
        """Return the form in which it is stored, as JSON; what is usual is left out."""
        light, colours = (base64.b64encode(each).decode() for each in (self.light, self.colours))
        stored: dict[str, Any] = {"hash": self.hash.hex, "light": light, "colours": colours}
        if self.inner is not None:
            stored["inner"] = self.inner.hex
        if self.content < 1:
            stored["content"] = self.content
        return stored | {"drawn": True} if self.drawn else stored

    @property
    def inside(self) -> PerceptualHash:
        """The hash of what a frame surrounds; of the whole picture without a frame."""
        return self.inner or self.hash

    def nearest(self, other: "Fingerprint") -> int:
        """Count the bits that differ, of the whole pictures or inside frames, turned or not."""
        pairs = [(self.hash, other.hash)]
        if self.inner or other.inner:
            pairs.append((self.inside, other.inside))
        return min(min(a.distance(b), a.turned_distance(b)) for a, b in pairs)

    def is_same_picture(self, other: "Fingerprint") -> bool:
        """Return whether these can be two files of one picture: shapes and colours agree."""
        if self.hash.distance(other.hash) > SAME_PICTURE_BITS:
            return False
        differences = self._cells - other._cells
        light = differences[..., 0].reshape(4, 2, 4, 2).mean(axis=(1, 3))
        chroma = np.abs(differences[..., 1:])
        most = min(_MOST_CHROMA, _STANDS_OUT * (float(chroma.mean()) + _ROUNDING))
        return bool(np.abs(light).max() <= _MOST_LIGHT and chroma.max() <= most)

    def is_covered(self, other: "Fingerprint") -> bool:
        """Return whether one can be the other with something on top of it."""
        if self.hash.distance(other.hash) > COVERED_BITS:
            return False
        same = np.abs(self._cells - other._cells).max(axis=2) <= _MOST_CHROMA
        content = self._is_content | other._is_content
        agree = int((same & content).sum())
        return agree >= max(_COVERED_FEWEST, _COVERED_SHARE * int(content.sum()))

    def has_colours_of(self, other: "Fingerprint") -> bool:
        """Return whether both have about as much of each colour, wherever it is."""
        differences = np.abs(self._chroma_in_order - other._chroma_in_order)
        return bool(differences.mean(axis=0).max() <= _MOST_RECOLOURED)

    @cached_property
    def luminance(self) -> NDArray[np.float32]:
        """The luminance, (24, 24), 0..255."""
        light = np.frombuffer(self.light, np.uint8).astype(np.float32)
        return light.reshape(SIDE, SIDE)

    @cached_property
    def chroma(self) -> NDArray[np.float32]:
        """Cb and Cr, (8, 8, 2), 0..255."""
        chroma = np.frombuffer(self.colours, np.uint8).astype(np.float32)
        return chroma.reshape(_COLOUR_CELLS, _COLOUR_CELLS, 2)

    @cached_property
    def _cells(self) -> NDArray[np.float32]:
        """Luminance, Cb and Cr of the cells, (8, 8, 3)."""
        side = SIDE // _COLOUR_CELLS
        light = self.luminance.reshape(_COLOUR_CELLS, side, _COLOUR_CELLS, side).mean(axis=(1, 3))
        return np.concatenate([light[..., None], self.chroma], axis=2)

    @cached_property
    def _is_content(self) -> NDArray[np.bool_]:
        cells = self._cells
        edge = np.concatenate([cells[0], cells[-1], cells[1:-1, 0], cells[1:-1, -1]])
        distances = np.abs(cells - np.median(edge, axis=0)).max(axis=2)
        return np.asarray(distances > _BACKGROUND)

    @cached_property
    def _chroma_in_order(self) -> NDArray[np.float32]:
        return np.sort(self.chroma.reshape(-1, 2), axis=0)


def agreements(one: Fingerprint, others: Sequence[Fingerprint]) -> NDArray[np.float32]:
    """Return how well a picture agrees with others when it is laid on them, (n,), -1..1.

    0 where the colours differ. The same both ways.
    """
    if not others:
        return np.zeros(0, np.float32)
    # Always laid in one direction, because the other way around finds a little else.
    pairs = [(one, other) if one.light <= other.light else (other, one) for other in others]
    below, above = (
        Reduced(np.stack([each.luminance for each in side]), np.stack([e.chroma for e in side]))
        for side in zip(*pairs, strict=True)
    )
    agreement, recoloured = align(below, above)
    return np.where(recoloured <= _MOST_RECOLOURED_CELLS, agreement, 0)


def hash_similarity(differing_bits: float) -> float:
    """Convert a distance of perceptual hashes to 0..1: 1 - d / 256."""
    return 1.0 - differing_bits / HASH_BITS


def quality(luminance: NDArray[np.float32]) -> int:
    """Return PDQ's measure of detail in (64, 64) luminance: 0 (plain) to 100."""
    scaled = luminance * np.float32(100 / 255)
    steps = (scaled[1:] - scaled[:-1], scaled[:, 1:] - scaled[:, :-1])
    return min(100, int(sum(float(np.abs(np.trunc(each)).sum()) for each in steps) / 90))


def _light(
    red: NDArray[np.float32], green: NDArray[np.float32], blue: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the luminance, as in JPEG."""
    light: NDArray[np.float32] = red * np.float32(0.299) + green * np.float32(0.587)
    return light + blue * np.float32(0.114)


def _reduced(luminance: NDArray[np.float32]) -> bytes:
    """Return the means of (24, 24) cells, as bytes."""
    rows = np.einsum("cb,gbk->gck", _SHARES, luminance.reshape(8, 8, _BLOCKS))
    cells = np.einsum("cb,rgb->rgc", _SHARES, rows.reshape(SIDE, 8, 8))
    light: NDArray[np.uint8] = cells.round().clip(0, 255).astype(np.uint8)
    return light.tobytes()


def _colours(planes: NDArray[np.float32]) -> bytes:
    side = _BLOCKS // _COLOUR_CELLS
    # Rows first, which lie next to each other: a third of the time.
    rows = planes.reshape(3, _COLOUR_CELLS, side, _BLOCKS).sum(axis=2)
    cells = rows.reshape(3, _COLOUR_CELLS, _COLOUR_CELLS, side).sum(axis=3)
    red, green, blue = cells / np.float32(side**2)
    light = _light(red, green, blue)
    means = np.stack([(blue - light) * 0.564 + 128, (red - light) * 0.713 + 128], axis=-1)
    return means.round().clip(0, 255).astype(np.uint8).tobytes()


def _bytes(stored: str, count: int) -> bytes:
    data = base64.b64decode(stored, validate=True)
    if len(data) != count:
        raise ValueError(f"a fingerprint has {count} bytes here, not {len(data)}")
    return data


def _is_drawn(planes: NDArray[np.float32], luminance: NDArray[np.float32]) -> bool:
    down, across = luminance[1:] - luminance[:-1], luminance[:, 1:] - luminance[:, :-1]
    steps = float(np.abs(down).mean() + np.abs(across).mean()) + 0.1
    changes = float(np.abs(down[1:] - down[:-1]).mean())
    changes += float(np.abs(across[:, 1:] - across[:, :-1]).mean())
    if changes < _DRAWN_ROUGH * steps:
        return False
    colours = planes.reshape(3, -1)
    red, green, blue = ((colours + 4) / 8).astype(np.int32)
    bins = (red * 33 + green) * 33 + blue
    most = colours[:, bins == np.bincount(bins).argmax()].mean(axis=1)
    of_one = np.abs(colours - most[:, None]).max(axis=0) <= _ONE_COLOUR
    return bool(of_one.mean() >= _DRAWN_PLAIN)
