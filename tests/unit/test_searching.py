"""Searches by several examples, by a part of a picture, and with one match per group."""

import pytest
from PIL import Image

from functions.gallery.errors import ImageNotFound, InvalidExamples, InvalidFilter
from functions.gallery.intake.add import Submission
from functions.gallery.pictures.picture import Region
from functions.gallery.search import search as searching
from functions.gallery.search.search import SearchOptions
from tests.drawing import jpeg, scene, written

RED, GREEN, BLUE = (written(Image.new("RGB", (64, 64), c), "PNG") for c in ("red", "lime", "blue"))
YELLOW = written(Image.new("RGB", (64, 64), "yellow"), "PNG")


def add(gallery, data: bytes, name: str, **metadata: object) -> str:
    return gallery.add(Submission(lambda: data, name, metadata)).image.id


@pytest.fixture
def colours(gallery):
    """A gallery of four plain colours, and their ids."""
    files = {"red": RED, "green": GREEN, "blue": BLUE, "yellow": YELLOW}
    return gallery, {name: add(gallery, data, name) for name, data in files.items()}


def names(result) -> list[str]:
    return [match.image.name for match in result.matches]


def test_two_examples_find_images_with_something_of_both(colours):
    gallery, ids = colours

    result = gallery.search([RED, ids["green"]], [], SearchOptions(exclude_self=True))

    assert names(result) == ["yellow", "blue"]


def test_a_negative_example_lowers_similar_images(colours):
    gallery, ids = colours

    plain = gallery.search([YELLOW], [], SearchOptions())
    without_red = gallery.search([YELLOW], [ids["red"]], SearchOptions())

    assert names(plain)[0] == "yellow"
    assert names(without_red) == ["green", "yellow", "red", "blue"]


def test_examples_that_cancel_each_other_out_are_refused(colours):
    gallery, ids = colours
    twice_red = written(Image.new("RGB", (64, 64), "red"), "PNG")

    with pytest.raises(InvalidExamples):
        gallery.search([], [ids["red"]], SearchOptions())
    assert names(gallery.search([twice_red], [ids["red"]], SearchOptions()))[0] == "red"


def test_an_unknown_example_is_not_found(colours):
    gallery, ids = colours

    with pytest.raises(ImageNotFound):
        gallery.search([ids["red"], "nobody"], [], SearchOptions())


@pytest.mark.parametrize("stored", [False, True])
def test_a_region_searches_with_a_part_of_the_picture(colours, stored):
    gallery, _ = colours
    half = Image.new("RGB", (400, 200), "lime")
    half.paste("blue", (200, 0, 400, 200))
    data = written(half, "PNG")
    example = add(gallery, data, "half") if stored else data

    left = gallery.search([example], [], SearchOptions(region=Region(0, 0, 0.5, 1)))
    right = gallery.search([example], [], SearchOptions(region=Region(0.5, 0, 0.5, 1)))

    assert names(left)[0] == "green"
    assert names(right)[0] == "blue"


def test_a_region_of_a_large_photo_keeps_its_resolution(gallery):
    photo = Image.new("RGB", (4000, 3000), "white")
    photo.paste(scene(1, 400, 300), (3000, 2000))
    add(gallery, jpeg(1, 400, 300), "detail")
    add(gallery, jpeg(2, 400, 300), "other")

    result = gallery.search(
        [written(photo, quality=95)],
        [],
        SearchOptions(region=Region(0.75, 2 / 3, 0.1, 0.1)),
    )

    assert names(result)[0] == "detail"
    assert result.matches[0].similarity > 0.99  # its edges are rounded to pixels of a reduced copy


def test_a_region_applies_to_the_first_example_and_can_extend_beyond_it(colours):
    gallery, ids = colours
    half = Image.new("RGB", (400, 200), "lime")
    half.paste("blue", (200, 0, 400, 200))
    region = SearchOptions(region=Region(0, 0, 0.5, 5))

    alone = gallery.search([written(half, "PNG")], [], region)
    result = gallery.search([written(half, "PNG"), ids["red"]], [ids["blue"]], region)

    assert (names(alone)[0], alone.matches[0].similarity) == ("green", pytest.approx(1))
    assert names(result)[0] == "yellow"


