"""Altered copies: the same file and name give the same bytes, and what must be lossless is."""

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from model.quality.alterations import LOSSLESS, NAMES, alter
from tests.drawing import scene, written


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(ImageOps.exif_transpose(image).convert("RGB")).astype(int)


@pytest.fixture(scope="module")
def photo() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    return written(scene(1, 300, 200), quality=90, exif=exif, comment=b"said")


@pytest.mark.parametrize("name", NAMES)
def test_a_copy_is_another_file_and_always_the_same(photo, name):
    copy = alter(name, "a.jpg", photo)

    assert copy != photo
    assert copy == alter(name, "a.jpg", photo)
    assert min(opened(copy).shape[:2]) >= 60


@pytest.mark.parametrize("name", LOSSLESS)
def test_a_lossless_copy_shows_the_same_pixels(photo, name):
    assert (opened(alter(name, "a.jpg", photo)) == opened(photo)).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in LOSSLESS])
def test_every_other_copy_shows_other_pixels(photo, name):
    copy, original = opened(alter(name, "a.jpg", photo)), opened(photo)

    assert copy.shape != original.shape or np.abs(copy - original).mean() > 0.5


def test_stripping_removes_exif_and_comments(photo):
    with Image.open(io.BytesIO(alter("stripped", "a.jpg", photo))) as image:
        assert not image.getexif()
        assert "comment" not in image.info


def test_stickers_are_elsewhere_on_other_files(photo):
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
    height, width, _ = opened(alter(name, "a.jpg", photo)).shape

    assert (width, height) == size


def test_the_sticker_covers_15_percent(photo):
    copy, original = opened(alter("sticker 15 %", "a.jpg", photo)), opened(photo)

    changed = (np.abs(copy - original).max(axis=2) > 60).mean()
    assert 0.10 < changed < 0.17
