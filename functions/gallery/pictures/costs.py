"""What opening a file would cost, read from its layout before any decoder sees it.

A damaged layout passes: the decoder will report it. Depends on errors and limits only.
"""

import re
import struct
from collections.abc import Iterator

from functions.gallery.errors import PictureTooLarge, UndecodablePicture
from functions.gallery.pictures.limits import over_limit

# The most for decoders written in Python, at up to 1 microsecond a pixel: a full HD screen.
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
_DAMAGED = (struct.error, IndexError, OverflowError)  # the file points beyond its end
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_ALONE = {*range(0x01, 0xC0), 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}  # without a length
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_EXIF, _START_OF_SCAN, _END_OF_IMAGE = 0xE1, 0xDA, 0xD9
_PNG_SIZE = rb"IHDR(?P<png>.{8})"
_JPEG2000_SIZE = rb"ihdr(?P<box>.{8})|\xff\x4f\xff\x51.{4}(?P<stream>.{8})"
_NESTED_SIZE = re.compile(_PNG_SIZE + b"|" + _JPEG2000_SIZE, re.DOTALL)
_COMMENT = re.compile(rb"#[^\r\n]*")
_PNM_STARTS = (*(b"P%d" % n for n in range(1, 7)), b"Pf", b"P0CMYK", b"PyCMYK", b"PyP", b"PyRGBA")
_TIFF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TIFF_BYTES |= {16: 8, 17: 8, 18: 8}
_TIFF_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def check_layout(data: bytes, max_memory_bytes: int) -> int:
    """Raise PictureTooLarge or UndecodablePicture for a file that costs too much to open.

    Returns the bytes of memory per pixel that a JPEG's coefficients take; 0 if it is decoded in one
    pass, row by row, and for other formats.
    """
    if data.startswith(_SLOW_STARTS) and len(data) > MAX_SLOW_BYTES:
        raise over_limit(f"{len(data)} bytes of this format", f"{MAX_SLOW_BYTES} bytes")
    try:
        if data.startswith(b"\xff\xd8"):
            return _check_jpeg(data)
        if data.startswith((b"II", b"MM")):
            _check_tiff(data, max_memory_bytes)
        elif data.startswith((b"\x00\x00\x01\x00", b"icns")):
            _check_icon(data)
        elif data.startswith(b"\x89PNG"):
            _check_png(data)
        elif data.startswith(b"GIF8"):
            _check_gif(data)
        elif data.startswith(_PNM_STARTS):
            _check_pnm(data)
    except _DAMAGED:
        pass
    return 0


def tags_overlap(block: bytes) -> bool:
    """Return whether a TIFF or EXIF directory names far more bytes than its block holds.

    Pillow would copy them all.
    """
    try:
        named = sum(size for _, _, _, size in _tiff_tags(block.removeprefix(b"Exif\x00\x00")))
    except _DAMAGED:
        return False
    return named > 2 * len(block) + 1_000


def _check_jpeg(data: bytes) -> int:
    exif, fill, end = [], 0, 2
    colours, progressive, scan = 0, False, None
    for number, (marker, start, stop) in enumerate(_jpeg_segments(data)):
        fill += start - 2 - end
        end = stop
        if number > _MAX_JPEG_SEGMENTS or fill > _MAX_FILL:
            raise _odd("JPEG", "too many segments, or too much between them")
        if marker == _EXIF and data[start + 2 : start + 8] == b"Exif\x00\x00":
            exif.append(data[start + 8 : stop])
        elif marker in _FRAMES and not progressive:
            colours, progressive = _byte(data, start + 7), marker in _PROGRESSIVE
        elif marker == _START_OF_SCAN:
            scan = start
    if scan is None and len(data) - end > _MAX_FILL:
        raise _odd("JPEG", "no scan")
    if exif and tags_overlap(b"".join(exif)):
        raise _odd("JPEG", "EXIF tags that overlap")
    # Decoded in one pass if the first scan has all colours. libjpeg reads one scan of such a file
    # and refuses a second itself; counting the scans of every photo would cost 1 ms for each MB.
    if not progressive and (scan is None or _byte(data, scan + 2) >= colours):
        return 0
    if scan is not None and _count_scans(data, scan) > _MAX_JPEG_SCANS:
        raise _odd("JPEG", f"more than {_MAX_JPEG_SCANS} scans")
    return 2 * colours


