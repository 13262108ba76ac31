"""A long picture is seen from end to end; the vectors of others are as if there were none."""

import json

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.card import LongViews, read_card
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.views import cut_views, long_boxes
from functions.gallery.errors import ModelMismatch
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Picture
from tests.conftest import ROOT
from tests.drawing import scene, written

MODEL = ROOT / "model"
CARD = read_card(MODEL)
LONG = CARD.long_views
assert LONG is not None
COUNT = len(CARD.views)


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(MODEL)


def picture_of(image: Image.Image) -> Picture:
    return Picture(image, *image.size, "PNG", turned=False)


def vector_of(embedder: OnnxEmbedder, data: bytes) -> np.ndarray:
    picture = decode(data, Limits(), short_side_px=embedder.card.short_side_px)
    return embedder.embed([picture])[0]


@pytest.mark.parametrize(
    ("size", "boxes"),
    [
        ((400, 400), 0),
        ((1500, 1000), 0),  # 3:2
        ((161, 107), 0),  # 3:2, as rounded in a small copy
        ((1600, 1000), 1),
        ((1920, 1080), 1),
        ((1080, 2400), 1),  # a phone's screen, 9:20
        ((900, 300), 2),
        ((300, 900), 2),
        ((1000, 100), 4),
        ((2000, 100), 8),
        ((65_535, 50), 8),
        ((65_535, 1), 8),
    ],
)
def test_the_longer_a_picture_the_more_boxes_see_it_up_to_eight(size, boxes):
    assert len(long_boxes(*size, LONG)) == boxes


@pytest.mark.parametrize(
    "size", [(1920, 1080), (540, 1200), (301, 1000), (1100, 100), (65_535, 50)]
)
def test_every_pixel_of_a_long_picture_is_in_a_box(size):
    width, height = size

    boxes = long_boxes(width, height, LONG)

    assert (boxes[0][:2], boxes[-1][2:]) == ((0, 0), (width, height))
    along = 0 if width > height else 1
    assert all(one[along + 2] == two[along] for one, two in zip(boxes, boxes[1:], strict=False))
    assert {box[1 - along] for box in boxes} == {0}
    assert {box[3 - along] for box in boxes} == {min(size)}


@pytest.mark.parametrize("size", [(400, 400), (320, 240), (600, 400), (400, 600)])
def test_other_pictures_are_seen_in_their_centre_squares_only(size):
    views = cut_views(picture_of(scene(1, *size)), CARD)

    assert [pixels.shape for pixels, _ in views] == [(288, 288, 3), (224, 224, 3)]
    assert [weight for _, weight in views] == pytest.approx([1.75 / 2.75, 1 / 2.75])


def test_a_long_picture_is_half_centre_and_half_whole():
    image = scene(2, 640, 240)
    picture = picture_of(image)
    whole = [
        image.resize((LONG.px, LONG.px), Image.Resampling.BILINEAR, box=box)
        for box in ((0, 0, 320, 240), (320, 0, 640, 240))
    ]

    views = cut_views(picture, CARD)

    expected = [picture.square(1.0, 288), picture.square(0.5, 224), *map(np.asarray, whole)]
    assert len(views) == len(expected)
    assert all((pixels == of).all() for (pixels, _), of in zip(views, expected, strict=True))
    assert [weight for _, weight in views] == pytest.approx([1.75 / 5.5, 1 / 5.5, 1 / 4, 1 / 4])


@pytest.mark.parametrize("size", [(711, 400), (300, 667), (900, 301), (1000, 100)])
def test_a_mirrored_long_picture_has_the_mirrored_views(size):
    picture = scene(3, *size)
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    upside_down = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    wide = size[0] > size[1]

    def flipped(image: Image.Image, axis: int) -> list[np.ndarray]:
        views = [
            np.flip(pixels, axis).astype(int) for pixels, _ in cut_views(picture_of(image), CARD)
        ]
        swapped = wide == (axis == 1)  # the boxes come in the other order
        return views[:COUNT] + (views[COUNT:][::-1] if swapped else views[COUNT:])

    views = [pixels.astype(int) for pixels, _ in cut_views(picture_of(picture), CARD)]

    for others in (flipped(mirrored, axis=1), flipped(upside_down, axis=0)):
        # Pillow's filter adds up from the left, so that a value can be rounded the other way.
        pairs = zip(views, others, strict=True)
        assert max(np.abs(one - other).max() for one, other in pairs) <= 1


