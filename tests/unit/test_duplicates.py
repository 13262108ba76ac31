"""Duplicate groups against their definition, page by page; the nearest duplicates of one image."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from functions.gallery.duplicates import groups, neighbours, pages
from functions.gallery.duplicates.groups import Neighbourhoods, followers_of
from functions.gallery.duplicates.pages import DuplicateOptions, Duplicates, near_duplicates_of
from functions.gallery.duplicates.tables import hash_table, vector_table
from functions.gallery.embedding.fingerprint import (
    SAME_HASH_BITS,
    SAME_PICTURE_BITS,
    Fingerprint,
    PerceptualHash,
)
from functions.gallery.embedding.likeness import REPLACEABLE, Bands, Likeness
from functions.gallery.errors import ImageNotFound, InvalidCursor, InvalidFilter
from functions.gallery.records import CollectionSpec, Distance, Match, Query
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import BACK_ENDS, an_image
from tests.drawing import scene
from tests.fakes import FakeStore
from tests.unit.test_perceptual_hash import read

SPEC = CollectionSpec("test@1", 2, fields={"shelf": "keyword"})
KINDS = list(Likeness)
HASH = int(hashlib.sha256(b"a hash that no symmetry brings near itself").hexdigest(), 16)


def flipped(count, first=0):
    """Return HASH with `count` bits flipped, from bit `first` on."""
    return PerceptualHash(f"{HASH ^ (((1 << count) - 1) << first):064x}")


def vector_at(degrees):
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees))], np.float32)


LIGHT, ANOTHER = (read(scene(seed)).light for seed in (1, 2))
COVERED = LIGHT[: 22 * 24] + bytes(2 * 24)  # agrees with the first by .85


def printed(hash, colour=0, light=LIGHT):
    return Fingerprint(hash, light, bytes([colour]) * 128)


def picture(
    name,
    *,
    bits=0,
    degrees=0.0,
    file="a",
    width=10,
    bytes_=1_000,
    colour=0,
    turned=False,
    light=LIGHT,
    **more,
):
    """Return an image and its vector; `bits` of its hash differ, None: it has no fingerprint."""
    hash = None if bits is None else flipped(bits).turned[2] if turned else flipped(bits)
    image = an_image(
        name,
        sha256=file.rjust(64, "0"),
        width=width,
        height=10,
        bytes=bytes_,
        fingerprint=None if hash is None else printed(hash, colour, light),
        **more,
    )
    return image, vector_at(degrees)


def by(kind, number):
    """Return traits with which pictures of other numbers are duplicates of 0 by this kind only."""
    own_file = {"file": "0123456789abcdef"[number % 16]}
    return {
        Likeness.SAME_BYTES: {},
        Likeness.SAME_PICTURE: own_file,
        Likeness.EDITED: own_file | {"colour": 20 * number % 256},
        Likeness.TURNED: own_file | {"turned": number > 0},
        Likeness.LOOKALIKE: own_file | {"bits": None},
    }[kind]


def store_with(*pictures, store=None):
    store = store or FakeStore(SPEC)
    if pictures:
        store.put([image for image, _ in pictures], np.stack([vector for _, vector in pictures]))
    return store


def all_groups(store, **options):
    """Read all pages; return keeper and others of every group by name, in order."""
    found, after, request = [], None, DuplicateOptions(**options)
    duplicates = Duplicates(store, SPEC, None)
    while True:
        page = duplicates.page(request, after)
        found += [(g.keeper.name, [d.image.name for d in g.others]) for g in page.groups]
        after = page.after
        if after is None:
            return found


def groups_from_walk(store, **options):
    """Walk over everything; return keeper and others of every group by name."""
    pages = Duplicates(store, SPEC, None).walk(DuplicateOptions(**options))
    groups = [group for page in pages for group in page.groups]
    return [(group.keeper.name, [d.image.name for d in group.others]) for group in groups]


def groups_by_definition(pictures, kind):
    """Group the images as groups.py defines it, best image first; sort by the keeper's id."""
    best_first = sorted(
        pictures,
        key=lambda p: (
            p[0].format != "NEF",
            -p[0].width * p[0].height,
            -p[0].bytes,
            -len(p[0].metadata),
            len(p[0].name),
            p[0].id,
        ),
    )
    groups = []
    for each in best_first:
        followed = next((g for g in groups if notion(each, g[0], kind) in GROUPED[kind]), None)
        if followed is None:
            groups.append([each])
        else:
            followed.append(each)
    if kind not in (Likeness.SAME_BYTES, Likeness.SAME_PICTURE):
        groups = [g for g in groups if any(notion(each, g[0], kind) is kind for each in g[1:])]
    groups.sort(key=lambda group: group[0][0].id)
    named = [[image.name for image, _ in group] for group in groups]
    return [(keeper, others) for keeper, *others in named if others]


