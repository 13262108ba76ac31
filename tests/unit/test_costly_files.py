"""Files of less than 20 MB that would take seconds, or gigabytes, before a pixel is decoded."""

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from functions.gallery.errors import DamagedPicture, PictureTooLarge, UnsupportedFormat
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.conftest import ROOT
from tests.drawing import jpeg, scene, written

HEIC = Path(__file__).parents[1] / "data" / "drawn.heic"
FRACTION = struct.pack(">II", 6, 1)


def opened(data: bytes) -> tuple[int, int]:
    picture = decode(data, Limits(), short_side_px=374)
    return picture.width, picture.height


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(segments: bytes) -> bytes:
    data = jpeg(1)
    return data[:2] + segments + data[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    sum_ = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + sum_


def with_chunks(chunks: bytes) -> bytes:
    data = written(scene(1), "PNG")
    return data[:33] + chunks + data[33:]


def with_gif_blocks(blocks: bytes) -> bytes:
    data = written(scene(1), "GIF")
    at = 13 + (3 << (data[10] & 7) + 1)
    return data[:at] + blocks + data[at:]


def exif(*entries: tuple[int, int, int, int], values: bytes = b"") -> bytes:
    """Return an EXIF block: tag, type, count and value or place of each entry, and more bytes."""
    head = b"MM\x00*\x00\x00\x00\x08" + struct.pack(">H", len(entries))
    return head + b"".join(struct.pack(">HHII", *each) for each in entries) + bytes(4) + values


# Both turn the picture on its side.
FRACTIONS = exif((0x0112, 5, 20_000, 26), values=FRACTION * 20_000)
TAGS = exif((0x0112, 3, 1, 6 << 16), *((tag, 3, 1, 0) for tag in range(400, 5_400)))


def tiff(*more: tuple[int, int, int, int], values: bytes = b"") -> bytes:
    """Return a grey TIFF of 8 x 8 pixels with more entries, whose values can be at place 400."""
    plain = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 300), (277, 1), (278, 8)]
    entries = [(tag, 4, 1, value) for tag, value in (*plain, (279, 64))] + list(more)
    head = b"MM\x00*\x00\x00\x00\x08" + struct.pack(">H", len(entries))
    data = head + b"".join(struct.pack(">HHII", *each) for each in entries) + bytes(4)
    return data.ljust(400, b"\x00") + values


def bigtiff(entries: int) -> bytes:
    head = b"II+\x00\x08\x00\x00\x00" + struct.pack("<QQ", 16, entries)
    return head + struct.pack("<HHQQ", 60_000, 99, 1, 0) * entries


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


def with_items(brand: bytes, kind: bytes, count: int) -> bytes:
    """Return an AVIF or HEIF that names so many items of one kind."""
    items = b"".join(
        box(b"infe", b"\x02\x00\x00\x00" + struct.pack(">HH", number, 0) + kind + b"\x00")
        for number in range(count)
    )
    iinf = box(b"iinf", b"\x00" * 4 + struct.pack(">H", count) + items)
    return box(b"ftyp", brand + bytes(4) + b"mif1" + brand) + box(b"meta", bytes(4) + iinf)


def with_descriptions(references: int) -> bytes:
    """Return an HEIC in which one description belongs to so many pictures."""
    iref = box(b"cdsc", struct.pack(">HH", 2, references) + b"\x00\x01" * references)
    start = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    return start + box(b"meta", bytes(4) + box(b"iref", bytes(4) + iref)) + bytes(15_000_000)


def large_with_scans(count: int) -> bytes:
    """Return a progressive JPEG whose header says 36 million pixels, with so many scans."""
    data = bytearray(written(scene(1), progressive=True))
    frame = data.index(b"\xff\xc2")
    struct.pack_into(">HH", data, frame + 5, 6_000, 6_000)
    last = data[data.rindex(b"\xff\xda") : -2]
    return bytes(data[:-2] + last * (count - data.count(b"\xff\xda")) + data[-2:])


