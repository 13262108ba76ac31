"""Names that a bucket and a folder can hold, and the ids derived from them."""

import pytest

from functions.gallery.errors import InvalidName
from functions.gallery.names import check_name, check_new_name, image_id, is_companion


@pytest.mark.parametrize(
    "name", ["cat.jpg", "a/b/c", "Ä ß 猫 🐈.jpg", "a+b %20.jpg", "..hidden", "x" * 255]
)
def test_a_relative_path_is_a_valid_name(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "a/",
        ".",
        "a\0b",
        "a\nb",
        "\ud800",
        "x" * 256,
        "a/" * 600 + "b",
    ],
)
def test_a_name_that_a_folder_cannot_hold_is_refused(name):
    with pytest.raises(InvalidName):
        check_name(name)


def test_an_id_is_derived_from_bucket_and_name_and_never_changes():
    assert image_id("local", "cat.jpg") == "f26b7221-e33a-54ed-bffd-357214a5b4f6"
    assert image_id("a", "b/c") != image_id("a/b", "c")


@pytest.mark.parametrize(
    "name", ["a/IMG_1.MOV", "IMG_1.aae", "1.jpg.xmp", "Thumbs.db", "a/.DS_Store", "a/._1.jpg"]
)
def test_no_picture_is_added_under_the_name_of_what_lies_next_to_pictures(name):
    assert is_companion(name)
    with pytest.raises(InvalidName, match="change the name"):
        check_new_name(name)


@pytest.mark.parametrize("name", ["IMG_1.NEF", "mov", "xmp/1.jpg", "a.mov/1", "no suffix"])
def test_other_names_can_be_those_of_pictures(name):
    assert check_new_name(name) == name
