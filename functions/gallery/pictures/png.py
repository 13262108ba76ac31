"""What a decoder needs of a PNG: pixels, colours, frames and orientation, nothing else.

Texts, private chunks and chunks with a wrong checksum are left out, so that none of them takes
time or gets a good picture refused. Depends on zlib, and on limits and Flaw.
"""

import struct
import zlib

from functions.gallery.pictures.limits import MAX_PROFILE_BYTES, overcomplicated
from functions.gallery.pictures.picture import Flaw

_MAX_CHUNKS = 50_000  # 20 MB in chunks of 8 kB, which many encoders write, are 2,500
_MAX_TEXT_BYTES = 1_000_000  # unpacked; EXIF in a text is at most 64 kB, in hex twice that
_MAX_EXIF_BYTES = 4_000_000  # as in a JPEG, whose EXIF has at most 50 parts of 64 kB
_ANCILLARY = 0x20  # in the first letter of a name: PNG 1.2, section 3.3
# What is needed of the ancillary chunks, and their least length; Pillow refuses less.
_LEAST_BYTES = {b"tRNS": 0, b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"iCCP": 3, b"eXIf": 0}
_LEAST_TRANSPARENCY_BYTES = {b"\0": 2, b"\2": 6}  # of grey and RGB; a palette can have any number
_LEAST_FRAME_BYTES = {b"acTL": 8, b"fcTL": 26, b"fdAT": 4}  # of an animation
_TEXTS, _MAX_KEYWORD_BYTES = (b"tEXt", b"zTXt", b"iTXt"), 80
# Texts that can say how to turn the picture: of ImageMagick, of other programs, and XMP.
_ORIENTED = {
    b"Raw profile type exif": (b"tEXt", b"zTXt", b"iTXt"),
    b"exif": (b"tEXt",),
    b"XML:com.adobe.xmp": (b"iTXt",),
}


def pixels_only(data: bytes) -> tuple[bytes, tuple[Flaw, ...]]:
    """Return a PNG without what its picture does not need, and what is wrong with the rest.

    The same object if nothing is left out. Raises PictureTooLarge for a PNG of more chunks than
    encoders write.
    """
    chunks = _chunks(data)
    animated = _is_animation(data, chunks)
    seen = {b""}
    parts: list[tuple[int, int]] = [(0, 8)]
    profiled = True
    for name, start, length in chunks:
        if name in _LEAST_FRAME_BYTES:
            needed = animated
        elif name[0] & _ANCILLARY:
            part = _part(data, name, start, length)
            # One of each, as the specification says; this also bounds the time.
            needed = part not in seen and _opens(data, name, start, length)
            profiled &= needed or part != b"iCCP" or part in seen
            seen.add(part)
        else:
            needed = True
        if needed:
            parts.append((start - 8, start + length + 4))
    ended = bool(chunks) and chunks[-1][0] == b"IEND"
    flaws = (*(() if ended else (Flaw.DAMAGED,)), *(() if profiled else (Flaw.PROFILE_IGNORED,)))
    if len(parts) == 1 + len(chunks):
        return data, flaws
    view = memoryview(data)
    return b"".join([view[start:end] for start, end in parts]), flaws


def _chunks(data: bytes) -> list[tuple[bytes, int, int]]:
    """Return name, start and length of all chunks up to the end of the picture."""
    chunks: list[tuple[bytes, int, int]] = []
    at = 8
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        chunks.append((name, at + 8, length))
        at += 12 + length
        if name == b"IEND":
            break
        if len(chunks) > _MAX_CHUNKS:
            raise overcomplicated("PNG", f"more than {_MAX_CHUNKS} chunks")
    return chunks


def _is_animation(data: bytes, chunks: list[tuple[bytes, int, int]]) -> bool:
    """Return whether the frames are in order; Pillow refuses a file in which they are not."""
    # acTL comes first and has the number of frames; the others are numbered.
    expected = -1
    for name, start, length in chunks:
        if name not in _LEAST_FRAME_BYTES:
            continue
        if length < _LEAST_FRAME_BYTES[name] or (name == b"acTL") != (expected < 0):
            return False
        if start + length > len(data):
            break
        if name != b"fdAT" and not _is_whole(data, name, start, length):
            return False
        number = int.from_bytes(data[start : start + 4], "big")
        if number != expected if expected >= 0 else number == 0:
            return False
        if expected == 0 and name != b"fcTL":
            return False
        if name == b"fcTL":
            width, height, left, top = struct.unpack_from(">4I", data, start + 4)
            whole_width, whole_height = struct.unpack_from(">2I", data, 16)  # IHDR comes first
            if left + width > whole_width or top + height > whole_height:
                return False
        expected += 1
    return expected > 0


def _part(data: bytes, name: bytes, start: int, length: int) -> bytes:
    """Return what an ancillary chunk is to the picture, by name or keyword; b"" if nothing."""
    if name in _TEXTS:
        keyword = data[start : start + min(length, _MAX_KEYWORD_BYTES)].partition(b"\0")[0]
        return keyword if name in _ORIENTED.get(keyword, ()) else b""
    return name if name in _LEAST_BYTES else b""


def _opens(data: bytes, name: bytes, start: int, length: int) -> bool:
    """Return whether Pillow opens a PNG with this chunk; one with a wrong sum is not to be used."""
    least = _LEAST_BYTES.get(name, 0)
    if name == b"tRNS":
        least = _LEAST_TRANSPARENCY_BYTES.get(data[25:26], 0)
    if not least <= length <= _MAX_EXIF_BYTES or not _is_whole(data, name, start, length):
        return False
    if name not in _TEXTS and name != b"iCCP":
        return True
    return _is_short(name, data[start : start + length].partition(b"\0")[2])


def _is_whole(data: bytes, name: bytes, start: int, length: int) -> bool:
    end = start + length
    return data[end : end + 4] == zlib.crc32(data[start - 4 : end]).to_bytes(4, "big")


def _is_short(name: bytes, text: bytes) -> bool:
    """Return whether a text or profile, which can be compressed, opens and is short enough."""
    if name == b"iTXt":
        compressed, text = text[:1] != b"\0", text[1:2] + text[2:].split(b"\0", 2)[-1]
        text = text if compressed else text[1:]
    else:
        compressed = name != b"tEXt"
    most = MAX_PROFILE_BYTES if name == b"iCCP" else _MAX_TEXT_BYTES
    if not compressed:
        return len(text) <= most
    try:
        unpacked = zlib.decompressobj().decompress(text[1:], most + 1)
    except zlib.error:
        return False
    return text[:1] == b"\0" and len(unpacked) <= most
