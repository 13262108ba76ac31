"""Bytes are decoded to upright RGB pictures, or refused with one of our errors."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import (
    DamagedPicture,
    EmptyPicture,
    PictureTooLarge,
    UnsupportedFormat,
)
from functions.gallery.pictures import colour
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import jpeg, scene, written

LIMITS = Limits()
DATA = Path(__file__).parents[1] / "data"
STORED_TRANSPOSE = {  # by EXIF orientation, how the stored pixels differ from the upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def decoded(data: bytes, short_side_px: int = 374) -> np.ndarray:
    return np.asarray(decode(data, LIMITS, short_side_px=short_side_px).image)


def with_orientation(image: Image.Image, orientation: int, format: str) -> bytes:
    transpose = STORED_TRANSPOSE[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return written(image if transpose is None else image.transpose(transpose), format, exif=exif)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", STORED_TRANSPOSE)
def test_a_rotated_file_opens_upright(orientation, format):
    image = scene(1, 320, 200)
    lossless = {"lossless": True} if format == "WEBP" else {}
    transpose = STORED_TRANSPOSE[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = image if transpose is None else image.transpose(transpose)

    picture = decode(written(stored, format, exif=exif, **lossless), LIMITS, short_side_px=374)

    np.testing.assert_array_equal(np.asarray(picture.image), np.asarray(image))
    assert (picture.width, picture.height) == (320, 200)
    assert picture.turned is (orientation > 1)


@pytest.mark.parametrize("orientation", STORED_TRANSPOSE)
def test_a_large_rotated_file_gives_nearly_the_squares_of_the_upright_file(orientation):
    image = scene(2, 1501, 1102)
    upright = decode(written(image, "PNG"), LIMITS, short_side_px=374)

    rotated = decode(with_orientation(image, orientation, "PNG"), LIMITS, short_side_px=374)

    for part in (1.0, 0.6):
        difference = rotated.square(part, 224).astype(int) - upright.square(part, 224)
        assert np.abs(difference).mean() < 1.0  # grey levels; half a source pixel of shift at most


def test_a_losslessly_rotated_jpeg_gives_the_squares_of_the_upright_file():
    # 16-pixel blocks of one colour each hardly change in JPEG, wherever they are.
    blocks = np.random.default_rng(3).integers(0, 255, (48, 64, 3), np.uint8)
    image = Image.fromarray(blocks).resize((1024, 768), Image.Resampling.NEAREST)
    upright = decode(written(image, quality=95), LIMITS, short_side_px=374)

    rotated = decode(with_orientation(image, 6, "JPEG"), LIMITS, short_side_px=374)

    difference = rotated.square(1.0, 224).astype(int) - upright.square(1.0, 224)
    assert np.abs(difference).mean() < 1.0


def test_transparent_pixels_are_white_whatever_their_colour():
    hidden = Image.new("RGBA", (40, 40), (255, 0, 0, 0))
    half = Image.new("RGBA", (40, 40), (0, 0, 0, 128))

    assert (decoded(written(hidden, "PNG")) == 255).all()
    assert np.abs(decoded(written(half, "PNG")).astype(int) - 127).max() <= 1


def test_a_transparent_palette_colour_is_white():
    image = Image.new("P", (30, 30), 1)
    image.putpalette([0, 0, 0, 200, 30, 30])

    assert (decoded(written(image, "PNG", transparency=1)) == 255).all()


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F", "LAB"]
)
def test_every_colour_mode_opens_as_rgb(mode):
    grey = Image.linear_gradient("L")
    if mode == "LAB":
        image = Image.merge(
            "LAB", (grey, Image.new("L", grey.size, 128), Image.new("L", grey.size, 128))
        )
    elif mode == "I;16":
        image = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    else:
        image = grey.convert(mode)

    pixels = decoded(written(image, "TIFF"))

    assert pixels.shape == (256, 256, 3)
    assert pixels[:32].mean() < 40  # dark at the top
    assert pixels[-32:].mean() > 200  # and light at the bottom


def test_a_large_picture_in_lab_is_reduced_before_it_is_converted(monkeypatch):
    from PIL import ImageCms

    converted = []
    convert = ImageCms.profileToProfile

    def counted(image, *profiles, **options):
        converted.append(image.width * image.height)
        return convert(image, *profiles, **options)

    monkeypatch.setattr(ImageCms, "profileToProfile", counted)
    lab = Image.merge("LAB", scene(4, 800, 600).split())

    pixels = decoded(written(lab, "TIFF"), short_side_px=60)

    assert pixels.shape == (60, 80, 3)
    assert sum(converted) == 60 * 80


def test_a_16_bit_picture_keeps_its_shades():
    ramp = np.tile(np.linspace(0, 65_535, 256).astype(np.uint16), (16, 1))

    pixels = decoded(written(Image.fromarray(ramp), "PNG"))

    assert np.abs(pixels[0, :, 0].astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize(
    ("mode", "value"), [("F", -1.0), ("F", 70_000.0), ("F", 1e30), ("I", 70_000), ("I", -5)]
)
def test_a_flat_picture_of_unusual_numbers_opens(mode, value):
    pixels = decoded(written(Image.new(mode, (64, 48), value), "TIFF"))

    assert pixels.shape == (48, 64, 3)
    assert pixels.min() == pixels.max()


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_picture_of_floats_keeps_its_shades_beside_missing_values(missing):
    values = np.full((48, 64), 0.5, np.float32)
    values[:9], values[0, 0] = 0.25, missing

    pixels = decoded(written(Image.fromarray(values), "TIFF"))

    assert pixels[5, 5].tolist() == [63] * 3
    assert pixels[20, 20].tolist() == [127] * 3


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "TIFF"])
def test_an_animated_file_opens_as_its_first_frame(format):
    first, second = Image.new("RGB", (32, 32), "#c00000"), Image.new("RGB", (32, 32), "#00c000")

    pixels = decoded(written(first, format, save_all=True, append_images=[second], duration=100))

    assert pixels[16, 16, 0] > 150
    assert pixels[16, 16, 1] < 60


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "MPO"])
def test_the_content_decides_the_format(format):
    picture = decode(written(scene(4), format), LIMITS, short_side_px=374)

    # An MPO of one picture is a JPEG.
    assert picture.format == ("JPEG" if format == "MPO" else format)
    assert picture.image.mode == "RGB"


def test_heic_opens():
    data = (DATA / "drawn.heic").read_bytes()  # scene(12)

    picture = decode(data, LIMITS, short_side_px=374)

    assert picture.format == "HEIF"
    difference = np.asarray(picture.image).astype(int) - np.asarray(scene(12, 160, 120))
    assert np.abs(difference).mean() < 6  # HEVC at quality 80


def test_an_avif_or_heic_with_the_brand_of_both_opens():
    heic = (DATA / "drawn.heic").read_bytes().replace(b"ftypheic", b"ftypmif1", 1)
    avif = written(scene(4), "AVIF").replace(b"ftypavif", b"ftypmif1", 1)

    formats = [decode(data, LIMITS, short_side_px=374).format for data in (heic, avif)]

    assert formats == ["HEIF", "AVIF"]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"  <svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"#!/bin/sh\n", "known format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    ],
)
def test_files_of_other_types_are_refused_by_name(data, named):
    with pytest.raises(UnsupportedFormat, match=named):
        decode(data, LIMITS, short_side_px=374)


def test_an_empty_file_is_refused():
    with pytest.raises(EmptyPicture):
        decode(b"", LIMITS, short_side_px=374)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_half_a_file_is_refused_as_damaged(format):
    data = written(scene(5), format)

    with pytest.raises(DamagedPicture):
        decode(data[: len(data) // 2], LIMITS, short_side_px=374)


def test_more_bytes_than_allowed_are_refused():
    with pytest.raises(PictureTooLarge, match="bytes"):
        decode(jpeg(6), Limits(max_bytes=1_000), short_side_px=374)


def huge_png(width: int, height: int) -> bytes:
    """Return a PNG with this size in its header and no pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(65_536, 65_536), (10_001, 10_000), (7_100, 7_100)])