def notion(one, other, kind):
    """Return what the rule says of two pictures."""
    (a, vector), (b, other_vector) = one, other
    near = float(vector @ other_vector) >= 0.95  # 18.2 degrees
    if kind is Likeness.LOOKALIKE and not near:
        return None
    distance = None
    if a.fingerprint and b.fingerprint:
        distance = a.fingerprint.hash.distance(b.fingerprint.hash)
    by_hash = kind not in (Likeness.SAME_BYTES, Likeness.LOOKALIKE)
    if a.sha256 == b.sha256 and not (by_hash and (distance is None or distance > SAME_HASH_BITS)):
        return Likeness.SAME_BYTES
    if a.sha256 != b.sha256 and distance is not None:
        if distance <= SAME_PICTURE_BITS and a.fingerprint.colours == b.fingerprint.colours:
            return Likeness.SAME_PICTURE
        recoloured = a.fingerprint.colours != b.fingerprint.colours
        most = SAME_PICTURE_BITS if recoloured else SAME_HASH_BITS
        if distance <= most:
            return Likeness.EDITED
        if a.fingerprint.hash.turned_distance(b.fingerprint.hash) <= most:
            return Likeness.TURNED
    return Likeness.LOOKALIKE if kind is Likeness.LOOKALIKE else None


GROUPED = {
    Likeness.SAME_BYTES: {Likeness.SAME_BYTES},
    Likeness.SAME_PICTURE: {Likeness.SAME_BYTES, Likeness.SAME_PICTURE},
    Likeness.EDITED: {Likeness.SAME_BYTES, Likeness.SAME_PICTURE, Likeness.EDITED},
    Likeness.TURNED: {Likeness.TURNED},
    Likeness.LOOKALIKE: set(Likeness),
}
# Hashes 12 bits apart on a line and vectors 5 degrees apart on a circle form long chains.
TRAITS = st.tuples(
    st.none() | st.integers(0, 20).map(lambda n: 12 * n),
    st.integers(0, 40).map(lambda n: 5.0 * n),
    st.sampled_from("abcde"),
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
    st.sampled_from(["JPEG", "NEF"]),
    st.sampled_from([0, 0, 0, 90]),
    st.booleans(),
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
            colour=colour,
            turned=turned,
        )
        for number, each in enumerate(traits)
        for bits, degrees, file, width, bytes_, fields, format, colour, turned in [each]
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
    [(8 * n, 5.0 * n, str(n), n, 1, 0, "JPEG", 0, False) for n in range(30)],
    Likeness.SAME_PICTURE,
    1,
    1,
    1,
)
def test_all_pages_together_are_the_groups_by_definition(traits, kind, limit, batch, most_known):
    pictures = pictures_of(traits)
    store = store_with(*pictures)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_BATCH", batch)
        patched.setattr(pages, "_LOOKALIKE_BATCH", batch)
        patched.setattr(pages, "_MOST_KNOWN", most_known)
        found = all_groups(store, kind=kind, limit=limit)
        walked_groups = groups_from_walk(store, kind=kind, limit=limit)

    assert found == groups_by_definition(pictures, kind)
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
        patched.setattr(pages, "_PAGE_S", 600)
        page = Duplicates(store, SPEC, None).page(DuplicateOptions(kind=kind, limit=100))

    found = [(g.keeper.name, [d.image.name for d in g.others]) for g in page.groups]
    exact = groups_by_definition(pictures, kind)
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
    chain = [picture(f"{n}.jpg", bits=22 * n, width=10 - n, file=f"{n}") for n in range(4)]

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
    names = sorted("xyz", key=lambda name: an_image(name).id)
    kept = [
        picture(name, width=20, bytes_=2_000, metadata={"a": 1}, **by(kind, n))
        for n, name in enumerate(names)
    ]
    bare = picture("bare", width=20, bytes_=2_000, **by(kind, 3))
    light = picture("light", width=20, bytes_=1_000, metadata={"a": 1, "b": 2}, **by(kind, 4))
    metadata = {"a": 1, "b": 2, "c": 3}
    small = picture("small", width=10, bytes_=9_000, metadata=metadata, **by(kind, 5))

    [(keeper, others)] = all_groups(store_with(small, light, bare, *kept), kind=kind)

    assert [keeper, *others] == [*(i.name for i, _ in kept), "bare", "light", "small"]


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_a_raw_file_is_the_keeper_whatever_the_size_of_the_others(kind):
    large = picture("large.jpg", width=900, bytes_=9_000, metadata={"a": 1}, **by(kind, 0))
    raw = picture("raw.nef", width=10, bytes_=100, format="NEF", **by(kind, 1))

    [(keeper, others)] = all_groups(store_with(large, raw), kind=kind)

    assert (keeper, others) == ("raw.nef", ["large.jpg"])


