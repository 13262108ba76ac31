"""An animation is its first frame that shows something, within a bound on frames and pixels."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import TooManyPixels
from functions.gallery.pictures import frames
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Picture
from functions.gallery.threads import FairSemaphore
from tests.drawing import scene, written
from tests.png import chunk

LIMITS = Limits()
SIZE = (96, 64)
ANIMATIONS = {
    "GIF": {},
    "PNG": {},
    "WEBP": {"lossless": True, "minimize_size": True},
    "AVIF": {"quality": 90},
}
animated = pytest.mark.parametrize("format", ANIMATIONS)


def opened(data: bytes) -> Picture:
    return decode(data, LIMITS, short_side_px=374)


def plain(colour: object, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, SIZE, colour)


def animation(format: str, *images: Image.Image, **options: object) -> bytes:
    first, *others = images
    options = ANIMATIONS[format] | {"duration": 100} | options
    return written(first, format, save_all=True, append_images=others, **options)


def shades(count: int) -> list[Image.Image]:
    """Draw frames of one colour each that differ, so that encoders keep them all."""
    return [plain((0, 0, n * 255 // count)) for n in range(count)]


def assert_shows(picture: Picture, image: Image.Image) -> None:
    difference = np.asarray(picture.image).astype(int) - np.asarray(image.convert("RGB"))
    assert np.abs(difference).mean() < 8  # levels; of 256 colours in a GIF


@animated
def test_frames_of_one_colour_are_passed_over(format):
    data = animation(format, *shades(4), scene(1, *SIZE), scene(2, *SIZE))

    picture = opened(data)

    assert_shows(picture, scene(1, *SIZE))
    assert (picture.width, picture.height, picture.format) == (*SIZE, format)


@animated
def test_the_first_frame_is_the_picture_if_it_shows_something(format):
    assert_shows(opened(animation(format, scene(1, *SIZE), scene(2, *SIZE))), scene(1, *SIZE))


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_transparent_frames_are_passed_over(format):
    drawing = scene(3, *SIZE).convert("RGBA")

    assert_shows(opened(animation(format, plain((9, 9, 9, 0), "RGBA"), drawing)), drawing)


@animated
def test_a_white_drawing_on_a_transparent_frame_shows_something(format):
    white = plain((255, 255, 255, 0), "RGBA")
    white.paste("white", (30, 20, 60, 50))

    pixels = np.asarray(opened(animation(format, white, scene(4, *SIZE).convert("RGBA"))).image)

    assert (pixels[40, 45] > 250).all()
    assert (pixels[2, 2] < 5).all()


@animated
def test_an_animation_of_plain_frames_is_its_first(format):
    pixels = np.asarray(opened(animation(format, *map(plain, ("#c00000", "#0000c0")))).image)

    assert np.abs(pixels.astype(int) - (0xC0, 0, 0)).max() < 12


@pytest.mark.parametrize("format", ["TIFF", "MPO"])
def test_pages_and_further_photos_are_not_frames(format):
    data = written(plain("#c00000"), format, save_all=True, append_images=[scene(1, *SIZE)])

    pixels = np.asarray(opened(data).image)

    assert np.abs(pixels.astype(int) - (0xC0, 0, 0)).max() < 12


@pytest.mark.parametrize(("levels", "shows"), [(8, False), (10, True)])
def test_noise_of_a_few_levels_shows_nothing(levels, shows):
    noise = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    noise[::2] += levels  # lossy codecs change a plain frame a little
    frame = Image.fromarray(noise)

    picture = opened(animation("PNG", frame, scene(5, *SIZE)))

    assert_shows(picture, frame if shows else scene(5, *SIZE))


def test_a_few_pixels_that_a_lossy_codec_changes_more_show_nothing():
    frame = Image.new("RGB", (600, 450))
    for x, y in ((9, 14), (10, 0), (10, 14)):
        frame.putpixel((x, y), (17, 17, 17))
    shown = scene(5, *frame.size)

    assert_shows(opened(animation("PNG", frame, shown)), shown)


def test_a_thin_line_shows_something():
    drawing = Image.new("RGB", (900, 700), "white")
    drawing.paste("black", (100, 100, 101, 600))

    assert_shows(opened(animation("PNG", drawing, scene(5, *drawing.size))), drawing)


def gif(*parts: bytes, size: tuple[int, int] = SIZE) -> bytes:
    colours = b"\x00\x00\x00\xff\x00\x00\x00\xff\x00\x00\x00\xff"
    return b"GIF89a" + struct.pack("<HHBBB", *size, 0x91, 0, 0) + colours + b"".join(parts) + b";"


def gif_frame(
    index: int, left: int, top: int, width: int, height: int, *, disposal: int = 1
) -> bytes:
    """Write a rectangle of one colour of four: black, red, green and blue; black is transparent."""
    control = b"!\xf9\x04" + bytes([disposal << 2 | 1, 0, 0, 0]) + b"\x00"
    drawn = Image.new("P", (width, height), index)
    drawn.putpalette(range(12))
    file = written(drawn, "GIF", optimize=False)
    start = file.index(b",\x00\x00\x00\x00" + struct.pack("<HH", width, height))
    local = 3 << (file[start + 9] & 7) + 1 if file[start + 9] & 0x80 else 0
    pixels = file[start + 10 + local : -1]
    return control + b"," + struct.pack("<HHHHB", left, top, width, height, 0) + pixels


def test_the_frames_of_a_gif_are_drawn_on_top_of_those_before():
    data = gif(
        gif_frame(1, 0, 0, *SIZE),  # red all over
        gif_frame(0, 0, 0, *SIZE),  # transparent, so the red stays
        gif_frame(2, 10, 20, 30, 30),  # a green square on it
    )

    pixels = np.asarray(opened(data).image)

    assert pixels[5, 5].tolist() == [255, 0, 0]
    assert pixels[30, 20].tolist() == [0, 255, 0]
    assert pixels[55, 50].tolist() == [255, 0, 0]


def test_a_frame_of_a_gif_is_removed_if_it_says_so():
    data = gif(
        gif_frame(1, 0, 0, *SIZE, disposal=2),  # red, then transparent again
        gif_frame(2, 10, 20, 30, 30),
    )

    pixels = np.asarray(opened(data).image)

    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[30, 20].tolist() == [0, 255, 0]


def test_a_gif_does_not_grow_by_a_later_frame():
    data = gif(gif_frame(1, 0, 0, *SIZE), gif_frame(2, 10, 20, 190, 30, disposal=2))

    picture = opened(data)

    assert picture.image.size == (picture.width, picture.height) == SIZE
    assert (np.asarray(picture.image) == (255, 0, 0)).all()


def test_what_is_drawn_after_a_later_frame_is_not_read():
    end = [Image.new("RGB", SIZE, f"#0000{n:02x}") for n in range(0, 200, 2)]
    data = animation("GIF", plain("black"), scene(6, *SIZE), *end)

    assert_shows(opened(data), scene(6, *SIZE))


@animated
def test_a_damaged_later_frame_leaves_the_first(format):
    whole = animation(format, *shades(3), scene(7, *SIZE))
    data = whole[: len(whole) - 200]
    if format == "WEBP":  # its frames are checked as the file is opened
        at = whole.rindex(b"ANMF") + 40
        data = whole[:at] + bytes(100) + whole[at + 100 :]
    if format == "AVIF":  # the frames are at the end
        data = whole[:-200] + bytes(200)

    pixels = np.asarray(opened(data).image)

    assert np.abs(pixels.astype(int)).max() < 12  # black, as the first


def apng(frame_count: int, *, dispose: int = 0, hidden: Image.Image | None = None) -> bytes:
    """Write an APNG of grey frames: white, then a gradient; `hidden` is not one of them."""
    width, height = SIZE
    chunks = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        chunk(b"acTL", struct.pack(">II", frame_count, 0)),
    ]

    def packed(image: Image.Image) -> bytes:
        rows = np.asarray(image.convert("L"))
        return zlib.compress(np.insert(rows, 0, 0, axis=1).tobytes())

    if hidden:
        chunks.append(chunk(b"IDAT", packed(hidden)))
    sequence = 0
    for number in range(frame_count):
        last = number == frame_count - 1
        shown = Image.linear_gradient("L").resize(SIZE) if last else plain("white")
        control = struct.pack(">IIIIIHHBB", sequence, width, height, 0, 0, 1, 25, dispose, 0)
        chunks.append(chunk(b"fcTL", control))
        sequence += 1
        if number == 0 and not hidden:
            chunks.append(chunk(b"IDAT", packed(shown)))
        else:
            chunks.append(chunk(b"fdAT", struct.pack(">I", sequence) + packed(shown)))
            sequence += 1
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND", b"")


@pytest.mark.parametrize("dispose", [0, 1, 2])
def test_frames_of_an_apng_are_read_whatever_is_done_with_them_after(dispose):
    assert_shows(opened(apng(5, dispose=dispose)), Image.linear_gradient("L").resize(SIZE))


def test_the_picture_of_an_apng_for_programs_without_animation_comes_first():
    hidden = scene(8, *SIZE).convert("L")

    assert_shows(opened(apng(2, hidden=hidden)), hidden)
    assert_shows(opened(apng(2, hidden=plain("black"))), Image.linear_gradient("L").resize(SIZE))


@pytest.fixture
def loaded(monkeypatch) -> list[tuple[int, int]]:
    """Record the size of each frame that is decoded."""
    sizes: list[tuple[int, int]] = []
    counted = frames.spend_pixels

    def spend(count: int) -> None:
        sizes.append(count)
        counted(count)

    monkeypatch.setattr(frames, "spend_pixels", spend)
    return sizes


def test_at_most_300_frames_are_decoded(loaded):
    frame = gif_frame(1, 0, 0, 8, 8)
    opened(gif(*[frame] * 10_000, size=(8, 8)))

    assert loaded == [64] * 299  # and the first


def test_at_most_15_million_pixels_are_decoded(loaded):
    frame = gif_frame(1, 0, 0, 8, 8)
    opened(gif(*[gif_frame(1, 0, 0, 2_500, 2_000), frame, frame, frame], size=(2_500, 2_000)))

    assert loaded == [5_000_000] * 2  # and the first


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("image", [scene(9, *SIZE), plain("white")], ids=["scene", "plain"])
def test_a_still_picture_has_no_frames_to_decode(format, image, loaded):
    opened(written(image, format))

    assert loaded == []


def test_the_frames_of_an_animation_count_for_the_request():
    data = animation("WEBP", *shades(3), scene(1, *SIZE))
    pixels = 4 * SIZE[0] * SIZE[1]

    for allowed, expected in ((pixels, None), (pixels - 1, TooManyPixels)):
        budget = DecodeBudget(FairSemaphore(1), float("inf"), allowed)
        with budget.in_use():
            if expected:
                with pytest.raises(expected):
                    opened(data)
            else:
                assert_shows(opened(data), scene(1, *SIZE))