RESOURCES = segment(0xED, b"Photoshop 3.0\x00" + b"8BIM\x00\x01\x00\x00\x00\x00\x00\x00" * 5_400)
BOMB = zlib.compress(bytes(1_000_000), 9)
COSTLY: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG, colours without end": (
        lambda: with_segments(segment(0xC0, struct.pack(">BHHB", 8, 9, 9, 3) + bytes(60_000)) * 9),
        "tables",
    ),
    "JPEG, quantization tables": (
        lambda: with_segments(segment(0xDB, bytes(65_000)) * 9),
        "tables",
    ),
    "JPEG, segments": (lambda: with_segments(segment(0xFE, b"") * 60_000), "segments"),
    "JPEG, segments between scans": (
        lambda: written(scene(1), progressive=True)[:-2] + b"\xff\x01" * 1_000_000,
        "segments",
    ),
    "JPEG, scans of many pixels": (lambda: large_with_scans(30), "more than 22 scans"),
    "PNG, chunks": (lambda: with_chunks(chunk(b"tEXt", b"a\x00") * 60_000), "chunks"),
    "GIF, empty comments": (lambda: with_gif_blocks(b"!\xfe\x00" * 2_000_000), "parts"),
    "GIF, bytes of no block": (lambda: with_gif_blocks(bytes(2_000_000)), "parts"),
    "GIF, blocks after an end": (
        lambda: with_gif_blocks(b"!\xff\x0bNETSCAPE2.0\x00" + b"\x01a" * 2_000_000),
        "parts",
    ),
    "BMP, runs of one pixel": (
        lambda: (
            b"BM"
            + struct.pack("<IHHI", 0, 0, 0, 1_078)
            + struct.pack("<IiiHHIIiiII", 40, 1_400, 1_400, 1, 8, 1, 0, 0, 0, 256, 0)
            + bytes([9, 8, 7, 0]) * 256
            + b"\x01\x05" * 1_960_000
        ),
        "parts",
    ),
    "TIFF, tags": (lambda: tiff(*((tag, 3, 1, 0) for tag in range(400, 5_400))), "tags"),
    "BigTIFF, tags": (lambda: bigtiff(900_000), "tags"),
    "TIFF, numbers in many tags": (
        lambda: tiff(
            *((60_000 + n, 6, 9_000, 700 + 9_000 * n) for n in range(30)), values=bytes(280_000)
        ),
        "damaged",
    ),
    "AVIF, items": (lambda: with_items(b"avif", b"av01", 3_000), "items"),
    "AVIF, boxes": (
        lambda: written(scene(1), "AVIF")[:32] + box(b"free", b"") * 2_000,
        "boxes",
    ),
    "HEIC, items": (lambda: with_items(b"heic", b"hvc1", 3_000), "items"),
    "HEIC, descriptions": (lambda: with_items(b"heic", b"zzzz", 30) + bytes(15_000_000), "items"),
    "HEIC, a description of many": (lambda: with_descriptions(30), "descriptions"),
}


@pytest.mark.parametrize("name", COSTLY)
def test_a_file_that_takes_seconds_to_read_is_refused(name):
    make, reason = COSTLY[name]

    with pytest.raises((PictureTooLarge, DamagedPicture), match=reason):
        opened(make())


IGNORED: dict[str, Callable[[], bytes]] = {
    "JPEG, EXIF in parts": (
        lambda: with_segments(segment(0xE1, b"Exif\x00\x00" + bytes(60_000)) * 300)
    ),
    "JPEG, Photoshop's resources": lambda: with_segments(RESOURCES * 300),
    "JPEG, extended XMP": lambda: with_segments(segment(0xE1, bytes(400)) * 40_000),
    "JPEG, padding": lambda: with_segments(b"\xff" * 19_000_000),
    "PNG, colour profiles": lambda: with_chunks(chunk(b"iCCP", b"a\x00\x00" + BOMB) * 10_000),
    "PNG, texts": lambda: with_chunks(chunk(b"zTXt", b"a\x00\x00" + BOMB) * 10_000),
    "PNG, XMP": (
        lambda: with_chunks(
            chunk(b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + BOMB) * 10_000
        )
    ),
    "PNG, broken texts": (
        lambda: with_chunks(chunk(b"zTXt", b"a\x00\x00" + BOMB[:-4] + bytes(4)) * 10_000)
    ),
    "WebP that is cut off": (
        lambda: b"RIFF\xff\xff\xff\x7f" + written(scene(1), "WEBP")[8:] + bytes(19_000_000)
    ),
    "AVIF, fractions in EXIF": lambda: avif_of_fractions(),
    "TIFF, fractions": lambda: tiff((282, 5, 20_000, 400), values=FRACTION * 20_000),
    "TIFF, numbers": lambda: tiff((338, 6, 300_000, 400), values=bytes(300_000)),
    "TIFF, fractions in EXIF": (
        lambda: tiff(
            (34_665, 4, 1, 400),
            values=struct.pack(">HHHII", 1, 33_434, 5, 20_000, 418) + bytes(4) + FRACTION * 20_000,
        )
    ),
}


