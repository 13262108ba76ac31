"""The contract of stores, tested on the fake, the folder and Qdrant's client."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from functions.gallery.embedding.fingerprint import PerceptualHash
from functions.gallery.errors import (
    ImageNotFound,
    InvalidCursor,
    InvalidFilter,
    StoreError,
    StoreRejected,
)
from functions.gallery.names import words_of
from functions.gallery.records import (
    NAME_WORDS,
    CollectionSpec,
    Condition,
    Distance,
    Order,
    Query,
)
from tests.contract.stores import BACK_ENDS, a_fingerprint, an_image, random_units, unit

EAST, NORTH, WEST = [1.0, 0, 0, 0], [0, 1.0, 0, 0], [-1.0, 0, 0, 0]
NORTH_EAST = [1.0, 1.0, 0, 0]
FIELDS = {
    "category": "keyword",
    "stock": "integer",
    "price": "float",
    "sale": "bool",
    "taken": "datetime",
    "shop name": "keyword",
    "größe": "integer",
}
SPEC = CollectionSpec(model="test@1", dims=4, fields=FIELDS)


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
def open_store(request):
    return request.param


@pytest.fixture
def store(open_store, tmp_path):
    with open_store(SPEC, tmp_path) as store:
        yield store


@pytest.fixture
def shop(store):
    """Three images whose metadata differ in every type of field."""
    tags = [["red", "long"], ["blue"], []]
    images = [
        an_image(
            f"{n}.jpg",
            width=100 * (n + 1),
            added_at=datetime(2025, 1, n + 1, tzinfo=UTC),
            metadata={
                "category": tags[n],
                "stock": n,
                "price": 0.5 + n,
                "sale": n == 1,
                "taken": f"2024-0{n + 1}-01T00:00:00+00:00",
                "shop name": f"Müller {n}",
                "größe": 40 + n,
            },
        )
        for n in range(3)
    ]
    store.put(images, unit(EAST, NORTH, WEST))
    return store


def names(matches):
    return [match.image.name for match in matches]


def matching_names(store, *conditions):
    return sorted(image.name for image in store.page(conditions, limit=100).images)


def test_an_image_is_returned_with_every_field(store):
    image = an_image("shoes/red.jpg", metadata={"a": 1, "b": 2.5, "c": True, "d": ["x", "y"]})

    store.put([image], unit(EAST))

    assert store.get([image.id]) == {image.id: image}


def test_names_and_metadata_in_any_script_are_returned_unchanged(store):
    image = an_image('写真/ñandú 🐈 "q".jpg', metadata={"ключ": "значение 🐈", "größe": 42})

    store.put([image], unit(EAST))

    assert store.get([image.id]) == {image.id: image}


def test_an_image_put_twice_is_stored_once(store):
    image = an_image("a.jpg")
    store.put([image], unit(EAST))

    store.put([image], unit(EAST))

    assert store.count() == 1


def test_putting_again_replaces_image_and_vector(store):
    store.put([an_image("a.jpg", width=1, metadata={"old": 1})], unit(EAST))
    newer = an_image("a.jpg", width=2, metadata={"new": 1})

    store.put([newer], unit(NORTH))

    [match] = store.search(Query(unit(NORTH)[0]))
    assert match.image == newer
    assert match.score == pytest.approx(1.0)


def test_the_last_of_repeated_ids_in_one_put_wins(store):
    first, last = an_image("a.jpg", width=1), an_image("a.jpg", width=2)

    store.put([first, last], unit(EAST, NORTH))

    [match] = store.search(Query(unit(NORTH)[0]))
    assert match.image == last
    assert match.score == pytest.approx(1.0)


def test_putting_nothing_changes_nothing(store):
    store.put([], np.zeros((0, 4), dtype=np.float32))

    assert store.count() == 0


def test_three_hundred_images_in_one_put_are_all_stored(store):
    images = [an_image(f"{n}.jpg") for n in range(300)]

    store.put(images, random_units(300, 4))

    assert store.get([image.id for image in images]) == {image.id: image for image in images}


def test_unknown_ids_are_left_out(shop):
    known = an_image("0.jpg").id

    found = shop.get([known, str(uuid.uuid4()), "no uuid at all", ""])

    assert list(found) == [known]


def test_a_search_returns_the_nearest_first_with_their_scores(store):
    store.put([an_image("w"), an_image("e"), an_image("ne")], unit(WEST, EAST, NORTH_EAST))

    matches = store.search(Query(unit(EAST)[0]))

    assert names(matches) == ["e", "ne", "w"]
    assert [match.score for match in matches] == pytest.approx([1.0, 0.5**0.5, -1.0], abs=1e-6)
    assert [match.similarity for match in matches] == pytest.approx([1, 0.5**0.5, 0], abs=1e-6)


def test_equal_scores_are_sorted_by_id(store):
    images = [an_image(f"{n}.jpg") for n in range(50)]
    store.put(images, unit(*[EAST] * 50))

    found = [match.image.id for match in store.search(Query(unit(EAST)[0], limit=7))]

    assert found == sorted(image.id for image in images)[:7]


def test_search_pages_over_equal_scores_repeat_and_miss_nothing(store):
    images = [an_image(f"{n}.jpg") for n in range(50)]
    store.put(images, unit(*[EAST] * 50))

    pages = [store.search(Query(unit(EAST)[0], limit=10, offset=o)) for o in range(0, 60, 10)]

    found = [match.image.id for page in pages for match in page]
    assert found == sorted(image.id for image in images)


def test_limit_and_offset_select_a_part_of_one_ranking(store):
    store.put([an_image(f"{n}.jpg") for n in range(40)], random_units(40, 4))
    target = random_units(1, 4, seed=1)[0]
    ranking = names(store.search(Query(target, limit=40)))

    part = names(store.search(Query(target, limit=5, offset=10)))

    assert part == ranking[10:15]


def test_an_offset_after_the_last_match_returns_nothing(shop):
    assert shop.search(Query(unit(EAST)[0], offset=3)) == []


def test_a_search_agrees_with_a_ranking_by_numpy(open_store, tmp_path):
    vectors = random_units(500, 32)
    target = random_units(1, 32, seed=1)[0]
    expected = [f"{n}.jpg" for n in np.argsort(-(vectors @ target))[:10]]
    with open_store(CollectionSpec("test@1", 32), tmp_path) as store:
        store.put([an_image(f"{n}.jpg") for n in range(500)], vectors)

        found = names(store.search(Query(target)))

    assert found == expected


def test_a_search_can_leave_out_ids(shop):
    left_out = (an_image("0.jpg").id, "no uuid at all")

    assert names(shop.search(Query(unit(EAST)[0], without=left_out))) == ["1.jpg", "2.jpg"]


def test_vectors_are_returned_by_id_without_unknown_ids(shop):
    first, second = an_image("0.jpg").id, an_image("1.jpg").id

    vectors = shop.vectors([first, second, str(uuid.UUID(int=7)), "no uuid at all"])

    assert vectors.keys() == {first, second}
    assert vectors[first].dtype == np.float32
    np.testing.assert_allclose(vectors[first], EAST, atol=1e-6)
    np.testing.assert_allclose(vectors[second], NORTH, atol=1e-6)
    assert shop.vectors([]) == {}


def test_a_search_by_id_starts_with_the_image_itself(shop):
    matches = shop.search(Query(an_image("0.jpg").id))

    assert names(matches) == ["0.jpg", "1.jpg", "2.jpg"]
    assert matches[0].similarity == pytest.approx(1.0)


def test_a_search_by_id_can_return_the_image_it_leaves_out(shop):
    target = an_image("0.jpg").id
    query = Query(target, without=(target,))

    image, matches = shop.similar(query)

    assert image == shop.get([target])[target]
    assert matches == shop.search(query)


def test_no_image_is_similar_to_an_unknown_one(shop):
    missing = an_image("missing.jpg").id

    with pytest.raises(ImageNotFound):
        shop.similar(Query(missing, without=(missing,)))


def test_a_search_by_id_can_leave_out_the_image_itself(shop):
    target = an_image("0.jpg").id

    assert names(shop.search(Query(target, without=(target,)))) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize("missing", [str(uuid.UUID(int=7)), "no uuid at all"])
@pytest.mark.parametrize("left_out", [True, False])
def test_a_search_by_an_unknown_id_fails(shop, missing, left_out):
    with pytest.raises(ImageNotFound):
        shop.search(Query(missing, without=(missing,) if left_out else ()))


def test_a_search_can_be_filtered(shop):
    matches = shop.search(Query(unit(EAST)[0], where=(Condition("stock", gte=1),)))

    assert names(matches) == ["1.jpg", "2.jpg"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("name", any_of=("0.jpg", "2.jpg")), "02"),
        (Condition("width", any_of=(200,)), "1"),
        (Condition("width", gt=100, lte=300), "12"),
        (Condition("added_at", gte=datetime(2025, 1, 2, tzinfo=UTC)), "12"),
        (Condition("category", any_of=("red",)), "0"),
        (Condition("category", any_of=("long", "blue")), "01"),
        (Condition("category", any_of=("red",), negated=True), "12"),
        (Condition("stock", any_of=(0, 2)), "02"),
        (Condition("stock", any_of=(0, 2), gte=1), "2"),
        (Condition("price", gte=1.5, lte=1.5), "1"),
        (Condition("price", lt=1.5), "0"),
        (Condition("price", lt=1.5, negated=True), "12"),
        (Condition("sale", any_of=(True,)), "1"),
        (Condition("sale", any_of=(True, False)), "012"),
        (Condition("sale", any_of=(True,), negated=True), "02"),
        (Condition("taken", lt=datetime(2024, 2, 1, tzinfo=UTC)), "0"),
        (Condition("taken", gt=datetime(2024, 2, 1, tzinfo=UTC)), "2"),
        (Condition("shop name", any_of=("Müller 1",)), "1"),
        (Condition("größe", gte=41), "12"),
    ],
    ids=str,
)
def test_a_filter_returns_what_matches(shop, condition, expected):
    assert matching_names(shop, condition) == [f"{n}.jpg" for n in expected]


@pytest.mark.parametrize(
    ("find", "expected"),
    [
        ("red", ["Shoes/Red_12.JPG", "bags/redder.png"]),
        ("RED sho", ["Shoes/Red_12.JPG"]),
        ("jpg", ["Shoes/Red_12.JPG", "img0042.jpg"]),
        ("42", []),
        ("0042", ["img0042.jpg"]),
        ("ed", []),
        ("größ", ["GRÖSSE.webp"]),
        ("extraordinarily-long", ["bags/extraordinary-long.webp"]),
        ("3f2b8c1e-0b5c", ["3f2b8c1e-0b5c-4d2a-9f00-a1b2c3d4e5f6.gif"]),
        ("3f2b9c1e-0b5d", []),
    ],
)
def test_images_are_found_by_the_beginnings_of_the_words_of_their_names(store, find, expected):
    names = [
        *("Shoes/Red_12.JPG", "bags/redder.png", "img0042.jpg", "GRÖSSE.webp", "!"),
        "bags/extraordinary-long.webp",
        "3f2b8c1e-0b5c-4d2a-9f00-a1b2c3d4e5f6.gif",
        "sha256/0042red",
    ]
    store.put([an_image(name) for name in names], random_units(len(names), 4))
    store.set_metadata(an_image(names[0]).id, {"stock": 1}, "etag")

    where = [Condition(NAME_WORDS, any_of=(word,)) for word in words_of(find)]

    assert sorted(matching_names(store, *where)) == expected


def test_all_conditions_of_a_filter_must_hold(shop):
    where = (Condition("stock", gte=1), Condition("category", any_of=("blue",), negated=True))

    assert matching_names(shop, *where) == ["2.jpg"]


def test_a_time_in_another_time_zone_is_the_same_time(shop):
    berlin = timezone(timedelta(hours=1))

    where = Condition("added_at", lte=datetime(2025, 1, 2, 1, tzinfo=berlin))

    assert matching_names(shop, where) == ["0.jpg", "1.jpg"]


def test_an_image_without_the_field_matches_only_the_negated_condition(store):
    store.put([an_image("bare.jpg")], unit(EAST))

    assert store.count((Condition("stock", gte=0),)) == 0
    assert store.count((Condition("stock", gte=0, negated=True),)) == 1


@pytest.mark.parametrize(
    "condition",
    [
        Condition("colour", any_of=("red",)),
        Condition("etag", any_of=("x",)),
        Condition("stock"),
        Condition("category", gte=1),
        Condition("stock", gte=datetime(2025, 1, 1, tzinfo=UTC)),
        Condition("taken", gte=3),
        Condition("price", any_of=(1.5,)),
    ],
    ids=str,
)
def test_a_filter_that_a_strict_server_would_refuse_is_refused_by_every_store(shop, condition):
    with pytest.raises(InvalidFilter):
        shop.search(Query(unit(EAST)[0], where=(condition,)))
    with pytest.raises(InvalidFilter):
        shop.page((condition,), limit=1)
    with pytest.raises(InvalidFilter):
        shop.count((condition,))


def test_paging_returns_every_image_once_in_id_order(store):
    images = [an_image(f"{n}.jpg") for n in range(23)]
    store.put(images, random_units(23, 4))

    found, after = [], None
    for _ in range(5):
        page = store.page((), limit=5, after=after)
        found += [image.id for image in page.images]
        after = page.after

    assert found == sorted(image.id for image in images)
    assert after is None


def test_paging_with_a_filter_returns_every_matching_image_once(store):
    images = [an_image(f"{n}.jpg", width=n) for n in range(40)]
    store.put(images, random_units(40, 4))
    where = (Condition("width", gte=20),)

    first = store.page(where, limit=12)
    second = store.page(where, limit=12, after=first.after)

    found = [image.id for image in first.images + second.images]
    assert found == sorted(image.id for image in images[20:])
    assert second.after is None


def test_paging_continues_when_the_next_image_was_removed(store):
    images = [an_image(f"{n}.jpg") for n in range(6)]
    store.put(images, random_units(6, 4))
    ids = sorted(image.id for image in images)
    first = store.page((), limit=3)

    store.remove([first.after])

    assert [image.id for image in store.page((), 3, first.after).images] == ids[4:]


def test_a_cursor_that_is_not_an_id_is_refused(store):
    with pytest.raises(InvalidCursor):
        store.page((), limit=1, after="no uuid at all")


def test_setting_metadata_replaces_all_of_it_and_keeps_the_vector(shop):
    id_ = an_image("1.jpg").id

    shop.set_metadata(id_, {"stock": 9, "new": "yes"}, "e2")

    [match] = shop.search(Query(unit(NORTH)[0], where=(Condition("stock", any_of=(9,)),)))
    assert (match.image.metadata, match.image.etag) == ({"stock": 9, "new": "yes"}, "e2")
    assert match.image.width == 200
    assert match.score == pytest.approx(1.0)


def test_metadata_can_be_cleared(shop):
    id_ = an_image("1.jpg").id

    shop.set_metadata(id_, {}, "e2")

    assert shop.get([id_])[id_].metadata == {}
    assert matching_names(shop, Condition("stock", gte=0)) == ["0.jpg", "2.jpg"]


def test_what_was_left_out_is_kept_until_the_metadata_are_replaced(store):
    left_out = {"a.b": "'a.b' cannot be a field name", "größe": "must be a number, not '12,50'"}
    image = an_image("1.jpg", left_out=left_out, metadata={"stock": 9})
    store.put([image], random_units(1, 4))

    put = store.get([image.id])[image.id]
    store.set_metadata(image.id, {"stock": 8}, "e2", {"a.b": "no"})
    replaced = store.get([image.id])[image.id].left_out
    store.set_metadata(image.id, {"stock": 8}, "e3")

    assert (put.left_out, put.metadata) == (left_out, {"stock": 9})
    assert replaced == {"a.b": "no"}
    assert store.get([image.id])[image.id].left_out == {}


@pytest.mark.parametrize("missing", [str(uuid.UUID(int=7)), "no uuid at all"])
def test_metadata_of_an_unknown_image_cannot_be_set(store, missing):
    with pytest.raises(ImageNotFound):
        store.set_metadata(missing, {"a": 1}, "e2")

    assert store.count() == 0


def test_a_removed_image_is_not_found(shop):
    id_ = an_image("0.jpg").id

    shop.remove([id_])

    assert shop.get([id_]) == {}
    assert names(shop.search(Query(unit(EAST)[0]))) == ["1.jpg", "2.jpg"]
    assert shop.count() == 2


def test_removing_unknown_ids_is_not_an_error(shop):
    shop.remove([str(uuid.uuid4()), "no uuid at all"])
    shop.remove([])

    assert shop.count() == 3


def test_a_count_can_be_filtered(shop):
    assert shop.count((Condition("stock", gte=1),)) == 2


def test_images_added_in_a_period_can_be_left_out_of_a_count(store):
    days = [datetime(2025, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)]
    store.put([an_image(f"{d}.jpg", added_at=d) for d in days], random_units(4, 4))

    assert store.count((Condition("added_at", gte=days[1], lte=days[2], negated=True),)) == 2


SIMILARITIES = {  # for directions at 0, 45, 90 and 180 degrees
    Distance.COSINE: [1.0, 0.5**0.5, 0.0, 0.0],
    Distance.DOT: [1.0, 0.5**0.5, 0.0, 0.0],
    Distance.EUCLID: [1.0, 0.5**0.5, 0.0, 0.0],
    Distance.MANHATTAN: [1.0, 1 - 1 / 4, 0.5, 0.5],
}


@pytest.mark.parametrize("distance", Distance)
def test_every_distance_ranks_images_and_returns_their_similarity(open_store, tmp_path, distance):
    directions = unit(EAST, NORTH_EAST, NORTH, WEST)
    images = [an_image(name) for name in ("same", "half", "right", "opposite")]
    with open_store(CollectionSpec("test@1", 4, distance), tmp_path) as store:
        store.put(images, directions)

        matches = store.search(Query(unit(EAST)[0]))

    assert names(matches[:2]) == ["same", "half"]
    assert [m.similarity for m in matches] == pytest.approx(SIMILARITIES[distance], abs=1e-6)


BAD_VECTORS = {
    "nan": [float("nan"), 0, 0, 0],
    "inf": [float("inf"), 0, 0, 0],
    "zero": [0, 0, 0, 0],
    "too-long": [2, 0, 0, 0],
    "narrow": [1, 0, 0],
    "wide": [1, 0, 0, 0, 0],
}


@pytest.mark.parametrize("bad", BAD_VECTORS.values(), ids=BAD_VECTORS.keys())
def test_an_invalid_vector_is_neither_stored_nor_searched(store, bad):
    vectors = np.array([bad], dtype=np.float32)

    with pytest.raises(StoreRejected):
        store.put([an_image("a.jpg")], vectors)
    with pytest.raises(StoreRejected):
        store.search(Query(vectors[0]))

    assert store.count() == 0


def test_every_image_needs_a_vector(store):
    with pytest.raises(StoreRejected):
        store.put([an_image("a.jpg")], unit(EAST, NORTH))

    assert store.count() == 0


def test_an_image_needs_a_valid_id(store):
    with pytest.raises(StoreRejected):
        store.put([an_image("a.jpg", id="no uuid at all")], unit(EAST))

    assert store.count() == 0


def test_an_open_store_passes_its_check_and_a_closed_one_does_not(store):
    store.check()

    store.close()
    store.close()

    with pytest.raises(StoreError):
        store.check()


def test_closing_waits_for_calls_of_other_threads(store):
    vectors = random_units(100, 4)
    store.put([an_image(f"{n}.jpg") for n in range(100)], vectors)

    def search_until_closed(thread):
        while True:
            try:
                store.search(Query(vectors[thread]))
            except StoreError as problem:
                return str(problem)

    with ThreadPoolExecutor(4) as pool:
        refusals = [pool.submit(search_until_closed, thread) for thread in range(4)]
        store.search(Query(vectors[9]))
        store.close()

    assert all("closed" in refusal.result() for refusal in refusals)


def test_eight_threads_writing_and_reading_leave_a_correct_store(store):
    vectors = random_units(40, 4)

    def work(thread):
        mine = [an_image(f"{thread}/{n}.jpg", width=thread + 1) for n in range(40)]
        for n in range(0, 40, 4):
            store.put(mine[n : n + 4], vectors[n : n + 4])
            store.search(Query(vectors[n], limit=3))
            store.page((Condition("width", any_of=(thread + 1,)),), limit=5)
            store.set_metadata(mine[n].id, {"stock": thread}, "e2")
            store.remove([mine[n + 1].id])
        return mine

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(work, range(8)))

    assert store.count() == 8 * 30
    assert [store.count((Condition("stock", any_of=(t,)),)) for t in range(8)] == [10] * 8
    for mine in written:
        assert set(store.get([image.id for image in mine])) == {
            image.id for n, image in enumerate(mine) if n % 4 != 1
        }
    best = store.search(Query(vectors[0], limit=8))
    assert [match.score for match in best] == pytest.approx([1.0] * 8)


HASH = PerceptualHash("00ff00ff1234abcd" * 4)
DISTANCES = (0, 1, 40, 41, 128, 256)


def flipped(hash, *bits):
    return PerceptualHash(f"{hash.bits ^ sum(1 << bit for bit in bits):064x}")


def with_hash(name, hash):
    return an_image(name, fingerprint=hash and a_fingerprint(hash.hex))


@pytest.fixture
def copies(store):
    """Pictures whose hashes differ by so many bits from HASH, and one without a hash."""
    hashes = [flipped(HASH, *range(0, 3 * bits, 3)) for bits in DISTANCES[:4]]
    hashes += [flipped(HASH, *range(bits)) for bits in DISTANCES[4:]]
    images = [with_hash(f"{n}.jpg", hash) for n, hash in enumerate([*hashes, None])]
    store.put(images, unit(EAST, NORTH, WEST, NORTH, EAST, WEST, EAST))
    return store


def test_a_search_by_hash_counts_the_differing_bits(copies):
    matches = copies.search(Query(HASH, limit=10))

    found = [(match.image.name, match.score) for match in matches]
    assert found == [(f"{n}.jpg", bits) for n, bits in enumerate(DISTANCES)]
    assert [match.similarity for match in matches] == [1 - bits / 256 for bits in DISTANCES]


def test_distances_of_hashes_are_the_same_before_and_after_the_index_is_built(copies, monkeypatch):
    monkeypatch.setattr("functions.gallery.stores.embedded.store._WORTH_AN_INDEX", 100)
    dice = np.random.default_rng(5)
    hashes = [PerceptualHash(dice.bytes(32).hex()) for _ in range(600)]
    images = [with_hash(f"other {n}.jpg", hash) for n, hash in enumerate(hashes)]
    copies.put(images, random_units(600, 4))
    exact = sorted([*DISTANCES, *(HASH.distance(hash) for hash in hashes)])

    before = copies.search(Query(HASH, limit=700))
    copies.optimize()
    after = copies.search(Query(HASH, limit=700))

    assert [match.score for match in before] == exact
    assert after == before


def test_a_search_by_hash_leaves_out_those_that_differ_in_more_bits(copies):
    for most, expected in ((0, 1), (1, 2), (39, 2), (40, 3), (256, 6)):
        assert len(copies.search(Query(HASH, most_bits=most))) == expected
    assert names(copies.search(Query(HASH, offset=2, most_bits=40))) == ["2.jpg"]


def test_a_search_by_hash_obeys_filter_offset_and_ids_to_leave_out(copies):
    first = an_image("0.jpg").id
    where = (Condition("name", any_of=("0.jpg", "1.jpg", "3.jpg")),)

    matches = copies.search(Query(HASH, offset=1, where=where, without=(first,)))

    assert names(matches) == ["3.jpg"]


def test_a_picture_that_lost_its_hash_is_not_found_by_the_old_one(copies):
    copies.put([with_hash("0.jpg", None)], unit(EAST))

    assert names(copies.search(Query(HASH, limit=1))) == ["1.jpg"]


def test_several_queries_at_once_return_what_each_returns_alone(copies):
    queries = [
        Query(HASH, limit=2),
        Query(HASH, most_bits=40),
        Query(unit(NORTH)[0], limit=1, offset=1),
        Query(an_image("2.jpg").id, without=(an_image("2.jpg").id,)),
    ]

    assert copies.search_many(queries) == [copies.search(query) for query in queries]
    assert copies.search_many([]) == []


def test_one_unknown_id_among_several_queries_is_reported(copies):
    with pytest.raises(ImageNotFound):
        copies.search_many([Query(HASH), Query(str(uuid.uuid4()))])


def all_pages(store, where, limit, order):
    pages, after = [], None
    while True:
        page = store.page(where, limit, after, order)
        pages.append([image.name for image in page.images])
        if page.after is None:
            return pages
        after = page.after


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("field", ["stock", "price", "taken", "added_at", "width"])
def test_a_sorted_list_has_every_image_once_in_order(store, field, limit, descending):
    values = [3, 1, 2, 2, 2, 1, 2, 3, 1]
    images = [
        an_image(
            f"{n}.jpg",
            width=value,
            added_at=datetime(2025, 1, value, 0, 0, 0, 123_456, tzinfo=UTC),
            metadata={
                "stock": value,
                "price": value + 0.1,
                "taken": f"2024-01-0{value}T00:00:00+00:00",
            },
        )
        for n, value in enumerate(values)
    ]
    store.put(images, random_units(len(images), 4))

    pages = all_pages(store, (), limit, Order(field, descending))

    value_of = {f"{n}.jpg": -v if descending else v for n, v in enumerate(values)}
    id_of = {image.name: image.id for image in images}
    expected = sorted(value_of, key=lambda name: (value_of[name], id_of[name]))
    assert [name for page in pages for name in page] == expected
    assert all(len(page) == limit for page in pages[:-1])


def test_a_sorted_list_leaves_out_images_without_the_field_and_obeys_its_filter(shop):
    shop.put([an_image("bare.jpg")], unit(NORTH))
    where = (Condition("category", any_of=("blue", "long")),)

    pages = all_pages(shop, where, 10, Order("price", descending=True))

    assert pages == [["1.jpg", "0.jpg"]]


def test_a_sorted_list_continues_after_an_image_that_was_removed(shop):
    first = shop.page((), 1, order=Order("stock"))
    shop.remove([an_image("1.jpg").id])

    rest = shop.page((), 5, first.after, Order("stock"))

    assert [image.name for image in rest.images] == ["2.jpg"]


@pytest.mark.parametrize("field", ["category", "sale", "shop name", "weight", "name"])
def test_sorting_by_text_boolean_or_an_undeclared_field_is_refused(store, field):
    with pytest.raises(InvalidFilter):
        store.page((), 10, order=Order(field))


ID = an_image("a.jpg").id
INVALID_CURSORS = [
    *("", "x", "[]", '["x", 1]', "[1]", '[true, "a"]', "{}", "[[]]", "null", "[" * 6_000),
    *(f'[1, "{ID}"]', f'["%s", 0, %s, "{ID}"]', f'["%s", false, %s, "{ID}", 1]'),
    *(f'["%s", true, %s, "{ID}"]', f'["price", false, %s, "{ID}"]', '["%s", false, %s, "zzz"]'),
    *('["%s", false, %s, "\\ud800"]', '["%s", false, %s, "\ud800"]', '["%s", false, %s, 1]'),
]
BAD_VALUES = ["NaN", "Infinity", "-Infinity", "1" + "0" * 400, "1" * 5_000, str(2**53 + 1), "true"]
BAD_VALUES += [str(-(2**53) - 1), "null", "[1]", '"x"', '"\\ud800"', '"0001-01-01T00:00:00+01:00"']
VALID_VALUES = {"stock": "1", "shop price": "1.5", "taken": '"2024-01-01T00:00:00+00:00"'}
SORTABLE_SPEC = CollectionSpec("test@1", 4, fields={**FIELDS, "shop price": "float"})


def test_a_sorted_list_refuses_an_invalid_cursor(open_store, tmp_path):
    with open_store(SORTABLE_SPEC, tmp_path) as store:
        for field, value in VALID_VALUES.items():
            cursors = [c.replace("%s", field, 1).replace("%s", value) for c in INVALID_CURSORS]
            cursors += [f'["{field}", false, {bad}, "{ID}"]' for bad in BAD_VALUES]
            for cursor in cursors:
                with pytest.raises(InvalidCursor):
                    store.page((), 10, cursor, Order(field))
            store.page((), 10, f'["{field}", false, {value}, "{ID}"]', Order(field))


def test_a_cursor_works_only_in_its_own_order(shop):
    after = shop.page((), 1, order=Order("price")).after

    assert len(shop.page((), 5, after, Order("price")).images) == 2
    for other in (Order("price", descending=True), Order("stock"), Order("bytes")):
        with pytest.raises(InvalidCursor):
            shop.page((), 5, after, other)
