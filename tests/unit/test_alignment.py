"""Pictures are laid on each other: crops, rotations and covered pictures agree, others do not."""

import random

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.fingerprint import Fingerprint, agreements
from model.quality.alterations import NAMES, alter, upright
from tests.drawing import scene, written
from tests.unit.test_long_pictures import SIZES, with_middle_of
from tests.unit.test_perceptual_hash import read

# With enough detail for a fingerprint, darker or cropped too.
SEEDS = [seed for seed in range(60) if read(scene(seed, 400, 300))][:14]


def agreement(one: Image.Image, other: Image.Image) -> float | None:
    """Return how well two pictures agree; None if one has too little detail."""
    a, b = read(one), read(other)
    return float(agreements(a, [b])[0]) if a and b else None


def known(found: list[float | None]) -> np.ndarray:
    values = np.array([each for each in found if each is not None])
    assert len(values) >= len(found) // 2
    return values


def altered(name: str, seed: int) -> tuple[Image.Image, Image.Image]:
    """Return a scene and its copy."""
    one = scene(seed, 400, 300)
    return one, upright(alter(name, f"{seed}.png", written(one, "PNG")))


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("png", 0.99),
        ("width x 1.33", 0.99),
        ("crop 5 %", 0.9),
        ("crop 10 %", 0.9),
        ("crop 20 %", 0.9),
        ("crop 30 %", 0.9),
        ("rotated 5", 0.9),
        ("rotated 15", 0.9),
    ],
)
def test_a_copy_agrees_with_its_original(name, least):
    found = known([agreement(*altered(name, seed)) for seed in SEEDS])

    assert (found >= least).mean() >= 0.9


def test_a_crop_from_anywhere_agrees():
    dice = random.Random(1)
    found = []
    for seed in SEEDS:
        one = scene(seed, 400, 300)
        left, top = dice.randint(0, 100), dice.randint(0, 75)
        found.append(agreement(one, one.crop((left, top, left + 300, top + 225))))

    assert (known(found) >= 0.85).mean() >= 0.9


def test_different_pictures_do_not_agree():
    scenes = [read(scene(seed, 400, 300)) for seed in SEEDS]

    for row, one in enumerate(scenes):
        assert max(agreements(one, scenes[:row]).tolist(), default=0) < 0.7


@pytest.mark.parametrize("name", SIZES)
def test_pictures_that_share_their_middle_do_not_agree(name):
    found = []
    for seed in SEEDS:
        one = scene(2 * seed, *SIZES[name])
        found.append(agreement(one, with_middle_of(one, scene(2 * seed + 1, *SIZES[name]))))

    assert known(found).max() < 0.7


@pytest.mark.parametrize("name", NAMES)
def test_agreement_is_the_same_both_ways_and_in_company(name):
    one, other = (read(each) for each in altered(name, 3))
    third = read(scene(4))

    (found,) = agreements(one, [other])
    assert found == agreements(other, [one])[0]
    assert agreements(one, [third, other])[1] == pytest.approx(found, abs=1e-5)


def test_other_colours_do_not_agree():
    one = scene(1, 400, 300)
    red, green, blue = one.split()

    assert agreement(one, Image.merge("RGB", (blue, red, green))) == 0


def test_nothing_agrees_with_a_plain_picture():
    one = read(scene(1))
    plain = Fingerprint(one.hash, bytes([128]) * 576, one.colours)

    assert agreements(one, [plain, plain]).tolist() == [0, 0]
    assert agreements(plain, [plain]).tolist() == [0]
    assert agreements(one, []).tolist() == []


def test_noise_and_odd_numbers_give_an_answer():
    dice = np.random.default_rng(0)
    one = read(scene(1))
    noise = [
        Fingerprint(one.hash, dice.integers(0, 256, 576, np.uint8).tobytes(), one.colours)
        for _ in range(50)
    ]
    steps = Fingerprint(one.hash, bytes([0, 255] * 288), one.colours)

    found = agreements(one, [*noise, steps])

    assert np.isfinite(found).all()
    assert (np.abs(found) < 0.5).all()
