"""What decoding a file would cost, read from its layout before any decoder sees it.

A JPEG of a kind that libjpeg or Pillow does not decode is found in the same pass. A damaged layout
passes: the decoder will report it. PNG has its own module. Depends on errors and limits only.
"""

import re
import struct
from collections.abc import Iterator
from itertools import islice

from functions.gallery.errors import PictureTooLarge, UnsupportedFormat
from functions.gallery.pictures.limits import MAX_TAGS, over_limit, overcomplicated

# Photos have about 20 segments, and less than 1 kB of tables.
_MAX_JPEG_SEGMENTS, _MAX_JPEG_TABLES = 500, 65_536
# Encoders write about ten; each scan costs a pass over all pixels.
_MAX_JPEG_SCANS = 100
_MAX_SCANNED_PIXELS = 800_000_000  # in all scans; each takes a nanosecond even if it says nothing
_USUAL_SCANS = 10
_MAX_SCAN_SEGMENTS = 10_000  # between them; each takes about a microsecond
# A HEIC of 100 million pixels has 381 tiles of 512 x 512, with less than 60 bytes each in tables.
_MAX_BOXES, _MAX_BOX_TABLES = 1_000, 40_000
_MAX_TIFF_PARTS = 100_000

_DAMAGED = (struct.error, IndexError, OverflowError)  # the file points beyond its end
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_END = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_ALONE = {*range(0x01, 0xC0), 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)}  # without a length
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_TABLES = FRAMES | {0xDB, 0xDE}  # Pillow reads quantization tables and colours one by one
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
_DEFINE_HIERARCHY, _JPEG_LS = 0xDE, 0xF7
# ITU-T T.81, table B.1: baseline, extended and progressive with Huffman coding are decoded. libjpeg
# knows arithmetic and lossless coding, but needs all bytes at once, or cannot scale.
_DECODED_FRAMES = {0xC0, 0xC1, 0xC2}
_LOSSLESS, _ARITHMETIC = {0xC3, 0xCB}, {0xC9, 0xCA}
_BOX_TABLES = b"iinf iloc iref ipma stsc stco co64 stsz stts ctts stss".split()
_PIXEL_ITEMS = (b"hvc1", b"av01", b"grid", b"iden", b"iovl", b"tmap")  # read only to decode them
_TIFF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TIFF_BYTES |= {16: 8, 17: 8, 18: 8}
_TIFF_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 16: "Q"}


def check_layout(format: str, data: bytes, max_memory_bytes: int) -> int:
    """Raise PictureTooLarge or DamagedPicture for a file that costs too much to open.

    Raises UnsupportedFormat for a JPEG of a kind that is not decoded.

    Returns the bytes of memory per pixel that a JPEG's coefficients take; 0 if it is decoded in one
    pass, row by row, and for other formats.
    """
    try:
        if format == "JPEG":
            return _check_jpeg(data)
        if format == "TIFF":
            _check_tiff(data, max_memory_bytes)
        elif format in ("AVIF", "HEIF"):
            _check_boxes(data, max_memory_bytes)
    except _DAMAGED:
        pass
    return 0


