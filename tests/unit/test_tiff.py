"""TIFFs of every kind open as their numbers say, or are refused by what they are."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import (
    DamagedPicture,
    PictureTooLarge,
    UnsupportedFormat,
)
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests import tiffs
from tests.drawing import scene
from tests.tiffs import BLACK_IS_ZERO, CMYK, LAB, PALETTE, RGB, WHITE_IS_ZERO, joined, page, tiff

HEIGHT, WIDTH = 37, 53
Y, X = np.mgrid[0:HEIGHT, 0:WIDTH]
# From 0 to 1, different in each direction and colour, and both ends are reached.
GREY = (X + 2 * Y) / (WIDTH + 2 * HEIGHT - 3)
COLOURS = np.dstack([X / (WIDTH - 1), Y / (HEIGHT - 1), 1 - GREY])
OPACITY = np.clip(1.2 - X / WIDTH, 0, 1)
COMPRESSIONS = (tiffs.NONE, tiffs.LZW, tiffs.DEFLATE, tiffs.PACKBITS, tiffs.LZMA)


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(decode(data, Limits(), short_side_px=374).image).astype(int)


def off_by(data: bytes, shades: np.ndarray) -> int:
    """Return the largest difference from what is expected, 0 to 1, in grey levels of 0 to 255."""
    expected = shades if shades.ndim == 3 else shades[..., None]
    return int(np.abs(decoded(data) - 255 * expected).max())


def numbers(shades: np.ndarray, kind: str, bits: int = 0) -> np.ndarray:
    """Return 0 to 1 as numbers of this type, of its whole range or of the lowest `bits`."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return shades.astype(dtype)
    greatest = 2 ** (bits or 8 * dtype.itemsize) - 1
    return np.minimum(np.rint(shades * float(greatest)), float(greatest) * (1 - 2**-53)).astype(
        dtype
    )


# Rounding down to 8 bits, and once more for transparency, is off by less than 2 levels.
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "u8", "f2", "f4", "f8"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("byteorder", "<>")
def test_colours_of_every_size_open(kind, planar, byteorder):
    stored = numbers(COLOURS, kind)

    data = tiff(stored, photometric=RGB, planar=planar, byteorder=byteorder)

    assert off_by(data, COLOURS) < 2


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("planar", [False, True])
def test_strips_and_tiles_of_every_compression_open(kind, compression, tile, planar):
    layout = {"compression": compression, "tile": tile, "planar": planar}

    data = tiff(numbers(COLOURS, kind), photometric=RGB, byteorder=">", **layout)

    assert off_by(data, COLOURS) < 2


@pytest.mark.parametrize(
    ("kind", "predictor"),
    [(kind, 2) for kind in ("u1", "u2", "u4", "f4")] + [(kind, 3) for kind in ("f2", "f4", "f8")],
)
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("byteorder", "<>")
def test_stored_differences_are_added_up(kind, predictor, tile, planar, byteorder):
    layout = {"tile": tile, "planar": planar, "byteorder": byteorder, "predictor": predictor}

    data = tiff(numbers(COLOURS, kind), photometric=RGB, compression=tiffs.DEFLATE, **layout)

    assert off_by(data, COLOURS) < 2


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 8, 10, 12, 14, 16, 24, 31])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, WHITE_IS_ZERO])
def test_grey_of_every_number_of_bits_opens(bits, photometric):
    most = 2**bits - 1
    stored = numbers(GREY, f"u{1 << (bits > 8) + (bits > 16)}", bits)

    data = tiff(stored, photometric=photometric, bits=bits, byteorder=">")

    shades = stored / most
    assert off_by(data, 1 - shades if photometric == WHITE_IS_ZERO else shades) < 2


