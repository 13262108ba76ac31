"""Embedded colour profiles are applied: a picture has the colours that a person sees."""

import io
import json
import random
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.pictures import profiles
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Flaw, Picture, Region
from functions.gallery.pictures.profiles import MAX_PROFILE_BYTES
from tests.conftest import ROOT
from tests.drawing import scene, written
from tests.icc import (
    ADOBE_RGB,
    DISPLAY_P3,
    PROPHOTO,
    SRGB,
    cmyk_from_srgb,
    cmyk_profile,
    grey_profile,
    icc,
    srgb_encoded,
)

SPACES = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB, "ProPhoto": PROPHOTO}
P3 = DISPLAY_P3.profile()
LOSSY = {"JPEG": {"quality": 95, "subsampling": 0}, "MPO": {"quality": 95, "subsampling": 0}}
LOSSY |= {"AVIF": {"quality": 95, "subsampling": "4:4:4"}}
LOSSLESS = {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}


@pytest.fixture(autouse=True)
def no_profile_is_known():
    profiles._conversion.cache_clear()


def opened(data: bytes, short_side_px: int = 448) -> Picture:
    return decode(data, Limits(), short_side_px=short_side_px)


def colours(data: bytes) -> np.ndarray:
    return np.asarray(opened(data).image).astype(int)