def _check_jpeg(data: bytes) -> int:
    tables = 0
    colours, pixels, progressive, scan = 0, 0, False, None
    for number, (marker, start, end) in enumerate(first_segments(data)):
        tables += end - start if marker in _TABLES else 0
        if number > _MAX_JPEG_SEGMENTS or tables > _MAX_JPEG_TABLES:
            raise overcomplicated("JPEG", "too many segments or tables")
        if missing := _missing_in_jpeg(data, marker, start):
            raise UnsupportedFormat(f"{missing} is not supported; save it as a baseline JPEG")
        if marker in FRAMES and not progressive:
            colours, progressive = _byte(data, start + 7), marker in _PROGRESSIVE
            height, width = struct.unpack_from(">HH", data, start + 3)
            pixels = width * height
        elif marker == START_OF_SCAN:
            scan = start
    # Decoded in one pass if the first scan has all colours. libjpeg reads one scan of such a file
    # and refuses a second itself; counting the scans of every photo would cost 1 ms for each MB.
    if not progressive and (scan is None or _byte(data, scan + 2) >= colours):
        return 0
    most = max(_USUAL_SCANS, min(_MAX_JPEG_SCANS, _MAX_SCANNED_PIXELS // max(1, pixels)))
    if scan is not None and _count_scans(data, scan) > most:
        raise overcomplicated("JPEG", f"more than {most} scans")
    return 2 * colours


def missing_in_jpeg(data: bytes) -> str:
    """Return what a JPEG needs that is not supported; empty if nothing, or if it is damaged."""
    segments = islice(first_segments(data), _MAX_JPEG_SEGMENTS)
    found = (_missing_in_jpeg(data, marker, start) for marker, start, _ in segments)
    return next(filter(None, found), "")


def _missing_in_jpeg(data: bytes, marker: int, start: int) -> str:
    """Return what the frame that is described in this segment needs; empty if nothing."""
    if marker == _JPEG_LS:
        return "JPEG-LS"
    if marker not in FRAMES and marker != _DEFINE_HIERARCHY:
        return ""
    if marker in _LOSSLESS:
        return "Lossless JPEG"
    if marker in _ARITHMETIC:
        return "JPEG with arithmetic coding"
    if marker not in _DECODED_FRAMES:
        return "Hierarchical JPEG"
    bits = _byte(data, start + 2)
    return f"{bits}-bit JPEG" if bits in range(9, 17) else ""


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def first_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment up to the first scan, as Pillow reads them."""
    end = 2
    while found := _MARKER.search(data, end):
        marker, start = data[found.end() - 1], found.end()
        end = start if marker in _ALONE else _segment_end(data, start)
        yield marker, start, end
        if marker == START_OF_SCAN:
            return


def _segment_end(data: bytes, start: int) -> int:
    return start + int.from_bytes(data[start : start + 2], "big")


def later_segments(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of each segment after the first scan, as libjpeg reads them.

    The last one is the end of the picture, unless that is missing; a film can follow it.
    """
    while found := _SCAN_END.search(data, at):
        marker, start = data[found.end() - 1], found.end()
        at = start if marker in _ALONE else _segment_end(data, start)
        yield marker, start, at
        if marker == END_OF_IMAGE:
            return


def _count_scans(data: bytes, at: int) -> int:
    scans = 1
    for number, (marker, _, _) in enumerate(later_segments(data, at)):
        scans += marker == START_OF_SCAN
        if number > _MAX_SCAN_SEGMENTS:
            raise overcomplicated("JPEG", "too many segments between its scans")
        if scans > _MAX_JPEG_SCANS:
            break
    return scans


def _check_boxes(data: bytes, max_memory_bytes: int) -> None:
    """Check AVIF and HEIF: decoders look up each item in a list, and copy each description."""
    at = tables = copies = 0
    for _ in range(_MAX_BOXES):
        if at + 8 > len(data):
            break
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1:
            size = struct.unpack_from(">Q", data, at + 8)[0]
        end = at + size if size >= 8 else len(data)
        for name, found in _find(data, at, end) if kind in (b"meta", b"moov") else ():
            part_bytes = 8 + int.from_bytes(data[found - 4 : found], "big")
            if name == b"cdsc":
                copies += part_bytes // 2  # at most: two bytes for each picture described
            elif name == b"infe":
                type_at = found + (12 if data[found + 4] == 2 else 14)
                copies += data[type_at : type_at + 4] not in _PIXEL_ITEMS
            else:
                tables += part_bytes
            if tables > _MAX_BOX_TABLES or copies * len(data) > max_memory_bytes:
                raise overcomplicated("file", "too many items or descriptions")
        at = end
    else:
        raise overcomplicated("file", f"more than {_MAX_BOXES} boxes")


def _find(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int]]:
    """Yield name and place of what looks like one of these boxes, wherever it is."""
    for name in (*_BOX_TABLES, b"cdsc", b"infe"):
        found = start
        while (found := data.find(name, found, end)) >= 0:
            yield name, found
            found += 4


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
    tile = tags.get(322, 0) * tags.get(323, 0)
    strip = 0 if tile else width * min(height, tags.get(278) or height)
    # libtiff decodes a tile or strip whole, next to the picture, with colours of more than 8 bits.
    # YCbCr (262: 6) is returned as 4 bytes a pixel whatever is stored.
    depth = tags.get(277, 1) * ((tags.get(258, 1) + 7) // 8)
    stored = max(depth, 4 if tags.get(262) == 6 else 1)
    memory = width * height * (4 if stored > 1 else 1) + max(strip, tile) * stored
    if memory > max_memory_bytes:
        needed = f"{memory // 10**6} MB of memory for {width} x {height} px in such large parts"
        raise over_limit(needed, f"{max_memory_bytes // 10**6} MB")
    if named > 2 * len(data) + 1_000:  # libtiff would copy them all
        raise PictureTooLarge("The TIFF has tags that overlap; save it with another program")


def _tiff_tags(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield tag, count, first value (0 if not a whole number) and bytes outside the directory."""
    order = "<" if data[:2] == b"II" else ">"
    big = 0x2B in data[2:4]
    word, short, entry = ("Q", 8, 20) if big else ("I", 4, 12)
    start = struct.unpack_from(order + word, data, 8 if big else 4)[0]
    entries = struct.unpack_from(order + ("Q" if big else "H"), data, start)[0]
    first = start + (8 if big else 2)
    if first + entries * entry > len(data):
        raise IndexError("the directory reaches past the end")
    if entries > MAX_TAGS:
        raise overcomplicated("TIFF", f"more than {MAX_TAGS} tags")
    for at in range(first, first + entries * entry, entry):
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
