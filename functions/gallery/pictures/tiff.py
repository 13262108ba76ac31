"""TIFF: which page is the picture, what its tags say, and which kinds are not supported.

Does not depend on a decoder.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

_MAX_PAGES = 100  # looked at for the first that is no thumbnail
_MAX_SAMPLES = 64  # of a pixel, looked at; satellites have about 15 bands
_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}  # field types of TIFF 6.0 and BigTIFF
_REDUCED, _MASK = 1, 4  # of NewSubfileType

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, LAB, ICC_LAB = 0, 1, 2, 3, 5, 6, 8, 9
_COLOURS = {0: 1, 1: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, LAB: 3, ICC_LAB: 3}
_OTHER_COLOURS = {
    4: "a transparency mask",
    10: "ITU L*a*b* colours",
    32_844: "LogL values",
    32_845: "LogLuv colours",
}
_PREDICTED = {5, 8, 32_946, 34_925, 50_000}  # LZW, Deflate, LZMA and Zstandard
_OF_BYTES = _PREDICTED | {1, 32_773}  # and none, PackBits: they know nothing of pixels
_OF_PIXELS = {2, 3, 4, 6, 7, 32_771, 32_809}  # CCITT, JPEG, ThunderScan
_OTHER_COMPRESSIONS = {
    9: "JBIG",
    10: "JBIG",
    32_766: "NeXT",
    32_908: "PixarFilm",
    32_909: "PixarLog",
    33_003: "JPEG 2000",
    33_005: "JPEG 2000",
    34_661: "JBIG",
    34_676: "SGI Log",
    34_677: "SGI Log",
    34_712: "JPEG 2000",
    34_887: "LERC",
    34_892: "lossy JPEG",
    34_933: "PNG",
    34_934: "JPEG XR",
    50_001: "WebP",
    50_002: "JPEG XL",
    52_546: "JPEG XL",
}
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
_KINDS = {UNSIGNED: "", SIGNED: "signed ", FLOAT: "floating-point ", 5: "complex ", 6: "complex "}
_GREYS = (WHITE_IS_ZERO, BLACK_IS_ZERO)
_ALPHAS = (1, 2, 999)  # of ExtraSamples: premultiplied, not, and what old programs write
_PLAIN = {(colours, 1, bits) for colours in (0, 1, PALETTE) for bits in (1, 2, 4, 8)}
_PLAIN |= {(colours, 3, 8) for colours in (RGB, LAB, YCBCR)} | {
    (CMYK, 4, 8),
    (CMYK, 4, 16),
    (1, 1, 16),
}
_PLAIN |= {(RGB, samples, bits) for samples in (3, 4) for bits in (8, 16)}
_ADVICE = "save it with 8 or 16 bits"


class _Shape(NamedTuple):
    """How a TIFF writes its directories."""

    order: str  # of bytes
    word: str  # code of an offset
    room: int  # bytes of an offset
    counter: str  # code of the number of entries
    first: int  # where the entries start, after the number
    entry: int  # bytes of an entry


def _shape(data: bytes) -> _Shape:
    order = "<" if data[:2] == b"II" else ">"
    big = b"\x2b" in data[2:4]
    return _Shape(order, *(("Q", 8, "Q", 8, 20) if big else ("I", 4, "H", 2, 12)))


def with_picture_first(data: bytes) -> bytes:
    """Return a TIFF whose first page is its picture: thumbnails in front of it are skipped."""
    first = None
    try:
        for start, subfile in _pages(data):
            first = first or start
            if not subfile & (_REDUCED | _MASK):
                return data if start == first else _starting_with(data, start)
    except (struct.error, OverflowError):  # it points beyond its end
        pass
    return data


def _pages(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the directory of each page is, and its NewSubfileType."""
    order, word, room, counter, first, entry = _shape(data)
    start = struct.unpack_from(order + word, data, room)[0]
    for _ in range(_MAX_PAGES):
        if not start:
            return
        at = start + first
        tag, kind = struct.unpack_from(order + "HH", data, at)  # they are sorted
        value = struct.unpack_from(order + _NUMBERS.get(kind, "B"), data, at + 4 + room)[0]
        if tag == 255:  # SubfileType, which came before, says 2 for a reduced picture
            value = _REDUCED if value == 2 else 0
        yield start, value if tag in (254, 255) else 0
        count = struct.unpack_from(order + counter, data, start)[0]
        start = struct.unpack_from(order + word, data, at + count * entry)[0]


