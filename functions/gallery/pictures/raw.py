"""Raw files of cameras: their kind, the size of the sensor and the largest JPEG preview inside.

Recognised by content, never by name: by the first bytes, or as a TIFF whose directories describe a
sensor. The data of the sensor are never decoded. Depends on errors and limits only.

A preview is found by its own bytes, not by the tags of each vendor, because half of them point to
it from private notes. The orientation is that of the preview's own EXIF if it has one; otherwise
that of the raw file, because cameras store previews as the sensor saw them.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from functions.gallery.errors import UnsupportedFormat
from functions.gallery.pictures.limits import MAX_SIDE

LEAST_PREVIEW_PX = 640  # of the long side; below are thumbnails of 160 to 570 px

_MAX_DIRECTORIES, _MAX_ENTRIES = 50, 1_000  # a DNG with all its previews has about 15
_MAX_PARTS = 50_000  # strips or tiles; 100 million pixels in tiles of 128 x 128 are 6,100
_MAX_STARTS = 1_000  # what looks like a JPEG outside the sensor's data; about 5 in a photo
_MAX_SEGMENTS = 100  # of a preview; about 10

_MAKERS = (("NIKON", "NEF"), ("SONY", "ARW"), ("PENTAX", "PEF"), ("RICOH", "PEF"))
_VENDORS = {
    "DNG": "A raw file (DNG)",
    "NEF": "A Nikon raw file (NEF)",
    "CR2": "A Canon raw file (CR2)",
    "CR3": "A Canon raw file (CR3)",
    "ARW": "A Sony raw file (ARW)",
    "RAF": "A Fujifilm raw file (RAF)",
    "ORF": "An Olympus raw file (ORF)",
    "RW2": "A Panasonic raw file (RW2)",
    "PEF": "A Pentax raw file (PEF)",
    "RAW": "A raw file of a camera",
}
# Photometric interpretations of TIFF/EP and DNG.
_SENSOR_DATA = (32803, 34892)  # colour filter array, linear raw
_NOT_SHOWN = (*_SENSOR_DATA, 4, 51177, 52527)  # masks and a depth map
# Tags of TIFF 6.0, TIFF/EP, EXIF and DNG.
_SUBFILE_TYPE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _MAKE, _ORIENTATION = 254, 256, 257, 262, 271, 274
_STRIPS, _STRIP_BYTES, _TILES, _TILE_BYTES, _SUB_DIRECTORIES = 273, 279, 324, 325, 330
_EXIF, _EXIF_WIDTH, _EXIF_HEIGHT, _DNG_VERSION, _CROP_SIZE = 34665, 40962, 40963, 50706, 50720
_SENSOR = (2, 3, 4, 5, 6, 7)  # of Panasonic: width, height, top, left, bottom, right
_TYPES = {1: "B", 3: "H", 4: "I", 13: "I"}
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended and progressive; 0xC3 is the sensor's own data
_BEFORE_FRAME = {*_FRAMES, 0xC4, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE}


@dataclass(frozen=True, slots=True)
class RawFile:
    """What the record of a raw file needs, and its preview: the bytes of a JPEG, and what follows.

    `size` and `orientation` are those of the sensor's data; `turn` is how to turn the preview if
    its own EXIF does not say.
    """

    kind: str
    size: tuple[int, int]
    orientation: int | None
    turn: int
    preview: bytes

    def upright_size(self, preview_orientation: int) -> tuple[int, int]:
        """Return the size of the sensor as the picture is shown."""
        width, height = self.size
        return (height, width) if (self.orientation or preview_orientation) > 4 else (width, height)


def read_raw(data: bytes) -> RawFile | None:
    """Return the parts of a raw file; None if it is not one, such as any other TIFF.

    Raises UnsupportedFormat if it has no preview of LEAST_PREVIEW_PX.
    """
    directories = _directories(data)
    kind = _kind(data, directories)
    if kind is None:
        return None
    largest = max(_previews(data, _sensor_data(directories)), default=None)
    if largest is None or max(largest[1:3]) < LEAST_PREVIEW_PX:
        raise UnsupportedFormat(without_preview(kind))
    _, width, height, start, stop = largest
    if kind == "CR3":
        directories = _canon_directories(data)
    size = _sensor_size(kind, data, directories)
    if size is None or max(size) > MAX_SIDE:
        size = width, height
    orientation = directories[0].number(_ORIENTATION) if directories else None
    orientation = orientation if orientation in range(1, 9) else None
    # Stored upright already if it is as wide as the turned sensor is.
    upright = (orientation or 1) > 4 and (size[0] - size[1]) * (width - height) < 0
    turn = 1 if upright else orientation or 1
    return RawFile(kind, size, orientation, turn, data[start:stop])


def without_preview(kind: str) -> str:
    """Return why a raw file of this kind is refused, and what to do."""
    return (
        f"{_VENDORS[kind]} without a JPEG preview of at least {LEAST_PREVIEW_PX} px; "
        "export it as JPEG"
    )


# --- Directories of TIFF


@dataclass(frozen=True, slots=True)
class _Directory:
    """The entries of a directory: type, number of values and their place, by tag."""

    data: bytes
    order: str
    start: int
    entries: dict[int, tuple[int, int, int]]

    def numbers(self, tag: int, most: int = _MAX_PARTS) -> Sequence[int]:
        """Return the whole numbers of a tag, at most so many; () if there are none."""
        kind, count, place = self.entries.get(tag, (0, 0, 0))
        if kind not in _TYPES:
            return ()
        try:
            values: Sequence[int] = struct.unpack_from(
                f"{self.order}{min(count, most)}{_TYPES[kind]}", self.data, place
            )
        except struct.error:  # beyond the end
            return ()
        return values

    def number(self, tag: int) -> int | None:
        """Return the first whole number of a tag."""
        return next(iter(self.numbers(tag, 1)), None)

    def pair(self, tag: int) -> tuple[int, int] | None:
        """Return two positive numbers, which DNG allows to be fractions."""
        kind, count, place = self.entries.get(tag, (0, 0, 0))
        values = self.numbers(tag, 2)
        if kind == 5 and count >= 2 and place + 16 <= len(self.data):
            parts = struct.unpack_from(self.order + "4I", self.data, place)
            values = [parts[0] // (parts[1] or 1), parts[2] // (parts[3] or 1)]
        return (values[0], values[1]) if len(values) == 2 and min(values) > 0 else None

    def size(self, width: int = _WIDTH, height: int = _HEIGHT) -> tuple[int, int] | None:
        """Return the size that two tags say, if they do."""
        values = self.number(width) or 0, self.number(height) or 0
        return values if min(values) > 0 else None

    @property
    def is_sensor(self) -> bool:
        return self.number(_PHOTOMETRIC) in _SENSOR_DATA


def _directories(data: bytes) -> list[_Directory]:
    """Return the directories of a TIFF, or of what is like one, the main chain first."""
    if data[:2] not in (b"II", b"MM") or len(data) < 8:
        return []
    order = "<" if data[:2] == b"II" else ">"
    ahead = [struct.unpack_from(order + "I", data, 4)[0]]
    found: dict[int, _Directory] = {}
    while ahead and len(found) < _MAX_DIRECTORIES:
        start = ahead.pop(0)
        if start in found or not 8 <= start <= len(data) - 2:
            continue
        directory, end = _directory(data, order, start)
        found[start] = directory
        if end + 4 <= len(data):
            ahead.insert(0, struct.unpack_from(order + "I", data, end)[0])
        ahead += directory.numbers(_SUB_DIRECTORIES, _MAX_DIRECTORIES)
    return list(found.values())


def _directory(data: bytes, order: str, start: int) -> tuple[_Directory, int]:
    count = struct.unpack_from(order + "H", data, start)[0]
    entries: dict[int, tuple[int, int, int]] = {}
    end = start + 2 + 12 * count
    if count <= _MAX_ENTRIES and end <= len(data):
        for at in range(start + 2, end, 12):
            tag, kind, values = struct.unpack_from(order + "HHI", data, at)
            place = at + 8
            if values * _TYPE_BYTES.get(kind, 0) > 4:
                place = struct.unpack_from(order + "I", data, place)[0]
            entries.setdefault(tag, (kind, values, place))
    return _Directory(data, order, start, entries), end


# --- Kind and size


def _kind(data: bytes, directories: Sequence[_Directory]) -> str | None:
    if data.startswith(b"FUJIFILMCCD-RAW "):
        return "RAF"
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if data[:4] in (b"IIRO", b"IIRS", b"MMOR"):
        return "ORF"
    if data[:4] == b"IIU\x00":
        return "RW2"
    if not directories or data[:4] not in (b"II*\x00", b"MM\x00*"):
        return None
    if data[8:10] == b"CR":
        return "CR2"
    if _DNG_VERSION in directories[0].entries:
        return "DNG"
    maker = _maker(directories[0])
    kind = next((kind for start, kind in _MAKERS if maker.startswith(start)), None)
    if any(directory.is_sensor for directory in directories):
        return kind or "RAW"
    # Some describe what only the vendor can decode as RGB or YCbCr (small raw files of Nikon, Sony
    # and scanners). Their first directory is a thumbnail; in a TIFF it is the picture.
    return kind if _starts_with_thumbnail(directories) else None


def _maker(directory: _Directory) -> str:
    kind, count, place = directory.entries.get(_MAKE, (0, 0, 0))
    text = directory.data[place : place + min(count, 64)] if kind == 2 else b""
    return text.decode("latin-1").upper()


def _starts_with_thumbnail(directories: Sequence[_Directory]) -> bool:
    first, *others = directories
    if not (first.number(_SUBFILE_TYPE) or 0) & 1:
        return False
    width, height = first.size() or (0, 0)
    below = first.numbers(_SUB_DIRECTORIES, _MAX_DIRECTORIES)
    sizes = (
        each.size() for each in others if each.start in below and each.number(_SUBFILE_TYPE) == 0
    )
    return any(size and size[0] > width and size[1] > height for size in sizes)


def _sensor_size(
    kind: str, data: bytes, directories: Sequence[_Directory]
) -> tuple[int, int] | None:
    if kind == "RAF":
        return _fuji_size(data)
    if not directories:
        return None
    first = directories[0]
    if kind == "RW2":
        width, height, top, left, bottom, right = (first.number(tag) or 0 for tag in _SENSOR)
        width, height = (right - left, bottom - top) if right and bottom else (width, height)
        return (width, height) if min(width, height) > 0 else None
    if kind == "CR2":  # the directory of the sensor has no size, the first is that of the preview
        exif = first.number(_EXIF) or len(data)
        if exif <= len(data) - 2:
            size = _directory(data, first.order, exif)[0].size(_EXIF_WIDTH, _EXIF_HEIGHT)
            return size or first.size()
        return first.size()
    sizes = [
        each.pair(_CROP_SIZE) or each.size()
        for each in directories
        if each.is_sensor or each.number(_SUBFILE_TYPE) == 0
    ]
    return max(filter(None, sizes), key=_area, default=first.size())


def _area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


def _fuji_size(data: bytes) -> tuple[int, int] | None:
    """Return the size of the active area, or of the whole sensor, from the table of a RAF."""
    sizes: dict[int, tuple[int, int]] = {}
    try:
        at = struct.unpack_from(">I", data, 92)[0]
        records = struct.unpack_from(">I", data, at)[0]
        at += 4
        for _ in range(min(records, _MAX_ENTRIES)):
            tag, length, height, width = struct.unpack_from(">HHHH", data, at)
            if length == 4 and min(width, height) > 0:
                sizes[tag] = width, height
            at += 4 + length
    except struct.error:  # beyond the end
        pass
    return sizes.get(0x111) or sizes.get(0x100)


def _canon_directories(data: bytes) -> list[_Directory]:
    """Return the directories of the box of a CR3 that describes the picture."""
    at = data.find(b"CMT1")
    if at < 4:
        return []
    length = int.from_bytes(data[at - 4 : at], "big")
    return _directories(data[at + 4 : at - 4 + min(length, 1_000_000)])


# --- Previews


def _sensor_data(directories: Sequence[_Directory]) -> list[tuple[int, int]]:
    """Return where the sensor's data are, and pictures in parts: a tile is a JPEG as well."""
    places: list[tuple[int, int]] = []
    for directory in directories:
        is_shown = directory.number(_PHOTOMETRIC) not in _NOT_SHOWN
        for starts, lengths in ((_STRIPS, _STRIP_BYTES), (_TILES, _TILE_BYTES)):
            parts = zip(directory.numbers(starts), directory.numbers(lengths), strict=False)
            found = [(start, start + length) for start, length in parts]
            places += [] if is_shown and len(found) == 1 else found
        if len(places) > _MAX_PARTS:
            break
    return sorted(places)


