"""In a search by one picture, files of its bytes come before others that are equally similar."""

from dataclasses import replace

import pytest
from PIL import Image, PngImagePlugin

from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import Distance, Query
from functions.gallery.search.search import SearchOptions
from functions.gallery.stores.embedded.store import EdgeStore
from tests.conftest import Rig
from tests.drawing import scene, written
from tests.fakes import FakeEmbedder, FakeStore

ORDINARY = scene(1)
OTHERS = 40


def with_comment(text: str) -> bytes:
    """Return other bytes of the same pixels."""
    comment = PngImagePlugin.PngInfo()
    comment.add_text("Comment", text)
    return written(ORDINARY, "PNG", pnginfo=comment)


WANTED = with_comment("wanted")


def add(rig: Rig, data: bytes, name: str, **metadata: object) -> str:
    return rig.gallery.add(Submission(lambda: data, name, metadata)).image.id


@pytest.fixture
def tied(rig) -> Rig:
    """A gallery of 40 equal pictures of other bytes, and two files of the bytes to search for."""
    for number in range(OTHERS):
        add(rig, with_comment(f"other {number}"), f"other-{number}.png", category="a", price=number)
    # The last of all ids, so that nothing but their bytes puts them first.
    last = sorted(range(2_000), key=lambda number: id_of(rig, f"wanted-{number}.png"))[-2:]
    for number in last:
        add(rig, WANTED, f"wanted-{number}.png", category="b", price=1)
    add(rig, written(scene(2), "PNG"), "different.png", category="c")
    return rig


def id_of(rig: Rig, name: str) -> str:
    return image_id(rig.originals.bucket, name)


def names(result) -> list[str]:
    return [match.image.name.partition("-")[0] for match in result.matches]


def search(rig: Rig, **options: object):
    return rig.gallery.find_similar(WANTED, SearchOptions(**options))


def test_the_store_alone_ranks_the_same_bytes_last(tied):
    (vector,) = tied.store.vectors(wanted_ids(tied)[:1]).values()

    found = tied.store.search(Query(vector, limit=100))

    assert [match.image.sha256 == found[-2].image.sha256 for match in found].index(True) == OTHERS


def wanted_ids(rig: Rig) -> list[str]:
    matches = search(rig, limit=100).matches
    return [m.image.id for m in matches if m.image.name.startswith("wanted")]


@pytest.mark.parametrize("limit", [1, 2, 3, 41, 42, 43, 100])
def test_the_same_bytes_come_first_at_every_limit(tied, limit):
    result = search(tied, limit=limit)

    expected = ["wanted"] * 2 + ["other"] * OTHERS + ["different.png"]
    assert names(result) == expected[:limit]
    assert result.more == (limit < len(expected))
    assert [match.similarity for match in result.matches][:2] == [pytest.approx(1)] * len(
        result.matches[:2]
    )


@pytest.mark.parametrize("limit", [1, 4, 7, 20])
def test_pages_are_parts_of_one_ranking(tied, limit):
    whole = [match.image.id for match in search(tied, limit=100).matches]

    pages = [search(tied, limit=limit, offset=at) for at in range(0, len(whole), limit)]

    assert [match.image.id for page in pages for match in page.matches] == whole


@pytest.mark.parametrize("limit", [1, 5, 100])
def test_a_search_by_id_ranks_as_one_by_the_file(tied, limit):
    by_file = search(tied, limit=limit)

    by_id = tied.gallery.similar_to(wanted_ids(tied)[1], SearchOptions(limit=limit))

    assert [m.image for m in by_id.matches] == [m.image for m in by_file.matches]


def test_a_search_by_id_without_itself_has_the_other_file_first(tied):
    one, other = wanted_ids(tied)

    result = tied.gallery.similar_to(one, SearchOptions(limit=1, exclude_self=True))

    assert [match.image.id for match in result.matches] == [other]


def test_a_search_by_a_picture_without_itself_has_none_of_its_bytes(tied):
    result = search(tied, limit=100, exclude_self=True)

    assert names(result) == ["other"] * OTHERS + ["different.png"]