SIZES = {"16:9": (800, 450), "9:16": (450, 800), "9:20": (360, 800), "3:1": (900, 300)}


def with_middle_of(image: Image.Image, other: Image.Image) -> Image.Image:
    """Return a picture whose centre square is that of another one."""
    side, (width, height) = min(image.size), image.size
    left, top = (width - side) // 2, (height - side) // 2
    done = other.copy()
    done.paste(image.crop((left, top, left + side, top + side)), (left, top))
    return done


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_pictures_that_agree_in_the_middle_only_are_no_near_duplicates(embedder, size):
    image = scene(11, *size)
    other = with_middle_of(image, scene(12, *size))
    small = image.resize((size[0] // 2, size[1] // 2))
    files = [written(image, "PNG"), written(other, "PNG"), written(small, "PNG")]

    vector, middle, copy = (vector_of(embedder, data) for data in files)
    by_squares = [by_squares_only(embedder, data) for data in files]

    assert by_squares[0] @ by_squares[1] > 0.98
    assert vector @ middle < CARD.bands.lookalike[-1][1]
    assert vector @ copy > by_squares[0] @ by_squares[2] - 0.01


def by_squares_only(embedder: OnnxEmbedder, data: bytes) -> np.ndarray:
    picture = decode(data, Limits(), short_side_px=CARD.short_side_px)
    side, (width, height) = min(picture.pixels.size), picture.pixels.size
    left, top = (width - side) // 2, (height - side) // 2
    square = picture.pixels.crop((left, top, left + side, top + side))
    return embedder.embed([picture_of(square)])[0]


def test_pictures_of_any_shape_can_be_embedded_together(embedder):
    sizes = [(320, 240), (800, 450), (1000, 100), (240, 320), (100, 1900)]
    pictures = [picture_of(scene(seed, *size)) for seed, size in enumerate(sizes)]

    together = embedder.embed(pictures)

    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    assert (together == np.concatenate([embedder.embed([each]) for each in pictures])).all()


def test_no_run_of_the_graph_gets_more_views_than_an_ordinary_picture_has(embedder, monkeypatch):
    class Network:
        def run(self, pixels):
            counts.append(len(pixels))
            return np.ones((len(pixels), 2240), np.float32)

    counts: list[int] = []
    monkeypatch.setattr(embedder, "_network", Network())

    embedder.embed([picture_of(scene(1, 2000, 60)), picture_of(scene(1, 300, 300))])

    # The square of 288 pixels; that of 224 and eight boxes; two squares.
    assert counts == [1, 2, 2, 2, 2, 1, 1, 1]


def test_a_strip_as_long_as_files_can_be_is_seen_to_its_ends():
    strip = Image.new("RGB", (65_535, 50), "white")
    strip.paste(scene(4, 8_000, 50), (57_535, 0))

    views = cut_views(picture_of(strip), CARD)

    assert [view.std() > 10 for view, _ in views] == [False] * (COUNT + 7) + [True]


def test_a_card_without_views_of_long_pictures_has_centre_squares_only(tmp_path):
    card = json.loads((MODEL / "card.json").read_text())
    del card["long_views"]
    (tmp_path / "card.json").write_text(json.dumps(card))

    old = read_card(tmp_path)

    assert old.long_views is None
    weights = [weight for _, weight in cut_views(picture_of(scene(1, 900, 300)), old)]
    assert weights == pytest.approx([1.75 / 2.75, 1 / 2.75])


@pytest.mark.parametrize(
    "wrong",
    [{"weight": 1.5}, {"most": 0}, {"longest_box": 0.5}, {"longer_than": "wide"}, {"px": 0}, None],
)
def test_a_card_with_views_out_of_range_is_refused(tmp_path, wrong):
    card = json.loads((MODEL / "card.json").read_text())
    views = None if wrong is None else card["long_views"] | wrong
    (tmp_path / "card.json").write_text(json.dumps(card | {"long_views": views}))

    with pytest.raises(ModelMismatch):
        read_card(tmp_path)


def test_the_card_says_how_long_pictures_are_seen():
    assert LongViews(longer_than=1.52, longest_box=2.5, most=8, weight=0.5, px=224) == LONG
