"""The limits of the score bands are chosen on some pictures and measured on others."""

import numpy as np
import pytest

from functions.gallery.embedding.fingerprint import agreements
from functions.gallery.embedding.likeness import Band, Bands, Likeness, judge
from model.quality.bands import choose, measure, named
from model.quality.drawn import page, table
from model.quality.pairs import (
    COPY,
    LABEL,
    NO_NOTION,
    NOTHING,
    OPEN,
    PAIR,
    Pairs,
    Seen,
    is_held_out,
    read_known_copies,
    see,
)
from tests.drawing import scene
from tests.unit.test_perceptual_hash import read

EDITED = list(Likeness).index(Likeness.EDITED)


def pairs_between(
    low, high, relation, agreement=0.7, notion=NO_NOTION, name="one", count=100
) -> Pairs:
    """Return pairs spread evenly between two similarities."""
    lower = relation in (NOTHING, LABEL)
    return np.array(
        [
            (s, notion, agreement, True, False, relation, name, lower)
            for s in np.linspace(low, high, count)
        ],
        PAIR,
    )


def together(*parts: Pairs) -> Pairs:
    return np.concatenate(parts)


WORLD = together(
    pairs_between(0.3, 1.0, COPY, agreement=1.0, notion=EDITED),
    pairs_between(0.90, 0.965, COPY),
    pairs_between(0.80, 0.90, COPY, agreement=0.97),
    pairs_between(0.55, 0.88, LABEL),
    pairs_between(0.20, 0.54, NOTHING),
)


def test_limits_lie_above_the_most_similar_different_pictures():
    bands = choose(WORLD)

    assert bands.lookalike == ((0.855, 0.7), (0.85, 0.7), (0.7, 0.93))
    assert 0.4 <= bands.similar <= 0.55


def test_different_pictures_that_agree_raise_the_limits_for_those():
    shop = pairs_between(0.83, 0.86, NOTHING, agreement=0.9, name="shop")
    shop["lower"] = False

    assert choose(together(WORLD, shop)).lookalike == ((0.91, 0.7), (0.85, 0.91), (0.7, 0.93))


def test_what_agrees_in_the_middle_only_decides_nothing_and_is_no_copy():
    middles = pairs_between(0.95, 0.99, NOTHING, agreement=0.69)
    middles["lower"] = False
    bands = choose(WORLD)

    assert choose(together(WORLD, middles)) == bands
    assert measure(bands, middles)["near-duplicate"]["pairs"] == 0


def test_one_odd_pair_among_thousands_of_copies_does_not_decide():
    odd = pairs_between(0.99, 0.99, NOTHING, count=1)
    many = together(*[WORLD] * 12)

    assert choose(together(many, odd)) == choose(many)
    assert choose(together(many, odd, odd)).lookalike[-1] == (0.7, 1.0)


def test_pairs_of_one_product_do_not_decide_and_are_not_judged():
    colourways = pairs_between(0.95, 0.99, OPEN)
    bands = choose(WORLD)

    assert choose(together(WORLD, colourways)) == bands
    near = measure(bands, together(WORLD, colourways))["near-duplicate"]
    assert (near["precision"], near["not_judged"]) == (1.0, 100)


def test_precision_is_counted_by_band_and_by_set():
    bands = Bands(((0.95, 0.8), (0.7, 0.9)), 0.5)
    same = list(Likeness).index(Likeness.SAME_PICTURE)
    pairs = np.array(
        [
            (0.99, same, 1, True, False, COPY, "one", False),
            (0.30, EDITED, 0, True, False, COPY, "one", False),
            (0.95, NO_NOTION, 0.7, True, False, NOTHING, "two", True),
            (0.95, NO_NOTION, 0.7, False, False, LABEL, "two", True),  # drawings
            (0.55, NO_NOTION, 0, True, True, COPY, "one", False),  # covered
            (0.60, NO_NOTION, 0, True, False, NOTHING, "two", True),
            (0.10, NO_NOTION, 0, True, False, LABEL, "two", True),
        ],
        PAIR,
    )

    measured = measure(bands, pairs)

    assert {
        band: (figures["pairs"], figures["precision"]) for band, figures in measured.items()
    } == {
        "same picture": (1, 1.0),
        "near-duplicate": (3, 0.6667),
        "similar": (2, 0.5),
        "weak": (1, 1.0),
    }
    assert measured["near-duplicate"]["sets"] == {
        "one": {"pairs": 2, "precision": 1.0, "not_judged": 0},
        "two": {"pairs": 1, "precision": 0.0, "not_judged": 0},
    }


PICTURES = {
    "scene": scene(1),
    "smaller": scene(1).resize((200, 150)),
    "grey": scene(1).convert("L"),
    "cropped": scene(1).crop((16, 12, 304, 228)),
    "other": scene(2),
    "page": page(1),
    "another page": page(2),
    "table": table(1),
    "plain": scene(1).resize((1, 1)).resize((64, 64)),
}


@pytest.mark.parametrize("similarity", [0.3, 0.7, 0.85, 0.99])
def test_the_bench_names_pairs_as_the_rule_does(similarity):
    bands = Bands(((0.95, 0.8), (0.7, 0.9)), 0.5)
    seen = [Seen(name, read(image.convert("RGB"))) for name, image in PICTURES.items()]
    every = [(one, other) for one in seen for other in seen if one is not other]
    prints = [(one.fingerprint, other.fingerprint) for one, other in every]
    agreeing = [agreements(one, [other])[0] if one and other else 0 for one, other in prints]
    pairs = np.array(
        [
            (similarity, notion, agreement, *others, COPY, "one", False)
            for (notion, *others), agreement in zip(
                (see(*pair) for pair in prints), agreeing, strict=True
            )
        ],
        PAIR,
    )

    found = named(bands, pairs).tolist()

    assert found == [judge(one, other, similarity, bands).band for one, other in every]
    assert Band.SAME_PICTURE in found


def test_about_half_of_the_pictures_are_held_out_and_always_the_same_ones():
    names = [f"set/{number}.jpg" for number in range(1_000)]

    measured = [name for name in names if is_held_out(name)]

    assert 450 < len(measured) < 550
    # Their SHA-256 hashes start with 4f, which is odd, and with 08.
    assert (is_held_out("set/0.jpg"), is_held_out("set/1.jpg")) == (True, False)


def test_limits_are_read_back_as_they_were_written():
    bands = choose(WORLD)
    limits = {"lookalike": [list(step) for step in bands.lookalike], "similar": bands.similar}

    assert Bands.read(limits) == bands


def test_known_copies_are_in_groups_of_two_or_more():
    groups = list(read_known_copies().values())

    assert {groups.count(number) >= 2 for number in groups} == {True}