def test_each_group_shows_its_best_match_and_the_number_hidden(gallery):
    for number in range(30):
        kind = ["hat", "dress", "shoe"][number % 3]
        add(gallery, jpeg(number), f"{number}.jpg", category=kind)
    add(gallery, jpeg(99), "alone.jpg")

    result = gallery.find_similar(jpeg(4), SearchOptions(group_by="category", limit=10))

    kinds = [match.image.metadata.get("category") for match in result.matches]
    assert sorted(map(str, kinds)) == ["None", "dress", "hat", "shoe"]
    assert result.matches[0].image.name == "4.jpg"
    assert sum(1 + match.hidden for match in result.matches) == 31


def test_the_pages_of_groups_are_parts_of_one_ranking(gallery):
    for number in range(60):
        add(gallery, jpeg(number), f"{number}.jpg", category=f"kind {number // 5}")
    whole = gallery.find_similar(jpeg(7), SearchOptions(group_by="category", limit=12))

    parts = [
        gallery.find_similar(jpeg(7), SearchOptions(group_by="category", limit=5, offset=offset))
        for offset in (0, 5, 10)
    ]

    assert [name for part in parts for name in names(part)] == names(whole)
    assert [part.more for part in parts] == [True, True, False]


def test_grouping_needs_a_declared_field(gallery):
    with pytest.raises(InvalidFilter):
        gallery.find_similar(RED, SearchOptions(group_by="colour"))


def test_images_with_the_same_bytes_can_be_collapsed(gallery):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        add(gallery, jpeg(1), name)
    add(gallery, jpeg(2), "d.jpg")

    result = gallery.find_similar(jpeg(1), SearchOptions(collapse_duplicates=True))

    assert [match.hidden for match in result.matches] == [2, 0]
    assert names(result)[1] == "d.jpg"


def test_copies_of_one_picture_can_be_collapsed(gallery):
    copies = [scene(1), scene(1).resize((160, 120)), scene(1).resize((400, 240))]
    for n, copy in enumerate(copies):
        add(gallery, written(copy, "PNG"), f"{n}.png")
    for plain in (RED, GREEN):  # without a fingerprint, so not copies
        add(gallery, plain, f"{len(plain)}-{plain[60:70].hex()}.png")
    add(gallery, jpeg(2), "other.jpg")
    grey = written(scene(1).convert("L").convert("RGB"), "PNG")  # edited, so not hidden
    add(gallery, grey, "grey.png")
    result = gallery.find_similar(jpeg(1), SearchOptions(collapse_copies=True))

    assert sorted(match.hidden for match in result.matches) == [0, 0, 0, 0, 2]
    assert result.matches[0].hidden == 2


def test_collapsing_copies_includes_collapsing_duplicates(gallery):
    for n, copy in enumerate([scene(1), scene(1).resize((160, 120))]):
        add(gallery, written(copy, "PNG"), f"{n}.png")
    both = SearchOptions(collapse_copies=True, collapse_duplicates=True)

    assert [match.hidden for match in gallery.find_similar(jpeg(1), both).matches] == [1]


def test_matches_can_be_grouped_by_a_built_in_field(gallery):
    for n in range(3):
        add(gallery, jpeg(n), f"{n}.jpg")
    add(gallery, RED, "red.png")

    result = gallery.find_similar(jpeg(1), SearchOptions(group_by="format"))

    assert sorted((m.image.format, m.hidden) for m in result.matches) == [("JPEG", 2), ("PNG", 0)]


def test_groups_are_formed_only_from_the_best_matches(gallery, monkeypatch):
    monkeypatch.setattr(searching, "_MOST_READ", 4)
    for n in range(8):
        add(gallery, jpeg(n), f"{n}.jpg", category=f"kind {n}")

    first = gallery.find_similar(jpeg(1), SearchOptions(group_by="category", limit=3))
    beyond = gallery.find_similar(jpeg(1), SearchOptions(group_by="category", offset=6, limit=3))

    assert len(first.matches) == 3
    assert (beyond.matches, beyond.more) == ((), False)
