"""Vectors are truncated to LOOKALIKE_DIMS and normalised again."""

import numpy as np
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.vectors import truncate
from functions.gallery.errors import SettingsError
from functions.gallery.intake.add import Submission
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.search.search import SearchOptions
from functions.gallery.settings import Settings
from tests.contract.stores import random_units
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder


def test_a_truncated_vector_is_the_first_numbers_normalised_again():
    picture = decode(jpeg(1), Limits(), short_side_px=4)
    full = FakeEmbedder().embed([picture])

    truncated = FakeEmbedder(16)

    assert truncated.card.dims == 16
    assert truncated.card.id == FakeEmbedder.card.id
    expected = full[:, :16] / np.linalg.norm(full[:, :16])
    np.testing.assert_allclose(truncated.embed([picture]), expected, atol=1e-6)
    assert truncated.embed([]).shape == (0, 16)


def test_truncating_twice_is_truncating_once():
    vectors = random_units(20, 64)

    np.testing.assert_allclose(
        truncate(truncate(vectors, 32), 16), truncate(vectors, 16), atol=1e-6
    )


def test_a_vector_of_the_right_length_is_unchanged():
    vectors = random_units(3, 16)

    assert truncate(vectors, 16) is vectors


def test_more_dims_than_the_model_has_are_refused():
    with pytest.raises(SettingsError, match="LOOKALIKE_DIMS: 49 is more than the 48"):
        FakeEmbedder(49)


def test_truncating_to_zeros_only_is_refused():
    with pytest.raises(SettingsError, match="LOOKALIKE_DIMS"):
        truncate(np.array([[0.0, 0.0, 1.0]], np.float32), 2)


def test_a_gallery_of_truncated_vectors_finds_its_pictures(tmp_path):
    gallery = build_gallery(Settings(lookalike_data=tmp_path, lookalike_dims=128))
    for number in range(5):
        gallery.add(Submission(lambda number=number: jpeg(number), f"{number}.jpg"))

    found = gallery.find_similar(jpeg(3), SearchOptions(limit=1))

    assert gallery.stats().dims == 128
    assert [match.image.name for match in found.matches] == ["3.jpg"]
    assert found.matches[0].similarity == pytest.approx(1, abs=1e-4)
    gallery.close()


def test_the_real_model_refuses_more_dims_than_it_has(tmp_path):
    widest = OnnxEmbedder(Settings().lookalike_model).card.dims

    with pytest.raises(SettingsError, match="LOOKALIKE_DIMS"):
        build_gallery(Settings(lookalike_data=tmp_path, lookalike_dims=widest + 1))
