"""Duplicate groups against their definition, page by page; the nearest duplicates of one image."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.gallery.duplicates import groups, neighbours, pages
from functions.gallery.duplicates.groups import Neighbourhoods, followers_of
from functions.gallery.duplicates.notions import Likeness
from functions.gallery.duplicates.pages import DuplicateOptions, Duplicates, near_duplicates_of
from functions.gallery.duplicates.tables import hash_table, vector_table
from functions.gallery.embedding.bands import Bands
from functions.gallery.embedding.fingerprint import PerceptualHash
from functions.gallery.errors import ImageNotFound, InvalidCursor, InvalidFilter
from functions.gallery.records import CollectionSpec, Distance, Match, Query
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import BACK_ENDS, an_image
from tests.fakes import FakeStore

SPEC = CollectionSpec("test@1", 2, fields={"shelf": "keyword"})
KINDS = list(Likeness)
HASH = 0x0F1E_2D3C_4B5A_6978


def flipped(count, first=0):
    """Return HASH with `count` bits flipped, from bit `first` on."""
    return PerceptualHash(f"{HASH ^ (((1 << count) - 1) << first):016x}")


def vector_at(degrees):
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))], np.float32)


def picture(name, *, bits=0, degrees=0.0, file="a", width=10, bytes_=1_000, **more):
    """Return an image and its vector."""
    image = an_image(
        name,
        sha256=file * 64,
        width=width,
        height=10,
        bytes=bytes_,
        perceptual_hash=None if bits is None else flipped(bits),
        **more,
    )
    return image, vector_at(degrees)


def store_with(*pictures, store=None):
    store = store or FakeStore(SPEC)
    if pictures:
        store.put([image for image, _ in pictures], np.stack([vector for _, vector in pictures]))
    return store


def all_groups(store, **options):
    """Read all pages; return keeper and others of every group by name, in order."""
    found, after, request = [], None, DuplicateOptions(**options)
    while True:
        page = Duplicates(store, SPEC).page(request, after)
        found += [(g.keeper.name, [d.image.name for d in g.others]) for g in page.groups]
        after = page.after
        if after is None:
            return found


def groups_from_walk(store, **options):
    """Walk over everything; return keeper and others of every group by name."""
    pages = Duplicates(store, SPEC).walk(DuplicateOptions(**options))
    groups = [group for page in pages for group in page.groups]
    return [(group.keeper.name, [d.image.name for d in group.others]) for group in groups]


def groups_by_definition(pictures, is_duplicate):
    """Group the images as groups.py defines it, best image first; sort by the keeper's id."""
    best_first = sorted(
        pictures,
        key=lambda p: (
            p[0].format != "NEF",
            -p[0].width * p[0].height,
            -p[0].bytes,
            -len(p[0].metadata),
            p[0].id,
        ),
    )
    groups = []
    for each in best_first:
        followed = next((group for group in groups if is_duplicate(each, group[0])), None)
        if followed is None:
            groups.append([each])
        else:
            followed.append(each)
    groups.sort(key=lambda group: group[0][0].id)
    named = [[image.name for image, _ in group] for group in groups]
    return [(keeper, others) for keeper, *others in named if others]


IS_DUPLICATE = {
    Likeness.SAME_BYTES: lambda a, b: a[0].sha256 == b[0].sha256,
    Likeness.SAME_PICTURE: lambda a, b: (
        a[0].perceptual_hash is not None
        and b[0].perceptual_hash is not None
        and a[0].perceptual_hash.distance(b[0].perceptual_hash) <= 4
    ),
    Likeness.LOOKALIKE: lambda a, b: float(a[1] @ b[1]) >= 0.95,  # 18.2 degrees
}
# Hashes two bits apart on a line and vectors 5 degrees apart on a circle form long chains.
TRAITS = st.tuples(
    st.none() | st.integers(0, 20).map(lambda n: 2 * n),
    st.integers(0, 40).map(lambda n: 5.0 * n),
    st.sampled_from("abcde"),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from(["JPEG", "NEF"]),
)


