"""Raw files of cameras, as small as they can be: real layouts, drawn previews, an empty sensor.

The layouts follow the specifications of TIFF 6.0 and DNG, and the tags that exiftool prints of the
files that cameras write.
"""

import struct
from collections.abc import Callable, Mapping

from tests.drawing import jpeg

SENSOR = (3000, 2000)
THUMBNAIL = jpeg(90, 160, 120)
PREVIEW = jpeg(1, 960, 640)
# The data of a sensor often are a JPEG without loss, or one in two halves: larger than a preview.
LOSSLESS = (
    b"\xff\xd8\xff\xc4\x00\x05\x00\x00\x00"
    + b"\xff\xdb\x00\x04\x00\x00"
    + b"\xff\xc3\x00\x0e\x0e"
    + struct.pack(">HH", 2000, 1500)
    + b"\x02\x01\x11\x00\x02\x11\x00"
    + b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00"
    + bytes(300)
)

Tags = Mapping[int, int | bytes | list[int]]
_SHORTS = {258, 259, 262, 274, 277}  # types of the TIFF specification; others are LONG
_OPAQUE, _DNG_VERSION = 0x2E, 50706  # Panasonic's JPEG; bytes that are not text


class Tiff:
    """Writes a TIFF, or what is like one, from its end: what is pointed to comes first."""

    def __init__(self, order: str = "<", start: bytes = b"", header: bytes = b"") -> None:
        self.order = order
        default = b"II*\x00" if order == "<" else b"MM\x00*"
        self.bytes = bytearray((start or default) + bytes(4) + header)

    def put(self, data: bytes) -> int:
        """Append data at an even place and return where they are."""
        self.bytes += bytes(len(self.bytes) % 2)
        self.bytes += data
        return len(self.bytes) - len(data)

    def directory(self, tags: Tags, following: int = 0) -> int:
        """Append a directory and return where it is."""
        entries = b""
        for tag, value in sorted(tags.items()):
            kind, count, packed = self._packed(tag, value)
            if len(packed) > 4:
                packed = struct.pack(self.order + "I", self.put(packed))
            entries += struct.pack(self.order + "HHI", tag, kind, count) + packed.ljust(4, b"\0")
        count = struct.pack(self.order + "H", len(tags))
        return self.put(count + entries + struct.pack(self.order + "I", following))

    def _packed(self, tag: int, value: int | bytes | list[int]) -> tuple[int, int, bytes]:
        if isinstance(value, bytes):
            return {_OPAQUE: 7, _DNG_VERSION: 1}.get(tag, 2), len(value), value
        values = [value] if isinstance(value, int) else value
        letter, kind = ("H", 3) if tag in _SHORTS else ("I", 4)
        return kind, len(values), struct.pack(f"{self.order}{len(values)}{letter}", *values)

    def file(self, first: int) -> bytes:
        """Return the file, with this directory as the first."""
        struct.pack_into(self.order + "I", self.bytes, 4, first)
        return bytes(self.bytes)

    def strip(self, data: bytes) -> dict[int, int]:
        """Append the data of a picture and return the tags that point to them."""
        return {273: self.put(data), 279: len(data)}

    def embedded(self, data: bytes) -> dict[int, int]:
        """Append a JPEG and return the tags of EXIF that point to it."""
        return {513: self.put(data), 514: len(data)}

    def sensor(self, width: int, height: int, compression: int) -> dict[int, int]:
        """Append the data of a sensor and return its tags."""
        tags = {254: 0, 256: width, 257: height, 258: 14, 259: compression, 262: 32803, 277: 1}
        return tags | self.strip(bytes(64))


def turned(orientation: int | None) -> dict[int, int]:
    """Return the tag of an orientation, if there is one."""
    return {} if orientation is None else {274: orientation}