def test_a_filter_holds_for_the_same_bytes_too(tied):
    result = search(tied, limit=3, filter={"category": "a"})

    assert names(result) == ["other"] * 3


@pytest.mark.parametrize("limit", [1, 2])
def test_a_group_shows_the_same_bytes(tied, limit):
    add(tied, with_comment("also b"), "0.png", category="b")

    result = search(tied, limit=limit, group_by="category")

    assert names(result)[0] == "wanted"
    assert result.matches[0].hidden >= 1


@pytest.mark.parametrize("option", ["collapse_duplicates", "collapse_copies"])
def test_collapsed_files_show_the_same_bytes(tied, option):
    result = search(tied, limit=1, **{option: True})

    assert names(result) == ["wanted"]
    assert result.matches[0].hidden >= 1


@pytest.mark.parametrize("distance", Distance)
def test_the_rule_holds_for_every_distance_and_for_truncated_vectors(rig, distance):
    embedder = FakeEmbedder(16)
    spec = replace(rig.gallery.spec, dims=16, distance=distance)
    store = FakeStore(spec)
    narrow = Rig(Gallery(spec, Limits(), embedder, store, rig.originals), store, rig.originals)
    for number in range(6):
        add(narrow, with_comment(f"other {number}"), f"other-{number}.png")
    ids = {number: id_of(narrow, f"wanted-{number}.png") for number in range(100)}
    last = max(ids, key=lambda number: ids[number])
    add(narrow, WANTED, f"wanted-{last}.png")

    by_file = search(narrow, limit=2)
    by_id = narrow.gallery.similar_to(ids[last], SearchOptions(limit=2))

    assert names(by_file) == names(by_id) == ["wanted", "other"]


@pytest.mark.parametrize("dims", [48, 16])
def test_the_embedded_store_ranks_the_same_bytes_first(rig, tmp_path, dims):
    embedder = FakeEmbedder(dims)
    spec = replace(rig.gallery.spec, dims=dims)
    store = EdgeStore.open(tmp_path, spec)
    real = Rig(Gallery(spec, Limits(), embedder, store, rig.originals), store, rig.originals)
    for number in range(OTHERS):
        add(real, with_comment(f"other {number}"), f"other-{number}.png")
    ids = {number: id_of(real, f"wanted-{number}.png") for number in range(1_000)}
    last = max(ids, key=lambda number: ids[number])
    add(real, WANTED, f"wanted-{last}.png")

    pages = [search(real, limit=3, offset=at) for at in range(0, 42, 3)]
    by_id = real.gallery.similar_to(ids[last], SearchOptions(limit=1))
    real.gallery.close()

    assert [name for page in pages for name in names(page)] == ["wanted"] + ["other"] * OTHERS
    assert len({match.image.id for page in pages for match in page.matches}) == OTHERS + 1
    assert names(by_id) == ["wanted"]


def requests_of(rig: Rig, monkeypatch, **options: object) -> int:
    """Count the searches of the store that one search takes."""
    count = 0
    plain = rig.store.search

    def counted(query: Query):
        nonlocal count
        count += 1
        return plain(query)

    monkeypatch.setattr(rig.store, "search", counted)
    search(rig, **options)
    return count


@pytest.mark.parametrize(("limit", "requests"), [(5, 2), (41, 2), (42, 1), (100, 1)])
def test_a_second_request_is_sent_only_if_equal_pictures_fill_what_was_read(
    tied, monkeypatch, limit, requests
):
    assert requests_of(tied, monkeypatch, limit=limit) == requests


def test_a_picture_stored_twice_takes_one_request(rig, monkeypatch):
    for name in ("one.png", "two.png", "three.png"):
        add(rig, WANTED, name)

    assert requests_of(rig, monkeypatch, limit=1) == 1


def test_a_picture_that_is_not_stored_is_searched_for_as_any_other(tied):
    absent = written(Image.new("RGB", (64, 64), "red"), "PNG")

    result = tied.gallery.find_similar(absent, SearchOptions(limit=100))

    assert len(result.matches) == OTHERS + 3