def pictures_of(traits):
    return [
        picture(
            f"{number}.jpg",
            bits=bits,
            degrees=degrees,
            file=file,
            width=width,
            bytes_=bytes_,
            metadata={f"field {n}": n for n in range(fields)},
            format=format,
        )
        for number, (bits, degrees, file, width, bytes_, fields, format) in enumerate(traits)
    ]


@settings(deadline=None)
@given(
    traits=st.lists(TRAITS, max_size=30),
    kind=st.sampled_from(KINDS),
    limit=st.integers(1, 5),
    batch=st.integers(1, 7),
    most_known=st.integers(1, 60),
)
@example(
    [(2 * n, 5.0 * n, "a", n, 1, 0, "JPEG") for n in range(30)], Likeness.SAME_PICTURE, 1, 1, 1
)
def test_all_pages_together_are_the_groups_by_definition(traits, kind, limit, batch, most_known):
    pictures = pictures_of(traits)
    store = store_with(*pictures)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_BATCH", batch)
        patched.setattr(pages, "_MOST_KNOWN", most_known)
        found = all_groups(store, kind=kind, limit=limit)
        walked_groups = groups_from_walk(store, kind=kind, limit=limit)

    assert found == groups_by_definition(pictures, IS_DUPLICATE[kind])
    assert walked_groups == found


@settings(deadline=None)
@given(
    traits=st.lists(TRAITS, max_size=30), kind=st.sampled_from(KINDS), most_looks=st.integers(1, 12)
)
def test_undecided_images_are_left_out_and_change_no_other_group(traits, kind, most_looks):
    pictures = pictures_of(traits)
    store = store_with(*pictures)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(groups, "MOST_LOOKS", most_looks)
        page = Duplicates(store, SPEC).page(DuplicateOptions(kind=kind, limit=100))

    found = [(g.keeper.name, [d.image.name for d in g.others]) for g in page.groups]
    exact = groups_by_definition(pictures, IS_DUPLICATE[kind])
    assert [group for group in exact if group in found] == found
    assert len(exact) - len(found) <= page.undecided


@settings(deadline=None)
@given(traits=st.lists(TRAITS, min_size=2, max_size=30), most_similar=st.integers(1, 6))
def test_above_the_group_size_limit_no_image_is_in_two_groups(traits, most_similar):
    store = store_with(*pictures_of(traits))

    with pytest.MonkeyPatch.context() as patched:
        for module in ("groups", "neighbours"):
            patched.setattr(f"functions.gallery.duplicates.{module}.MOST_SIMILAR", most_similar)
        for kind in KINDS:
            groups = all_groups(store, kind=kind)
            names = [name for keeper, others in groups for name in (keeper, *others)]
            assert len(names) == len(set(names))
            assert all(len(others) <= most_similar for _, others in groups)


def test_a_chain_does_not_group_unrelated_images():
    chain = [picture(f"{n}.jpg", bits=3 * n, width=10 - n) for n in range(4)]

    assert all_groups(store_with(*chain)) == sorted(
        [("0.jpg", ["1.jpg"]), ("2.jpg", ["3.jpg"])], key=lambda group: an_image(group[0]).id
    )


def test_a_long_chain_is_followed_to_the_limit_and_undecided_beyond_it():
    chain = [an_image(f"{n}.jpg", width=2_000 - n) for n in range(540)]
    positions = dict(zip([image.id for image in chain], range(len(chain)), strict=True))

    def find(images):
        for image in images:
            position = positions[image.id]
            near = [*chain[max(0, position - 1) : position], *chain[position + 1 : position + 2]]
            yield {other.id: Match(other, 0.0, 1.0) for other in near}

    found = followers_of(chain, Neighbourhoods(find), 10_000)

    decided = found[: groups.MOST_LOOKS - 1]
    assert [[match.image.name for match in group] for group in decided] == [
        [] if n % 2 else [f"{n + 1}.jpg"] for n in range(groups.MOST_LOOKS - 1)
    ]
    assert set(found[groups.MOST_LOOKS :]) == {None}