def removable_of(*pictures, **options):
    """Return the names of the images that can go, by the name of the keeper."""
    page = Duplicates(store_with(*pictures), SPEC, None).page(DuplicateOptions(**options))
    names = {image.id: image.name for image, _ in pictures}
    return {group.keeper.name: {names[id] for id in group.removable} for group in page.groups}


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_neither_a_raw_file_nor_its_jpeg_can_go(kind):
    raw = picture("raw", format="DNG", width=90, **by(kind, 0))
    jpeg = picture("jpeg", width=80, **by(kind, 1))

    assert removable_of(raw, jpeg, kind=kind) == {"raw": set()}


@pytest.mark.parametrize("kind", [Likeness.SAME_PICTURE, Likeness.LOOKALIKE])
def test_copies_of_the_jpeg_of_a_shot_can_go(kind):
    raw = picture("raw", format="DNG", width=90, **by(kind, 0))
    jpegs = [
        picture("best", file="b", bits=1, width=80),
        picture("again", file="b", bits=1, width=80, bytes_=900),
        picture("small", file="c", bits=2, width=20),
    ]

    assert removable_of(raw, *jpegs, kind=kind) == {"raw": {"again", "small"}}


def test_what_matches_only_the_raw_file_stays():
    raw = picture("raw", file="a", bits=20, format="DNG", width=90)
    jpegs = [
        picture("best", file="b", bits=0, width=80),
        picture("other", file="c", bits=40, width=70),
        picture("copy of the other", file="d", bits=39, width=60),
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
def test_only_the_same_bytes_and_the_same_picture_can_go(kind):
    pictures = [picture(f"{n}.jpg", width=90 - n, **by(kind, n)) for n in range(4)]
    again = picture("again", width=20, **by(kind, 0))

    [can_go] = removable_of(*pictures, again, kind=kind).values()

    if kind is Likeness.TURNED:  # the last is no group of this kind, but 2 and 3 are copies of 1
        assert can_go == {"2.jpg", "3.jpg"}
    elif kind in REPLACEABLE:
        assert can_go == {"1.jpg", "2.jpg", "3.jpg", "again"}
    else:
        assert can_go == {"again"}


def test_each_duplicate_has_the_strictest_notion_that_holds():
    keeper = picture("keeper", width=90)
    others = [
        picture("same file", bits=8),
        picture("saved again", bits=22, degrees=2, file="b"),
        picture("saved badly", bits=30, degrees=60, file="c"),
        picture("recoloured", bits=3, degrees=3, file="d", colour=40),
        picture("mirrored", bits=4, degrees=120, file="e", turned=True),
        picture("near", bits=90, degrees=10, file="f"),
        picture("plain", bits=None, degrees=5, file="0"),
        picture("far", bits=170, degrees=200, file="1"),
    ]
    store = store_with(keeper, *others)

    def matches_of(kind):
        [group] = Duplicates(store, SPEC, None).page(DuplicateOptions(kind)).groups
        assert (group.kind, group.keeper.name) == (kind, "keeper")
        return {d.image.name: (d.matched.value, d.distance) for d in group.others}

    same_file, again = {"same file": ("same-bytes", 8)}, {"saved again": ("same-picture", 22)}
    recoloured = {"recoloured": ("edited", 3)}
    assert matches_of(Likeness.SAME_BYTES) == same_file
    assert matches_of(Likeness.SAME_PICTURE) == same_file | again
    badly = {"saved badly": ("edited", 30)}
    assert matches_of(Likeness.EDITED) == same_file | again | recoloured | badly
    assert matches_of(Likeness.TURNED).keys() == {"mirrored"}
    lookalikes = {"near": ("lookalike", 90), "plain": ("lookalike", None)}
    assert matches_of(Likeness.LOOKALIKE) == same_file | again | recoloured | lookalikes


def test_a_group_of_stricter_duplicates_is_not_repeated():
    copies = [picture("a", file="a"), picture("b", file="a"), picture("c", file="b")]

    assert all_groups(store_with(*copies), kind=Likeness.SAME_PICTURE)
    assert all_groups(store_with(*copies), kind=Likeness.EDITED) == []
    assert all_groups(store_with(*copies), kind=Likeness.LOOKALIKE) == []


def test_the_least_similarity_is_that_of_the_request():
    store = store_with(picture("a", bits=0, degrees=0), picture("b", bits=90, degrees=20, file="b"))

    assert all_groups(store, kind=Likeness.LOOKALIKE) == []
    assert len(all_groups(store, kind=Likeness.LOOKALIKE, min_similarity=0.93)) == 1


def test_without_a_limit_of_ones_own_that_of_the_model_holds():
    bands = Bands(((0.95, 0.8), (0.7, 0.93)), 0.5)
    keeper = picture("keeper", width=90)
    others = [
        picture("near", bits=100, degrees=20, file="b"),
        picture("another", bits=101, degrees=0, file="c", light=ANOTHER),
        picture("plain", bits=None, degrees=0, file="d"),
        picture("covered", bits=101, degrees=30, file="e", light=COVERED),
    ]
    duplicates = Duplicates(store_with(keeper, *others), SPEC, bands)

    [group] = duplicates.page(DuplicateOptions(Likeness.LOOKALIKE)).groups

    assert [d.image.name for d in group.others] == ["near"]


@pytest.mark.parametrize("kind", KINDS)
def test_with_a_filter_only_matching_images_are_grouped(kind):
    pictures = [
        picture(
            f"{n}.jpg",
            width=9 - n,
            metadata={"shelf": "left" if n % 2 else "right"},
            **by(kind, max(0, n - 1)),
        )
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
        first = Duplicates(store, SPEC, None).page(request)
        second = Duplicates(store, SPEC, None).page(request, first.after)

    assert (first.groups, first.looked_at) == ((), 100)
    assert (second.groups, second.looked_at, second.after) == ((), 20, None)


def test_a_page_of_lookalikes_ends_in_time_where_all_pictures_are_close():
    pictures = [picture(f"{n:03}.jpg", **by(Likeness.LOOKALIKE, n)) for n in range(90)]
    store = store_with(*pictures)
    request = DuplicateOptions(Likeness.LOOKALIKE)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pages, "_PAGE_S", 0)
        page = Duplicates(store, SPEC, None).page(request)
        found = all_groups(store, kind=Likeness.LOOKALIKE)

    assert page.looked_at == 20
    assert page.after is not None
    assert found == all_groups(store, kind=Likeness.LOOKALIKE)
    assert [len(others) for _, others in found] == [89]


def test_a_page_of_large_groups_ends_early():
    letters = "0123456789"
    pictures = [picture(f"{letter}/{n}.jpg", file=letter) for letter in letters for n in range(100)]
    store = store_with(*pictures)

    page = Duplicates(store, SPEC, None).page(DuplicateOptions(Likeness.SAME_BYTES, limit=100))

    assert len(page.groups) == 5
    assert [len(o) for _, o in all_groups(store, kind=Likeness.SAME_BYTES)] == [99] * 10


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Likeness.TURNED])
def test_the_first_101_of_very_many_copies_are_a_group(kind):
    copies = [picture(f"{n:03}.jpg", width=10 + n % 7, **by(kind, n)) for n in range(220)]
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
def test_the_neighbours_of_a_thousand_copies_are_read_once(tmp_path, kind, monkeypatch):
    monkeypatch.setattr(pages, "_PAGE_S", 600)
    queries = []

    class CountingStore(EdgeStore):
        def search(self, query):
            queries.append(query)
            return super().search(query)

    copies = [picture(f"{n}.jpg", width=10 + n % 7, **by(kind, n)) for n in range(1_200)]
    store = store_with(*copies, store=CountingStore.open(tmp_path, SPEC))

    page = Duplicates(store, SPEC, None).page(DuplicateOptions(kind))
    store.close()

    [group] = page.groups
    assert len(group.others) == groups.MOST_SIMILAR
    assert len([query for query in queries if query.ties]) == 1
    assert len(queries) <= 1_201


