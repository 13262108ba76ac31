"""TIFF pictures that Pillow has no mode for: floats, 12, 24 and 32 bits, planes, white is zero.

Their rows are presented to Pillow as grey bytes, so that libtiff decompresses them, and become
samples of 8 bits here. Depends on Pillow, numpy, errors, limits and tiff.
"""

import io
import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, TiffImagePlugin

from functions.gallery.errors import DamagedPicture, UnsupportedFormat
from functions.gallery.pictures.bounds import BoundedFile
from functions.gallery.pictures.costs import missing_in_jpeg
from functions.gallery.pictures.limits import over_limit
from functions.gallery.pictures.tiff import (
    CMYK,
    FLOAT,
    ICC_LAB,
    LAB,
    PALETTE,
    RGB,
    UNSIGNED,
    WHITE_IS_ZERO,
    YCBCR,
    Directory,
    Layout,
    layout,
)

_JPEG = 7  # Compression
_BAND_SAMPLES = 500_000  # 12 MB of temporary numbers
_MODES = {RGB: "RGB", PALETTE: "RGB", CMYK: "CMYK", LAB: "LAB", ICC_LAB: "LAB"}
_LETTERS = {1: "u", 2: "i", 3: "f"}  # of numpy, by SampleFormat

Levels = tuple[tuple[float, float], tuple[float, float]]  # black and white: colours, transparency
Octets = NDArray[np.uint8]
Samples = NDArray[Any]  # (rows, columns, samples), numbers of any kind


def open_samples(data: bytes, max_memory_bytes: int) -> Image.Image | None:
    """Return a picture that is decoded here when it is loaded, or None if Pillow decodes it.

    Raises UnsupportedFormat for a kind that neither decodes, PictureTooLarge, or DamagedPicture
    if parts of the picture are missing.
    """
    try:
        tags = Directory(data)
        kind = layout(tags)
    except (struct.error, OverflowError):
        return None  # Pillow says what it makes of it
    if kind.missing:
        raise UnsupportedFormat(f"TIFF with {kind.missing}")
    if kind.compression == _JPEG and (missing := missing_in_jpeg(_first_part(tags))):
        raise UnsupportedFormat(
            f"TIFF with {missing} is not supported; save it with LZW or Deflate"
        )
    if not kind.is_plain:
        return _SampledTiff(tags, kind, max_memory_bytes)
    is_raw = kind.photometric == YCBCR and kind.compression == 1
    return _open_subsampled(data) if is_raw and tags.numbers(530, 2) != (1, 1) else None


def _first_part(tags: Directory) -> bytes:
    start = tags.number(324, 0) or tags.number(273, 0)
    return tags.data[start : start + (tags.number(325, 0) or tags.number(279, 0))]


def _open_subsampled(data: bytes) -> Image.Image:
    """Open a TIFF with YCbCr whose colour has fewer pixels, which is not compressed.

    Pillow reads what is not compressed without libtiff, as if the colour had as many pixels.
    """
    image = TiffImagePlugin.TiffImageFile(BoundedFile(data))
    if image.tile:
        image.use_load_libtiff = True
        image._mode = "RGB"
        box, place = (0, 0, *image._tile_size), image.tag_v2.offset
        image.tile = [ImageFile._Tile("libtiff", box, 0, ("RGBX", False, place))]
    return image


class _SampledTiff(Image.Image):
    """A TIFF that is decoded here when it is loaded."""

    format = "TIFF"

    def __init__(self, tags: Directory, kind: Layout, max_memory_bytes: int) -> None:
        super().__init__()
        self._rows: _Rows | None = _Rows(tags, kind, max_memory_bytes)
        self._mode = self._rows.mode
        self._size = kind.width, kind.height
        self.getexif()[274] = tags.number(274, 1)
        if 34_675 in tags:
            self.info["icc_profile"] = tags.octets(34_675)

    def load(self) -> Any:
        if self._rows:
            self.im = self._rows.decoded().im
            self._rows = None
        return super().load()