def test_a_decompression_bomb_is_refused_from_its_header(size, monkeypatch):
    def explode(self: Image.Image) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", explode)

    with pytest.raises(PictureTooLarge, match="limit"):
        decode(huge_png(*size), LIMITS, short_side_px=374)


def test_a_jpeg_too_large_for_full_decoding_opens_at_reduced_scale():
    limits = Limits(max_pixels=1_000_000)  # at most 500,000 fully decoded
    data = jpeg(7, 1_000, 900)

    picture = decode(data, limits, short_side_px=100)

    assert picture.image.size == (125, 113)
    assert (picture.width, picture.height) == (1_000, 900)
    with pytest.raises(PictureTooLarge):
        decode(written(scene(7, 1_000, 900), progressive=True), limits, short_side_px=100)


@pytest.mark.parametrize("format", ["JPEG", "MPO"])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_with_thousands_of_scans_is_refused(progressive, format):
    more = {"save_all": True, "append_images": [scene(9)]} if format == "MPO" else {}
    data = bytearray(written(scene(8), format, progressive=progressive, **more))
    scan, end = data.index(b"\xff\xda"), data.index(b"\xff\xd9")
    one_colour = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
    first = data[scan:end] if progressive else one_colour

    with pytest.raises(PictureTooLarge, match="scans"):
        decode(
            bytes(data[:scan] + first + one_colour * 2_000 + data[end:]), LIMITS, short_side_px=374
        )


def test_a_video_after_a_photo_does_not_count_as_scans():
    video = b"\xff\xda\x00\x00" * 2_000

    assert decoded(jpeg(8) + video).shape == (240, 320, 3)