def p3_file(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    stored = Image.fromarray(DISPLAY_P3.from_srgb(np.asarray(image)))
    return written(stored, format, icc_profile=P3, **options)


def cmyk_file(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    inks = Image.fromarray(cmyk_from_srgb(np.asarray(image)), "CMYK")
    return written(inks, format, icc_profile=cmyk_profile(), **options)


@pytest.mark.parametrize("space", SPACES)
def test_colours_are_those_computed_from_the_published_primaries(space):
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(27, 27, 3)
    data = written(Image.fromarray(cube), "PNG", icc_profile=SPACES[space].profile())

    picture = opened(data)

    # Half a level is lost by rounding, the rest by 16-bit numbers in the profile and LittleCMS.
    assert np.abs(np.asarray(picture.image) - SPACES[space].to_srgb(cube)).max() < 1
    assert picture.flaws == ()


@pytest.mark.parametrize("format", [*LOSSLESS, *LOSSY])
def test_a_photo_with_a_profile_has_the_colours_of_its_srgb_twin(format):
    image = scene(5, 320, 240)
    options = (LOSSLESS | LOSSY)[format]
    twin = colours(written(image, format, **options))

    found = colours(p3_file(image, format, **options))

    # P3 in 8 bits misses an sRGB colour by 1 level; without its profile the mean is 6.
    assert np.abs(found - twin).mean() < (2 if format in LOSSY else 0.6)


def test_a_heic_with_a_profile_has_the_colours_of_its_srgb_twin():
    data = (ROOT / "tests" / "data" / "drawn-p3.heic").read_bytes()

    picture = opened(data)

    assert np.abs(np.asarray(picture.image).astype(int) - scene(12, 160, 120)).mean() < 2
    assert picture.flaws == ()


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_a_cmyk_picture_has_the_colours_of_its_srgb_twin(format):
    image = scene(6, 320, 240)
    data = cmyk_file(image, format, **({"quality": 95} if format == "JPEG" else {}))
    assert data.count(b"ICC_PROFILE\0") == (2 if format == "JPEG" else 0)  # in two segments

    found = colours(data)

    # The profile's table has 11 amounts of each ink; without it the mean is 28.
    assert np.abs(found - image).mean() < 3


def test_a_cmyk_picture_without_a_profile_is_as_before():
    inks = Image.fromarray(cmyk_from_srgb(np.asarray(scene(6))), "CMYK")

    picture = opened(written(inks, "TIFF"))

    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(inks.convert("RGB")))
    assert (picture.to_srgb, picture.flaws) == (None, ())


@pytest.mark.slow
@pytest.mark.parametrize("large", [p3_file, cmyk_file], ids=["Display P3", "CMYK"])
def test_a_large_photo_is_reduced_before_its_colours_are_converted(large):
    image = scene(7, 800, 600).resize((2_400, 1_800))
    twin = opened(written(image, quality=95))

    picture = opened(large(image, "JPEG", quality=95))

    assert picture.to_srgb is not None
    for part in (1.0, 0.5):
        assert np.abs(picture.square(part, 224).astype(int) - twin.square(part, 224)).mean() < 2
    assert Fingerprint.of(picture).is_same_picture(Fingerprint.of(twin))
    region = Region(0.1, 0.2, 0.5, 0.5)
    found, expected = (each.cropped(region).square(1.0, 224) for each in (picture, twin))
    assert np.abs(found.astype(int) - expected).mean() < 2


@pytest.mark.parametrize("large", [p3_file, cmyk_file], ids=["Display P3", "CMYK"])
@pytest.mark.slow
def test_a_thumbnail_has_the_colours_of_the_srgb_twin_and_no_profile(large):
    image = scene(8, 800, 600)
    twin = Image.open(io.BytesIO(opened(written(image, quality=95)).thumbnail(256)))

    thumbnail = Image.open(io.BytesIO(opened(large(image)).thumbnail(256)))

    assert (thumbnail.mode, thumbnail.info.get("icc_profile")) == ("RGB", None)
    assert np.abs(np.asarray(thumbnail).astype(int) - np.asarray(twin)).mean() < 3


def test_a_rotated_picture_with_a_profile_opens_upright():
    image = scene(1, 320, 200)
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = image.transpose(Image.Transpose.ROTATE_90)

    picture = opened(cmyk_file(sideways, "TIFF", exif=exif))

    assert picture.image.size == (320, 200)
    assert np.abs(np.asarray(picture.image).astype(int) - image).mean() < 3


@pytest.mark.parametrize("mode", ["L", "LA", "I;16", "P"])
def test_transparent_deep_and_palette_pictures_have_their_profiles_applied(mode):
    grey = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    image = Image.fromarray(grey.astype(np.uint16) * 257 if mode == "I;16" else grey)
    profile = PROPHOTO.profile() if mode == "P" else grey_profile(1.8)
    expected = 255 * srgb_encoded((grey / 255) ** 1.8)

    found = colours(written(image.convert(mode), "PNG", icc_profile=profile))

    # LittleCMS limits how steep a curve starts: 1.5 levels in the darkest greys.
    np.testing.assert_allclose(found, np.repeat(expected[..., None], 3, 2), atol=1.6)


def test_a_grey_picture_with_a_profile_for_colours_is_grey_in_that_profile():
    grey = np.tile(np.arange(256, dtype=np.uint8), (8, 1))

    picture = opened(written(Image.fromarray(grey), "PNG", icc_profile=PROPHOTO.profile()))

    expected = 255 * srgb_encoded((grey / 255) ** 1.8)
    np.testing.assert_allclose(np.asarray(picture.image)[..., 1], expected, atol=1)
    assert picture.flaws == ()


def test_an_srgb_profile_changes_and_costs_nothing():
    image = scene(9)

    picture = opened(written(image, "PNG", icc_profile=SRGB.profile()))

    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(image))
    assert (picture.to_srgb, picture.flaws) == (None, ())


@pytest.mark.parametrize("profile", [SRGB.profile(), P3, P3[:300]], ids=["sRGB", "P3", "broken"])
def test_a_profile_is_read_once(monkeypatch, profile):
    builds = []
    build = profiles._transform
    monkeypatch.setattr(profiles, "_transform", lambda *args: builds.append(1) or build(*args))

    for seed in range(4):
        opened(written(scene(seed), "PNG", icc_profile=profile))

    assert builds == [1]


