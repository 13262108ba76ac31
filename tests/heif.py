"""Write HEIC and AVIF files around pictures that another program encoded.

Pillow writes no turned, tiled or layered ones. Boxes are those of ISO/IEC 14496-12 and 23008-12.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

_CONFIGURATIONS = {"heic": (b"hvc1", b"hvcC"), "avif": (b"av01", b"av1C")}


@dataclass(frozen=True)
class Item:
    """One picture of a file: its type, its data and the boxes that describe it."""

    type: bytes
    data: bytes
    properties: tuple[bytes, ...]
    hidden: bool = False


def box(name: bytes, *parts: bytes, version: int | None = None, flags: int = 0) -> bytes:
    """Return a box; with a version it is a full box."""
    full = b"" if version is None else struct.pack(">I", version << 24 | flags)
    body = full + b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def encoded(file: bytes, brand: str) -> Item:
    """Return the picture of a file that has only one."""
    type, configuration = _CONFIGURATIONS[brand]
    return Item(
        type,
        _box_in(file, b"mdat")[8:],
        tuple(_box_in(file, name) for name in (configuration, b"ispe", b"pixi")),
    )


def extent(width: int, height: int) -> bytes:
    return box(b"ispe", struct.pack(">II", width, height), version=0)


def rotation(quarter_turns: int) -> bytes:
    """Turn by 90 degrees, counterclockwise."""
    return box(b"irot", bytes([quarter_turns]))


def mirror(axis: int) -> bytes:
    """Mirror top and bottom (0), or left and right (1)."""
    return box(b"imir", bytes([axis]))


def auxiliary(kind: str) -> bytes:
    return box(b"auxC", f"urn:mpeg:mpegB:cicp:systems:auxiliary:{kind}\0".encode(), version=0)


def grid(columns: int, rows: int, width: int, height: int) -> Item:
    """Return a picture made of others, which a reference of type dimg names."""
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, width, height)
    return Item(b"grid", data, (extent(width, height),))


def exif(orientation: int) -> Item:
    """Return EXIF data, which a reference of type cdsc says the picture of."""
    data = Image.Exif()
    data[0x0112] = orientation
    return Item(b"Exif", struct.pack(">I", 6) + data.tobytes(), (), hidden=True)


def heif(
    brand: str, items: Sequence[Item], references: Sequence[tuple[bytes, int, list[int]]] = ()
) -> bytes:
    """Return a file whose first item is the picture; references are (type, from, to), from 1."""
    properties = list(dict.fromkeys(p for item in items for p in item.properties))
    start = 0
    for _ in range(2):  # the second time with the place of the data known
        meta = _meta(items, references, properties, start)
        compatible = b"mif1" + brand.encode() + b"miaf"
        head = box(b"ftyp", brand.encode(), bytes(4), compatible) + meta
        start = len(head) + 8
    return head + box(b"mdat", *(item.data for item in items))


def _meta(
    items: Sequence[Item],
    references: Sequence[tuple[bytes, int, list[int]]],
    properties: list[bytes],
    start: int,
) -> bytes:
    places, infos, uses = b"", b"", b""
    for id, item in enumerate(items, start=1):
        places += struct.pack(">HHHII", id, 0, 1, start, len(item.data))
        start += len(item.data)
        name = struct.pack(">HH", id, 0) + item.type + b"\0"
        infos += box(b"infe", name, version=2, flags=int(item.hidden))
        # Essential: a reader must understand how the picture is coded and turned.
        numbers = [properties.index(p) + 1 | 0x80 * (p[4:8] in _ESSENTIAL) for p in item.properties]
        uses += struct.pack(">HB", id, len(numbers)) + bytes(numbers)
    parts = [
        box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
        box(b"pitm", struct.pack(">H", 1), version=0),
        box(b"iloc", b"\x44\x00", struct.pack(">H", len(items)), places, version=0),
        box(b"iinf", struct.pack(">H", len(items)), infos, version=0),
    ]
    if references:
        parts.append(box(b"iref", *(_reference(*each) for each in references), version=0))
    association = box(b"ipma", struct.pack(">I", len(items)), uses, version=0)
    parts.append(box(b"iprp", box(b"ipco", *properties), association))
    return box(b"meta", *parts, version=0)


_ESSENTIAL = (b"hvcC", b"av1C", b"irot", b"imir")


def _reference(kind: bytes, source: int, targets: list[int]) -> bytes:
    return box(kind, struct.pack(f">HH{len(targets)}H", source, len(targets), *targets))


def _box_in(file: bytes, name: bytes) -> bytes:
    start = file.index(name) - 4
    return file[start : start + struct.unpack_from(">I", file, start)[0]]
