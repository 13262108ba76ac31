"""Files without their end, or with something else behind it, open as far as they go."""

import random
import struct

import numpy as np
import pytest
from PIL import Image

from functions.gallery.errors import DamagedPicture, PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Flaw, Picture
from tests.drawing import scene, written
from tests.unit.test_costly_files import exif, segment

SCENE = scene(2, 640, 480)
WHITE = Image.new("RGB", (320, 240), "white")
KINDS = {
    "baseline": written(SCENE, quality=90),
    "optimized": written(SCENE, quality=90, optimize=True),
    "without subsampling": written(SCENE, quality=90, subsampling=0),
    "with restarts": written(SCENE, quality=90, restart_marker_blocks=5),
    "progressive": written(SCENE, quality=90, progressive=True),
    "grey": written(SCENE.convert("L"), quality=90),
    "CMYK": written(SCENE.convert("CMYK"), quality=90),
    "white": written(WHITE, optimize=True),
    "black": written(Image.new("RGB", (320, 240))),
    "an icon": written(SCENE.resize((16, 16))),
    "MPO": written(SCENE, "MPO", quality=90),
}


def opened(data: bytes, short_side_px: int = 374) -> Picture:
    return decode(data, Limits(), short_side_px=short_side_px)


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.image).astype(int)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("short_side_px", [60, 480])
def test_a_jpeg_without_its_last_two_bytes_is_the_same_picture_with_a_mark(kind, short_side_px):
    whole = opened(KINDS[kind], short_side_px)

    cut = opened(KINDS[kind][:-2], short_side_px)

    assert (pixels(cut) == pixels(whole)).all()
    assert (cut.width, cut.height, cut.format) == (whole.width, whole.height, whole.format)
    assert (whole.flaws, cut.flaws) == ((), (Flaw.DAMAGED,))


