"""Raw files of cameras open by their largest JPEG preview, with the size of the sensor."""

import random
import struct
import subprocess
import sys
import tracemalloc
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import (
    DamagedPicture,
    PictureError,
    PictureTooLarge,
    UnsupportedFormat,
)
from functions.gallery.pictures import raw
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.formats import FORMATS, RAW_FORMATS, is_raw, media_type
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Picture
from tests.conftest import ROOT
from tests.drawing import jpeg, scene, written
from tests.raw_files import KINDS, LOSSLESS, PREVIEW, SENSOR, Tiff, dng, nef, raf, rw2

BOTH_ORDERS = [
    *((kind, "<") for kind in KINDS if kind != "RAF"),
    *((kind, ">") for kind in ("NEF", "ARW", "PEF", "DNG", "ORF", "CR3")),
    ("RAF", ">"),
]
HIDDEN = ("CR2", "DNG")  # their sensor's data look like a JPEG larger than the preview


def opened(data: bytes) -> Picture:
    return decode(data, Limits(), short_side_px=374)


def with_orientation(data: bytes, orientation: int) -> bytes:
    """Return a JPEG with an EXIF block of its own."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes()
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + data[2:]


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image)


@pytest.mark.parametrize(("kind", "order"), BOTH_ORDERS, ids=str)
def test_a_raw_file_is_its_preview_with_the_size_of_the_sensor(kind, order):
    picture = opened(KINDS[kind](order=order))

    assert (picture.format, picture.width, picture.height) == (kind, *SENSOR)
    assert np.array_equal(pixels(picture), pixels(opened(PREVIEW)))
    assert not picture.turned


# The orientation of a RAF is only in the EXIF of its preview.
@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
@pytest.mark.parametrize(("kind", "order"), [each for each in BOTH_ORDERS if each[0] != "RAF"])
def test_a_preview_without_an_orientation_is_turned_like_the_sensor(kind, order, orientation):
    picture = opened(KINDS[kind](orientation=orientation, order=order))

    same = opened(with_orientation(PREVIEW, orientation))
    assert np.array_equal(pixels(picture), pixels(same))
    size = SENSOR[::-1] if orientation > 4 else SENSOR
    assert (picture.width, picture.height, picture.turned) == (*size, True)


@pytest.mark.parametrize(
    "data",
    [
        rw2(with_orientation(PREVIEW, 8), 8),
        rw2(with_orientation(PREVIEW, 8), None),
        raf(with_orientation(PREVIEW, 8)),
    ],
)
def test_a_preview_with_an_orientation_of_its_own_is_turned_once(data):
    picture = opened(data)

    assert np.array_equal(pixels(picture), pixels(opened(with_orientation(PREVIEW, 8))))
    assert (picture.width, picture.height) == SENSOR[::-1]


@pytest.mark.parametrize("kind", ["NEF", "DNG", "CR3"])
def test_a_preview_that_is_stored_upright_is_not_turned_again(kind):
    upright = jpeg(1, 640, 960)

    picture = opened(KINDS[kind](upright, 6))

    assert np.array_equal(pixels(picture), pixels(opened(upright)))
    assert (picture.width, picture.height, picture.turned) == (*SENSOR[::-1], False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_raw_file_without_a_large_preview_is_refused_by_its_kind(kind):
    for preview in (jpeg(1, 639, 480), b"", LOSSLESS):
        with pytest.raises(UnsupportedFormat, match=rf"\({kind}\) without .* 640 px; export"):
            opened(KINDS[kind](preview))

    assert opened(KINDS[kind](jpeg(1, 480, 640))).format == kind


@pytest.mark.parametrize("kind", HIDDEN)
def test_the_data_of_the_sensor_are_never_the_preview(kind):
    data = KINDS[kind]()
    larger = [1500 * 2000] if kind == "CR2" else [1000 * 800]

    assert data.count(b"\xff\xd8\xff") >= 2
    assert larger[0] > 960 * 640
    assert np.array_equal(pixels(opened(data)), pixels(opened(PREVIEW)))


def test_a_larger_preview_is_preferred_wherever_it_is():
    large = jpeg(2, 1200, 800)

    for data in (nef(PREVIEW) + large, nef(large) + PREVIEW):
        assert pixels(opened(data)).shape == (400, 600, 3)


@pytest.mark.parametrize(
    "options",
    [
        {"progressive": True},
        {"mode": "L"},
        {"subsampling": 0},
    ],
    ids=str,
)
def test_every_jpeg_that_cameras_write_can_be_the_preview(options):
    image = scene(1, 800, 600).convert(options.pop("mode", "RGB"))
    preview = written(image, **options)

    assert np.array_equal(pixels(opened(dng(preview))), pixels(opened(preview)))


def test_a_sensor_without_a_maker_is_raw():
    tiff = Tiff()
    preview = tiff.directory({254: 1, 259: 6} | tiff.embedded(PREVIEW))
    data = tiff.file(tiff.directory(tiff.sensor(*SENSOR, 1), preview))

    picture = opened(data)

    assert (picture.format, picture.width, picture.height) == ("RAW", *SENSOR)


def test_an_rgb_picture_below_a_thumbnail_of_a_camera_is_a_raw_file():
    tiff = Tiff()
    large = {254: 0, 256: 90, 257: 60, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3}
    below = tiff.directory(large | tiff.strip(bytes(90 * 60 * 3)))
    small = {254: 1, 256: 16, 257: 12, 258: [8, 8, 8], 259: 1, 262: 2, 277: 3}
    first = small | tiff.strip(bytes(16 * 12 * 3)) | {271: b"NIKON CORPORATION\0", 330: below}
    data = tiff.file(tiff.directory(first))

    with pytest.raises(UnsupportedFormat, match=r"A Nikon raw file \(NEF\) without"):
        opened(data)


def photo_tiff(**options: object) -> bytes:
    tags = {271: "NIKON CORPORATION", 272: "NIKON D90"}
    return written(scene(3, 900, 600), "TIFF", tiffinfo=tags, **options)


def pyramid() -> bytes:
    """Return a TIFF whose first directory is the picture, with a smaller one below it."""
    tiff = Tiff()
    shape = {258: [8, 8, 8], 259: 1, 262: 2, 277: 3}
    small = tiff.directory({254: 1, 256: 45, 257: 30} | shape | tiff.strip(bytes(45 * 30 * 3)))
    large = {254: 0, 256: 900, 257: 600, 271: b"NIKON CORPORATION\0", 330: small} | shape
    return tiff.file(tiff.directory(large | tiff.strip(scene(3, 900, 600).tobytes())))


@pytest.mark.parametrize(
    "data",
    [
        photo_tiff(),
        photo_tiff(compression="jpeg"),
        photo_tiff(compression="tiff_adobe_deflate"),
        photo_tiff(save_all=True, append_images=[scene(4, 900, 600)]),
        photo_tiff() + jpeg(5, 1200, 800),
        pyramid(),
    ],
    ids=["plain", "jpeg", "deflate", "two pages", "followed by a jpeg", "pyramid"],
)
def test_a_tiff_of_a_camera_stays_a_tiff(data):
    picture = opened(data)

    assert (picture.format, picture.width, picture.height) == ("TIFF", 900, 600)
    assert np.abs(pixels(picture).astype(int) - np.asarray(scene(3, 900, 600))).mean() < 6


@pytest.mark.parametrize(
    ("start", "named"),
    [
        (b"II\x1a\x00\x00\x00HEAPCCDR", "Canon raw (CRW)"),
        (b"FOVb", "Sigma raw (X3F)"),
        (b"\x00MRM", "Minolta raw (MRW)"),
    ],
)
def test_raw_files_of_other_layouts_are_refused_by_their_kind(start, named):
    with pytest.raises(UnsupportedFormat) as refused:
        opened(start + bytes(100))

    assert str(refused.value).startswith(f"{named} is not a supported picture format")


def test_the_limit_of_pixels_is_that_of_the_preview():
    limits = Limits(max_pixels=960 * 640)

    picture = decode(nef(), limits, short_side_px=374)

    assert picture.width * picture.height > limits.max_pixels
    with pytest.raises(PictureTooLarge, match="exceed the limit of 614399 px"):
        decode(nef(), Limits(max_pixels=960 * 640 - 1), short_side_px=374)


def test_a_jpeg_does_not_load_what_reads_raw_files(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(PREVIEW)
    code = (
        "import sys, pathlib; from functions.gallery.pictures.decode import decode, Limits; "
        f"decode(pathlib.Path({str(path)!r}).read_bytes(), Limits(), short_side_px=9); "
        "print('functions.gallery.pictures.raw' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)

    assert done.stdout.strip() == "False", done.stderr


def test_a_damaged_preview_is_named():
    broken = bytearray(PREVIEW)
    scan = broken.index(b"\xff\xda")
    broken[scan + 4] = 9  # colours

    with pytest.raises(DamagedPicture, match="The NEF preview"):
        opened(nef(bytes(broken)))


def test_each_kind_has_a_media_type_and_suffixes():
    assert {format.name for format in RAW_FORMATS} == {*KINDS, "RAW"}
    assert media_type("NEF") == "image/x-nikon-nef"
    suffixes = [suffix for format in FORMATS for suffix in format.suffixes]
    assert len(suffixes) == len(set(suffixes))
    assert is_raw("DNG")
    assert not is_raw("TIFF")


@pytest.mark.parametrize("kind", KINDS)
def test_random_damage_ends_in_a_picture_or_an_error_by_kind(kind):
    rng = random.Random(kind)
    whole = KINDS[kind](jpeg(1, 640, 480))

    for _ in range(150):
        data = bytearray(whole[: rng.randrange(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.choice((1, 4, 40))):
            # Half of the damage is where the structure is, at both ends.
            at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(-300, 300)
            data[at % len(data)] = rng.choice((0, 1, 0xFF, rng.randrange(256)))
        try:
            picture = opened(bytes(data))
        except PictureError:
            continue
        assert max(picture.width, picture.height) <= 65_535
        assert min(picture.width, picture.height) > 0


def starts_of_jpegs() -> bytes:
    """Return a file in which each JPEG has as many segments as a JPEG can have."""
    one = b"\xff\xd8" + b"\xff\xe0\x00\x02" * 98
    return nef() + one * 5_000


def overlapping_directories() -> bytes:
    """Return directories that all have as many strips and tiles as there is room for."""
    tiff = Tiff(start=b"IIU\x00")
    numbers = tiff.put(struct.pack("<I", 9) * 4_000_000)
    directories = []
    for _ in range(60):
        tags = {262: 32803, 273: 0, 279: 0, 324: 0, 325: 0}
        at = tiff.directory(tags | {330: directories[-1:] or 8})
        for entry in range(1, 5):  # what follows the photometric interpretation
            struct.pack_into("<II", tiff.bytes, at + 6 + 12 * entry, 4_000_000, numbers)
        directories.append(at)
    return tiff.file(directories[-1])


@pytest.mark.parametrize(
    "data",
    [
        nef() + b"\xff\xd8\xff" * 6_000_000,
        starts_of_jpegs(),
        overlapping_directories(),
        b"FUJIFILMCCD-RAW ".ljust(92, b"\0") + struct.pack(">I", 96) + b"\xff" * 16_000_000,
        nef()[:8] + struct.pack("<H", 1_000) + struct.pack("<HHII", 330, 4, 9_999, 8) * 1_600_000,
    ],
    ids=["starts", "segments", "directories", "records", "entries"],
)
def test_a_file_made_to_be_slow_is_read_in_few_steps_and_little_memory(data, monkeypatch):
    steps = {"JPEG": 0, "directory": 0}

    def counted(name, function):
        def count(*values):
            steps[name] += 1
            return function(*values)

        return count

    monkeypatch.setattr(raw, "_jpeg_size", counted("JPEG", raw._jpeg_size))
    monkeypatch.setattr(raw, "_directory", counted("directory", raw._directory))
    assert len(data) <= Limits().max_bytes
    tracemalloc.start()

    with suppress(UnsupportedFormat):
        raw.read_raw(data)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A few microseconds for each segment of a JPEG or entry of a directory: less than 0.1 s.
    assert steps["JPEG"] <= 1_000
    assert steps["directory"] <= 51
    assert peak < 40_000_000  # a copy of the file, and the places of its parts