def nef(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return a Nikon file: an RGB thumbnail first, preview and sensor below it."""
    tiff = Tiff(order)
    below = [
        tiff.directory({254: 1, 259: 6} | tiff.embedded(preview)),
        tiff.directory(tiff.sensor(*SENSOR, 34713)),
    ]
    thumbnail = {254: 1, 256: 16, 257: 12, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3}
    first = thumbnail | tiff.strip(bytes(16 * 12 * 3)) | turned(orientation)
    return tiff.file(tiff.directory(first | {271: b"NIKON CORPORATION\0", 330: below}))


def cr2(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return a Canon file: the preview first, then a thumbnail, then the sensor without a size."""
    tiff = Tiff(order, header=b"CR\x02\x00" + bytes(4))
    sensor = tiff.directory({259: 6} | tiff.strip(LOSSLESS))
    thumbnail = tiff.directory(tiff.embedded(THUMBNAIL), sensor)
    exif = tiff.directory({40962: SENSOR[0], 40963: SENSOR[1]})
    first = {256: 960, 257: 640, 259: 6, 271: b"Canon\0", 34665: exif}
    return tiff.file(tiff.directory(first | tiff.strip(preview) | turned(orientation), thumbnail))


def arw(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return a Sony file: the preview first, the sensor below it, then a thumbnail."""
    tiff = Tiff(order)
    thumbnail = tiff.directory({254: 1, 259: 6} | tiff.embedded(THUMBNAIL))
    sensor = tiff.directory(tiff.sensor(3040, 2008, 32767) | {50720: list(SENSOR)})
    first = {254: 1, 259: 6, 271: b"SONY\0", 330: [sensor]} | turned(orientation)
    return tiff.file(tiff.directory(first | tiff.embedded(preview), thumbnail))


def pef(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = ">") -> bytes:
    """Return a Pentax file: the sensor first, then a thumbnail and the preview."""
    tiff = Tiff(order)
    large = tiff.directory({259: 6} | tiff.embedded(preview))
    small = tiff.directory({259: 6} | tiff.embedded(THUMBNAIL), large)
    sensor = tiff.sensor(*SENSOR, 65535) | {271: b"RICOH IMAGING COMPANY, LTD.\0"}
    return tiff.file(tiff.directory(sensor | turned(orientation), small))


def dng(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return an Adobe file: thumbnail, lossy tiles of the sensor larger than the preview."""
    tiff = Tiff(order)
    tiles = [jpeg(number, 1000, 800) for number in (7, 8)]
    sensor = {254: 0, 256: 3010, 257: 2010, 259: 34892, 262: 34892, 277: 3, 322: 1000, 323: 800}
    sensor |= {324: [tiff.put(tile) for tile in tiles], 325: [len(tile) for tile in tiles]}
    below = [
        tiff.directory(sensor | {50720: list(SENSOR)}),
        tiff.directory({254: 1, 256: 960, 257: 640, 259: 7, 262: 6} | tiff.strip(preview)),
    ]
    thumbnail = {254: 1, 256: 16, 257: 12, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3}
    first = thumbnail | tiff.strip(bytes(16 * 12 * 3)) | turned(orientation)
    version = {271: b"Leica\0", 330: below, _DNG_VERSION: bytes([1, 4, 0, 0])}
    return tiff.file(tiff.directory(first | version))


def orf(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return an Olympus file: only private notes point to the preview."""
    tiff = Tiff(order, start=b"IIRO" if order == "<" else b"MMOR")
    tiff.put(THUMBNAIL)
    tiff.put(preview)
    first = {256: SENSOR[0], 257: SENSOR[1], 259: 1, 262: 1, 271: b"OLYMPUS CORPORATION\0"}
    return tiff.file(tiff.directory(first | tiff.strip(bytes(64)) | turned(orientation)))


def rw2(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return a Panasonic file: the borders of the sensor, and the preview as a value."""
    tiff = Tiff(order, start=b"IIU\x00")
    borders = {2: 3100, 3: 2100, 4: 8, 5: 10, 6: SENSOR[1] + 8, 7: SENSOR[0] + 10}
    first = borders | {_OPAQUE: preview, 271: b"Panasonic\0"} | turned(orientation)
    return tiff.file(tiff.directory(first))


def raf(preview: bytes = PREVIEW, orientation: int | None = None, order: str = ">") -> bytes:
    """Return a Fujifilm file: a table of places, the preview, and records about the sensor."""
    width, height = SENSOR
    records = [(0x100, height + 30, width + 40), (0x111, height, width), (0x131, 0, 0)]
    table = struct.pack(">I", len(records))
    table += b"".join(struct.pack(">HHHH", tag, 4, *pair) for tag, *pair in records)
    at = 160
    places = [at, len(preview), at + len(preview), len(table), at + len(preview) + len(table), 64]
    start = b"FUJIFILMCCD-RAW 0201FF389501" + b"X-T1".ljust(32, b"\0") + b"0100" + bytes(20)
    return (start + struct.pack(">6I", *places)).ljust(at, b"\0") + preview + table + bytes(64)


def box(kind: bytes, content: bytes) -> bytes:
    """Return a box of ISO 14496-12."""
    return struct.pack(">I", 8 + len(content)) + kind + content


def cr3(preview: bytes = PREVIEW, orientation: int | None = 1, order: str = "<") -> bytes:
    """Return a Canon file in boxes: EXIF, a thumbnail, and the preview before the sensor's data."""
    exif = Tiff(order)
    size = {256: SENSOR[0], 257: SENSOR[1], 271: b"Canon\0"}
    about = box(b"CMT1", exif.file(exif.directory(size | turned(orientation))))
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    large = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16")
    thumbnail = box(b"THMB", bytes(16) + THUMBNAIL)
    return (
        box(b"ftyp", b"crx \0\0\0\1crx isom")
        + box(b"moov", box(b"uuid", canon + about + thumbnail))
        + box(b"uuid", large + bytes(8) + box(b"PRVW", bytes(16) + preview))
        + box(b"mdat", bytes(64))
    )


KINDS: dict[str, Callable[..., bytes]] = {
    "DNG": dng,
    "NEF": nef,
    "CR2": cr2,
    "CR3": cr3,
    "ARW": arw,
    "RAF": raf,
    "ORF": orf,
    "RW2": rw2,
    "PEF": pef,
}