def _previews(
    data: bytes, hidden: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield area, width, height, start and latest end of each JPEG between these places."""
    at = tried = 0
    for stop, further in (*hidden, (len(data), len(data))):
        while (start := data.find(b"\xff\xd8\xff", at, stop)) >= 0:
            if tried == _MAX_STARTS:
                return
            tried += 1
            if size := _jpeg_size(data, start):
                yield size[0] * size[1], *size, start, stop
            at = start + 3
        at = max(at, further)


def _jpeg_size(data: bytes, start: int) -> tuple[int, int] | None:
    """Return the size of the JPEG that starts here, if it is one of 8 bits, in grey or colour."""
    at, has_tables, size = start + 2, False, None
    for _ in range(_MAX_SEGMENTS):
        if at + 4 > len(data) or data[at] != 0xFF:
            return None
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xDA:
            return size if has_tables else None
        if marker not in _BEFORE_FRAME or length < 2:
            return None
        has_tables = has_tables or marker == 0xDB
        if marker in _FRAMES:
            if size or length < 11 or at + 10 > len(data):
                return None
            bits, height, width, colours = struct.unpack_from(">BHHB", data, at + 4)
            if bits != 8 or colours not in (1, 3) or length != 8 + 3 * colours:
                return None
            size = (width, height) if width and height else None
        at += 2 + length
    return None
