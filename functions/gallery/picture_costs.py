"""Tells from the first bytes what opening a file would cost, before any decoder sees it.

Knows the layout of files, no decoder; says why a file costs too much, or None.
"""

import re
import struct
from collections.abc import Callable, Iterator

# What decoders written in Python may get, at up to 1 microsecond a pixel: a full HD screen.
MAX_SLOW_PIXELS = 2_100_000
MAX_SLOW_BYTES = 6_000_000
# Photos have about 20; Pillow reads segments and the bytes between them one by one, in Python.
_MAX_JPEG_SEGMENTS, _MAX_FILL = 500, 65_536
# Encoders write about ten; each scan costs a pass over all pixels.
_MAX_JPEG_SCANS = 100
_MAX_CHUNKS = 50_000  # 20 MB in chunks of 8 kB, which many encoders write, are 2,500
_MAX_TIFF_PARTS = 100_000
_MAX_ICON_PIXELS = 1_100_000  # the largest that ICNS defines has 1024 x 1024

_SLOW_STARTS = (b"/* XPM", b"P1", b"P2", b"P3", b"\x00\x00\x01\x00", b"\x00\x00\x02\x00", b"icns")
_DAMAGED = (struct.error, IndexError, OverflowError)  # reading where the file says, beyond its end
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_ALONE = {*range(0x01, 0xC0), 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}  # without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PNG_SIZE = rb"IHDR(?P<png>.{8})"
_JPEG2000_SIZE = rb"ihdr(?P<box>.{8})|\xff\x4f\xff\x51.{4}(?P<stream>.{8})"
_NESTED_SIZE = re.compile(_PNG_SIZE + b"|" + _JPEG2000_SIZE, re.DOTALL)
_COMMENT = re.compile(rb"#[^\r\n]*")
_TIFF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TIFF_BYTES |= {16: 8, 17: 8, 18: 8}
_TIFF_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def excess(data: bytes, max_memory_bytes: int) -> str | None:
    """Say what of a file would cost too much time or memory to open, or None."""
    if data.startswith(_SLOW_STARTS) and len(data) > MAX_SLOW_BYTES:
        return f"{len(data)} bytes are over the limit of {MAX_SLOW_BYTES} for this format"
    try:
        if data.startswith((b"II", b"MM")):
            return _tiff_excess(data, max_memory_bytes)
        if data.startswith((b"\x00\x00\x01\x00", b"icns")):
            return _icon_excess(data)
    except _DAMAGED:  # cut off or damaged: the decoder will say so
        return None
    return None


def absurdity(data: bytes) -> str | None:
    """Say which part a file has so often as no picture has it, so that reading takes long."""
    look = next((look for start, look in _LOOKS if data.startswith(start)), None)
    try:
        return look(data) if look else None
    except _DAMAGED:
        return None


def jpeg_bytes_a_pixel(data: bytes) -> int:
    """Give the coefficients' memory a pixel; 0 if a JPEG is decoded in one pass, row by row.

    Whole in memory lie progressive pictures and those whose first scan has not all colours.
    """
    colours = 0
    for marker, at in _jpeg_segments(data):
        if marker in _FRAMES:
            colours = data[at + 7]
            if marker in (0xC2, 0xC6, 0xCA, 0xCE):
                return 2 * colours
        elif marker == 0xDA:
            return 2 * colours if data[at + 2] < colours else 0
    return 0


def directory_excess(block: bytes) -> str | None:
    """Say whether a TIFF or EXIF directory names more than its block holds (it would be copied)."""
    try:
        named = sum(size for _, _, _, size in _tiff_tags(block.removeprefix(b"Exif\x00\x00")))
    except _DAMAGED:
        return None
    return "its tags overlap" if named > 2 * len(block) + 1_000 else None


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Give each marker up to the first scan and the place after it, as Pillow reads them."""
    at = 2
    while found := _MARKER.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        yield marker, at
        if marker == 0xDA:
            return
        if marker not in _ALONE:
            at += struct.unpack_from(">H", data, at)[0]


def _jpeg_absurdity(data: bytes) -> str | None:
    exif, last, fill, first_scan = [], 2, 0, len(data)
    for number, (marker, at) in enumerate(_jpeg_segments(data)):
        fill += at - 2 - last
        last = at
        if marker not in _ALONE:
            length = struct.unpack_from(">H", data, at)[0]
            last = at + length
            if marker == 0xE1 and data[at + 2 : at + 8] == b"Exif\x00\x00":
                exif.append(data[at + 8 : last])
        if number > _MAX_JPEG_SEGMENTS or fill > _MAX_FILL:
            return "a JPEG of so many segments or so much between them is not a photo"
        if marker == 0xDA:
            first_scan = at
    if first_scan == len(data) and len(data) - last > _MAX_FILL:
        return "a JPEG without a scan is not a photo"
    # libjpeg reads one scan only where the first has all colours, and refuses a second by itself;
    # looking for more in every photo would cost 1 ms for each MB.
    if jpeg_bytes_a_pixel(data) and _jpeg_scans(data, first_scan) > _MAX_JPEG_SCANS:
        return f"a JPEG of more than {_MAX_JPEG_SCANS} scans is not a photo"
    return directory_excess(b"".join(exif)) if exif else None


def _jpeg_scans(data: bytes, at: int) -> int:
    """Count the scans up to the picture's end, as libjpeg meets them; a film may follow it."""
    scans = 1
    while found := _SCAN_END.search(data, at):
        marker, at = data[found.end() - 1], found.end()
        if marker == 0xD9:
            break
        if marker not in _ALONE:
            at += struct.unpack_from(">H", data, at)[0]
        scans += marker == 0xDA
        if scans > _MAX_JPEG_SCANS:
            break
    return scans