@pytest.mark.parametrize("kind", KINDS)
def test_a_walk_continues_where_a_page_ended_and_obeys_filters(kind):
    pictures = []
    for n in range(30):  # ten groups of three
        group, traits = n // 3, by(kind, n % 3)
        image, _ = picture(f"{n}.jpg", **traits)
        if image.fingerprint:
            own = PerceptualHash(hashlib.sha256(bytes([group])).hexdigest())
            hash = own.turned[2] if traits.get("turned") else own
            image = replace(image, fingerprint=replace(image.fingerprint, hash=hash))
        sha256 = f"{group if kind is Likeness.SAME_BYTES else n:064x}"
        pictures.append((replace(image, sha256=sha256), vector_at(30.0 * group)))
    store = store_with(*pictures)
    duplicates = Duplicates(store, SPEC, None)
    request = DuplicateOptions(kind, limit=4, min_similarity=0.999)

    first = duplicates.page(request)
    rest = [group for page in duplicates.walk(request, first.after) for group in page.groups]

    assert len(first.groups) == 4
    assert [*first.groups, *rest] == [g for page in duplicates.walk(request) for g in page.groups]
    assert len(rest) == 6
    assert groups_from_walk(store, kind=kind, filter={"shelf": "left"}) == []


def test_a_hash_table_finds_what_a_store_finds(store):
    rng = np.random.default_rng(1)
    pictures = [picture(f"{n}.jpg", bits=None) for n in range(3)] + [
        (
            an_image(f"h{n}.jpg", fingerprint=printed(flipped(int(rng.integers(0, 9)), n % 50))),
            vector_at(0),
        )
        for n in range(200)
    ]
    store_with(*pictures, store=store)
    table = hash_table(image for image, _ in pictures)

    for image, _ in pictures[3:40]:
        hash = image.fingerprint.hash
        near = [m for m in store.search(Query(hash, limit=300)) if m.score <= 7]
        rows = np.stack([hash.words(), flipped(256).words()])
        assert table.nearest(rows, -7, 300) == [near, []]
        assert table.nearest(rows, -7, 5)[0] == near[:5]
    assert hash_table([]).nearest(rows, -256, 1) == [[], []]