@pytest.mark.parametrize("kind", KINDS)
def test_the_keeper_has_the_most_pixels_then_bytes_then_metadata_then_the_first_id(kind):
    small = picture("small", width=10, bytes_=9_000, metadata={"a": 1, "b": 2, "c": 3})
    light = picture("light", width=20, bytes_=1_000, metadata={"a": 1, "b": 2})
    bare = picture("bare", width=20, bytes_=2_000)
    kept = [picture(name, width=20, bytes_=2_000, metadata={"a": 1}) for name in "xyz"]
    kept.sort(key=lambda each: each[0].id)

    [(keeper, others)] = all_groups(store_with(small, light, bare, *kept), kind=kind)

    assert [keeper, *others] == [*(i.name for i, _ in kept), "bare", "light", "small"]


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_a_raw_file_is_the_keeper_whatever_the_size_of_the_others(kind):
    large = picture("large.jpg", file="a", width=900, bytes_=9_000, metadata={"a": 1})
    raw = picture("raw.nef", file="b", width=10, bytes_=100, format="NEF")

    [(keeper, others)] = all_groups(store_with(large, raw), kind=kind)

    assert (keeper, others) == ("raw.nef", ["large.jpg"])


def removable_of(*pictures, **options):
    """Return the names of the images that can go, by the name of the keeper."""
    page = Duplicates(store_with(*pictures), SPEC).page(DuplicateOptions(**options))
    names = {image.id: image.name for image, _ in pictures}
    return {group.keeper.name: {names[id] for id in group.removable} for group in page.groups}


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_neither_a_raw_file_nor_its_jpeg_can_go(kind):
    raw = picture("raw", file="a", format="DNG", width=90)
    jpeg = picture("jpeg", file="b", bits=1, width=80)

    assert removable_of(raw, jpeg, kind=kind) == {"raw": set()}


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_copies_of_the_jpeg_of_a_shot_can_go(kind):
    raw = picture("raw", file="a", format="DNG", width=90)
    jpegs = [
        picture("best", file="b", bits=1, width=80),
        picture("again", file="b", bits=1, width=80, bytes_=900),
        picture("small", file="c", bits=2, width=20),
    ]

    assert removable_of(raw, *jpegs, kind=kind) == {"raw": {"again", "small"}}


def test_what_matches_only_the_raw_file_stays():
    raw = picture("raw", file="a", bits=4, format="DNG", width=90)
    jpegs = [
        picture("best", file="b", bits=0, width=80),
        picture("other", file="c", bits=8, width=70),
        picture("copy of the other", file="d", bits=7, width=60),
    ]

    assert removable_of(raw, *jpegs) == {"raw": {"copy of the other"}}


def test_a_raw_file_can_go_only_if_its_bytes_stay():
    raws = [
        picture("raw", file="a", format="NEF", width=90),
        picture("converted", file="b", format="DNG", width=80),
        picture("converted again", file="b", format="DNG", width=80, bytes_=900),
        picture("raw again", file="a", format="NEF", width=70),
    ]

    assert removable_of(*raws) == {"raw": {"converted again", "raw again"}}
    same_bytes = removable_of(*raws, kind=Likeness.SAME_BYTES)
    assert same_bytes == {"raw": {"raw again"}, "converted": {"converted again"}}


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_raw_file_all_but_the_keeper_can_go(kind):
    pictures = [picture(f"{n}.jpg", width=10 + n) for n in range(4)]

    assert removable_of(*pictures, kind=kind) == {"3.jpg": {"0.jpg", "1.jpg", "2.jpg"}}


def test_each_duplicate_has_the_strongest_notion_that_holds():
    keeper = picture("keeper", bits=0, degrees=0, file="a", width=90)
    others = [
        picture("same file", bits=0, degrees=0, file="a"),
        picture("saved again", bits=3, degrees=2, file="b"),
        picture("near", bits=30, degrees=10, file="c"),
        picture("plain", bits=None, degrees=5, file="d"),
        picture("far", bits=40, degrees=50, file="e"),
    ]
    store = store_with(keeper, *others)

    def matches_of(kind):
        [group] = Duplicates(store, SPEC).page(DuplicateOptions(kind)).groups
        assert (group.kind, group.keeper.name) == (kind, "keeper")
        return {d.image.name: (d.matched.value, d.distance) for d in group.others}

    assert matches_of(Likeness.SAME_BYTES) == {"same file": ("same-bytes", 0)}
    assert matches_of(Likeness.SAME_PICTURE) == {
        "same file": ("same-bytes", 0),
        "saved again": ("same-picture", 3),
    }
    assert matches_of(Likeness.LOOKALIKE) == {
        "same file": ("same-bytes", 0),
        "saved again": ("same-picture", 3),
        "near": ("lookalike", 30),
        "plain": ("lookalike", None),
    }