def outcomes(data: bytes) -> dict[int, str]:
    """Return what becomes of a file that ends after each so many bytes."""
    found = {}
    for size in range(3, len(data) - 2, max(1, len(data) // 100)):
        try:
            found[size] = " ".join(opened(data[:size]).flaws)
        except DamagedPicture as refusal:
            found[size] = refusal.code
    return found


BASELINE = [kind for kind in KINDS if kind not in ("progressive", "an icon")]


@pytest.mark.parametrize("kind", BASELINE)
def test_a_jpeg_is_refused_below_half_of_its_rows_and_marked_above(kind):
    found = outcomes(KINDS[kind])

    ends = [size for size, outcome in found.items() if outcome == "damaged"]
    assert set(found.values()) == {"damaged", DamagedPicture.code}
    assert all(outcome == "damaged" for size, outcome in found.items() if size >= min(ends))


def test_the_rows_decide_and_not_the_bytes():
    """Above, noise takes nearly all bytes; below, a plain colour takes nearly none."""
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3)).astype(np.uint8)
    noise[200:] = 90
    data = written(Image.fromarray(noise), subsampling=0)

    assert opened(data[:-400]).flaws == (Flaw.DAMAGED,)
    with pytest.raises(DamagedPicture, match="half"):
        opened(data[: len(data) * 9 // 10])


def test_the_rows_that_are_there_are_those_of_the_whole_file():
    data = KINDS["baseline"]

    cut = opened(data[: len(data) * 3 // 4])

    same = (pixels(cut) == pixels(opened(data))).all(axis=(1, 2))
    assert same[:300].all()
    assert (pixels(cut)[-100:] == 128).all()


def test_a_progressive_jpeg_opens_once_its_first_scan_is_complete():
    data = written(scene(2, 120, 90), quality=90, progressive=True)
    first = data.index(b"\xff\xda")
    table = data.index(b"\xff\xc4", first)  # of the second scan
    whole = pixels(opened(data))

    markers = [at for at in range(table, len(data) - 2) if data[at] == 0xFF and data[at + 1]]
    inside = [at + more for at in markers for more in (1, 2, 3, 4, 9) if table + 2 <= at + more]
    for size in (*inside, *range(table + 2, len(data), 40)):
        assert opened(data[:size]).flaws == (Flaw.DAMAGED,)
    with pytest.raises(DamagedPicture, match="half"):
        opened(data[: table - 20])

    coarse = pixels(opened(data[: table + 2]))
    assert np.abs(coarse - whole).mean() < 20  # of 255; it has the mean of each 8 x 8 pixels


def test_a_transfer_that_left_zeros_counts_as_cut_off():
    data = KINDS["baseline"]
    most, little = (data[: len(data) * part // 10] for part in (8, 3))

    assert opened(most + bytes(9_000)).flaws == (Flaw.DAMAGED,)
    assert (pixels(opened(most + bytes(9_000))) == pixels(opened(most))).all()
    with pytest.raises(DamagedPicture, match="half"):
        opened(little + bytes(9_000))


def test_zeros_behind_a_whole_jpeg_are_padding():
    assert opened(KINDS["baseline"] + bytes(9_000)).flaws == ()


def outcome_of(data: bytes) -> str:
    try:
        return " ".join(opened(data).flaws)
    except PictureError as refusal:
        return refusal.code


@pytest.mark.parametrize("format", ["PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_other_formats_without_a_tenth_of_their_bytes_are_damaged(format):
    data = written(SCENE, format)

    with pytest.raises(DamagedPicture):
        opened(data[: len(data) * 9 // 10])


def test_a_webp_without_the_end_of_its_metadata_is_the_same_picture_with_a_mark():
    more = {"exif": b"Exif\0\0" + exif((0x0112, 3, 1, 6 << 16)), "xmp": bytes(90)}
    data = written(SCENE, "WEBP", **more)

    for count in (1, 90, 97, 110):
        cut = opened(data[:-count])
        assert cut.flaws == (Flaw.DAMAGED,)
        assert cut.turned == (count < 99)
    with pytest.raises(DamagedPicture):
        opened(data[:-300])


def test_a_scan_with_garbage_in_its_middle_opens_or_is_refused():
    rng = random.Random(20261127)
    found = set()
    for _ in range(150):
        data = bytearray(KINDS[rng.choice(list(KINDS))])
        at = rng.randrange(len(data) // 2, len(data))
        data[at : at + rng.randrange(60)] = rng.randbytes(rng.randrange(60))
        found.add(outcome_of(bytes(data)))

    assert found <= {"", "damaged", DamagedPicture.code}
    assert "" in found


METADATA = {
    "a short JFIF": segment(0xE0, b"JFIF\0"),
    "a short Adobe": segment(0xEE, b"Adobe"),
    "EXIF of nothing": segment(0xE1, b"Exif\0\0"),
    "EXIF of zeros": segment(0xE1, b"Exif\0\0" + bytes(90)),
    "XMP of any bytes": segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + bytes(range(256))),
    "an index of pictures of zeros": segment(0xE2, b"MPF\0" + bytes(40)),
    "a short resource of Photoshop": segment(0xED, b"Photoshop 3.0\0" + b"8BIM"),
    "a length of nothing": b"\xff\xe5\0\0",
    "18 MB of comments": segment(0xFE, bytes(60_000)) * 300,
    "XMP in 2,000 parts": segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0x") * 2_000,
}


@pytest.mark.parametrize("name", METADATA)
def test_broken_or_large_metadata_of_a_jpeg_never_change_or_refuse_it(name):
    data = KINDS["baseline"]

    picture = opened(data[:2] + METADATA[name] + data[2:])

    assert (pixels(picture) == pixels(opened(data))).all()
    assert picture.flaws == ()


@pytest.mark.parametrize("body", [b"", b"\1", b"\1\1"])
def test_a_part_of_a_colour_profile_without_content_is_ignored(body):
    data = KINDS["baseline"]

    picture = opened(data[:2] + segment(0xE2, b"ICC_PROFILE\0" + body) + data[2:])

    assert (pixels(picture) == pixels(opened(data))).all()


def test_a_jpeg_of_many_segments_keeps_what_its_picture_needs():
    """An orientation, and the transform of the colours, which Adobe's segment says."""
    turned = segment(0xE1, b"Exif\0\0" + exif((0x0112, 3, 1, 6 << 16)))
    parts = METADATA["XMP in 2,000 parts"]
    for kind in ("CMYK", "baseline"):
        data = KINDS[kind]

        few, many = (opened(data[:2] + extra + turned + data[2:]) for extra in (b"", parts))

        assert few.turned
        assert many.turned
        assert (pixels(few) == pixels(many)).all()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


MARKERS = b"\xff\xd8\xff\xda\0\x0c\x03\xff\xc2\xff\xd9\xff\xc4\xff\xda\xff\xdd" * 3_000
FILM = box(b"ftyp", b"mp42\0\0\0\0isommp42") + box(b"mdat", MARKERS) + box(b"moov", bytes(900))
GOOGLE = segment(
    0xE1,
    b"http://ns.adobe.com/xap/1.0/\0"
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:C="http://ns.google.com/photos/1.0/camera/" '
    b'C:MotionPhoto="1" C:MicroVideo="1" C:MicroVideoOffset="%d"/>' % len(FILM),
)
SAMSUNG = b"\0\0\x30\x0a\x10\0\0\0MotionPhoto_Data" + FILM + b"SEFHk\0\0\0\1\0\0\0SEFT"


@pytest.mark.parametrize("kind", ["baseline", "progressive", "MPO"])
@pytest.mark.parametrize("film", [FILM, SAMSUNG], ids=["Google", "Samsung"])
def test_a_motion_photo_is_its_photo(kind, film):
    data = KINDS[kind]

    moving = opened(data[:2] + GOOGLE + data[2:] + film)

    assert (pixels(moving) == pixels(opened(data))).all()
    assert moving.flaws == ()


def test_a_film_that_is_cut_off_does_not_mark_its_photo():
    assert opened(KINDS["baseline"] + FILM[:-2_000]).flaws == ()
