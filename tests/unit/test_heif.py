"""HEIC and AVIF as phones write them: turned, in tiles, with other pictures next to the photo."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import scene, written
from tests.heif import Item, auxiliary, encoded, exif, grid, heif, mirror, rotation

SIZE = (160, 120)
SCENE = scene(12, *SIZE)
HEIC = (Path(__file__).parents[1] / "data" / "drawn.heic").read_bytes()
PICTURES = {"heic": encoded(HEIC, "heic"), "avif": encoded(written(SCENE, "AVIF"), "avif")}
LOSSY = 4.0  # mean difference of both files from the drawing, in levels of 255
TURNS = [rotation(1), rotation(2), rotation(3), mirror(0), mirror(1)]
SHOWN = [
    Image.Transpose.ROTATE_90,
    Image.Transpose.ROTATE_180,
    Image.Transpose.ROTATE_270,
    Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.FLIP_LEFT_RIGHT,
]
both = pytest.mark.parametrize("brand", PICTURES)


def difference(file: bytes, expected: Image.Image) -> float:
    picture = decode(file, Limits(), short_side_px=374)
    assert (picture.width, picture.height) == picture.image.size == expected.size
    return float(np.abs(np.asarray(picture.image).astype(int) - np.asarray(expected)).mean())


def with_properties(item: Item, *more: bytes) -> Item:
    return replace(item, properties=(*item.properties, *more))


@both
@pytest.mark.parametrize("number", range(len(TURNS)))
def test_a_picture_is_turned_by_its_own_rotation_and_mirroring(brand, number):
    file = heif(brand, [with_properties(PICTURES[brand], TURNS[number])])

    assert difference(file, SCENE.transpose(SHOWN[number])) < LOSSY


@both
def test_a_rotation_comes_before_a_mirroring(brand):
    file = heif(brand, [with_properties(PICTURES[brand], rotation(1), mirror(1))])

    turned = SCENE.transpose(Image.Transpose.ROTATE_90).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    assert difference(file, turned) < LOSSY


@both
@pytest.mark.parametrize("turns", [(), (rotation(3),)])
def test_exif_that_repeats_the_rotation_does_not_turn_a_picture_again(brand, turns):
    items = [with_properties(PICTURES[brand], *turns), exif(6)]

    file = heif(brand, items, [(b"cdsc", 2, [1])])

    shown = SCENE.transpose(Image.Transpose.ROTATE_270) if turns else SCENE
    assert difference(file, shown) < LOSSY


@both
@pytest.mark.parametrize("turns", [(), (rotation(3),)])
def test_tiles_become_one_picture_without_what_exceeds_it(brand, turns):
    tile = replace(PICTURES[brand], hidden=True)
    whole = with_properties(grid(2, 2, 300, 220), *turns)

    file = heif(brand, [whole, *[tile] * 4], [(b"dimg", 1, [2, 3, 4, 5])])

    four = Image.new("RGB", (320, 240))
    for place in ((0, 0), (160, 0), (0, 120), (160, 120)):
        four.paste(SCENE, place)
    shown = four.crop((0, 0, 300, 220))
    assert difference(file, shown.transpose(Image.Transpose.ROTATE_270) if turns else shown) < LOSSY


@both
@pytest.mark.parametrize(
    ("reference", "properties"),
    [(b"thmb", ()), (b"auxl", (auxiliary("depth"),)), (b"auxl", (auxiliary("other"),))],
    ids=["thumbnail", "depth map", "another auxiliary picture"],
)
def test_pictures_next_to_the_photo_are_not_read(brand, reference, properties):
    """The second picture would be upside down."""
    other = replace(with_properties(PICTURES[brand], rotation(2), *properties), hidden=True)

    file = heif(brand, [PICTURES[brand], other], [(reference, 2, [1])])

    assert difference(file, SCENE) < LOSSY
