"""JPEGs with too much or broken metadata, or without their end. Depends on Pillow and on costs."""

from io import BytesIO
from itertools import islice
from typing import cast

from PIL import Image
from PIL.ImageFile import ImageFile

from functions.gallery.errors import DamagedPicture
from functions.gallery.pictures.costs import (
    END_OF_IMAGE,
    FRAMES,
    START_OF_SCAN,
    first_segments,
    later_segments,
)
from functions.gallery.pictures.limits import overcomplicated
from functions.gallery.pictures.picture import Flaw

_MAX_SEGMENTS = 50_000  # each takes about a microsecond
_MANY_SEGMENTS = 500  # photos have about 20
_MAX_PADDING = 10_000  # Pillow reads it byte by byte
_MAX_RESOURCES = 10_000  # of Photoshop, less than 1 microsecond each
_APPLICATION, _COMMENT = range(0xE0, 0xF0), 0xFE
# The metadata that say how to show the pixels. Pillow refuses a file where one is shorter.
_EXIF, _XMP, _PROFILE = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
_NEEDED = {0xE0: (b"JFIF",), 0xE1: (_EXIF, _XMP), 0xE2: (_PROFILE, b"MPF\0"), 0xEE: (b"Adobe",)}
_LEAST_BYTES = {b"JFIF": 7, b"Adobe": 7, _PROFILE: 14}
_MOST = {b"JFIF": 1, _EXIF: 50, _XMP: 1, _PROFILE: 255, b"MPF\0": 1, b"Adobe": 1}  # segments
_END = bytes([0xFF, END_OF_IMAGE])
_MISSING = (127, 128)  # what libjpeg puts where data are missing, in each colour
_COLUMNS = 64  # enough to see whether rows are missing: those are of one colour
_ZEROS = 4_096  # an interrupted transfer can leave a file of full length; one page of it


def pixels_only(data: bytes) -> tuple[bytes, tuple[Flaw, ...]]:
    """Return a JPEG whose metadata are few and whole, and what is wrong with them.

    The same object unless they are too many, or too short for Pillow: then without those that its
    picture does not need. Raises PictureTooLarge for a JPEG of more segments than any needs.
    """
    segments = list(islice(first_segments(data), _MAX_SEGMENTS + 1))
    if len(segments) > _MAX_SEGMENTS:
        raise overcomplicated("JPEG", f"more than {_MAX_SEGMENTS} segments")
    needed: list[tuple[int, int]] = []
    found = dict.fromkeys((b"", *_MOST), 0)
    short: set[bytes] = set()
    header, padding = 2, 0
    for marker, start, end in segments:
        padding += start - 2 - header
        header = end
        name = _metadata(data, marker, start)
        if name is not None:
            found[name] += 1
            if end - start - 2 < _LEAST_BYTES.get(name, -2):  # some markers stand alone
                short.add(name)
            elif not name or found[name] <= _MOST[name]:
                needed.append((start - 2, end))
    many = max(len(segments) - _MANY_SEGMENTS, found[_EXIF] - _MOST[_EXIF], padding - _MAX_PADDING)
    if not short and many <= 0 and data.count(b"8BIM", 0, header) <= _MAX_RESOURCES:
        return data, ()
    view = memoryview(data)
    parts = [view[:2], *(view[start:end] for start, end in needed), view[header:]]
    return b"".join(parts), (Flaw.PROFILE_IGNORED,) if _PROFILE in short else ()


def _metadata(data: bytes, marker: int, start: int) -> bytes | None:
    """Return the needed metadata that a segment holds; b"" if it is none, None for others."""
    if marker != _COMMENT and marker not in _APPLICATION:
        return b""
    for name in _NEEDED.get(marker, ()):
        if data.startswith(name, start + 2):
            return name
    return None


def load(image: Image.Image, several_scans: bool) -> tuple[Flaw, ...]:
    """Load the pixels of a JPEG; DAMAGED if its end is missing.

    libjpeg waits for an end-of-image marker, so it is given one where the file ends. Raises
    DamagedPicture if less than half of the rows are there; of a file with several scans, if a
    colour is missing, or a part of the first scan, which shows the whole picture coarsely.
    """
    file = cast(BytesIO, cast(ImageFile, image).fp)
    data = file.getvalue()
    end = len(data.rstrip(b"\0")) if data.endswith(bytes(_ZEROS)) else len(data)
    if several_scans:
        end = _end_of_complete_parts(data, end)
    rows = None  # decoded when the file ended

    def read(size: int) -> bytes:
        nonlocal rows
        part = file.read(max(0, min(size, end - file.tell())))
        if part or rows is not None:
            return part
        box = image.im.getbbox()  # the others are black until they are decoded
        rows = box[3] if box else 0
        return _END

    image.load_read = read  # type: ignore[attr-defined]
    try:
        image.load()
    finally:
        del image.load_read  # type: ignore[attr-defined]  # it refers to the image
    if rows is None:  # all rows were decoded; Pillow does without the marker then, if it can
        return () if _has_end(data) else (Flaw.DAMAGED,)
    if not several_scans and 2 * _rows_there(image, rows) < image.height:
        raise _too_little()
    return (Flaw.DAMAGED,)


def _has_end(data: bytes) -> bool:
    """Return whether the marker is there; behind it can be padding, another picture or a film."""
    if data.endswith(_END):
        return True
    *_, (_, _, scan) = first_segments(data)
    return data.find(_END, scan) >= 0


def _rows_there(image: Image.Image, decoded: int) -> int:
    """Count the rows that are there, of which so many were decoded before the end was missing."""
    rest = image.crop((0, decoded, min(image.width, _COLUMNS), image.height))
    box = rest.point(lambda value: 255 * (value not in _MISSING)).getbbox()
    return decoded + (box[3] if box else 0)


def _end_of_complete_parts(data: bytes, end: int) -> int:
    """Return where a file with several scans ends, or the marker begins whose segment does not."""
    segments = list(first_segments(data))
    segments += later_segments(data, segments[-1][2] if segments else len(data))
    if not segments or segments[-1][0] == END_OF_IMAGE:
        return end
    colours, shown, parts_behind = 0, set[int](), -1
    for marker, start, segment_end in segments:
        parts_behind += marker == START_OF_SCAN or bool(shown)
        if max(start + 2, segment_end) > end:
            end = start - 2
            break
        if marker in FRAMES:
            colours = data[start + 7]
        elif marker == START_OF_SCAN:
            shown |= {*data[start + 3 : segment_end - 3 : 2]}
    if parts_behind < 1 or len(shown) < colours:
        raise _too_little()
    return end


def _too_little() -> DamagedPicture:
    return DamagedPicture("More than half of the JPEG file is missing; send it again")