def test_a_vector_table_finds_what_a_store_finds(store):
    pictures = [picture(f"{n}.jpg", degrees=float(n * n % 360)) for n in range(60)]
    store_with(*pictures, store=store)
    missing = picture("gone")[0]
    table = vector_table(store.vectors, [missing, *(image for image, _ in pictures)], SPEC.dims)

    for image, _ in pictures:
        near = store.search(Query(image.id, limit=60))
        expected = {
            m.image.id: pytest.approx(m.similarity, abs=1e-5) for m in near if m.score > 0.9
        }
        rows = table.row(image.id)[None]
        [found] = table.nearest(rows, 0.9, 60)
        assert {match.image.id: match.similarity for match in found} == expected
        assert table.nearest(rows, 0.9, 2) == [found[:2]]
    assert table.row(missing.id) is None
    assert vector_table(store.vectors, [], SPEC.dims).nearest(rows, 0.9, 5) == [[]]


@pytest.mark.parametrize("most_bytes", [0, 1_000_000])
@pytest.mark.parametrize("distance", Distance)
def test_for_every_distance_a_walk_finds_the_groups_of_the_pages(distance, most_bytes, monkeypatch):
    monkeypatch.setattr(pages, "_PAGE_S", 600)
    spec = CollectionSpec("test@1", 2, distance)
    pictures = [
        picture(f"{n}.jpg", degrees=float(7 * n * n % 360), bits=None, file=f"{n:02}")
        for n in range(40)
    ]
    duplicates = Duplicates(store_with(*pictures, store=FakeStore(spec)), spec, None)
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
        page = Duplicates(FakeStore(SPEC), SPEC, None).page(DuplicateOptions(kind))
        assert (page.groups, page.after, page.looked_at) == ((), None, 0)


def test_a_cursor_that_is_not_an_id_is_refused():
    with pytest.raises(InvalidCursor):
        Duplicates(FakeStore(SPEC), SPEC, None).page(DuplicateOptions(), "behind the moon")


