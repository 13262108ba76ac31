"""Which of several copies is kept."""

import pytest

from functions.gallery.duplicates.groups import keeper_order
from functions.gallery.embedding.fingerprint import Fingerprint, PerceptualHash
from tests.contract.stores import an_image


def kept(*images):
    return min(images, key=keeper_order).name


@pytest.mark.parametrize(
    "copy",
    [
        "p0 (1).jpg",
        "p0(2).jpg",
        "p0 copy.jpg",
        "p0 copy 2.jpg",
        "p0_copy.jpg",
        "p0 - Copy.jpg",
        "p0 - Copy (3).jpg",
        "p0 - Kopie.jpg",
        "Copy of p0.jpg",
        "Kopie von p0.jpg",
        "p (1).jpg",
    ],
)
@pytest.mark.parametrize("folder", ["", "spring/"])
def test_of_equal_files_the_one_that_is_not_named_as_a_copy_is_kept(copy, folder):
    one, other = an_image("summer/p0-long-name.jpg"), an_image(folder + copy)

    assert kept(one, other) == kept(other, one) == "summer/p0-long-name.jpg"


@pytest.mark.parametrize("name", ["photocopy.jpg", "copy.jpg", "copyright of 2024.jpg", "1.jpg"])
def test_other_names_are_no_names_of_copies(name):
    assert kept(an_image(name), an_image("a-much-longer-name-2024.jpg")) == name


def test_of_equal_files_the_shorter_name_is_kept():
    assert kept(an_image("a/p0-web-final.jpg"), an_image("b/p0.jpg")) == "b/p0.jpg"


def test_a_frame_does_not_make_a_copy_the_keeper():
    hash, inner = PerceptualHash("0f" * 32), PerceptualHash("5a" * 32)
    picture = an_image("picture.jpg", width=800, height=600, bytes=90_000)
    framed = an_image(
        "framed.jpg",
        width=980,
        height=780,
        bytes=120_000,
        fingerprint=Fingerprint(hash, bytes(576), bytes(128), inner, content=0.62),
    )

    assert kept(picture, framed) == "picture.jpg"


def test_a_larger_copy_is_kept_whatever_its_name_is():
    small, large = an_image("p0.jpg", width=100), an_image("p0 (1).jpg", width=200)

    assert kept(small, large) == "p0 (1).jpg"