def _png_absurdity(data: bytes) -> str | None:
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return None
        at += 12 + int(struct.unpack_from(">I", data, at)[0])
    return f"a PNG of more than {_MAX_CHUNKS} chunks is not a picture"


def _gif_absurdity(data: bytes) -> str | None:
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    blocks = 0
    while data[at] == 0x21:
        at += 2
        while length := data[at]:
            at += 1 + length
            blocks += 1
            if blocks > _MAX_CHUNKS:
                return f"a GIF of more than {_MAX_CHUNKS} blocks before its picture is not one"
        at += 1
    return None


def _pnm_absurdity(data: bytes) -> str | None:
    """Size and depth come first; Pillow looks for them byte by byte, through any comment."""
    words = _COMMENT.sub(b"", data[:_MAX_FILL]).split(maxsplit=4)
    if len(words) < (3 if data[:2] in (b"P1", b"P4") else 4) and len(data) > _MAX_FILL:
        return "a PNM without its size at the start is not a picture"
    return None


def _icon_excess(data: bytes) -> str | None:
    for found in _NESTED_SIZE.finditer(data):
        width, height = struct.unpack(">II", found[found.lastgroup or 0])
        if width * height > _MAX_ICON_PIXELS:
            return f"an icon of {width} x {height} px is over the limit of {_MAX_ICON_PIXELS} px"
    return None


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Give tag, count, first value (0 if no whole number) and bytes of the first directory."""
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\x00", b"\x00+")
    word, short, entry = ("Q", 8, 20) if big else ("I", 4, 12)
    start = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    entries = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    first = start + (8 if big else 2)
    for at in range(first, min(first + entries * entry, len(data) - entry + 1), entry):
        tag, kind, count = struct.unpack_from(order + "HH" + word, data, at)
        size = _TIFF_BYTES.get(kind, 0) * count
        place = at + 4 + short
        if size > short:
            place = struct.unpack_from(order + word, data, place)[0]
        code = _TIFF_WHOLE_NUMBERS.get(kind)
        fits = code is not None and count > 0 and place + struct.calcsize(code) <= len(data)
        value = struct.unpack_from(order + str(code), data, place)[0] if fits else 0
        # What reaches past the end is not read.
        yield tag, count, value, size if size > short and place + size <= len(data) else 0


def _tiff_excess(data: bytes, max_memory_bytes: int) -> str | None:
    tags: dict[int, int] = {}
    parts = 0
    for tag, count, value, _ in _tiff_tags(data):
        tags[tag] = max(tags.get(tag, 0), value)
        if tag in (273, 279, 324, 325):  # offsets and lengths of strips and tiles
            parts = max(parts, count)
    if parts > _MAX_TIFF_PARTS:
        return f"a TIFF of more than {_MAX_TIFF_PARTS} strips or tiles is not a picture"
    width, height = tags.get(256, 0), tags.get(257, 0)
    strip = width * min(height, tags.get(278) or height)
    tile = tags.get(322, 0) * tags.get(323, 0)
    # libtiff decodes a tile or strip whole, beside the picture; colours beyond 8 bits stay so.
    # YCbCr (262: 6) comes as 4 bytes a pixel whatever is stored.
    stored = max(tags.get(277, 1) * ((tags.get(258, 1) + 7) // 8), 4 if tags.get(262) == 6 else 1)
    kept = 4 if stored > 1 else 1
    memory = width * height * kept + max(strip, tile) * stored
    if memory > max_memory_bytes:
        return f"{width} x {height} px in such large parts need {memory // 10**6} MB of memory"
    return directory_excess(data)


_LOOKS: tuple[tuple[bytes, Callable[[bytes], str | None]], ...] = (
    (b"\xff\xd8", _jpeg_absurdity),
    (b"\x89PNG", _png_absurdity),
    (b"GIF8", _gif_absurdity),
    *((b"P%d" % kind, _pnm_absurdity) for kind in range(1, 7)),
    *((start, _pnm_absurdity) for start in (b"Pf", b"P0CMYK", b"PyCMYK", b"PyP", b"PyRGBA")),
)