def test_an_image_removed_during_the_search_is_in_no_group():
    class RemovingStore(FakeStore):
        def search_many(self, queries):
            if removed_id in self._images:
                self.remove([removed_id])
                raise ImageNotFound("gone")
            return super().search_many(queries)

    pictures = [picture(name, file=name, bits=None) for name in "abc"]
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
            (
                int(bits),
                float(degrees),
                f"{file}",
                int(width),
                1,
                0,
                "JPEG",
                int(colour),
                bool(turn),
            )
            for bits, degrees, file, width, colour, turn in zip(
                rng.integers(0, 250, 120),
                rng.integers(0, 360, 120),
                rng.integers(0, 40, 120),
                rng.integers(1, 5, 120),
                rng.choice([0, 0, 90], 120),
                rng.integers(0, 2, 120),
                strict=True,
            )
        ]
    )
    store_with(*pictures, store=store)

    for kind in KINDS:
        found = all_groups(store, kind=kind, limit=3)
        assert found == groups_by_definition(pictures, kind)
        assert found


NEW, NEW_VECTOR = picture("new", bits=0, degrees=0, file="a")
BANDS = Bands(((0.95, 0.8), (0.7, 0.95)), 0.5)


@pytest.fixture
def near(store):
    return store_with(
        picture("same file", bits=0, degrees=1, file="a"),
        picture("same file, plain", bits=None, degrees=2, file="a"),
        picture("saved again", bits=2, degrees=3, file="b"),
        picture("saved badly", bits=9, degrees=70, file="c"),
        picture("recoloured", bits=5, degrees=80, file="d", colour=50),
        picture("mirrored", bits=5, degrees=85, file="e", turned=True),
        picture("nearer", bits=60, degrees=6, file="f"),
        picture("near", bits=100, degrees=10, file="0", light=COVERED),
        picture("another", bits=101, degrees=4, file="1", light=ANOTHER),
        picture("plain", bits=None, degrees=5, file="2"),
        picture("far", bits=70, degrees=60, file="3", light=COVERED),
        store=store,
    )


def test_the_duplicates_of_a_new_image_are_sorted_strictest_notion_first(near):
    found = near_duplicates_of(NEW, NEW_VECTOR, near, BANDS, limit=20)

    assert [(d.image.name, d.matched.value) for d in found] == [
        ("same file", "same-bytes"),
        ("same file, plain", "same-bytes"),
        ("saved again", "same-picture"),
        ("saved badly", "same-picture"),
        ("recoloured", "edited"),
        ("mirrored", "turned"),
        ("nearer", "lookalike"),
        ("near", "lookalike"),
    ]
    assert [d.distance for d in found][:5] == [0, None, 2, 9, 5]


def test_only_the_nearest_few_duplicates_are_returned(near):
    assert len(near_duplicates_of(NEW, NEW_VECTOR, near, BANDS)) == 5
    assert len(near_duplicates_of(NEW, NEW_VECTOR, near, BANDS, limit=2)) == 2


def test_an_image_is_not_a_duplicate_of_itself(store):
    store = store_with((NEW, NEW_VECTOR), store=store)

    assert near_duplicates_of(NEW, NEW_VECTOR, store, BANDS) == ()
    assert near_duplicates_of(replace(NEW, width=99), NEW_VECTOR, store, BANDS) == ()


def test_without_a_vector_only_fingerprints_are_compared(near):
    found = near_duplicates_of(NEW, None, near, BANDS, limit=20)

    assert {d.image.name for d in found} == {
        "same file",
        "saved again",
        "saved badly",
        "recoloured",
        "mirrored",
    }
    assert near_duplicates_of(replace(NEW, fingerprint=None), None, near, BANDS) == ()


def test_without_a_fingerprint_only_the_same_bytes_are_duplicates(near):
    found = near_duplicates_of(replace(NEW, fingerprint=None), NEW_VECTOR, near, BANDS, limit=20)

    assert [d.image.name for d in found] == ["same file", "same file, plain"]


def test_finding_near_duplicates_takes_one_request():
    class CountingStore(FakeStore):
        requests = 0

        def search_many(self, queries: list[Query]):
            self.requests += 1
            return super().search_many(queries)

    store = store_with(picture("a"), store=CountingStore(SPEC))

    near_duplicates_of(NEW, NEW_VECTOR, store, BANDS)

    assert store.requests == 1