@pytest.mark.parametrize("format", ["JPEG", "PNG"])
def test_littlecms_is_not_loaded_for_a_picture_without_a_profile(format):
    code = (
        "import sys; from functions.gallery.pictures.decode import decode, Limits;"
        "decode(sys.stdin.buffer.read(), Limits(), short_side_px=448).thumbnail(256);"
        "print('PIL._imagingcms' in sys.modules)"
    )
    for data, loaded in ((written(scene(1), format), b"False"), (p3_file(scene(1)), b"True")):
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, input=data, capture_output=True, check=True
        )
        assert done.stdout.strip() == loaded


IGNORED = {
    "not a profile": ("RGB", b"no profile"),
    "without colours": ("RGB", icc(b"mntr", b"RGB ", b"XYZ ", {})),
    "cut in its tags": ("RGB", P3[:300]),
    "cut in its list": ("RGB", P3[:150]),
    "grey for colours": ("RGB", grey_profile(2.2)),
    "CMYK for RGB": ("RGB", cmyk_profile(3)),
    "RGB for CMYK": ("CMYK", P3),
    "CMYK for grey": ("L", cmyk_profile(3)),
    "RGB for Lab": ("LAB", P3),
    "no device": ("RGB", P3[:12] + b"link" + P3[16:]),
    "too large": ("RGB", P3 + bytes(MAX_PROFILE_BYTES)),
}


@pytest.mark.parametrize("name", IGNORED)
def test_a_profile_that_cannot_be_applied_is_ignored_and_marked(name):
    mode, profile = IGNORED[name]
    image = scene(2).convert("RGB" if mode == "LAB" else mode)
    if mode == "LAB":
        image = Image.merge("LAB", image.split())
    without = opened(written(image, "TIFF"))

    picture = opened(written(image, "TIFF", icc_profile=profile))

    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(without.image))
    assert picture.flaws == (Flaw.PROFILE_IGNORED,)
    assert without.flaws == ()


def test_a_jpeg_that_lacks_a_part_of_its_profile_is_marked():
    data = cmyk_file(scene(2))
    second = data.rindex(b"ICC_PROFILE\0")
    size = struct.unpack_from(">H", data, second - 2)[0]

    picture = opened(data[: second - 4] + data[second - 2 + size :])

    assert picture.flaws == (Flaw.PROFILE_IGNORED,)


def test_a_jpeg_with_an_unreadable_and_a_missing_part_of_its_profile_is_marked_once():
    data = cmyk_file(scene(2))
    second = data.rindex(b"ICC_PROFILE\0")
    size = struct.unpack_from(">H", data, second - 2)[0]
    unreadable = struct.pack(">H", 14) + b"ICC_PROFILE\0"

    picture = opened(data[: second - 2] + unreadable + data[second - 2 + size :])

    assert picture.flaws == (Flaw.PROFILE_IGNORED,)


@pytest.mark.slow
def test_several_threads_convert_alike():
    images = [scene(seed, 500, 500) for seed in range(8)]
    files = [p3_file(image, "JPEG") for image in images] + [cmyk_file(each) for each in images]
    alone = [opened(each).square(1.0, 224) for each in files]
    profiles._conversion.cache_clear()

    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda each: opened(each).square(1.0, 224), files * 4))

    for expected, found in zip(alone * 4, together, strict=True):
        np.testing.assert_array_equal(found, expected)


def damaged_profiles(count: int) -> list[tuple[str, bytes]]:
    """Return profiles with changed bytes and counts, overlapping tags or a missing end."""
    rng = random.Random(20261127)
    bases = [("RGB", P3), ("L", grey_profile(2.2)), ("CMYK", cmyk_profile(5))]
    bases += [("RGB", ADOBE_RGB.profile())]
    numbers = (0, 1, 255, 65_535, 1 << 24, (1 << 31) - 1, (1 << 32) - 1)
    found = []
    for number in range(count):
        mode, profile = bases[number % len(bases)]
        data = bytearray(profile)
        for _ in range(rng.randrange(1, 5)):
            at = rng.randrange(128, min(len(data), 500))
            if rng.random() < 0.5:
                data[at] = rng.randrange(256)
            else:
                data[at : at + 4] = struct.pack(">I", rng.choice(numbers))
        found.append(
            (mode, bytes(data[: rng.randrange(130, len(data))] if number % 5 == 0 else data))
        )
    return found