def _starting_with(data: bytes, start: int) -> bytes:
    order, word, room, *_ = _shape(data)
    return data[:room] + struct.pack(order + word, start) + data[2 * room :]


class Directory:
    """The tags of the first page.

    Raises struct.error or OverflowError if they reach beyond the end of the file.
    """

    def __init__(self, data: bytes) -> None:
        """Find the values of all tags, without reading them."""
        self.data = data
        self.order, word, room, counter, first, entry = _shape(data)
        self.mirrored = word == "Q" and self.order == ">"  # Pillow opens no such BigTIFF
        self._entries: dict[int, tuple[int, int, int]] = {}  # field type, count and place
        start = struct.unpack_from(self.order + word, data, room)[0]
        count = struct.unpack_from(self.order + counter, data, start)[0]
        for at in range(start + first, start + first + count * entry, entry):
            tag, kind, many = struct.unpack_from(self.order + "HH" + word, data, at)
            place = at + 4 + room
            if many * struct.calcsize(_NUMBERS.get(kind, "B")) > room:
                place = struct.unpack_from(self.order + word, data, place)[0]
            self._entries[tag] = kind, many, place

    def __contains__(self, tag: int) -> bool:
        """Return whether the page has this tag."""
        return tag in self._entries

    def count(self, tag: int) -> int:
        """Return how many values a tag has."""
        return self._entries.get(tag, (0, 0, 0))[1]

    def numbers(self, tag: int, most: int) -> tuple[int, ...]:
        """Return the first whole numbers of a tag; none if it has other values."""
        kind, count, place = self._entries.get(tag, (0, 0, 0))
        if kind not in _NUMBERS:
            return ()
        code = f"{self.order}{min(count, most)}{_NUMBERS[kind]}"
        return struct.unpack_from(code, self.data, place)

    def number(self, tag: int, default: int) -> int:
        """Return the first whole number of a tag."""
        return (*self.numbers(tag, 1), default)[0]

    def octets(self, tag: int) -> bytes:
        """Return the bytes of a tag whose values are bytes."""
        _, count, place = self._entries.get(tag, (0, 0, 0))
        return self.data[place : place + count]