@pytest.mark.parametrize("kind", ["i4", "u4", "f4"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
@pytest.mark.parametrize("byteorder", "<>")
def test_large_numbers_of_grey_open(kind, compression, byteorder):
    stored = (GREY * 65_535).astype(kind)
    order = {"compression": compression, "byteorder": byteorder}

    assert off_by(tiff(stored, photometric=BLACK_IS_ZERO, **order), stored / 65_535) < 2


def test_twelve_bits_of_colour_open():
    stored = numbers(COLOURS, "u2", 12)

    assert off_by(tiff(stored, photometric=RGB, bits=12), COLOURS) < 2


@pytest.mark.parametrize("kind", ["u4", "f4"])
def test_white_is_zero_also_for_large_numbers(kind):
    assert off_by(tiff(numbers(GREY, kind), photometric=WHITE_IS_ZERO), 1 - GREY) < 2


@pytest.mark.parametrize("fill_order", [1, 2])
@pytest.mark.parametrize("compression", [tiffs.NONE, tiffs.LZW, tiffs.DEFLATE])
@pytest.mark.parametrize(
    ("kind", "bits"), [("u1", 1), ("u1", 8), ("u2", 12), ("u2", 16), ("f4", 32)]
)
def test_bits_in_either_order_open(fill_order, compression, kind, bits):
    stored = numbers(GREY, kind, bits)
    shades = stored / (1 if kind == "f4" else 2**bits - 1)
    order = {"fill_order": fill_order, "compression": compression}

    assert off_by(tiff(stored, photometric=BLACK_IS_ZERO, bits=bits, **order), shades) < 2


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f4"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("premultiplied", [False, True])
@pytest.mark.parametrize("photometric", [BLACK_IS_ZERO, RGB])
def test_transparency_is_blended_with_white(kind, planar, premultiplied, photometric):
    colours = GREY[..., None] if photometric == BLACK_IS_ZERO else COLOURS
    alpha = OPACITY[..., None]
    stored = colours * alpha if premultiplied else colours

    data = tiff(
        numbers(np.dstack([stored, alpha]), kind),
        photometric=photometric,
        planar=planar,
        extra_samples=[1 if premultiplied else 2],
    )

    # A dark colour of which little is left has few levels, which count as little.
    assert off_by(data, colours * alpha + 1 - alpha) < 4


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_a_sample_of_unknown_use_is_no_transparency(kind):
    stored = numbers(np.dstack([COLOURS, OPACITY, OPACITY]), kind)

    assert off_by(tiff(stored, photometric=RGB, extra_samples=[0, 0]), COLOURS) < 2


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planar", [False, True])
def test_inks_open(kind, planar):
    inks = np.dstack([COLOURS, 0 * GREY])

    # Without black, what is not cyan is red.
    assert off_by(tiff(numbers(inks, kind), photometric=CMYK, planar=planar), 1 - COLOURS) < 3


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "f4"])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("premultiplied", [False, True])
def test_transparent_inks_are_printed_on_white(kind, planar, premultiplied):
    alpha = OPACITY[..., None]
    inks = np.dstack([COLOURS, 0 * GREY])
    stored = np.dstack([inks * alpha if premultiplied else inks, alpha])

    data = tiff(
        numbers(stored, kind),
        photometric=CMYK,
        planar=planar,
        extra_samples=[1 if premultiplied else 2],
    )

    assert off_by(data, 1 - COLOURS * alpha) < 4


def test_one_more_sample_next_to_inks_is_no_transparency_unless_the_file_says_so():
    stored = numbers(np.dstack([COLOURS, 0 * GREY, OPACITY]), "u1")

    assert off_by(tiff(stored, photometric=CMYK), 1 - COLOURS) < 3
    assert off_by(tiff(stored, photometric=CMYK, extra_samples=[0]), 1 - COLOURS) < 3