def _odd(format: str, what: str) -> UndecodablePicture:
    return UndecodablePicture(f"The {format} has {what}; save it again with another program")


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan, as Pillow reads them."""
    end = 2
    while found := _MARKER.search(data, end):
        marker, start = data[found.end() - 1], found.end()
        end = start if marker in _ALONE else _segment_end(data, start)
        yield marker, start, end
        if marker == _START_OF_SCAN:
            return


def _segment_end(data: bytes, start: int) -> int:
    return start + int.from_bytes(data[start : start + 2], "big")


def _count_scans(data: bytes, at: int) -> int:
    """Count the scans up to the picture's end, as libjpeg reads them; a film can follow it."""
    scans = 1
    while scans <= _MAX_JPEG_SCANS and (found := _SCAN_END.search(data, at)):
        marker, at = data[found.end() - 1], found.end()
        if marker == _END_OF_IMAGE:
            break
        if marker not in _ALONE:
            at = _segment_end(data, at)
        scans += marker == _START_OF_SCAN
    return scans


def _check_png(data: bytes) -> None:
    at = 8
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return
        at += 12 + int(struct.unpack_from(">I", data, at)[0])
    raise _odd("PNG", f"more than {_MAX_CHUNKS} chunks")


def _check_gif(data: bytes) -> None:
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    blocks = 0
    while data[at] == 0x21:
        at += 2
        while length := data[at]:
            at += 1 + length
            blocks += 1
            if blocks > _MAX_CHUNKS:
                raise _odd("GIF", f"more than {_MAX_CHUNKS} blocks before its picture")
        at += 1


def _check_pnm(data: bytes) -> None:
    """Size and depth come first; Pillow looks for them byte by byte, through any comment."""
    words = _COMMENT.sub(b"", data[:_MAX_FILL]).split(maxsplit=4)
    if len(words) < (3 if data[:2] in (b"P1", b"P4") else 4) and len(data) > _MAX_FILL:
        raise _odd("PNM", "no size at its start")


def _check_icon(data: bytes) -> None:
    for found in _NESTED_SIZE.finditer(data):
        width, height = struct.unpack(">II", found[found.lastgroup or 0])
        if width * height > _MAX_ICON_PIXELS:
            raise over_limit(f"{width} x {height} px in an icon", f"{_MAX_ICON_PIXELS} px")


def _check_tiff(data: bytes, max_memory_bytes: int) -> None:
    tags: dict[int, int] = {}
    parts = named = 0
    for tag, count, value, size in _tiff_tags(data):
        tags[tag] = max(tags.get(tag, 0), value)
        named += size
        if tag in (273, 279, 324, 325):  # offsets and lengths of strips and tiles
            parts = max(parts, count)
    if parts > _MAX_TIFF_PARTS:
        raise over_limit(f"{parts} strips or tiles of a TIFF", str(_MAX_TIFF_PARTS))
    width, height = tags.get(256, 0), tags.get(257, 0)
    strip = width * min(height, tags.get(278) or height)
    tile = tags.get(322, 0) * tags.get(323, 0)
    # libtiff decodes a tile or strip whole, next to the picture, with colours of more than 8 bits.
    # YCbCr (262: 6) is returned as 4 bytes a pixel whatever is stored.
    depth = tags.get(277, 1) * ((tags.get(258, 1) + 7) // 8)
    stored = max(depth, 4 if tags.get(262) == 6 else 1)
    memory = width * height * (4 if stored > 1 else 1) + max(strip, tile) * stored
    if memory > max_memory_bytes:
        needed = f"{memory // 10**6} MB of memory for {width} x {height} px in such large parts"
        raise over_limit(needed, f"{max_memory_bytes // 10**6} MB")
    if named > 2 * len(data) + 1_000:
        raise PictureTooLarge("The TIFF has tags that overlap; save it with another program")


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, count, first value (0 if not a whole number) and bytes outside the directory."""
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
