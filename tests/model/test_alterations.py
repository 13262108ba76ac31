"""Altered copies can be reproduced, and the lossless ones keep every pixel."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.quality.alterations import LOSSLESS, NAMES, alter
from tests.drawing import scene, written


def pixels_of(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def photo() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    return written(scene(1, 300, 200), quality=90, exif=exif, comment=b"said")


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_has_other_bytes_and_can_be_reproduced(photo, name):
    copy = alter(name, "a.jpg", photo)

    assert copy != photo
    assert copy == alter(name, "a.jpg", photo)
    assert min(pixels_of(copy).shape[:2]) >= 60


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_copy_has_the_same_pixels(photo, name):
    assert (pixels_of(alter(name, "a.jpg", photo)) == pixels_of(photo)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOSSLESS])
def test_every_other_copy_has_other_pixels(photo, name):
    copy, original = pixels_of(alter(name, "a.jpg", photo)), pixels_of(photo)

    assert copy.shape != original.shape or np.abs(copy - original).mean() > 0.5


def test_stripping_removes_exif_and_comments(photo):
    with Image.open(io.BytesIO(alter("stripped", "a.jpg", photo))) as image:
        assert not image.getexif()
        assert "comment" not in image.info


def test_stickers_are_placed_differently_on_other_files(photo):
    assert alter("sticker 15 %", "a.jpg", photo) != alter("sticker 15 %", "b.jpg", photo)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("short side 160", (240, 160)),
        ("short side 64", (96, 64)),
        ("width x 1.33", (399, 200)),
        ("crop 50 %", (150, 100)),
        ("border 15 %", (360, 260)),
        ("rotated 90", (200, 300)),
        ("rotated 15", (300, 200)),
    ],
)
def test_copies_have_the_size_in_their_name(photo, name, size):
    height, width, _ = pixels_of(alter(name, "a.jpg", photo)).shape

    assert (width, height) == size


def test_the_sticker_covers_15_percent(photo):
    copy, original = pixels_of(alter("sticker 15 %", "a.jpg", photo)), pixels_of(photo)

    changed = (np.abs(copy - original).max(axis=2) > 60).mean()
    assert 0.10 < changed < 0.17
