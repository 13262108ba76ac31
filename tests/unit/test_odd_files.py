"""Any bytes are decoded or refused with one of our errors, in bounded memory."""

import json
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.conftest import ROOT, development_set
from tests.drawing import scene, written
from tests.tiffs import DEFLATE, RGB, tiff

pytestmark = pytest.mark.slow

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "ICO", "TGA", "JPEG2000")
MAX_MEGABYTES = 300


def damaged(count: int) -> Iterator[bytes]:
    """Write our own pictures in every format and damage them: change, remove and insert bytes."""
    rng = random.Random(20261121)
    for number in range(count):
        options = {"progressive": True} if number % 3 else {}
        data = bytearray(written(scene(number, 90, 70), FORMATS[number % len(FORMATS)], **options))
        for _ in range(rng.randrange(1, 12)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if number % 4 == 0:
            del data[rng.randrange(len(data)) :]
        if number % 5 == 0:
            start = rng.randrange(len(data) + 1)
            data[start:start] = rng.randbytes(40)
        yield bytes(data)


def plain(mode: str, side: int, format: str, height: int = 0, **options: object) -> bytes:
    """Write a square (or `height`) of one colour: a small file that needs much memory."""
    return written(Image.new(mode, (side, height or side)), format, **options)


def deep_png(side: int) -> bytes:
    """Write a 16-bit PNG with transparency row by row, in little memory."""
    deflate = zlib.compressobj(1)
    rows = b"".join(deflate.compress(bytes(side * 8 + 1)) for _ in range(side)) + deflate.flush()
    chunks = (b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)), (b"IDAT", rows)
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (*chunks, (b"IEND", b""))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def colour_by_colour(side: int) -> bytes:
    """Write a baseline JPEG whose first scan holds one colour only; the rest is missing."""
    data = written(Image.new("RGB", (side, side)), subsampling=0, quality=10)
    scan = data.index(b"\xff\xda")
    return data[:scan] + b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\xff\xd9"


def floats(side: int) -> bytes:
    """Write a TIFF of three floats a pixel, in one strip."""
    pixels = np.zeros((side, side, 3), np.float32)
    return tiff(pixels, photometric=RGB, compression=DEFLATE, rows_per_strip=side)


SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
NO_SUBSAMPLING = {"subsampling": 0, "quality": 10}
DEFLATED = {"compression": "tiff_adobe_deflate"}
ONE_STRIP = {**DEFLATED, "tiffinfo": {278: 65_535}}
# The largest picture of each kind that opens, and a larger one that is refused.
LARGE: dict[str, tuple[Callable[[], bytes], str]] = {
    "JPEG 95 MP": (lambda: plain("RGB", 9_750, "JPEG", **NO_SUBSAMPLING), "picture"),
    "JPEG 49 MP, a rotated strip": (
        lambda: plain("RGB", 65_500, "JPEG", height=740, exif=SIDEWAYS, **NO_SUBSAMPLING),
        "picture",
    ),
    "PNG 48 MP, a rotated strip": (
        lambda: plain("RGBA", 65_500, "PNG", height=740, exif=SIDEWAYS, compress_level=1),
        "picture",
    ),
    "JPEG 41 MP progressive": (
        lambda: plain("RGB", 6_350, "JPEG", progressive=True, **NO_SUBSAMPLING),
        "picture",
    ),
    "JPEG 49 MP progressive": (
        lambda: plain("RGB", 7_000, "JPEG", progressive=True, **NO_SUBSAMPLING),
        "refused picture-too-large",
    ),
    "JPEG 40 MP, one scan per colour": (lambda: colour_by_colour(6_300), "picture"),
    "JPEG 72 MP, one scan per colour": (
        lambda: colour_by_colour(8_500),
        "refused picture-too-large",
    ),
    "PNG 49 MP, 16 bits": (lambda: deep_png(7_000), "picture"),
    "WebP 15 MP": (lambda: plain("RGBA", 3_900, "WEBP", method=0, quality=0), "picture"),
    "WebP 25 MP": (
        lambda: plain("RGB", 5_000, "WEBP", method=0, quality=0),
        "refused picture-too-large",
    ),
    "AVIF 12 MP": (lambda: plain("RGBA", 3_500, "AVIF", speed=10, quality=5), "picture"),
    "AVIF 16 MP": (
        lambda: plain("RGB", 4_000, "AVIF", speed=10, quality=5),
        "refused picture-too-large",
    ),
    "TIFF 30 MP in one strip": (lambda: plain("RGBA", 5_500, "TIFF", **ONE_STRIP), "picture"),
    "TIFF 36 MP in one strip": (
        lambda: plain("RGBA", 6_000, "TIFF", **ONE_STRIP),
        "refused picture-too-large",
    ),
    "TIFF 48 MP, a rotated strip": (
        lambda: plain("RGB", 65_500, "TIFF", height=740, **DEFLATED, tiffinfo={278: 16, 274: 6}),
        "picture",
    ),
    "TIFF 30 MP of floats": (lambda: plain("F", 5_500, "TIFF", **ONE_STRIP), "picture"),
    "TIFF 6 MP of floats in colour": (lambda: floats(2_490), "picture"),
    "TIFF 7 MP of floats in colour": (lambda: floats(2_600), "refused picture-too-large"),
}


