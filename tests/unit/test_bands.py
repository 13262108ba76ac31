"""The rule of likeness: what two pictures have in common, and the band of a similarity."""

from dataclasses import replace

import numpy as np
import pytest

from functions.gallery.embedding.fingerprint import Fingerprint, PerceptualHash, agreements
from functions.gallery.embedding.likeness import Band, Bands, Likeness, judge, judge_all, likeness
from functions.gallery.intake.add import Submission
from functions.gallery.records import Distance
from functions.gallery.search.search import SearchOptions
from model.quality.pairs import Seen
from tests.drawing import jpeg, scene, written
from tests.fakes import FakeEmbedder
from tests.unit.test_perceptual_hash import read

LIMITS = {"lookalike": [[0.95, 0.8], [0.7, 0.9]], "similar": 0.5}
BANDS = Bands.read(LIMITS)
HASH = int("9d3c51a8e7046bf2" * 4, 16)
GREEN, RED, GREENISH = (bytes([cb, cr] * 64) for cb, cr in ((100, 90), (100, 200), (110, 90)))
LIGHT = read(scene(1)).light
CROPPED = read(scene(1).crop((16, 12, 304, 228))).light  # a tenth less each way
ANOTHER = read(scene(2)).light


def looks(bits=0, colours=GREEN, light=LIGHT, **more):
    """Return a picture of its own bytes; so many bits of its hash differ from the first."""
    hash = PerceptualHash(f"{HASH ^ ((1 << bits) - 1):064x}")
    more_light = light.hex()[:40]
    return Seen(
        f"{bits} {colours[1]} {more_light} {more}", Fingerprint(hash, light, colours, **more)
    )


FIRST = looks(inner=None, content=1.0)
TURNED = Seen("turned", Fingerprint(FIRST.fingerprint.hash.turned[4], LIGHT, GREEN))


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (FIRST, Likeness.SAME_BYTES),
        (looks(22), Likeness.SAME_PICTURE),
        (looks(23), Likeness.EDITED),
        (looks(31), Likeness.EDITED),
        (looks(32), None),
        (looks(22, RED), Likeness.EDITED),
        (looks(23, RED), None),
        (looks(128, inner=PerceptualHash(f"{HASH:064x}")), Likeness.EDITED),  # in a frame
        (
            Seen("turned", Fingerprint(looks().fingerprint.hash.turned[4], LIGHT, GREEN)),
            Likeness.TURNED,
        ),
        (looks(22, drawn=True), Likeness.SAME_PICTURE),
        (looks(23, drawn=True), None),  # screens of one program
        (Seen("plain", None), None),
    ],
)
def test_the_strictest_notion_counts(other, expected):
    assert likeness(FIRST, other) is expected
    assert likeness(other, FIRST) is expected


def test_plain_pictures_are_never_alike_unless_their_bytes_are_equal():
    one, other = Seen("one", None), Seen("other", None)

    assert judge(one, other, 1.0, BANDS).likeness is None
    assert judge(one, other, 1.0, BANDS).band is Band.SIMILAR
    assert judge(one, one, 1.0, BANDS).likeness is Likeness.SAME_BYTES


@pytest.mark.parametrize(
    ("similarity", "other", "expected"),
    [
        (0.8, looks(120), Likeness.LOOKALIKE),
        (0.799, looks(120), None),
        (0.8, looks(120, light=CROPPED), Likeness.LOOKALIKE),
        (1.0, looks(120, light=ANOTHER), None),
        (1.0, looks(120, RED), None),  # another colour is another product
        (0.8, looks(120, GREENISH), Likeness.LOOKALIKE),
        (1.0, looks(120, drawn=True), None),  # vectors say nothing of text
        (0.9, looks(120, light=bytes([90]) * 576), None),  # nothing to lay on each other
    ],
)
def test_lookalikes_need_close_vectors_and_agree_where_they_overlap(similarity, other, expected):
    assert judge(FIRST, other, similarity, BANDS).likeness is expected
    assert judge(other, FIRST, similarity, BANDS).likeness is expected


def test_the_less_pictures_agree_the_closer_their_vectors_must_be():
    covered = np.frombuffer(LIGHT, np.uint8).reshape(24, 24).copy()
    covered[22:] = 0
    text = looks(120, light=covered.tobytes())
    (agreement,) = agreements(FIRST.fingerprint, [text.fingerprint])

    assert 0.7 < agreement < 0.95
    assert judge(FIRST, text, 0.89, BANDS).likeness is None
    assert judge(FIRST, text, 0.9, BANDS).likeness is Likeness.LOOKALIKE


def test_many_pictures_are_judged_as_each_alone():
    others = [
        (looks(bits, colours, light), similarity)
        for bits in (0, 20, 30, 120)
        for colours in (GREEN, RED)
        for light in (LIGHT, CROPPED, ANOTHER)
        for similarity in (0.4, 0.85, 0.95, None)
    ]
    together = judge_all(FIRST, others, BANDS)

    assert together == [judge(FIRST, *other, BANDS) for other in others]
    assert {verdict.likeness for verdict in together} >= {None, *Likeness} - {
        Likeness.SAME_BYTES,
        Likeness.TURNED,
    }


