"""What is transparent in a file is transparent, and the background is the one that shows the rest.

The expected values are those that were written. libvips and ImageMagick show the same files within
2 levels of 255.
"""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from functions.gallery.embedding.fingerprint import SAME_HASH_BITS, Fingerprint
from functions.gallery.pictures import colour, transparency
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Picture, Region
from tests.drawing import scene, written
from tests.png import chunk, png

LIMITS = Limits()


def opened(data: bytes, short_side_px: int = 374) -> Picture:
    return decode(data, LIMITS, short_side_px=short_side_px)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(opened(data).image).astype(int)


def key(*samples: int) -> bytes:
    return chunk(b"tRNS", struct.pack(f">{len(samples)}H", *samples))


def on_white(colours: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Blend colours, 0..1, with white; returns levels of 255."""
    return 255 * (colours * opacity + 1 - opacity)


@pytest.mark.parametrize("higher_bits", [0, 1])
@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_one_value_of_a_grey_png_is_transparent_at_any_depth(depth, higher_bits):
    greatest = 2**depth - 1
    transparent = greatest // 2
    grey = np.random.default_rng(depth).integers(0, greatest + 1, (40, 60, 1))
    grey[:20, :30] = transparent
    ignored = higher_bits << depth if depth < 16 else 0

    shown = pixels(png(grey, 0, depth, key(transparent + ignored)))

    expected = np.where(grey == transparent, 255, grey / greatest * 255)
    assert np.abs(shown - expected).max() <= 1


@pytest.mark.parametrize("transparent", [0, 1])
def test_one_value_of_1_bit_is_transparent(transparent):
    bits = np.random.default_rng(1).integers(0, 2, (40, 60, 1))

    shown = pixels(png(bits, 0, 1, key(transparent)))

    # White is on black, and black on white, so it looks as if nothing was transparent.
    assert (shown == bits * 255).all()


@pytest.mark.parametrize("depth", [2, 4, 8, 16])
def test_the_transparent_value_of_a_grey_png_can_be_black(depth):
    greatest = 2**depth - 1
    grey = np.full((40, 60, 1), greatest // 2)
    grey[10:30, 20:40] = 0

    shown = pixels(png(grey, 0, depth, key(0)))

    expected = np.where(grey == 0, 255, grey / greatest * 255)
    assert np.abs(shown - expected).max() <= 1


def test_only_the_very_value_of_16_grey_bits_is_transparent():
    grey = np.full((40, 60, 1), 0x1234)
    grey[:, 30:] = 0x1235

    shown = pixels(png(grey, 0, 16, key(0x1234)))

    assert (shown[:, :30] == 255).all()
    assert (shown[:, 30:] == 0x12).all()


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("depth", [8, 16])
def test_one_colour_of_an_rgb_png_is_transparent(depth, interlaced):
    transparent = np.array([0x12, 0x34, 0x56] if depth == 8 else [0x1234, 0x3456, 0x5678])
    rgb = np.random.default_rng(depth).integers(0, 2**depth, (40, 60, 3))
    rgb[:20, :30] = transparent
    rgb[:20, 30:] = transparent + [0, 0, 1]

    shown = pixels(png(rgb, 2, depth, key(*transparent), interlaced=interlaced))

    is_key = (rgb == transparent).all(axis=2, keepdims=True)
    assert np.abs(shown - np.where(is_key, 255, rgb / (2**depth - 1) * 255)).max() <= 1


def test_the_transparent_colour_of_a_large_rgb_png_is_compared_in_its_upper_bits(monkeypatch):
    monkeypatch.setattr(transparency, "_DEEP_PIXELS", 40 * 60 - 1)
    rgb = np.full((40, 60, 3), 0x1234)
    rgb[:, 20:] = 0x1235
    rgb[:, 40:] = 0x1334

    shown = pixels(png(rgb, 2, 16, key(0x1234, 0x1234, 0x1234)))

    assert (shown[:, :40] == 255).all()
    assert (shown[:, 40:] == 0x13).all()


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_colours_of_a_palette_are_partly_transparent(depth):
    rng = np.random.default_rng(depth)
    palette = rng.integers(0, 256, (2**depth, 3)).astype(np.uint8)
    opacity = rng.integers(0, 256, 2**depth).astype(np.uint8)
    index = rng.integers(0, 2**depth, (40, 60, 1))
    more = chunk(b"PLTE", palette.tobytes()), chunk(b"tRNS", opacity.tobytes())

    shown = pixels(png(index, 3, depth, *more))

    expected = on_white(palette[index[..., 0]] / 255, opacity[index] / 255)
    assert np.abs(shown - expected).max() <= 1


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize(("colour_type", "samples"), [(4, 2), (6, 4)])
def test_a_png_with_an_alpha_channel_is_blended_at_any_depth(colour_type, samples, depth):
    values = np.random.default_rng(depth).integers(0, 2**depth, (40, 60, samples))

    shown = pixels(png(values, colour_type, depth))

    parts = values / (2**depth - 1)
    assert np.abs(shown - on_white(parts[..., :-1], parts[..., -1:])).max() <= 2


def half_transparent() -> Image.Image:
    """Draw a scene that is opaque at the left and transparent at the right."""
    image = scene(5, 320, 240).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").rotate(90).resize(image.size))
    return image


@pytest.mark.parametrize(
    ("format", "options", "tolerance"),
    [
        ("WEBP", {"lossless": True, "exact": True}, 0.5),
        ("WEBP", {"quality": 95}, 2),
        ("AVIF", {"quality": 95}, 2),
        ("TIFF", {"compression": "tiff_adobe_deflate"}, 0.5),
        ("PNG", {}, 0.5),
    ],
    ids=["WebP", "lossy WebP", "AVIF", "TIFF", "PNG"],
)
def test_every_format_with_transparency_shows_the_same(format, options, tolerance):
    image = half_transparent()
    values = np.asarray(image) / 255

    shown = pixels(written(image, format, **options))

    difference = np.abs(shown - on_white(values[..., :3], values[..., 3:]))
    assert difference.mean() <= tolerance


@pytest.mark.parametrize("compression", ["raw", "tiff_adobe_deflate"])
def test_a_tiff_whose_colours_are_multiplied_by_their_opacity_is_blended_once(compression):
    image = Image.new("RGBA", (8, 8), (64, 32, 0, 128))  # half of (128, 64, 0)
    unassociated, associated = (struct.pack("<HHII", 338, 3, 1, kind) for kind in (2, 1))
    data = written(image, "TIFF", compression=compression).replace(unassociated, associated)

    shown = pixels(data)

    assert associated in data
    assert np.abs(shown - [191, 159, 127]).max() <= 1


def test_hidden_colours_do_not_show_when_a_picture_is_reduced():
    image = Image.new("RGBA", (1_000, 1_000), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (500, 0, 1_000, 1_000))

    shown = np.asarray(opened(written(image, "PNG"), short_side_px=100).image)

    assert (shown[:, :50] == 255).all()
    assert (shown[:, 50:] == (0, 0, 255)).all()


def icon(seed: int, colour: str = "white", side: int = 256, softness: float = 1.0) -> Image.Image:
    """Draw an icon of a few shapes in one colour on a transparent background."""
    rng = np.random.default_rng(seed)
    mask = Image.new("L", (512, 512))
    draw = ImageDraw.Draw(mask)
    for number in range(5):
        x, y, w, h = rng.integers(20, 330, 4)
        box = (int(x), int(y), int(x + w / 2 + 30), int(y + h / 2 + 30))
        (draw.ellipse if (seed + number) % 2 else draw.rectangle)(box, fill=255)
        box = (box[0] + 18, box[1] + 18, box[2] - 18, box[3] - 18)
        draw.rectangle(box, fill=0)
    mask = mask.filter(ImageFilter.GaussianBlur(softness)).resize((side, side))
    image = Image.new("RGBA", (side, side), colour)
    image.putalpha(mask)
    return image


def fingerprint_of(data: bytes) -> Fingerprint:
    fingerprint = Fingerprint.of(opened(data))
    assert fingerprint is not None
    return fingerprint


def test_white_icons_differ_from_each_other():
    hashes = [fingerprint_of(written(icon(seed), "PNG")).hash for seed in range(20)]

    distances = [a.distance(b) for n, a in enumerate(hashes) for b in hashes[:n]]

    assert len(distances) == 190
    assert min(distances) > SAME_HASH_BITS


@pytest.mark.parametrize("colour", ["white", "#eeeeee", "#fffff0"])
def test_copies_of_a_white_icon_are_the_same_picture(colour):
    image = icon(3, colour)
    copies = [
        written(image.resize((64, 64)), "PNG"),
        written(image.resize((700, 700)), "PNG"),
        written(image, "WEBP", quality=80),
        written(image, "AVIF", quality=80),
        written(image, "TIFF"),
        written(image.quantize(64), "PNG"),
    ]

    original = fingerprint_of(written(image, "PNG"))

    assert all(original.is_same_picture(fingerprint_of(copy)) for copy in copies)
    hard_edged = fingerprint_of(written(image, "GIF"))
    assert original.hash.distance(hard_edged.hash) <= SAME_HASH_BITS


@pytest.mark.parametrize(
    ("colour", "background"),
    [
        ("#ffffff", 0),
        ("#eeeeee", 0),
        ("#e9e9e9", 0),
        ("#e6e6e6", 255),
        ("#dddddd", 255),
        ("#ffeb3b", 255),  # yellow is light, but not white
        ("#000000", 255),
    ],
)
def test_what_white_hides_is_on_black(colour, background):
    shown = pixels(written(icon(1, colour), "PNG"))

    assert (shown[0, 0] == background).all()


@pytest.mark.parametrize("opacity", [0, 120, 255])
def test_a_picture_of_one_colour_is_on_white(opacity):
    shown = pixels(written(Image.new("RGBA", (64, 48), (255, 255, 255, opacity)), "PNG"))

    assert (shown == 255).all()


def white_product() -> Image.Image:
    """Draw a white product cut out of its background: its shading is what shows on white."""
    shading = Image.radial_gradient("L").point(lambda v: 255 - v * 2 // 5).resize((400, 300))
    image = Image.merge("RGBA", (shading,) * 3 + (Image.new("L", shading.size),))
    mask = Image.new("L", image.size)
    ImageDraw.Draw(mask).rounded_rectangle((60, 50, 340, 260), 60, fill=255)
    image.putalpha(mask)
    return image


def test_a_white_product_with_shading_equals_its_copy_on_white():
    product = white_product()
    page = Image.new("RGB", product.size, "white")
    page.paste(product, mask=product)

    difference = pixels(written(product, "PNG")) - pixels(written(page, "JPEG", quality=95))

    assert np.abs(difference).mean() < 1


def test_dark_text_beside_a_white_panel_stays_legible():
    image = Image.new("RGBA", (400, 300), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    draw.rectangle((40, 40, 360, 200), fill="white", outline="black", width=4)
    draw.rectangle((60, 240, 340, 260), fill="black")

    shown = pixels(written(image, "PNG"))

    assert (shown[0, 0] == 255).all()
    assert (shown[250, 200] == 0).all()


@pytest.mark.parametrize("short_side_px", [50, 150, 374, 748])
def test_the_background_is_the_same_at_every_size_that_is_wanted(short_side_px):
    light, dark = (written(icon(2, colour, 900), "PNG") for colour in ("#eeeeee", "#dddddd"))

    corners = [opened(data, short_side_px).image.getpixel((0, 0)) for data in (light, dark)]

    assert corners == [(0, 0, 0), (255, 255, 255)]


def test_a_part_of_a_picture_has_the_background_of_the_whole():
    image = icon(4)
    image.paste("#d00000", (200, 200, 250, 250))
    whole = opened(written(image, "PNG"))

    part = whole.cropped(Region(0.7, 0.7, 0.3, 0.3))

    assert part.image.getpixel((76, 76)) == whole.image.getpixel((255, 255))


def test_a_thumbnail_shows_a_white_icon():
    small = Image.open(io.BytesIO(opened(written(icon(6), "PNG")).thumbnail(100)))

    assert small.convert("L").getextrema() == pytest.approx((0, 255), abs=12)  # of JPEG


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_a_transparent_picture_shrunk_in_bands_equals_one_shrunk_whole(mode, monkeypatch):
    image = half_transparent().resize((1_200, 900))
    if mode == "I;16":
        grey = np.asarray(image.convert("L")).astype(int)[..., None] // 16 * 4_112
        data = png(grey, 0, 16, key(int(grey[0, 0, 0])))
    else:
        changed = image.quantize(100) if mode == "P" else image.convert(mode)
        data = written(changed, "PNG")
    whole = pixels(data)

    monkeypatch.setattr(colour, "_BAND_PIXELS", 1_200 * 8)
    monkeypatch.setattr(transparency, "_BAND_PIXELS", 500 * 8)

    np.testing.assert_array_equal(pixels(data), whole)


def test_an_opaque_picture_with_an_alpha_channel_is_unchanged():
    image = scene(7)

    shown = pixels(written(image.convert("RGBA"), "PNG"))

    np.testing.assert_array_equal(shown, np.asarray(image))