@dataclass(frozen=True, slots=True)
class Layout:
    """What the pixels of a page are."""

    width: int
    height: int
    photometric: int  # -1 if nothing says it
    compression: int
    predictor: int
    fill_order: int
    samples: int  # of a pixel
    planar: bool
    bits: int  # of a sample
    format: int  # SampleFormat
    colours: int  # how many samples are colours
    alpha: int | None  # which sample is the transparency
    premultiplied: bool
    usual: bool  # Pillow finds its extra samples and sample formats in its table
    mixed: bool  # samples of different kinds
    order: str  # of bytes, as struct has it
    mirrored: bool  # a BigTIFF that starts with the larger byte, which Pillow does not open

    @property
    def is_plain(self) -> bool:
        """Whether Pillow decodes it, or finds out what is wrong with it."""
        if self.compression in _OF_PIXELS or not 0 < self.colours <= self.samples:
            return True
        if self.fill_order == 2 and (self.samples > 1 or self.bits > 8):
            return False
        kind = self.photometric, self.samples, self.bits
        known = kind in _PLAIN
        if self.format != UNSIGNED:  # Pillow turns the bytes of these that libtiff has turned
            turned_twice = self.order == ">" and self.compression != 1
            known = kind == (BLACK_IS_ZERO, 1, 32) and not turned_twice
        return self.usual and not self.planar and known

    @property
    def missing(self) -> str:
        """What is not supported, and what to do; empty if nothing is missing."""
        if self.compression not in _OF_BYTES | _OF_PIXELS:
            name = _OTHER_COMPRESSIONS.get(self.compression, f"unknown ({self.compression})")
            return f"{name} compression is not supported; save it with LZW or Deflate"
        if self.photometric >= 0 and self.photometric not in _COLOURS:
            name = _OTHER_COLOURS.get(self.photometric, f"unknown colours ({self.photometric})")
            return f"{name} is not supported; save it as RGB"
        if self.compression in (6, 7) and self.bits != 8:
            return f"{self.bits}-bit JPEG is not supported; {_ADVICE}"
        if self.compression in _OF_PIXELS and self.mirrored:
            return "JPEG or CCITT in a big-endian BigTIFF is not supported; save it with Deflate"
        if self.compression == 7 and self.colours and not self._is_usual_jpeg:
            return f"JPEG of {self.samples} samples a pixel is not supported; save it with Deflate"
        if self.is_plain:
            return ""
        if self.mixed:
            return f"samples of different kinds is not supported; {_ADVICE}"
        if self.photometric == YCBCR:
            return f"{self._kind} in this layout is not supported; save it as RGB"
        if self.predictor not in ((1, 2, 3) if self.format == FLOAT else (1, 2)):
            return f"predictor {self.predictor} is not supported; save it with LZW or Deflate"
        return "" if self._is_known else f"{self._kind} is not supported; {_ADVICE}"

    @property
    def _is_usual_jpeg(self) -> bool:
        """Whether Pillow has a mode for the pixels of a JPEG in a TIFF."""
        transparent = self.photometric in _GREYS and self.samples == 2 and not self.premultiplied
        kind = self.photometric, self.samples, self.bits
        return self.usual and (kind in _PLAIN or (transparent and self.alpha is not None))

    @property
    def _is_known(self) -> bool:
        """Whether Lookalike decodes such samples without Pillow's help."""
        whole = self.bits in (8, 16, 32, 64)
        known = {
            UNSIGNED: whole or (self.bits < 32 and self.predictor == 1),
            SIGNED: whole,
            FLOAT: whole and self.bits > 8,
        }.get(self.format, False)
        if self.photometric == PALETTE:
            return known and self.format == UNSIGNED and self.bits <= 16
        if self.photometric in (LAB, ICC_LAB):
            return known and self.format != FLOAT and self.bits in (8, 16)
        return known

    @property
    def _kind(self) -> str:
        names = {RGB: "RGB", PALETTE: "palette", CMYK: "CMYK", YCBCR: "YCbCr", LAB: "L*a*b*"}
        name = names.get(self.photometric, "grey")
        return f"{self.bits}-bit {_KINDS.get(self.format, 'unknown ')}{name}"


def layout(tags: Directory) -> Layout:
    """Return what the tags of a page say about its pixels."""
    photometric = tags.number(262, -1)
    compression = tags.number(259, 1)
    samples = tags.number(277, 1)
    known = min(samples, _MAX_SAMPLES)
    bits = set(tags.numbers(258, known)) or {1}
    stored_formats = set(tags.numbers(339, known))
    # What is undefined is whole; and bytes marked as signed are not, for Pillow and libvips too.
    same = (4, SIGNED) if max(bits) == 8 else (4,)
    formats = {UNSIGNED if kind in same else kind for kind in stored_formats} or {UNSIGNED}
    colours = _COLOURS.get(photometric, 0)
    # What one more sample is, if nothing says it, is taken for transparency, as Pillow does; next
    # to inks it is one more ink.
    unnamed = () if photometric == CMYK else (2,)
    extras = tags.numbers(338, _MAX_SAMPLES) if 338 in tags else unnamed
    alphas = [at for at, kind in enumerate(extras, colours) if kind in _ALPHAS and at < samples]
    has_alpha = alphas and photometric in (*_GREYS, RGB, PALETTE, CMYK)
    extra_kinds = (0, 1, 2, 999) if max(bits) == 8 else (0, 1, 2)
    in_table = len(extras) == samples - colours and set(extras) <= set(extra_kinds)
    usual = in_table or 338 not in tags
    return Layout(
        width=tags.number(256, 0),
        height=tags.number(257, 0),
        photometric=photometric,
        compression=compression,
        predictor=tags.number(317, 1) if compression in _PREDICTED else 1,
        fill_order=tags.number(266, 1),
        samples=samples,
        planar=tags.number(284, 1) == 2 and samples > 1,
        bits=max(bits),
        format=max(formats),
        colours=colours,
        alpha=alphas[0] if has_alpha else None,
        premultiplied=bool(has_alpha) and 1 in extras,
        usual=usual and not stored_formats & set(same) and not tags.mirrored,
        mixed=len(bits) > 1 or len(formats) > 1,
        order=tags.order,
        mirrored=tags.mirrored,
    )