def heavy_profiles() -> list[tuple[str, bytes]]:
    """Return profiles that would take seconds or gigabytes if they were read as they ask."""
    table = cmyk_profile(5)
    grid = table.index(b"mft2") + 10
    huge = table[:grid] + b"\xff" + table[grid + 1 :]  # 255 steps of each ink: 25 GB
    curve = b"curv" + bytes(4) + struct.pack(">I", 0x3FFFFFFF)
    tags = {b"rXYZ": bytes(20), b"rTRC": curve, b"kTRC": curve}
    # A program of 100,000 steps, which are one table of 15 colours: 2^15 steps for each colour.
    step = b"clut" + bytes(4) + struct.pack(">HH", 15, 15) + b"\x02" * 15 + b"\0" * 2_000_000
    steps = struct.pack(">II", 1_200_016, len(step)) * 150_000
    program = b"mpet" + bytes(4) + struct.pack(">HHI", 3, 3, 150_000) + steps
    floating = icc(b"mntr", b"RGB ", b"XYZ ", {b"D2B0": program + step})
    many = P3[:128] + struct.pack(">I", 300_000) + P3[132:156] * 150_000
    return [
        ("CMYK", huge),
        ("RGB", icc(b"mntr", b"RGB ", b"XYZ ", tags)),
        ("L", icc(b"mntr", b"GRAY", b"XYZ ", tags)),
        ("RGB", floating[:8] + b"\x04\x40" + floating[10:]),
        ("RGB", many),
    ]


def read_hostile() -> None:
    """Read hostile profiles; print the longest time, the memory added and the outcomes."""
    import resource

    outcomes: dict[str, int] = {}
    longest = 0.0
    opened(p3_file(scene(1)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for mode, profile in damaged_profiles(200) + heavy_profiles():
        data = written(Image.new(mode, (40, 30)), "TIFF", icc_profile=profile)
        started = time.process_time()
        picture = opened(data)
        longest = max(longest, time.process_time() - started)
        outcome = "ignored" if picture.flaws else "applied"
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(json.dumps({"longest_s": longest, "megabytes": added, "outcomes": outcomes}))


@pytest.mark.slow
def test_hostile_profiles_take_little_time_and_memory():
    command = [sys.executable, "-W", "ignore", "-m", "tests.unit.test_profiles"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    report = json.loads(done.stdout)
    assert report["longest_s"] < 1
    assert report["megabytes"] < 60
    assert min(report["outcomes"]["ignored"], report["outcomes"]["applied"]) > 20


SHORT = """
import resource
from pathlib import Path
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.pictures import profiles
from tests.drawing import scene
from tests.unit.test_profiles import cmyk_file, p3_file

def flaws(data, free):
    profiles._conversion.cache_clear()
    lines = Path("/proc/self/status").read_text().splitlines()
    used = next(int(line.split()[1]) for line in lines if line.startswith("VmSize")) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + free, -1))
    try:
        return f"done{len(decode(data, Limits(), short_side_px=448).flaws)}"
    except Exception as error:
        return type(error).__name__
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))

for data in (p3_file(scene(1)), cmyk_file(scene(1))):
    decode(data, Limits(), short_side_px=448)
    print(*(flaws(data, free) for free in (*range(0, 2_000_000, 100_000), 90_000_000)))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits the memory of a process")
def test_a_lack_of_memory_is_never_taken_for_a_broken_profile():
    done = subprocess.run(
        [sys.executable, "-c", SHORT], cwd=ROOT, capture_output=True, text=True, check=True
    )

    outcomes = done.stdout.split()
    assert set(outcomes) <= {"OutOfMemory", "done0"}
    assert outcomes[-1] == "done0"


if __name__ == "__main__":
    read_hostile()
