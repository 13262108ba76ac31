"""What of a PNG is read: its picture, whatever else is in the file."""

import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import PictureError
from functions.gallery.pictures import png
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Flaw, Picture
from tests.drawing import scene, written
from tests.icc import DISPLAY_P3
from tests.unit.test_costly_files import chunk, exif, with_chunks

PLAIN = written(scene(1), "PNG")
LONG = random.Random(1).randbytes(3_000_000)
TURNED = exif((0x0112, 3, 1, 6 << 16))
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
HEX_EXIF = b"\nexif\n  26\n" + TURNED.hex().encode() + b"\n"
ZTXT, ITXT = b"\0\0", b"\0\1\0\0\0"  # between keyword and compressed text


def opened(data: bytes) -> Picture:
    return decode(data, Limits(), short_side_px=374)


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(opened(data).image)


def behind_the_pixels(chunks: bytes) -> bytes:
    return PLAIN[:-12] + chunks + PLAIN[-12:]


def wrong_sum(kind: bytes, body: bytes) -> bytes:
    return chunk(kind, body)[:-4] + b"oops"


def profile(data: bytes) -> bytes:
    return b"profile\0\0" + zlib.compress(data)


UNNEEDED = {
    "a long text": chunk(b"tEXt", b"Comment\0" + LONG.hex().encode()),
    "a long compressed text": chunk(b"zTXt", b"Comment" + ZTXT + zlib.compress(bytes(9_000_000))),
    "long international text": chunk(b"iTXt", b"Comment\0\0\0\0\0" + LONG.hex().encode()),
    "long XMP": chunk(b"iTXt", b"XML:com.adobe.xmp" + ITXT + zlib.compress(bytes(9_000_000))),
    "long EXIF": chunk(b"eXIf", TURNED + LONG * 2),
    "a long private chunk": chunk(b"prVt", LONG),
    "many compressed texts": chunk(b"zTXt", b"a" + ZTXT + zlib.compress(bytes(900))) * 2_000,
    "text of an unknown compression": chunk(b"zTXt", b"a\0\7" + bytes(9)),
    "a wrong sum of a text": wrong_sum(b"tEXt", b"Comment\0x"),
    "a wrong sum of a private chunk": wrong_sum(b"prVt", b"x"),
    "a wrong sum of a known chunk": wrong_sum(b"gAMA", bytes(4)),
    "a short gamma": chunk(b"gAMA", b"\0"),
    "short chromaticities": chunk(b"cHRM", bytes(8)),
    "no intent": chunk(b"sRGB", b""),
    "a short resolution": chunk(b"pHYs", bytes(2)),
    "a short transparent colour": chunk(b"tRNS", bytes(2)),
}


@pytest.mark.parametrize("name", UNNEEDED)
@pytest.mark.parametrize("place", [with_chunks, behind_the_pixels])
def test_what_is_not_for_the_picture_never_changes_or_refuses_it(name, place):
    picture = opened(place(UNNEEDED[name]))

    assert (np.asarray(picture.image) == pixels(PLAIN)).all()
    assert picture.flaws == ()


BAD_PROFILES = {
    "too large": chunk(b"iCCP", profile(bytes(5_000_000))),
    "not compressed": chunk(b"iCCP", b"profile\0\0" + bytes(200)),
    "an unknown compression": chunk(b"iCCP", b"profile\0\7" + zlib.compress(bytes(200))),
    "a wrong sum": wrong_sum(b"iCCP", profile(bytes(200))),
    "nothing": chunk(b"iCCP", b""),
}


@pytest.mark.parametrize("name", BAD_PROFILES)
def test_a_colour_profile_that_cannot_be_read_is_ignored_with_a_mark(name):
    picture = opened(with_chunks(BAD_PROFILES[name]))

    assert (np.asarray(picture.image) == pixels(PLAIN)).all()
    assert picture.flaws == (Flaw.PROFILE_IGNORED,)


def test_a_colour_profile_of_megabytes_is_applied_as_in_other_files():
    long = DISPLAY_P3.profile() + bytes(3_000_000)

    picture = opened(with_chunks(chunk(b"iCCP", profile(long))))

    assert picture.flaws == ()
    expected = DISPLAY_P3.to_srgb(pixels(PLAIN).astype(float))
    assert np.abs(np.asarray(picture.image) - expected).max() < 3


def test_a_usual_colour_profile_is_left_in_the_file():
    data = with_chunks(chunk(b"iCCP", profile(b"a profile")) + UNNEEDED["a long text"])

    needed, flaws = png.pixels_only(data)

    assert flaws == ()
    assert needed == with_chunks(chunk(b"iCCP", profile(b"a profile")))


def test_a_file_of_needed_chunks_only_is_not_copied():
    assert png.pixels_only(PLAIN)[0] is PLAIN