def avif_of_fractions() -> bytes:
    plain = exif((0x0110, 7, 160_000, 26), values=bytes(160_000))
    return written(scene(1), "AVIF", exif=b"Exif\x00\x00" + plain).replace(plain, FRACTIONS)


@pytest.mark.parametrize("name", IGNORED)
def test_what_is_not_for_the_picture_and_would_take_seconds_is_not_read(name):
    size = opened(IGNORED[name]())

    assert size == ((8, 8) if name.startswith("TIFF") else (320, 240))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("block", [FRACTIONS, TAGS], ids=["fractions", "tags"])
def test_exif_that_takes_seconds_to_read_is_ignored(format, block):
    parts = [b"Exif\x00\x00" + block[at : at + 60_000] for at in range(0, len(block), 60_000)]
    in_jpeg = with_segments(b"".join(segment(0xE1, part) for part in parts))
    exif = {"exif": b"Exif\x00\x00" + block}
    data = in_jpeg if format == "JPEG" else written(scene(1), format, **exif)

    assert opened(data) == (320, 240)


def test_exif_as_a_text_of_a_png_is_ignored_when_it_is_very_long():
    turned = exif((0x0112, 3, 1, 6 << 16)).hex().encode()
    head = b"Raw profile type exif\x00\nexif\n  26\n"

    usual, long = (
        opened(with_chunks(chunk(b"tEXt", head + turned + b"\n" * lines)))
        for lines in (1, 2_000_000)
    )

    assert (usual, long) == ((240, 320), (320, 240))


def everyday() -> Iterator[bytes]:
    """Write what a camera or an image program writes, in the largest amounts that are usual."""
    yield with_segments(b"".join(segment(0xE2, bytes(60_000)) for _ in range(100)))
    yield with_segments(segment(0xE1, b"Exif\x00\x00" + exif(*((t, 3, 1, 0) for t in range(500)))))
    yield with_chunks(
        chunk(b"iCCP", b"a\x00\x00" + BOMB) + chunk(b"zTXt", b"a\x00\x00" + BOMB) * 20
    )
    yield with_gif_blocks(b"!\xfe" + b"\xffa".ljust(256, b"a") * 20_000 + b"\x00")
    yield tiff((37_724, 7, 5_000_000, 400), values=bytes(5_000_000))
    yield tiff((50_000, 12, 10_000, 400), values=bytes(80_000))
    yield HEIC.read_bytes()


def test_files_with_much_beside_their_pixels_open():
    sizes = [opened(data) for data in everyday()]

    assert sizes == [(320, 240)] * 4 + [(8, 8)] * 2 + [(160, 120)]


@pytest.mark.parametrize(
    "data",
    [
        b"%!PS-Adobe-3.0 EPSF-3.0\n" + b"%a\n" * 1_000,
        b"key: value\r\n" * 1_000,
        b"P6 9 9 255 " + bytes(243),
        written(scene(1), "JPEG2000"),
        written(scene(1), "ICO"),
        written(scene(1), "TGA"),
        b"BM is how this text begins, and not a bitmap",
    ],
    ids=["PostScript", "IM", "PPM", "JPEG 2000", "ICO", "TGA", "text"],
)
def test_a_format_that_is_not_promised_is_refused(data):
    with pytest.raises(UnsupportedFormat):
        opened(data)


OPEN_ALL = r"""
import sys
from functions.gallery.errors import PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits

starts = b"\xff\xd8\xff", b"RIFF    WEBPVP8 ", b"    ftypavif    ", b"II*\0", b"junk", b"%!PS"
for start in starts:
    try:
        decode(start + bytes(64), Limits(), short_side_px=374)
    except PictureError:
        print(*sys.modules)
"""


def test_only_the_plugins_of_promised_formats_are_loaded():
    command = [sys.executable, "-c", OPEN_ALL]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    loaded = {name for name in done.stdout.split() if re.fullmatch(r"PIL\.\w+ImagePlugin", name)}
    names = {name.removeprefix("PIL.").removesuffix("ImagePlugin") for name in loaded}
    by_itself = {"Bmp", "Gif", "Jpeg", "Png", "Ppm"}  # Pillow loads these whatever is opened
    assert names == by_itself | {"Avif", "Tiff", "WebP"}