@pytest.mark.parametrize(("similarity", "expected"), [(0.5, Likeness.LOOKALIKE), (0.49, None)])
def test_a_covered_picture_needs_only_a_similar_vector(similarity, expected):
    cells = [[100, 90] if n % 8 in (0, 7) else [150, 40] for n in range(64)]
    covered = [[20, 20] if 20 <= n <= 22 else cell for n, cell in enumerate(cells)]
    one, other = (
        looks(bits, bytes(sum(colours, []))) for bits, colours in ((0, cells), (50, covered))
    )

    assert judge(one, other, similarity, BANDS).likeness is expected


@pytest.mark.parametrize(
    ("similarity", "other", "band"),
    [
        (0.3, looks(3), Band.SAME_PICTURE),
        (0.3, looks(30), Band.NEAR_DUPLICATE),
        (0.95, looks(120), Band.NEAR_DUPLICATE),
        (0.7, looks(120), Band.SIMILAR),
        (0.95, looks(120, light=ANOTHER), Band.SIMILAR),
        (0.49, looks(120), Band.WEAK),
    ],
)
def test_the_band_follows_from_the_notion_and_the_similarity(similarity, other, band):
    assert judge(FIRST, other, similarity, BANDS).band is band


def test_without_limits_or_a_similarity_there_is_no_band():
    assert judge(FIRST, looks(3), None, BANDS).band is None
    assert judge(FIRST, looks(3), 0.9, None).band is None
    assert judge(FIRST, looks(3), None, None).likeness is Likeness.SAME_PICTURE


def test_bands_print_as_plain_words():
    assert [str(band) for band in Band] == ["same picture", "near-duplicate", "similar", "weak"]


@pytest.mark.parametrize(
    "invalid",
    [
        {"similar": 0.85},
        {"similar": None},
        {"lookalike": []},
        {"lookalike": [[0.7, 0.9], [0.95, 0.8]]},
        {"lookalike": [[0.95, 0.9], [0.7, 0.8]]},
        {"lookalike": [[0.95, 1.1]]},
        {"lookalike": 0.9},
    ],
)
def test_invalid_band_limits_are_refused(invalid):
    with pytest.raises((ValueError, TypeError)):
        Bands.read(LIMITS | invalid)


def test_what_a_card_says_besides_the_limits_is_ignored():
    assert Bands.read(LIMITS | {"measured": {}, "later": 1}) == BANDS


@pytest.fixture
def gallery_with_bands(rig, monkeypatch):
    """A gallery whose model has bands, with two drawn scenes and a grey copy of one."""
    card = replace(FakeEmbedder.card, bands=Bands(((60, 0.95), (256, 0.995)), 0.9))
    monkeypatch.setattr(FakeEmbedder, "card", card)
    grey = written(scene(1).convert("L"), quality=90)
    for name, data in (("one", jpeg(1)), ("grey", grey), ("two", jpeg(2))):
        rig.gallery.add(Submission(lambda data=data: data, f"{name}.jpg"))
    return rig.gallery


def bands_of(result) -> dict[str, Band | None]:
    return {match.image.name: match.band for match in result.matches}


def test_the_band_of_a_match_depends_on_fingerprint_and_vector(gallery_with_bands):
    bands = bands_of(gallery_with_bands.search([jpeg(1)], [], SearchOptions()))

    assert bands["one.jpg"] == Band.SAME_PICTURE
    assert bands["grey.jpg"] == Band.NEAR_DUPLICATE
    assert bands["two.jpg"] in (Band.SIMILAR, Band.WEAK)


def test_a_search_by_id_gives_the_same_bands_as_by_file(gallery_with_bands):
    by_file = gallery_with_bands.search([jpeg(1)], [], SearchOptions())
    stored = next(m.image.id for m in by_file.matches if m.image.name == "one.jpg")

    by_id = gallery_with_bands.search([stored], [], SearchOptions())

    assert bands_of(by_id) == bands_of(by_file)


def test_a_search_by_several_examples_has_no_bands(gallery_with_bands):
    bands = bands_of(gallery_with_bands.search([jpeg(1), jpeg(2)], [], SearchOptions()))

    assert set(bands.values()) == {None}


def test_a_model_without_bands_gives_matches_without_bands(gallery):
    gallery.add(Submission(lambda: jpeg(1), "one.jpg"))

    assert bands_of(gallery.search([jpeg(1)], [], SearchOptions())) == {"one.jpg": None}


def test_a_comparison_of_two_pictures_has_a_band(gallery_with_bands):
    assert gallery_with_bands.compare(jpeg(1), jpeg(1)).verdict.band == Band.SAME_PICTURE


def test_only_manhattan_distances_have_no_bands():
    assert [distance for distance in Distance if not distance.has_bands] == [Distance.MANHATTAN]


def test_truncated_vectors_have_no_bands():
    card = replace(FakeEmbedder.card, bands=BANDS)

    assert card.truncated(48).bands == BANDS
    assert card.truncated(24).bands is None
