"""Write small TIFFs of every kind with struct and zlib, so that no test needs a TIFF library."""

import lzma
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NONE, LZW, DEFLATE, PACKBITS, LZMA = 1, 5, 8, 32_773, 34_925
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, LAB = 0, 1, 2, 3, 5, 8
_CODES = {1: "B", 3: "H", 4: "I", 7: "B"}
_FORMATS = {"u": 1, "b": 1, "i": 2, "f": 3, "c": 6}
Tag = tuple[int, Sequence[int]]  # type and values; bytes are a sequence, too


@dataclass(frozen=True)
class Page:
    """The tags of a page and its parts, which are strips or tiles."""

    byteorder: str
    tags: dict[int, Tag]
    parts: list[bytes]


def tiff(pixels: NDArray[np.generic], *, big: bool = False, **options: Any) -> bytes:
    """Return a TIFF of one page; `options` are those of a page."""
    return joined([page(pixels, **options)], big=big)


def page(
    pixels: NDArray[np.generic],
    *,
    photometric: int,
    bits: int = 0,
    planar: bool = False,
    tile: tuple[int, int] | None = None,
    rows_per_strip: int = 7,
    compression: int = NONE,
    predictor: int = 1,
    extra_samples: Sequence[int] = (),
    sample_format: int = 0,
    byteorder: str = "<",
    fill_order: int = 1,
    subfile_type: int = 0,
    tags: dict[int, Tag] | None = None,
) -> Page:
    """Return a page of (height, width) or (height, width, samples) numbers.

    `bits` packs whole numbers more tightly than their type does; `tile` is height and width; `tags`
    are more tags, or other values, each with its type.
    """
    samples = pixels if pixels.ndim == 3 else pixels[..., None]
    height, width, count = samples.shape
    bits = bits or 8 * samples.dtype.itemsize
    planes = [samples[..., k : k + 1] for k in range(count)] if planar else [samples]
    parts = [
        _compressed(_part(part, bits, predictor, byteorder), compression, fill_order)
        for plane in planes
        for part in (_tiles(plane, *tile) if tile else _strips(plane, rows_per_strip))
    ]
    entries: dict[int, Tag] = {
        254: (4, [subfile_type]),
        256: (4, [width]),
        257: (4, [height]),
        258: (3, [bits] * count),
        259: (3, [compression]),
        262: (3, [photometric]),
        266: (3, [fill_order]),
        277: (3, [count]),
        284: (3, [2 if planar else 1]),
        339: (3, [sample_format or _FORMATS[samples.dtype.kind]] * count),
    }
    if predictor > 1:
        entries[317] = (3, [predictor])
    if extra_samples:
        entries[338] = (3, list(extra_samples))
    entries |= {322: (4, [tile[1]]), 323: (4, [tile[0]])} if tile else {278: (4, [rows_per_strip])}
    return Page(byteorder, entries | (tags or {}), parts)


def joined(pages: Sequence[Page], *, big: bool = False) -> bytes:
    """Return a TIFF, or a BigTIFF, of these pages, which have one byte order."""
    order = pages[0].byteorder
    word, counter, room = ("Q", "Q", 8) if big else ("I", "H", 4)
    data = bytearray(b"II" if order == "<" else b"MM")
    data += struct.pack(order + "HHH", 43, 8, 0) if big else struct.pack(order + "H", 42)
    for each in pages:
        link = len(data)  # the place of the page's directory is written here, below
        data += bytes(room)
        offsets = []
        for part in each.parts:
            offsets.append(len(data))
            data += part + bytes(len(part) % 2)
        names = (324, 325) if 322 in each.tags else (273, 279)
        lengths = [len(part) for part in each.parts]
        tags = dict(zip(names, ((4, offsets), (4, lengths)), strict=True)) | each.tags
        entries = b""
        for tag, (kind, values) in sorted(tags.items()):
            value = struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)
            if len(value) > room:
                place = struct.pack(order + word, len(data))
                data += value + bytes(len(value) % 2)
                value = place
            entries += struct.pack(order + "HH" + word, tag, kind, len(values))
            entries += value.ljust(room, b"\0")
        data[link : link + room] = struct.pack(order + word, len(data))
        data += struct.pack(order + counter, len(tags)) + entries
    return bytes(data + bytes(room))


def _strips(plane: NDArray[np.generic], rows: int) -> list[NDArray[np.generic]]:
    return [plane[top : top + rows] for top in range(0, plane.shape[0], rows)]


def _tiles(plane: NDArray[np.generic], rows: int, columns: int) -> list[NDArray[np.generic]]:
    height, width, _ = plane.shape
    padded = np.pad(plane, ((0, -height % rows), (0, -width % columns), (0, 0)))
    return [
        padded[top : top + rows, left : left + columns]
        for top in range(0, height, rows)
        for left in range(0, width, columns)
    ]


def _part(part: NDArray[np.generic], bits: int, predictor: int, order: str) -> bytes:
    rows, columns, count = part.shape
    itemsize = part.dtype.itemsize
    if bits != 8 * itemsize:
        shifts = np.arange(bits)[::-1]
        ones = part.reshape(rows, -1, 1).astype(np.uint64) >> shifts.astype(np.uint64) & 1
        return np.packbits(ones.reshape(rows, -1).astype(np.uint8), axis=1).tobytes()
    if predictor == 3:
        in_planes = part.astype(part.dtype.newbyteorder(">")).reshape(rows, -1)
        octets = in_planes.view(np.uint8).reshape(rows, columns * count, itemsize)
        row = octets.transpose(0, 2, 1).reshape(rows, -1, count)
        return np.diff(row, axis=1, prepend=np.uint8(0)).astype(np.uint8).tobytes()
    if predictor == 2:
        whole = np.ascontiguousarray(part).view(f"u{itemsize}")
        part = np.diff(whole, axis=1, prepend=whole.dtype.type(0))
    return part.astype(part.dtype.newbyteorder(order)).tobytes()


def _compressed(data: bytes, compression: int, fill_order: int) -> bytes:
    packed = _COMPRESSIONS[compression](data)
    if fill_order == 2:
        ones = np.unpackbits(np.frombuffer(packed, np.uint8)).reshape(-1, 8)
        return np.packbits(ones[:, ::-1]).tobytes()
    return packed


def _packbits(data: bytes) -> bytes:
    """Store runs of 128 literal bytes: longer than the data, but valid."""
    runs = [data[at : at + 128] for at in range(0, len(data), 128)]
    return b"".join(bytes([len(run) - 1]) + run for run in runs)


def _lzw(data: bytes) -> bytes:
    """Store each byte as a code of nine bits, and clear the table before it needs ten."""
    codes = []
    for at, byte in enumerate(data):
        codes += [256, byte] if at % 250 == 0 else [byte]
    ones = "".join(f"{code:09b}" for code in [*codes, 257])
    ones += "0" * (-len(ones) % 8)
    return int(ones, 2).to_bytes(len(ones) // 8, "big")


_COMPRESSIONS: dict[int, Callable[[bytes], bytes]] = {
    NONE: bytes,
    LZW: _lzw,
    DEFLATE: zlib.compress,
    PACKBITS: _packbits,
    LZMA: lzma.compress,
}