ORIENTATIONS = {
    "EXIF": chunk(b"eXIf", TURNED),
    "text": chunk(b"tEXt", b"Raw profile type exif\0" + HEX_EXIF),
    "compressed text": chunk(b"zTXt", b"Raw profile type exif" + ZTXT + zlib.compress(HEX_EXIF)),
    "a text named exif": chunk(b"tEXt", b"exif\0Exif\0\0" + TURNED),
    "XMP": chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
    "compressed XMP": chunk(b"iTXt", b"XML:com.adobe.xmp" + ITXT + zlib.compress(XMP)),
}


@pytest.mark.parametrize("name", ORIENTATIONS)
@pytest.mark.parametrize("place", [with_chunks, behind_the_pixels])
def test_an_orientation_is_found_among_megabytes_of_text(name, place):
    picture = opened(place(UNNEEDED["a long text"] + ORIENTATIONS[name]))

    assert (picture.width, picture.height, picture.turned) == (240, 320, True)


def test_each_text_is_unpacked_at_most_once(monkeypatch):
    unpacked, unpack = [], zlib.decompressobj

    def counting() -> object:
        unpacked.append(1)
        return unpack()

    monkeypatch.setattr(zlib, "decompressobj", counting)

    opened(with_chunks((BAD_PROFILES["too large"] + UNNEEDED["long XMP"]) * 50))

    assert len(unpacked) == 2


@pytest.mark.parametrize("transparent", [b"\0\0", b"\0\0\0\0\0\0", b"\0\x40\xff"])
def test_transparency_is_kept_where_it_belongs_to_the_picture(transparent):
    mode = {2: "L", 6: "RGB", 3: "P"}[len(transparent)]
    image = Image.new(mode, (40, 30))
    data = written(image, "PNG")
    at = data.index(b"IDAT") - 4

    picture = opened(data[:at] + chunk(b"tRNS", transparent) + data[at:])

    assert picture.image.getpixel((5, 5)) == (255, 255, 255)


def animation() -> bytes:
    frames = [scene(seed) for seed in (1, 2, 3)]
    return written(frames[0], "PNG", save_all=True, append_images=frames[1:])


def test_the_frames_of_an_animation_are_left_in_the_file():
    data = animation()

    assert png.pixels_only(data)[0] is data


BROKEN_FRAMES = {
    "no number of frames": lambda data: data.replace(b"acTL\0\0\0\3", b"acTL\0\0\0\0"),
    "a wrong sum": lambda data: data.replace(b"acTL\0\0\0\3", b"acTL\0\0\0\4"),
    "numbers that do not follow": lambda data: data.replace(b"fcTL\0\0\0\0", b"fcTL\0\0\0\5"),
    "frames outside the picture": lambda data: data.replace(
        data[data.index(b"fcTL") - 4 : data.index(b"fcTL") + 34],
        chunk(b"fcTL", struct.pack(">5I", 0, 320, 240, 9, 9) + bytes(6)),
    ),
    "no control of the first frame": lambda data: data.replace(
        data[data.index(b"fcTL") - 4 : data.index(b"fcTL") + 34], b""
    ),
}


@pytest.mark.parametrize("name", BROKEN_FRAMES)
def test_an_animation_whose_frames_are_broken_opens_as_its_still_picture(name):
    data = BROKEN_FRAMES[name](animation())

    assert (pixels(data) == pixels(PLAIN)).all()


def test_a_file_without_its_end_opens_if_all_pixels_are_there():
    cut = [opened(PLAIN[:-count]) for count in (1, 4, 8, 12)]
    in_text = opened(behind_the_pixels(UNNEEDED["a long text"])[:-2_000_000])

    for picture in (*cut[2:], in_text):
        assert picture.flaws == (Flaw.DAMAGED,)
    for picture in (*cut, in_text):
        assert (np.asarray(picture.image) == pixels(PLAIN)).all()


def test_bytes_behind_the_end_are_not_read():
    picture = opened(PLAIN + random.Random(2).randbytes(5_000))

    assert (np.asarray(picture.image) == pixels(PLAIN)).all()
    assert picture.flaws == ()


def test_any_order_and_damage_of_chunks_gives_a_picture_or_a_refusal():
    rng = random.Random(20261127)
    parts = [*UNNEEDED.values(), *BAD_PROFILES.values(), *ORIENTATIONS.values()]
    parts = [part[:300] if len(part) > 9_000 else part for part in parts]
    outcomes, animated = {"picture": 0, "refused": 0}, animation()
    for _ in range(600):
        data = bytearray(animated if rng.random() < 0.3 else PLAIN)
        for _ in range(rng.randrange(4)):
            at = rng.choice([8, 33, 33, 33, len(data) - 12])
            data[at:at] = rng.choice(parts)
        for _ in range(rng.randrange(3)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(8, len(data)) :]
        try:
            opened(bytes(data))
            outcomes["picture"] += 1
        except PictureError:
            outcomes["refused"] += 1

    assert min(outcomes.values()) > 50
