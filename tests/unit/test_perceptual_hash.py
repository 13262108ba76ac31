"""The difference hash: what changes it, what does not, and which pictures have none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from functions.gallery.embedding.fingerprint import HASH_BITS, PerceptualHash, distances
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import scene


def hash_of(image, format="PNG", **options):
    written = io.BytesIO()
    image.save(written, format, **options)
    return PerceptualHash.of(decode(written.getvalue(), Limits(), short_side_px=374))


@pytest.fixture(scope="module")
def photo():
    return scene(4)


def test_a_bit_is_set_where_brightness_falls_from_left_to_right():
    grey = np.tile(np.array([9, 8, 7, 7, 8, 9, 5, 4, 6], np.uint8), (8, 1))

    hash = PerceptualHash.of_grey(grey)

    assert hash.hex == "c6" * 8  # 1 1 0 0 0 1 1 0 in every row
    assert PerceptualHash.parse(hash.hex) == hash


@pytest.mark.parametrize(
    "copy",
    [
        lambda image: hash_of(image, "JPEG", quality=30),
        lambda image: hash_of(image, "WEBP", quality=50),
        lambda image: hash_of(image.resize((image.width // 4, image.height // 4))),
        lambda image: hash_of(ImageOps.grayscale(image)),
        lambda image: hash_of(image.filter(ImageFilter.GaussianBlur(2))),
        lambda image: hash_of(image.resize((int(image.width * 1.33), image.height))),
    ],
    ids=["jpeg", "webp", "small", "grey", "blur", "stretched"],
)
def test_a_copy_differs_by_few_bits(photo, copy):
    assert hash_of(photo).distance(copy(photo)) <= 4


def test_different_and_mirrored_pictures_differ_by_many_bits(photo):
    assert hash_of(photo).distance(hash_of(scene(5))) > 10
    assert hash_of(photo).distance(hash_of(ImageOps.mirror(photo))) > 10


def test_a_sideways_phone_photo_has_the_hash_of_the_upright_picture(photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = photo.transpose(Image.Transpose.ROTATE_90)

    assert hash_of(sideways, exif=exif) == hash_of(photo)


@pytest.mark.parametrize(
    "plain",
    [Image.new("RGB", (64, 64), "white"), Image.linear_gradient("L").transpose(3).convert("RGB")],
    ids=["white", "gradient"],
)
def test_a_picture_without_detail_has_no_hash(plain):
    assert hash_of(plain) is None


def test_the_manhattan_distance_of_the_vectors_is_the_number_of_differing_bits(photo):
    one, other = hash_of(photo), hash_of(scene(5))

    assert np.abs(one.vector() - other.vector()).sum() == one.distance(other)
    assert one.vector().shape == (HASH_BITS,)


@pytest.mark.parametrize("text", ["", "0f", "zz" * 8, "ab" * 9])
def test_text_that_is_not_a_hash_is_refused(text):
    with pytest.raises(ValueError):
        PerceptualHash.parse(text)


@pytest.mark.parametrize("turn", [ImageOps.mirror, ImageOps.flip, lambda image: image.rotate(180)])
def test_a_mirrored_or_turned_picture_is_near_by_its_mirrored_distance(photo, turn):
    one, other = hash_of(photo), hash_of(turn(photo))

    near = one.mirrored_distance(other)

    # Equal neighbours are a zero either way round, so a few bits of plain areas differ.
    assert near <= 8 < one.distance(other)
    assert other.mirrored_distance(one) == near
    assert distances(one, other) == (one.distance(other), near)


def test_a_missing_hash_has_no_distances(photo):
    assert distances(None, hash_of(photo)) == distances(hash_of(photo), None) == (None, None)
