"""Bands: a similarity, and a hash distance if known, as a word."""

from dataclasses import replace

import pytest

from functions.gallery.embedding.bands import Band, Bands
from functions.gallery.intake.add import Submission
from functions.gallery.records import Distance
from functions.gallery.search.search import SearchOptions
from tests.drawing import jpeg, scene, written
from tests.fakes import FakeEmbedder

LIMITS = {
    "same_picture": 0.97,
    "near_duplicate": 0.9,
    "near_duplicate_with_bits": 0.6,
    "similar": 0.5,
    "same_picture_bits": 2,
    "near_duplicate_bits": 6,
}
BANDS = Bands.read(LIMITS)


@pytest.mark.parametrize(
    ("similarity", "band"),
    [
        (1.0, Band.SAME_PICTURE),
        (0.97, Band.SAME_PICTURE),
        (0.969, Band.NEAR_DUPLICATE),
        (0.9, Band.NEAR_DUPLICATE),
        (0.899, Band.SIMILAR),
        (0.5, Band.SIMILAR),
        (0.499, Band.WEAK),
        (0.0, Band.WEAK),
    ],
)
def test_without_a_hash_the_similarity_decides_the_band(similarity, band):
    assert BANDS.of(similarity) == band


@pytest.mark.parametrize(
    ("similarity", "bits", "band"),
    [
        (0.99, 2, Band.SAME_PICTURE),
        (0.99, 3, Band.NEAR_DUPLICATE),  # an edit that the model hardly notices
        (0.95, 40, Band.NEAR_DUPLICATE),  # mirrored: the similarity is enough
        (0.7, 6, Band.NEAR_DUPLICATE),  # blurred: the hash has hardly changed
        (0.7, 7, Band.SIMILAR),
        (0.59, 0, Band.SIMILAR),  # plain pictures of different things can share a hash
        (0.4, 0, Band.WEAK),
    ],
)
def test_a_hash_distance_can_lower_or_raise_the_band(similarity, bits, band):
    assert BANDS.of(similarity, bits) == band


@pytest.mark.parametrize(
    ("similarity", "bits", "mirrored_bits", "band"),
    [
        (0.95, 28, 40, Band.NEAR_DUPLICATE),
        (0.95, 29, 40, Band.SIMILAR),  # another picture that agrees where the views look
        (0.95, 40, 16, Band.NEAR_DUPLICATE),  # mirrored
        (0.95, 29, 17, Band.SIMILAR),
        (1.0, 29, 29, Band.SIMILAR),
        (0.49, 29, 29, Band.WEAK),
    ],
)
def test_a_hash_that_differs_too_much_has_a_veto(similarity, bits, mirrored_bits, band):
    bands = Bands.read(
        LIMITS | {"near_duplicate_most_bits": 28, "near_duplicate_mirrored_bits": 16}
    )

    assert bands.of(similarity, bits, mirrored_bits) == band


def test_limits_without_a_veto_have_none():
    assert BANDS.of(0.95, 64, 64) == Band.NEAR_DUPLICATE


def test_bands_print_as_plain_words():
    assert [str(band) for band in Band] == ["same picture", "near-duplicate", "similar", "weak"]


@pytest.mark.parametrize(
    "invalid",
    [
        {"similar": 0.7},
        {"same_picture": 1.1},
        {"near_duplicate": 0.98},
        {"similar": None},
        {"near_duplicate_most_bits": 5},
    ],
)
def test_invalid_band_limits_are_refused(invalid):
    with pytest.raises((ValueError, TypeError)):
        Bands.read(LIMITS | invalid)


@pytest.fixture
def gallery_with_bands(rig, monkeypatch):
    """A gallery whose model has bands, with two drawn scenes and a grey copy of one."""
    card = replace(FakeEmbedder.card, bands=Bands(0.999, 0.995, 0.9, 2, 8, 0.95))
    monkeypatch.setattr(FakeEmbedder, "card", card)
    grey = written(scene(1).convert("L"), quality=90)
    for name, data in (("one", jpeg(1)), ("grey", grey), ("two", jpeg(2))):
        rig.gallery.add(Submission(lambda data=data: data, f"{name}.jpg"))
    return rig.gallery


def bands_of(result) -> dict[str, Band | None]:
    return {match.image.name: match.band for match in result.matches}


def test_the_band_of_a_match_depends_on_vector_and_hash(gallery_with_bands):
    bands = bands_of(gallery_with_bands.search([jpeg(1)], [], SearchOptions()))

    # In grey its similarity is below 0.995 for this embedder, but the hash is the same.
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
    assert gallery_with_bands.compare(jpeg(1), jpeg(1)).band == Band.SAME_PICTURE


def test_only_manhattan_distances_have_no_bands():
    assert [distance for distance in Distance if not distance.has_bands] == [Distance.MANHATTAN]


def test_truncated_vectors_have_no_bands():
    card = replace(FakeEmbedder.card, bands=BANDS)

    assert card.truncated(48).bands == BANDS
    assert card.truncated(24).bands is None