def write_large() -> None:
    """Write one of the large pictures, named by the argument, to standard output."""
    sys.stdout.buffer.write(LARGE[sys.argv[2]][0]())


def decode_large() -> None:
    """Decode the picture on standard input; print the outcome and the memory it added."""
    data = sys.stdin.buffer.read()
    outcome(written(scene(1)))  # makes Pillow load all its decoders
    before = peak_megabytes()
    report = {"end": outcome(data), "megabytes": peak_megabytes() - before}
    print(json.dumps(report))


@pytest.mark.parametrize("name", LARGE)
def test_a_large_picture_stays_within_its_memory_limit(name):
    command = [sys.executable, "-m", "tests.unit.test_odd_files"]
    made = subprocess.run([*command, "write", name], cwd=ROOT, capture_output=True, check=True)

    decoded = subprocess.run(
        [*command, "decode"], cwd=ROOT, input=made.stdout, capture_output=True, check=True
    )

    report = json.loads(decoded.stdout)
    assert report["end"] == LARGE[name][1]
    assert report["megabytes"] < MAX_MEGABYTES


PHONE = {"JPEG": {}, "JPEG progressive": {"progressive": True}, "PNG": {"compress_level": 1}}
PHONE |= {"WEBP": {"method": 0}, "AVIF": {"speed": 10}}


@pytest.mark.parametrize("name", PHONE)
def test_a_12_megapixel_photo_opens(name):
    photo = scene(3, 403, 302).resize((4_032, 3_024))

    picture = decode(written(photo, name.split()[0], **PHONE[name]), Limits(), short_side_px=374)

    assert (picture.width, picture.height) == (4_032, 3_024)


def outcome(data: bytes) -> str:
    """Do everything the product does with a picture; return the outcome."""
    try:
        picture = decode(data, Limits(), short_side_px=374)
        shapes = {picture.square(part, 224).shape for part in (1.0, 0.6)}
        return "picture" if shapes == {(224, 224, 3)} and picture.thumbnail(320) else str(shapes)
    except PictureError as refusal:
        return f"refused {refusal.code}" if str(refusal) else "refused without a reason"


def interlaced(side: int) -> bytes:
    """Write the start of an interlaced PNG of 4 x 16 bits, whose pixels are missing."""
    header = struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 1)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in parts
    )


def test_interlaced_pngs_of_16_bits_are_refused_where_they_would_take_too_long():
    small, large = outcome(interlaced(5_000)), outcome(interlaced(6_000))

    assert small == "refused damaged-picture"  # it was decoded
    assert large == "refused picture-too-large"


def test_any_file_becomes_a_picture_or_is_refused_with_a_reason():
    command = [sys.executable, "-m", "tests.unit.test_odd_files"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)

    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert report["others"] == []
    assert report["pictures"] > 100
    assert report["refused"] > 100
    assert report["megabytes"] < MAX_MEGABYTES


def peak_megabytes() -> int:
    """Return the peak memory of this process; getrusage would count the parent's too."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Decode every file; run in its own process to measure its memory."""
    names = [p for name in ("dev-odd", "dev-photos") for p in development_set(name)]
    outcomes = {str(number): outcome(data) for number, data in enumerate(damaged(1_500))}
    outcomes |= {str(path): outcome(Path(path).read_bytes()) for path in names}
    known = [end for end in outcomes.values() if end == "picture" or end.startswith("refused ")]
    report = {
        "pictures": known.count("picture"),
        "refused": len(known) - known.count("picture"),
        "others": [
            f"{name}: {end}"
            for name, end in outcomes.items()
            if end not in known or end == "refused without a reason"
        ],
        "megabytes": peak_megabytes(),
    }
    print(json.dumps(report))


if __name__ == "__main__":
    {"write": write_large, "decode": decode_large, "": main}[(*sys.argv[1:], "")[0]]()
