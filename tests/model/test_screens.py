"""Screens and pages with the same layout are not taken for copies."""

import pytest
from PIL import Image, ImageDraw, ImageFont

from functions.gallery.embedding.card import read_card
from functions.gallery.embedding.likeness import Band, judge
from model.quality.drawn import KINDS
from model.quality.pairs import Seen
from tests.model.served import MODEL
from tests.unit.test_perceptual_hash import read


def screen(heading, total, head, foot):
    """Draw a list under a heading, above a total, as a phone shows it."""
    image = Image.new("RGB", (540, 1200), (244, 245, 248))
    draw = ImageDraw.Draw(image)
    large, small = ImageFont.load_default(size=44), ImageFont.load_default(size=20)
    draw.rectangle((0, 0, 540, 300), fill=head)
    draw.text((32, 130), heading, fill="white", font=large)
    for row, colour in enumerate(
        ("#8f62a1", "#e44b4f", "#c65498", "#d14ac1", "#6f4552", "#aaa44a")
    ):
        top = 350 + 82 * row
        draw.rounded_rectangle((20, top, 520, top + 70), 10, fill="white", outline="#c6c5d2")
        draw.ellipse((36, top + 10, 86, top + 60), fill=colour)
        draw.text((100, top + 22), f"row {row} of the list", fill="black", font=small)
    draw.rectangle((0, 900, 540, 1200), fill=foot)
    draw.text((32, 1000), total, fill="white", font=large)
    return image


BANDS = read_card(MODEL).bands


def test_two_screens_with_one_list_are_no_near_duplicates():
    one = read(screen("Rome 2021", "Total 1,250 EUR", (184, 122, 172), (179, 86, 158)))
    other = read(screen("Oslo 2024", "Call a doctor now", (107, 176, 162), (120, 107, 181)))

    assert judge(Seen("one", one), Seen("other", other), 0.99, BANDS).band is Band.SIMILAR


@pytest.mark.parametrize("kind", ["pages of text", "tables on a screen", "messages on a screen"])
def test_different_drawings_of_a_kind_are_no_near_duplicates(kind):
    drawn = [Seen(str(seed), read(KINDS[kind](seed))) for seed in range(8)]

    bands = {
        judge(one, other, 0.99, BANDS).band for one in drawn for other in drawn if one is not other
    }
    assert bands == {Band.SIMILAR}