@pytest.mark.parametrize("kind", ["u1", "u2"])
@pytest.mark.parametrize("photometric", [LAB, 9])
def test_lightness_without_colour_is_grey(kind, photometric):
    neutral = 0 if photometric == LAB else np.iinfo(kind).max // 2 + 1
    lightness = numbers(GREY, kind)
    stored = np.dstack([lightness, *[np.full_like(lightness, neutral)] * 2])

    pixels = decoded(tiff(stored, photometric=photometric))

    # L* 50 is the grey 119 of sRGB (IEC 61966-2-1 and CIE 15).
    assert np.ptp(pixels, axis=2).max() < 4
    middle = np.abs(GREY - 0.5).argmin()
    assert abs(int(pixels.reshape(-1, 3)[middle, 0]) - 119) < 4


@pytest.mark.parametrize(
    ("bits", "kind"), [(1, "u1"), (4, "u1"), (8, "u1"), (10, "u2"), (16, "u2")]
)
@pytest.mark.parametrize("byteorder", "<>")
def test_palettes_of_every_size_open(bits, kind, byteorder):
    stored = numbers(GREY, kind, bits)
    table = np.random.default_rng(bits).integers(0, 65_536, (3, 2**bits))

    data = tiff(
        stored,
        photometric=PALETTE,
        bits=bits,
        byteorder=byteorder,
        tags={320: (3, table.ravel().tolist())},
    )

    assert off_by(data, table[:, stored].transpose(1, 2, 0) / 65_535) < 2


@pytest.mark.parametrize("kind", ["i2", "i4", "i8", "u4", "f4", "f8"])
def test_numbers_without_a_usual_white_are_stretched(kind):
    stored = (GREY * 100_000 if kind != "i2" else GREY * 30_000 - 10_000).astype(kind)
    shades = (stored - float(stored.min())) / np.ptp(stored.astype(float))

    assert off_by(tiff(stored, photometric=BLACK_IS_ZERO), shades) < 2


@pytest.mark.parametrize(("white", "kind"), [(1, "f4"), (255, "f4"), (255, "i4"), (65_535, "u4")])
def test_all_colours_have_the_same_white(white, kind):
    colours = COLOURS * [0.9, 0.5, 0.1]
    stored = (colours * white).astype(kind)

    assert off_by(tiff(stored, photometric=RGB, planar=True), stored / white) < 2


