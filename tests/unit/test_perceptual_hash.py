"""Fingerprints: what changes hash and colours, what does not, and which pictures have none."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from functions.gallery.embedding.fingerprint import (
    HASH_BITS,
    SAME_HASH_BITS,
    SAME_PICTURE_BITS,
    Fingerprint,
    PerceptualHash,
    quality,
)
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.drawn import page, plain, sketch, table
from tests.drawing import scene

# Made with pdqhash 0.2.8, the bindings of PDQ's own C++: hash and quality of noise, see `blocks`.
BY_PDQHASH = {
    (0, 32): ("68c05f3ef0039ed4969e91cbd8bb35e785e68025c63f822a8917e91bc4457faa", 100),
    (1, 64): ("017fac1c3361e6b94c827f6357ff791a56d95bda678a223b38dc380154a1aa0d", 100),
    (2, 32): ("f4a834d7cd95e10a0edf80fcb8389dba628b2488cc8e16fdd847a1175fb36551", 100),
    (3, 32): ("789c03abd5ee73008e38d57e05efa818f96ffc1a482bb85480c39564f62b7365", 100),
    (4, 64): ("a964a91ef26532bf650b07205d6d12dea9a91bff9c7bf602575c1227326500fc", 100),
}


def blocks(seed, smooth):
    """Return (64, 64, 3) blocks: noise, enlarged from `smooth` to 64."""
    noise = np.random.default_rng(seed).integers(0, 256, (smooth, smooth, 3), np.uint8)
    return np.repeat(np.repeat(noise, 64 // smooth, axis=0), 64 // smooth, axis=1)


def read(image, format="PNG", **options):
    written = io.BytesIO()
    image.save(written, format, **options)
    return Fingerprint.of(decode(written.getvalue(), Limits(), short_side_px=448))


@pytest.fixture(scope="module")
def photo():
    return scene(4)


@pytest.fixture(scope="module")
def known(photo):
    return read(photo)


@pytest.mark.parametrize(("seed", "smooth"), BY_PDQHASH)
def test_hash_and_quality_are_those_of_the_published_algorithm(seed, smooth):
    luminance = blocks(seed, smooth).astype(np.float32) @ np.array(
        [0.299, 0.587, 0.114], np.float32
    )

    assert (PerceptualHash.of_luminance(luminance).hex, quality(luminance)) == BY_PDQHASH[
        seed, smooth
    ]


SAVED_AGAIN = {
    "jpeg": lambda image: read(image, "JPEG", quality=30),
    "webp": lambda image: read(image, "WEBP", quality=50),
    "small": lambda image: read(image.resize((image.width // 4, image.height // 4))),
    "blur": lambda image: read(image.filter(ImageFilter.GaussianBlur(2))),
    "stretched": lambda image: read(image.resize((int(image.width * 1.33), image.height))),
}


@pytest.mark.parametrize("copy", SAVED_AGAIN.values(), ids=SAVED_AGAIN)
def test_a_picture_saved_again_is_the_same_picture(photo, known, copy):
    again = copy(photo)

    assert known.hash.distance(again.hash) <= SAME_PICTURE_BITS
    assert known.is_same_picture(again)


RECOLOURED = {
    "grey": ImageOps.grayscale,
    "darker": lambda image: image.point(lambda level: round(level * 0.8)),
    "one disc": lambda image: with_patch(image, (40, 90, 220)),
}


def with_patch(image, colour):
    done = image.copy()
    done.paste(colour, (140, 100, 180, 140))
    return done


@pytest.mark.parametrize("edit", RECOLOURED.values(), ids=RECOLOURED)
def test_a_recoloured_picture_has_the_hash_but_not_the_colours(photo, edit):
    original = with_patch(photo, (190, 50, 60))

    one, other = read(original), read(edit(original))

    assert one.hash.distance(other.hash) <= SAME_HASH_BITS
    assert not one.is_same_picture(other)


def test_different_pictures_differ_in_about_half_of_the_bits(known):
    assert known.hash.distance(read(scene(5)).hash) > 80


def test_a_sideways_phone_photo_has_the_fingerprint_of_the_upright_picture(photo, known):
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = photo.transpose(Image.Transpose.ROTATE_90)

    assert read(sideways, exif=exif) == known


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_every_mirrored_or_turned_picture_is_near(photo, known, turn):
    turned = read(photo.transpose(turn))

    assert (
        known.hash.turned_distance(turned.hash) <= SAME_HASH_BITS < known.hash.distance(turned.hash)
    )
    assert turned.nearest(known) <= SAME_HASH_BITS


FRAMES = {
    "border": lambda image: ImageOps.expand(image, 40, "navy"),
    "wide border": lambda image: ImageOps.expand(image, 90, (200, 30, 60)),
    "bars": lambda image: ImageOps.expand(image, (0, 40, 0, 40), "black"),
}


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_what_a_frame_surrounds_has_the_hash_of_the_picture(photo, known, frame):
    framed = read(frame(photo))

    assert known.hash.distance(framed.hash) > SAME_HASH_BITS
    assert known.inside.distance(framed.inside) <= SAME_HASH_BITS
    assert 0.85 <= framed.content * framed_area(frame, photo) <= 1


def framed_area(frame, photo):
    framed = frame(photo)
    return framed.width * framed.height / (photo.width * photo.height)


def test_the_background_of_a_product_is_no_frame():
    product = Image.new("RGB", (300, 400), "white")
    disc = Image.new("L", (160, 240))
    disc.paste(
        255,
        (0, 0, 160, 240),
        Image.radial_gradient("L").resize((160, 240)).point(lambda v: 255 * (v < 120)),
    )
    product.paste(scene(3, 160, 240), (70, 80), disc)

    found = read(product)

    assert found.inner is not None
    assert found.content == 1


def test_a_cropped_background_does_not_change_what_it_surrounds():
    product = ImageOps.expand(scene(3, 160, 240), (70, 80, 70, 80), "white")

    one, other = read(product), read(product.crop((30, 20, 290, 390)))

    assert one.inside.distance(other.inside) <= SAME_HASH_BITS < one.hash.distance(other.hash)


def test_a_sticker_leaves_most_cells_as_they_were(photo, known):
    covered = photo.copy()
    covered.paste((250, 240, 20), (200, 60, 300, 140))

    assert known.is_covered(read(covered))
    assert not known.is_covered(read(scene(5)))


def test_colours_are_compared_wherever_they_are(photo, known):
    red, blue = (
        Image.blend(photo, Image.new("RGB", photo.size, to), 0.4) for to in ("red", "blue")
    )

    assert known.has_colours_of(read(photo.crop((16, 12, 304, 228))))
    assert not read(red).has_colours_of(read(blue))


@pytest.mark.parametrize(("draw", "drawn"), [(page, True), (table, True), (scene, False)])
def test_text_and_screens_are_known_as_drawn(draw, drawn):
    assert {read(draw(seed)).drawn for seed in range(3)} == {drawn}


NOT_ENOUGH = {
    "white": Image.new("RGB", (64, 64), "white"),
    "gradient": Image.linear_gradient("L").convert("RGB"),
    "one pixel": Image.new("RGB", (1, 1), "red"),
    "one pixel high": scene(1).crop((0, 100, 320, 101)),
    "four pixels wide": scene(1).crop((100, 0, 104, 200)),
    "transparent": Image.new("RGBA", (64, 64), (200, 20, 20, 0)),
}


@pytest.mark.parametrize("image", NOT_ENOUGH.values(), ids=NOT_ENOUGH)
def test_a_picture_without_enough_detail_has_no_fingerprint(image):
    assert read(image) is None


def test_drawn_plain_pictures_have_no_fingerprint():
    assert {read(plain(seed)) for seed in range(12)} == {None}


def test_an_animation_has_the_fingerprint_of_its_first_frame(photo, known):
    moving = io.BytesIO()
    photo.save(moving, "WEBP", lossless=True, save_all=True, append_images=[scene(5), scene(6)])

    assert Fingerprint.of(decode(moving.getvalue(), Limits(), short_side_px=448)) == known


def test_transparent_pixels_do_not_show(photo):
    alpha = Image.new("L", photo.size, 255)
    alpha.paste(0, (0, 0, 160, 240))
    one, other = photo.convert("RGBA"), scene(9).convert("RGBA")
    other.paste(one.crop((160, 0, 320, 240)), (160, 0))
    for each in (one, other):
        each.putalpha(alpha)

    assert read(one) is not None
    assert read(one) == read(other)


def test_signs_and_words_hold_the_same_bits(known):
    other = read(scene(5)).hash
    distance = known.hash.distance(other)

    assert (HASH_BITS - known.hash.signs() @ other.signs()) / 2 == distance
    assert np.bitwise_count(known.hash.words() ^ other.words()).sum() == distance


@pytest.mark.parametrize("text", ["", "0f", "zz" * 32, "ab" * 33, " " + "ab" * 32])
def test_text_that_is_not_a_hash_is_refused(text):
    with pytest.raises(ValueError):
        PerceptualHash.parse(text)


@pytest.mark.parametrize(
    "draw", [scene, sketch, page, lambda n: ImageOps.expand(scene(n), 30, "white")]
)
def test_fingerprints_are_read_back_as_they_were_written(draw):
    fingerprint = read(draw(2))

    assert Fingerprint.read(fingerprint.write()) == fingerprint


@pytest.mark.parametrize(
    "broken",
    [{"colours": "AAAA"}, {"colours": "?"}, {"light": "AAAA"}, {"hash": "0f"}, {"inner": "0f"}],
)
def test_a_broken_fingerprint_is_refused(known, broken):
    with pytest.raises(ValueError):
        Fingerprint.read(known.write() | broken)