def test_the_thresholds_are_those_of_the_request():
    store = store_with(picture("a", bits=0, degrees=0), picture("b", bits=6, degrees=20, file="b"))

    assert all_groups(store) == []
    assert len(all_groups(store, max_distance=6)) == 1
    assert all_groups(store, kind=Likeness.LOOKALIKE) == []
    assert len(all_groups(store, kind=Likeness.LOOKALIKE, min_similarity=0.93)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_filter_only_matching_images_are_grouped(kind):
    pictures = [
        picture(f"{n}.jpg", width=9 - n, metadata={"shelf": "left" if n % 2 else "right"})
        for n in range(6)
    ]

    groups = all_groups(store_with(*pictures), kind=kind, filter={"shelf": "left"})

    assert groups == [("1.jpg", ["3.jpg", "5.jpg"])]
    with pytest.raises(InvalidFilter):
        all_groups(store_with(), kind=kind, filter={"colour": "red"})


def test_a_page_stops_at_its_work_limit_and_says_where_to_continue():
    pictures = [picture(f"{n}.jpg", bits=None, degrees=n / 100) for n in range(120)]
    store = store_with(*pictures)
    request = DuplicateOptions(Likeness.SAME_PICTURE)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_MOST_KNOWN", 60)
        first = Duplicates(store, SPEC).page(request)
        second = Duplicates(store, SPEC).page(request, first.after)

    assert (first.groups, first.looked_at) == ((), 100)
    assert (second.groups, second.looked_at, second.after) == ((), 20, None)


def test_a_page_of_large_groups_ends_early():
    letters = "0123456789"
    pictures = [picture(f"{letter}/{n}.jpg", file=letter) for letter in letters for n in range(100)]
    store = store_with(*pictures)

    page = Duplicates(store, SPEC).page(DuplicateOptions(Likeness.SAME_BYTES, limit=100))

    assert len(page.groups) == 5
    assert [len(o) for _, o in all_groups(store, kind=Likeness.SAME_BYTES)] == [99] * 10


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_101_of_very_many_copies_are_a_group(kind):
    copies = [picture(f"{n}.jpg", width=10 + n % 7) for n in range(220)]
    store = store_with(*copies)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(neighbours, "_MOST_READ", 200)
        [(keeper, others)] = all_groups(store, kind=kind)

    assert groups_from_walk(store, kind=kind) == [(keeper, others)]
    first = sorted((image for image, _ in copies), key=lambda image: image.id)[:101]
    assert {keeper, *others} == {image.name for image in first}
    assert keeper == max(first, key=lambda image: (image.width, -first.index(image))).name


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
@pytest.mark.slow
def test_the_neighbours_of_a_thousand_copies_are_read_once(tmp_path, kind):
    queries = []

    class CountingStore(EdgeStore):
        def search(self, query):
            queries.append(query)
            return super().search(query)

    copies = [picture(f"{n}.jpg", width=10 + n % 7) for n in range(1_200)]
    store = store_with(*copies, store=CountingStore.open(tmp_path, SPEC))

    page = Duplicates(store, SPEC).page(DuplicateOptions(kind))
    store.close()

    [group] = page.groups
    assert len(group.others) == groups.MOST_SIMILAR
    assert len([query for query in queries if query.ties]) == 1
    assert len(queries) <= 1_201


@pytest.mark.parametrize("kind", KINDS)
def test_a_walk_continues_where_a_page_ended_and_obeys_filters(kind):
    pictures = [
        picture(f"{n}.jpg", bits=4 * (n // 3), degrees=10 * (n // 3), file="abcdefghij"[n // 3])
        for n in range(30)
    ]
    store = store_with(*pictures)
    duplicates = Duplicates(store, SPEC)
    request = DuplicateOptions(kind, limit=4, max_distance=0, min_similarity=0.999)

    first = duplicates.page(request)
    rest = [group for page in duplicates.walk(request, first.after) for group in page.groups]

    assert len(first.groups) == 4
    assert [*first.groups, *rest] == [g for page in duplicates.walk(request) for g in page.groups]
    assert groups_from_walk(store, kind=kind, filter={"shelf": "left"}) == []


def test_a_hash_table_finds_what_a_store_finds(store):
    rng = np.random.default_rng(1)
    pictures = [picture(f"{n}.jpg", bits=None) for n in range(3)] + [
        (
            an_image(f"h{n}.jpg", perceptual_hash=flipped(int(rng.integers(0, 9)), n % 50)),
            vector_at(0),
        )
        for n in range(200)
    ]
    store_with(*pictures, store=store)
    table = hash_table(image for image, _ in pictures)

    for image, _ in pictures[3:40]:
        query = Query(image.perceptual_hash, limit=300, without=(image.id,))
        near = [match for match in store.search(query) if match.score <= 7]
        assert table.nearest([image.id], -7, 300) == [near]
        assert table.nearest([image.id, pictures[50][0].id], -7, 5)[0] == near[:5]
    assert table.nearest([pictures[0][0].id], -64, 1) == [[]]
    assert hash_table([]).nearest([pictures[3][0].id], -64, 1) == [[]]


def test_a_vector_table_finds_what_a_store_finds(store):
    pictures = [picture(f"{n}.jpg", degrees=float(n * n % 360)) for n in range(60)]
    store_with(*pictures, store=store)
    missing = picture("gone")[0]
    table = vector_table(store.vectors, [missing, *(image for image, _ in pictures)], SPEC.dims)

    for image, _ in pictures:
        near = store.search(Query(image.id, limit=60, without=(image.id,)))
        expected = {
            m.image.id: pytest.approx(m.similarity, abs=1e-5) for m in near if m.score > 0.9
        }
        [none, found] = table.nearest([missing.id, image.id], 0.9, 60)
        assert none == []
        assert {match.image.id: match.similarity for match in found} == expected
        assert table.nearest([image.id], 0.9, 2) == [found[:2]]
    assert vector_table(store.vectors, [], SPEC.dims).nearest([missing.id], 0.9, 5) == [[]]


@pytest.mark.parametrize("most_bytes", [0, 1_000_000])
@pytest.mark.parametrize("distance", Distance)
def test_for_every_distance_a_walk_finds_the_groups_of_the_pages(distance, most_bytes):
    spec = CollectionSpec("test@1", 2, distance)
    pictures = [picture(f"{n}.jpg", degrees=float(7 * n * n % 360)) for n in range(40)]
    duplicates = Duplicates(store_with(*pictures, store=FakeStore(spec)), spec)
    request = DuplicateOptions(Likeness.LOOKALIKE, limit=100)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "MOST_VECTOR_BYTES", most_bytes)
        [walked] = duplicates.walk(request)

    page = duplicates.page(request)
    assert page.groups
    assert [(g.keeper, [d.image for d in g.others]) for g in walked.groups] == [
        (g.keeper, [d.image for d in g.others]) for g in page.groups
    ]


def test_an_empty_gallery_has_no_groups():
    for kind in KINDS:
        page = Duplicates(FakeStore(SPEC), SPEC).page(DuplicateOptions(kind))
        assert (page.groups, page.after, page.looked_at) == ((), None, 0)


def test_a_cursor_that_is_not_an_id_is_refused():
    with pytest.raises(InvalidCursor):
        Duplicates(FakeStore(SPEC), SPEC).page(DuplicateOptions(), "behind the moon")


def test_an_image_removed_during_the_search_is_in_no_group():
    class RemovingStore(FakeStore):
        def search_many(self, queries):
            if removed_id in self._images:
                self.remove([removed_id])
                raise ImageNotFound("gone")
            return super().search_many(queries)

    pictures = [picture(name) for name in "abc"]
    removed_id = pictures[0][0].id
    store = store_with(*pictures, store=RemovingStore(SPEC))

    [(keeper, others)] = all_groups(store, kind=Likeness.LOOKALIKE)

    assert {keeper, *others} == {"b", "c"}


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
def store(request, tmp_path):
    with request.param(SPEC, tmp_path) as store:
        yield store


def test_every_store_finds_the_same_groups(store):
    rng = np.random.default_rng(0)
    pictures = pictures_of(
        [
            (int(bits), float(degrees), "abcdefgh"[letter], int(width), 1, 0, "JPEG")
            for bits, degrees, letter, width in zip(
                rng.integers(0, 40, 120),
                rng.integers(0, 360, 120),
                rng.integers(0, 8, 120),
                rng.integers(1, 5, 120),
                strict=True,
            )
        ]
    )
    store_with(*pictures, store=store)

    for kind in KINDS:
        found = all_groups(store, kind=kind, limit=3)
        assert found == groups_by_definition(pictures, IS_DUPLICATE[kind])
        assert found


NEW, NEW_VECTOR = picture("new", bits=0, degrees=0, file="a")


@pytest.fixture
def near(store):
    return store_with(
        picture("same file", bits=0, degrees=1, file="a"),
        picture("same file, plain", bits=None, degrees=2, file="a"),
        picture("saved again", bits=2, degrees=3, file="b"),
        picture("saved badly", bits=4, degrees=70, file="c"),
        picture("near", bits=40, degrees=10, file="d"),
        picture("nearer", bits=44, degrees=6, file="e"),
        picture("far", bits=50, degrees=60, file="f"),
        store=store,
    )


def test_the_duplicates_of_a_new_image_are_sorted_strongest_notion_first(near):
    found = near_duplicates_of(NEW, NEW_VECTOR, near, limit=10)

    assert [(d.image.name, d.matched.value) for d in found] == [
        ("same file", "same-bytes"),
        ("same file, plain", "same-bytes"),
        ("saved again", "same-picture"),
        ("saved badly", "same-picture"),
        ("nearer", "lookalike"),
        ("near", "lookalike"),
    ]
    assert [d.distance for d in found] == [0, None, 2, 4, 44, 40]
    assert [d.similarity for d in found] == pytest.approx(
        [math.cos(math.radians(degrees)) for degrees in (1, 2, 3, 70, 6, 10)], abs=1e-5
    )


def test_a_lookalike_whose_hash_differs_too_much_is_left_out(near):
    bands = Bands(0.99, 0.9, 0.5, 2, 8, 0.7, 40, 16)

    found = near_duplicates_of(NEW, NEW_VECTOR, near, limit=10, bands=bands)

    assert [d.image.name for d in found if d.matched is Likeness.LOOKALIKE] == ["near"]
    assert len(found) == 5


def test_only_the_nearest_few_duplicates_are_returned(near):
    assert len(near_duplicates_of(NEW, NEW_VECTOR, near)) == 5
    assert len(near_duplicates_of(NEW, NEW_VECTOR, near, limit=2)) == 2


def test_an_image_is_not_a_duplicate_of_itself(store):
    store = store_with((NEW, NEW_VECTOR), store=store)

    assert near_duplicates_of(NEW, NEW_VECTOR, store) == ()
    assert near_duplicates_of(replace(NEW, width=99), NEW_VECTOR, store) == ()


def test_without_a_vector_only_hashes_are_compared(near):
    found = near_duplicates_of(NEW, None, near)

    assert [d.image.name for d in found] == ["same file", "saved again", "saved badly"]
    assert near_duplicates_of(replace(NEW, perceptual_hash=None), None, near) == ()


def test_without_a_hash_only_vectors_are_compared(near):
    found = near_duplicates_of(replace(NEW, perceptual_hash=None), NEW_VECTOR, near)

    assert [(d.image.name, d.matched.value) for d in found] == [
        ("same file", "same-bytes"),
        ("same file, plain", "same-bytes"),
        ("saved again", "lookalike"),
        ("nearer", "lookalike"),
        ("near", "lookalike"),
    ]


def test_finding_near_duplicates_takes_one_request():
    class CountingStore(FakeStore):
        requests = 0

        def search_many(self, queries: list[Query]):
            self.requests += 1
            return super().search_many(queries)

    store = store_with(picture("a"), store=CountingStore(SPEC))

    near_duplicates_of(NEW, NEW_VECTOR, store)

    assert store.requests == 1