@pytest.mark.parametrize(
    "padding", [b"\xff" * 1_100_000, b"\x00" * 1_100_000, b"\xff\xfe\x00\x02" * 1_000]
)
def test_long_padding_and_many_segments_of_a_jpeg_are_not_read(padding):
    data = jpeg(8)

    padded = decoded(data[:20] + padding + data[20:])

    assert (padded == decoded(data)).all()


def test_a_baseline_jpeg_with_one_scan_per_colour_counts_as_fully_decoded():
    data = bytearray(jpeg(8, 1_000, 900))
    scan = data.index(b"\xff\xda")
    data[scan + 2 : scan + 14] = b"\x00\x08\x01\x01\x00\x00\x3f\x00"

    with pytest.raises(PictureTooLarge, match="memory"):
        decode(bytes(data), Limits(max_pixels=1_000_000), short_side_px=100)


def tiff(*tags: tuple[int, int, int]) -> bytes:
    """Return a TIFF with these entries: tag, count and value, as 32-bit numbers."""
    entries = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    return b"II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(tags)) + entries + bytes(40)


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([(322, 1, 30_000), (323, 1, 60_000)], "memory"),
        (
            [(278, 1, 100), (256, 1, 7_000), (257, 1, 7_000), (258, 1, 64), (278, 1, 7_000)],
            "memory",
        ),
        ([(273, 2_000_000, 8)], "strips"),
    ],
)
def test_a_tiff_with_too_large_or_too_many_parts_is_refused(tags, reason):
    data = tiff((256, 1, 100), (257, 1, 100), (258, 1, 8), *tags)

    with pytest.raises(PictureTooLarge, match=reason):
        decode(data, LIMITS, short_side_px=374)


@pytest.mark.parametrize("size", [(1, 49_000_000), (65_536, 1)])
def test_a_picture_with_a_side_over_the_limit_is_refused(size):
    with pytest.raises(PictureTooLarge, match="65535"):
        decode(huge_png(*size), LIMITS, short_side_px=374)


def test_a_png_with_a_million_empty_chunks_is_refused():
    data = written(scene(8), "PNG")
    empty = b"\x00\x00\x00\x00teSt" + struct.pack(">I", zlib.crc32(b"teSt"))

    with pytest.raises(PictureTooLarge, match="chunks"):
        decode(data[:33] + empty * 1_000_000 + data[33:], LIMITS, short_side_px=374)


def test_a_gif_with_a_comment_in_a_million_parts_is_refused():
    comment = b"!\xfe" + b"\x01a" * 1_000_000 + b"\x00"
    head = b"GIF89a" + struct.pack("<HHBBB", 10, 10, 0, 0, 0)

    with pytest.raises(PictureTooLarge, match="parts"):
        decode(head + comment + b";", LIMITS, short_side_px=374)


def test_a_slow_decoder_has_a_lower_pixel_limit():
    header = struct.pack("<IiiHHIIiiII", 40, 1_500, 1_500, 1, 8, 1, 0, 0, 0, 256, 0)
    run_length = b"BM" + struct.pack("<IHHI", 0, 0, 0, 1_078) + header + bytes(1_024)

    with pytest.raises(PictureTooLarge, match="limit"):
        decode(run_length, LIMITS, short_side_px=9)


def test_a_picture_with_a_damaged_exif_block_opens():
    exif = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\xff\xff" + bytes(range(200))

    assert decoded(written(scene(9), exif=exif)).shape == (240, 320, 3)


@pytest.mark.parametrize("size", [(1, 1), (1, 5_000), (5_000, 3)])
def test_very_thin_pictures_have_squares_too(size):
    picture = decode(written(Image.new("RGB", size, "#336699"), "PNG"), LIMITS, short_side_px=374)

    for part in (1.0, 0.6):
        square = picture.square(part, 224)
        assert square.shape == (224, 224, 3)
        assert (square == (0x33, 0x66, 0x99)).all()


def test_a_square_shows_only_the_requested_part_of_the_middle():
    image = Image.new("RGB", (300, 100), "#ff0000")
    image.paste("#0000ff", (120, 20, 180, 80))  # exactly 0.6 of the short side
    picture = decode(written(image, "PNG"), LIMITS, short_side_px=374)

    inside = picture.square(0.6, 56)[1:-1, 1:-1]  # the outermost pixel blends with its neighbours
    assert (inside == (0, 0, 255)).all()
    assert picture.square(1.0, 100)[0, 0].tolist() == [255, 0, 0]


def test_a_large_picture_shrunk_in_bands_equals_one_shrunk_whole(monkeypatch):
    data = written(scene(10, 2_000, 1_600), "PNG")
    whole = decoded(data)

    monkeypatch.setattr(colour, "_BAND_PIXELS", 2_000 * 8)

    np.testing.assert_array_equal(decoded(data), whole)


def test_a_thumbnail_is_a_small_upright_jpeg_without_metadata():
    data = with_orientation(scene(11, 640, 480), 6, "JPEG")

    small = Image.open(io.BytesIO(decode(data, LIMITS, short_side_px=320).thumbnail(200)))

    assert small.format == "JPEG"
    assert small.size == (200, 150)
    assert not small.getexif()