def test_missing_numbers_are_black_and_hide_nothing():
    stored = COLOURS.astype(np.float32)
    stored[3, 4], stored[5, 6] = np.nan, np.inf
    shades = COLOURS.copy()
    shades[3, 4], shades[5, 6] = 0, 1

    assert off_by(tiff(stored, photometric=RGB), shades) < 2


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize("byteorder", "<>")
def test_bigtiff_of_either_byte_order_opens(kind, byteorder):
    stored = numbers(COLOURS, kind)

    assert off_by(tiff(stored, photometric=RGB, byteorder=byteorder, big=True), COLOURS) < 2


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("compression", [tiffs.NONE, tiffs.DEFLATE])
def test_light_and_colour_of_different_size_open(subsampling, compression):
    across, down = subsampling
    # Of squares of 2 x 2 pixels, so that all colours are kept.
    image = scene(5, 32, 24).resize((64, 48), Image.Resampling.NEAREST)
    light, *colour = (np.asarray(band) for band in image.convert("YCbCr").split())
    units = light.reshape(48 // down, down, 64 // across, across).swapaxes(1, 2)
    blocks = [units.reshape(48 // down, 64 // across, -1)]
    blocks += [band[::down, ::across, None] for band in colour]
    rows = np.concatenate(blocks, axis=2).tobytes()
    plain = page(np.asarray(image), photometric=6, compression=compression, rows_per_strip=48)
    part = zlib.compress(rows) if compression == tiffs.DEFLATE else rows
    tags = plain.tags | {530: (3, subsampling)}

    pixels = decoded(joined([tiffs.Page("<", tags, [part])]))

    assert np.abs(pixels - np.asarray(image)).max() < 5  # YCbCr is rounded to 8 bits


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_of_floats_is_turned_upright(orientation):
    turned = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: a.swapaxes(0, 1)[:, ::-1],
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: a.swapaxes(0, 1)[::-1],
    }.get(orientation, lambda a: a)

    data = tiff(numbers(COLOURS, "f4"), photometric=RGB, tags={274: (3, [orientation])})

    assert off_by(data, turned(COLOURS)) < 2
    picture = decode(data, Limits(), short_side_px=374)
    assert picture.turned is (orientation > 1)
    assert (picture.width, picture.height) == picture.image.size


def test_the_first_page_is_the_picture():
    first, second = numbers(COLOURS, "f4"), numbers(1 - COLOURS, "f4")

    data = joined([page(first, photometric=RGB), page(second, photometric=RGB)])

    assert off_by(data, COLOURS) < 2


@pytest.mark.parametrize("kind", ["u1", "f4"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("byteorder", "<>")
@pytest.mark.parametrize("thumbnail", [{"subfile_type": 1}, {"subfile_type": 4}])
def test_a_thumbnail_in_front_of_the_picture_is_skipped(kind, big, byteorder, thumbnail):
    small = page(numbers(GREY[::4, ::4], "u1"), photometric=0, byteorder=byteorder, **thumbnail)
    picture = page(numbers(COLOURS, kind), photometric=RGB, byteorder=byteorder)

    assert off_by(joined([small, small, picture], big=big), COLOURS) < 2


def test_a_thumbnail_marked_in_the_old_way_is_skipped():
    small = page(numbers(GREY[::4, ::4], "u1"), photometric=0, tags={255: (3, [2])})
    del small.tags[254]

    assert off_by(joined([small, page(numbers(COLOURS, "u1"), photometric=RGB)]), COLOURS) < 2


def test_a_file_of_thumbnails_opens_as_the_first():
    pages = [page(numbers(each, "u1"), photometric=1, subfile_type=1) for each in (GREY, 1 - GREY)]

    assert off_by(joined(pages), GREY) < 2


def test_the_profile_of_a_picture_that_pillow_does_not_open_is_kept():
    from functions.gallery.pictures.tiff_samples import open_samples

    tags = {34_675: (7, b"a profile, perhaps")}
    data = tiff(numbers(COLOURS, "f4"), photometric=RGB, tags=tags)

    image = open_samples(data, Limits().max_memory_bytes)

    assert image.info["icc_profile"] == b"a profile, perhaps"


FLOATS = numbers(COLOURS, "f4")
BYTES = numbers(COLOURS, "u1")
ODD = {
    "JPEG 2000 compression": tiff(BYTES, photometric=RGB, tags={259: (3, [34_712])}),
    "WebP compression": tiff(BYTES, photometric=RGB, tags={259: (3, [50_001])}),
    "LERC compression": tiff(FLOATS, photometric=RGB, tags={259: (3, [34_887])}),
    r"unknown \(60000\) compression": tiff(BYTES, photometric=RGB, tags={259: (3, [60_000])}),
    "24-bit floating-point grey": tiff(
        numbers(GREY, "u4", 24), photometric=1, bits=24, sample_format=3
    ),
    "64-bit complex grey": tiff(GREY.astype("c8"), photometric=1),
    "32-bit floating-point L[*]a[*]b[*]": tiff(FLOATS, photometric=LAB),
    "16-bit YCbCr in this layout": tiff(numbers(COLOURS, "u2"), photometric=6),
    "LogLuv colours": tiff(numbers(COLOURS, "u2"), photometric=32_845),
    "12-bit JPEG": tiff(BYTES, photometric=RGB, tags={258: (3, [12] * 3), 259: (3, [7])}),
    "different kinds": tiff(FLOATS, photometric=RGB, tags={258: (3, [32, 16, 32])}),
    "JPEG of 2 samples a pixel": tiff(
        numbers(np.dstack([GREY, GREY]), "u1"),
        photometric=1,
        extra_samples=[1],
        tags={259: (3, [7])},
    ),
    "predictor 9": tiff(FLOATS, photometric=RGB, compression=8, tags={317: (3, [9])}),
    "big-endian": tiff(BYTES, photometric=RGB, tags={259: (3, [7])}, byteorder=">", big=True),
}


@pytest.mark.parametrize("kind", ODD)
def test_a_kind_that_is_not_supported_is_named(kind):
    with pytest.raises(UnsupportedFormat, match=f"TIFF with .*{kind}.* not supported; save it"):
        decoded(ODD[kind])


def test_the_kind_of_the_picture_counts_not_that_of_its_thumbnail():
    small = page(numbers(GREY[::4, ::4], "u1"), photometric=1, subfile_type=1)
    picture = page(GREY.astype("c8"), photometric=1)

    with pytest.raises(UnsupportedFormat, match="complex"):
        decoded(joined([small, picture]))


def test_a_part_that_is_not_there_is_damage():
    data = tiff(FLOATS, photometric=RGB)

    with pytest.raises(DamagedPicture, match="damaged"):
        decoded(tiff(FLOATS, photometric=RGB, tags={278: (4, [3])}))
    with pytest.raises(DamagedPicture, match="damaged"):
        decoded(tiff(FLOATS, photometric=RGB, compression=8, tags={273: (4, [len(data) * 9] * 6)}))


@pytest.mark.parametrize("place", [0, 1, 7, 2**31, 2**32 - 1])
def test_a_directory_beyond_the_end_is_damage(place):
    data = tiff(FLOATS, photometric=RGB)

    with pytest.raises(DamagedPicture):
        decoded(data[:4] + struct.pack("<I", place) + data[8:])


def test_pages_without_end_are_not_followed():
    small = page(numbers(GREY, "u1"), photometric=1, subfile_type=1)
    data = joined([small])

    looped = data[:-4] + data[4:8]  # the page after the last is the first

    assert off_by(looped, GREY) < 2


@pytest.mark.parametrize(
    "tags",
    [
        {256: (4, [65_000]), 257: (4, [65_000])},
        {256: (4, [9_000]), 257: (4, [3_000])},
        {277: (4, [2**31])},
        {278: (4, [2**30]), 257: (4, [2**30])},
        {322: (4, [2**31]), 323: (4, [2**31]), 324: (4, [8]), 325: (4, [8])},
    ],
)
def test_a_picture_that_needs_much_memory_is_refused(tags):
    data = tiff(FLOATS, photometric=RGB, compression=tiffs.DEFLATE, tags=tags)

    with pytest.raises(PictureTooLarge):
        decoded(data)


@pytest.mark.parametrize("photometric", [RGB, 6])
@pytest.mark.parametrize("byteorder", "<>")
def test_a_jpeg_in_a_tiff_opens(photometric, byteorder):
    image = scene(5, 64, 48)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=95, subsampling=0, keep_rgb=photometric == RGB)
    plain = page(np.asarray(image), photometric=photometric, byteorder=byteorder, rows_per_strip=48)
    tags = plain.tags | {259: (3, [7]), 530: (3, [1, 1])}

    pixels = decoded(joined([tiffs.Page(byteorder, tags, [file.getvalue()])]))

    assert np.abs(pixels - np.asarray(image)).mean() < 3  # JPEG at quality 95


@pytest.mark.parametrize(("repeated", "opens"), [(0, True), (20, False)])
def test_a_progressive_jpeg_in_a_tiff_has_few_scans(repeated, opens):
    file = io.BytesIO()
    scene(5, 64, 48).convert("L").save(file, "JPEG", progressive=True)
    whole = file.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    plain = page(np.zeros((48, 64), "u1"), photometric=BLACK_IS_ZERO, rows_per_strip=48)
    jpeg = whole[:-2] + scan * repeated + whole[-2:]
    data = joined([tiffs.Page("<", plain.tags | {259: (3, [7])}, [jpeg])])

    try:
        found = decoded(data).shape == (48, 64, 3)
    except DamagedPicture:
        found = False

    assert found == opens