class _Rows:
    """Where the bytes of the pixels are, and how they become a picture."""

    def __init__(self, tags: Directory, kind: Layout, max_memory_bytes: int) -> None:
        self._data, self._order, self._kind = tags.data, tags.order, kind
        self._tiled = 322 in tags
        width, height = kind.width, kind.height
        if self._tiled:
            self._part = tags.number(322, 0), tags.number(323, 0)
        else:
            self._part = width, min(height, tags.number(278, height) or height)
        if min(*self._part, width, height) < 1:
            raise _damaged()
        self._together = 1 if kind.planar else kind.samples  # samples next to each other
        self._part_bytes = (self._part[0] * self._together * kind.bits + 7) // 8  # of a row
        across = -(-width // self._part[0])
        self._row_bytes = across * self._part_bytes
        # The samples of the picture: its colours, and its transparency.
        self._wanted = [*range(kind.colours)] + [kind.alpha] * (kind.alpha is not None)
        # Decoded bytes, the part that libtiff is at, the picture, and the file once more.
        planes = len(self._wanted) if kind.planar else 1
        decoded = planes * self._row_bytes * height
        part = self._part_bytes * self._part[1]
        memory = decoded + part + 4 * width * height + len(self._data)
        if memory > max_memory_bytes:
            needed = f"{memory // 10**6} MB of memory for {width} x {height} px of this kind"
            raise over_limit(needed, f"{max_memory_bytes // 10**6} MB")
        # 75 million bytes or numbers, and 19 million that are looked at twice, take about a second.
        numbers = len(self._wanted) * width * height * (4 if self._has_levels else 1)
        size, most = max(decoded, numbers), max_memory_bytes * 3 // 10
        if size > most:
            needed = f"{size // 10**6} MB for {width} x {height} px of this kind of TIFF"
            raise over_limit(needed, f"{most // 10**6} MB")
        self._parts = across * -(-height // self._part[1])  # of a plane
        all_parts = self._parts * (kind.samples if kind.planar else 1)
        offset_tag, length_tag = (324, 325) if self._tiled else (273, 279)
        self._offsets = tags.numbers(offset_tag, all_parts)
        self._lengths = tags.numbers(length_tag, all_parts)
        if not self._lengths:  # old programs do not write them
            self._lengths = tuple(max(0, len(self._data) - at) for at in self._offsets)
        palette = tags.numbers(320, 3 << kind.bits) if kind.photometric == PALETTE else ()
        if kind.photometric == PALETTE and len(palette) < 3 << kind.bits:
            raise _damaged()
        if not len(self._offsets) == len(self._lengths) == all_parts == tags.count(offset_tag):
            raise _damaged()
        self._palette = (np.array(palette, np.uint16).reshape(3, -1).T >> 8).astype(np.uint8)

    @property
    def mode(self) -> str:
        """The mode of the decoded picture, as Pillow names it."""
        mode = _MODES.get(self._kind.photometric, "L")
        return mode if mode == "CMYK" else mode + "A" * (self._kind.alpha is not None)

    def decoded(self) -> Image.Image:
        """Return the picture, with 8 bits a sample."""
        kind = self._kind
        if kind.planar:
            planes = [self._plane(number) for number in self._wanted if number is not None]
        else:
            planes = [self._plane(0)]
        rows = max(1, _BAND_SAMPLES // (self._row_bytes * 8 // kind.bits))
        tops = range(0, kind.height, rows)

        def band(top: int) -> Samples:
            bottom = min(top + rows, kind.height)
            parts = [self._samples(plane, top, bottom) for plane in planes]
            if kind.planar:
                return np.concatenate(parts, axis=2)
            in_front = self._wanted == [*range(len(self._wanted))]
            return parts[0][..., : len(self._wanted) if in_front else self._wanted]

        levels = self._levels(band(top) for top in tops) if self._has_levels else None
        # Pillow has "La" and "RGBa" for premultiplied colours.
        stored = self.mode.replace("A", "a") if kind.premultiplied else self.mode
        image = Image.new(self.mode, (kind.width, kind.height))
        for top in tops:
            pixels = np.ascontiguousarray(self._pixels(band(top), levels))
            size = kind.width, pixels.shape[0]
            part = Image.frombuffer(stored, size, pixels.tobytes(), "raw", stored, 0, 1)
            image.paste(part if stored == self.mode else part.convert(self.mode), (0, top))
        return image

    def _plane(self, number: int) -> Image.Image:
        """Return all bytes of a plane, row by row, as a grey picture."""
        parts = slice(number * self._parts, (number + 1) * self._parts)
        width, height = self._part
        tags: dict[int, tuple[int, ...]] = {
            256: (self._row_bytes,),
            257: (self._kind.height,),
            258: (8,),
            259: (self._kind.compression,),
            262: (1,),
            266: (self._kind.fill_order,),
            277: (1,),
        }
        if self._tiled:
            tags |= {322: (self._part_bytes,), 323: (height,)}
            tags |= {324: self._offsets[parts], 325: self._lengths[parts]}
        else:
            tags |= {273: self._offsets[parts], 278: (height,), 279: self._lengths[parts]}
        # The bomb check of Image.open counts these bytes as pixels.
        image = TiffImagePlugin.TiffImageFile(io.BytesIO(_with_directory(self._data, tags)))
        image.load()
        return image

    def _samples(self, plane: Image.Image, top: int, bottom: int) -> Samples:
        """Return the numbers of some rows of a plane."""
        octets = np.asarray(plane.crop((0, top, self._row_bytes, bottom)))
        # Each row of a tile is a row of its own, which differences start anew with.
        parts = self._part_samples(octets.reshape(-1, self._part_bytes))
        together = parts.reshape(octets.shape[0], -1, self._together)
        if together.dtype == np.float16:  # numpy is slow with these
            together = together.astype(np.float32)
        return together[:, : self._kind.width]

    def _part_samples(self, octets: Octets) -> Samples:
        """Return the numbers of some rows of strips or tiles."""
        bits, rows = self._kind.bits, octets.shape[0]
        shape = rows, self._part[0], self._together
        if self._kind.predictor == 3:  # differences of bytes; the first bytes of all numbers first
            sums = octets.reshape(rows, -1, self._together).cumsum(axis=1, dtype=np.uint8)
            numbers = np.empty((rows, shape[1] * shape[2], bits // 8), np.uint8)
            for place in range(bits // 8):  # a transposed copy takes four times as long
                numbers[..., place] = sums.reshape(rows, bits // 8, -1)[:, place]
            return numbers.view(f">f{bits // 8}").reshape(shape).astype(f"f{bits // 8}")
        if bits not in (8, 16, 32, 64):
            return _unpacked(octets, bits, self._order)[:, : shape[1] * shape[2]].reshape(shape)
        signed = self._kind.photometric not in (LAB, ICC_LAB)
        kind = np.dtype(f"{_LETTERS[self._kind.format if signed else UNSIGNED]}{bits // 8}")
        stored = np.ascontiguousarray(octets).view(f"{self._order}u{bits // 8}").reshape(shape)
        if self._kind.predictor == 2:
            stored = stored.cumsum(axis=1, dtype=f"u{bits // 8}")
        return stored.astype(f"u{bits // 8}", copy=False).view(kind)

    @property
    def _has_levels(self) -> bool:
        """Whether what is black and white depends on the numbers of the picture."""
        if self._kind.photometric in (PALETTE, LAB, ICC_LAB):
            return False
        return self._kind.format != UNSIGNED or self._kind.bits >= 32

    def _levels(self, bands: Iterable[Samples]) -> Levels:
        """Return the numbers of black and white: of colours, and of transparency."""
        low, high = [np.inf, np.inf], [-np.inf, -np.inf]
        for band in bands:
            for which, part in enumerate(self._apart(band)):
                for extreme, into, better in ((np.min, low, min), (np.max, high, max)):
                    if part.size:
                        into[which] = better(into[which], _finite(extreme, part))
        # As in colour.py: a usual white if all numbers are below it, else the greatest of them.
        whites: list[float] = [1, 255, 65_535] if self._kind.format == FLOAT else [255, 65_535]
        greatest = 2**self._kind.bits - 1
        if self._kind.format == UNSIGNED and high[0] > greatest / 4:  # ImageMagick writes these
            whites.append(greatest)
        black, white = min(0.0, low[0]), high[0]
        fits = next((each for each in whites if black == 0 and white <= each), None)
        opaque = next((each for each in whites if high[1] <= each), high[1])
        return (0.0, fits) if fits else (low[0], white), (0.0, opaque)

    def _apart(self, samples: Samples) -> tuple[Samples, Samples]:
        """Return colours and transparency."""
        return samples[..., : self._kind.colours], samples[..., self._kind.colours :]

    def _pixels(self, samples: Samples, levels: Levels | None) -> Octets:
        """Return some rows as Pillow has them in this mode."""
        kind = self._kind
        stored, stored_alpha = self._apart(samples)
        alpha = _in_8_bits(stored_alpha, kind.bits, levels and levels[1])
        if kind.photometric == PALETTE:
            colours = self._palette[stored[..., 0]]
        else:
            colours = _in_8_bits(stored, kind.bits, levels and levels[0])
        if kind.photometric == WHITE_IS_ZERO:
            colours = ~colours
        if kind.photometric == ICC_LAB:  # a and b are not signed
            colours = colours ^ np.array([0, 128, 128], np.uint8)
        if kind.photometric == CMYK and alpha.size:  # printed on white: less of each ink
            return colours if kind.premultiplied else (colours * (alpha / 255)).astype(np.uint8)
        return np.concatenate((colours, alpha), axis=2) if alpha.size else colours


def _finite(extreme: Callable[..., Any], numbers: Samples) -> float:
    """Return the least or greatest number, without infinities and what is not a number."""
    found = float(extreme(numbers))
    if np.isfinite(found):
        return found
    finite = numbers[np.isfinite(numbers)]
    return float(extreme(finite)) if finite.size else 0.0


def _in_8_bits(samples: Samples, bits: int, levels: tuple[float, float] | None) -> Octets:
    """Return numbers as 0 to 255, rounded down, as Pillow does."""
    if levels is None:
        if bits < 8:
            return (samples * np.uint16(255) // ((1 << bits) - 1)).astype(np.uint8)
        return (samples >> (min(bits, 16) - 8)).astype(np.uint8)
    black, white = levels
    exact = np.float32 if samples.dtype.itemsize <= 2 or samples.dtype == np.float32 else np.float64
    with np.errstate(all="ignore"):  # of infinities
        scale = 255 / (white - black) if white > black else 0
        scaled: Samples = samples.astype(exact)
        scaled -= black
        scaled *= scale
        np.fmax(scaled, 0, out=scaled)  # what is no number becomes black
        return np.fmin(scaled, 255, out=scaled).astype(np.uint8)


def _unpacked(octets: Octets, bits: int, order: str) -> Samples:
    """Return the numbers in each row, the first 16 bits of each; eight numbers fill whole bytes."""
    rows, kept = octets.shape[0], min(bits, 16)
    if order == "<" and bits == 24:  # libtiff turns the bytes of these only
        octets = octets.reshape(rows, -1, 3)[..., ::-1].reshape(rows, -1)
    padded = np.pad(octets, ((0, 0), (0, -octets.shape[1] % bits))).reshape(rows, -1, bits)
    numbers = np.zeros((rows, padded.shape[1], 8), np.uint32 if bits > 9 else np.uint16)
    for each in range(8):
        first, last = each * bits // 8, (each * bits + kept - 1) // 8
        number = padded[..., first].astype(numbers.dtype)
        for place in range(first + 1, last + 1):
            number = number << 8 | padded[..., place]
        numbers[..., each] = number >> (8 * (last + 1) - each * bits - kept)
    return numbers.reshape(rows, -1) & ((1 << kept) - 1)


def _with_directory(data: bytes, tags: dict[int, tuple[int, ...]]) -> bytes:
    """Return a TIFF file with another directory, written behind it."""
    place = len(data) + len(data) % 2
    values_at = place + 2 + 12 * len(tags) + 4
    entries, far = [], []
    for tag, numbers in sorted(tags.items()):
        values = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            far.append(values)
            values, values_at = struct.pack("<I", values_at), values_at + len(values)
        entries.append(struct.pack("<HHI", tag, 4, len(numbers)) + values)
    count = struct.pack("<H", len(tags))
    gap = bytes(len(data) % 2)
    start = struct.pack("<2sHI", b"II", 42, place)
    return b"".join([start, data[8:], gap, count, *entries, bytes(4), *far])


def _damaged() -> DamagedPicture:
    return DamagedPicture("The TIFF file is damaged; save or send it again")
