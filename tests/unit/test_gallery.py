"""What a gallery can do, on fakes."""

import hashlib
import threading
import time
from dataclasses import replace
from functools import partial

import pytest

from functions.gallery import gallery as gallery_module
from functions.gallery.embedding.likeness import Likeness, Verdict
from functions.gallery.errors import (
    DamagedPicture,
    ImageNotFound,
    InvalidFilter,
    InvalidMetadata,
    InvalidName,
    NameTaken,
    StoreUnavailable,
    UnsupportedFormat,
)
from functions.gallery.intake.add import Added, AddStatus, Submission
from functions.gallery.search.search import SearchOptions
from tests.drawing import jpeg, scene, written
from tests.fakes import FakeEmbedder


def submission(data: bytes, name: str | None = None, **more) -> Submission:
    return Submission(lambda: data, name, **more)


def test_the_same_photo_uploaded_twice_is_stored_once(gallery):
    first = gallery.add(submission(jpeg(1), "cat.jpg"))

    again = gallery.add(submission(jpeg(1), "cat.jpg"))

    assert again.status is AddStatus.DUPLICATE
    assert again.image == first.image
    assert gallery.stats().images == 1


def test_unnamed_bytes_are_named_after_their_content(rig):
    added = rig.gallery.add(submission(jpeg(1)))

    assert added.image.name == f"sha256/{added.image.sha256}"
    assert rig.originals.originals == {added.image.name: jpeg(1)}


def test_unnamed_bytes_that_are_already_stored_are_a_duplicate(gallery):
    named = gallery.add(submission(jpeg(1), "cat.jpg"))

    again = gallery.add(submission(jpeg(1)))

    assert (again.status, again.image.id) == (AddStatus.DUPLICATE, named.image.id)


def test_two_names_for_the_same_bytes_are_two_images(gallery):
    gallery.add(submission(jpeg(1), "red.jpg", metadata={"category": "dress"}))

    second = gallery.add(submission(jpeg(1), "sale.jpg", metadata={"category": "hat"}))

    assert second.status is AddStatus.ADDED
    assert gallery.stats().images == 2


def test_different_bytes_under_a_name_in_use_are_refused_and_change_nothing(rig):
    rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    with pytest.raises(NameTaken):
        rig.gallery.add(submission(jpeg(2), "cat.jpg"))

    assert rig.originals.read("cat.jpg") == jpeg(1)


def test_overwriting_with_the_same_bytes_replaces_the_metadata_if_given(rig):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata={"category": "cat"}))
    tiger = {"category": "tiger"}

    not_overwritten = rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata=tiger))
    without_metadata = rig.gallery.add(submission(jpeg(1), "cat.jpg", overwrite=True))
    replaced = rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata=tiger, overwrite=True))

    assert not_overwritten.status is without_metadata.status is AddStatus.DUPLICATE
    assert without_metadata.image.metadata == {"category": "cat"}
    assert (replaced.status, replaced.image.id) == (AddStatus.REPLACED, first.image.id)
    assert rig.gallery.get(first.image.id).metadata == tiger
    assert rig.originals.metadata["cat.jpg"] == tiger


def test_overwriting_with_different_bytes_replaces_the_image(rig):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    second = rig.gallery.add(submission(jpeg(2), "cat.jpg", overwrite=True))

    assert (second.status, second.image.id) == (AddStatus.REPLACED, first.image.id)
    assert rig.originals.read("cat.jpg") == jpeg(2)
    assert rig.gallery.stats().images == 1
    (best,) = rig.gallery.find_similar(jpeg(2), SearchOptions()).matches
    assert best.similarity == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("data", "name", "metadata", "error"),
    [
        (b"no picture", "a.jpg", {}, UnsupportedFormat),
        (jpeg(1)[:500], "a.jpg", {}, DamagedPicture),
        (jpeg(1), "../a.jpg", {}, InvalidName),
        (jpeg(1), "a.jpg", {"price": "cheap"}, InvalidMetadata),
    ],
)
def test_a_refused_image_leaves_nothing_behind(rig, data, name, metadata, error):
    with pytest.raises(error):
        rig.gallery.add(submission(data, name, metadata=metadata))

    assert rig.originals.originals == {}
    assert rig.store.count() == 0


def fail(*_: object) -> None:
    raise StoreUnavailable("the store is asleep")


def test_a_failing_store_leaves_no_original(rig, monkeypatch):
    monkeypatch.setattr(rig.store, "put", fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    assert rig.originals.originals == {}


def test_a_failed_replacement_keeps_the_first_original(rig, monkeypatch):
    rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    monkeypatch.setattr(rig.store, "put", fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.add(submission(jpeg(2), "cat.jpg", overwrite=True))

    assert rig.originals.read("cat.jpg") == jpeg(1)


def test_of_many_images_only_the_bad_one_is_refused(gallery):
    pictures = [submission(jpeg(n), f"{n}.jpg") for n in range(70)]
    pictures[40] = submission(b"broken", "40.jpg")

    outcomes = list(gallery.add_many(pictures, workers=3))

    refused = [(s.name, o.code) for s, o in outcomes if not isinstance(o, Added)]
    assert refused == [("40.jpg", "unsupported-format")]
    assert len(outcomes) == 70
    assert gallery.stats().images == 69


def test_adding_many_images_again_adds_nothing(gallery):
    pictures = [submission(jpeg(n), f"{n}.jpg") for n in range(40)]
    list(gallery.add_many(pictures, workers=2))

    again = list(gallery.add_many(pictures, workers=2))

    assert {outcome.status for _, outcome in again} == {AddStatus.DUPLICATE}


def test_a_failing_store_refuses_its_chunk_and_leaves_no_originals(rig, monkeypatch):
    monkeypatch.setattr(rig.store, "put", fail)

    outcomes = [o for _, o in rig.gallery.add_many([submission(jpeg(1), "a")], workers=1)]

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable]
    assert rig.originals.originals == {}


def add_known(gallery, *submissions):
    return [outcome for _, outcome in gallery.add_many(submissions, workers=2)]


def test_a_picture_that_is_there_is_not_read_if_its_hash_is_known(rig):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    read = []
    again = Submission(lambda: read.append(1), "cat.jpg", sha256=first.image.sha256)
    new = submission(jpeg(2), "dog.jpg", sha256=hashlib.sha256(jpeg(2)).hexdigest())

    one, two = add_known(rig.gallery, again, new)
    (three,) = add_known(rig.gallery, replace(again, overwrite=True))

    assert one.status is three.status is AddStatus.DUPLICATE
    assert one.image == three.image == first.image
    assert (two.status, two.image.name) == (AddStatus.ADDED, "dog.jpg")
    assert read == []


def test_of_two_pictures_of_one_name_the_last_wins_also_if_it_is_known(rig):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    known = submission(jpeg(1), "cat.jpg", overwrite=True, sha256=first.image.sha256)

    add_known(rig.gallery, submission(jpeg(2), "cat.jpg", overwrite=True), known)

    assert rig.originals.read("cat.jpg") == jpeg(1)


@pytest.mark.parametrize("known", ["f" * 64, "that of the first"])
def test_a_picture_of_a_known_hash_is_read_unless_that_is_what_is_there(rig, known):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    if known != "f" * 64:
        rig.originals.remove("cat.jpg")
        known = first.image.sha256

    add_known(rig.gallery, submission(jpeg(2), "cat.jpg", sha256=known, overwrite=True))

    assert rig.originals.read("cat.jpg") == jpeg(2)
    assert rig.gallery.get(first.image.id).sha256 == hashlib.sha256(jpeg(2)).hexdigest()


def test_other_metadata_replace_a_picture_of_a_known_hash(rig):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata={"category": "cat"}))
    known = submission(jpeg(1), "cat.jpg", overwrite=True, sha256=first.image.sha256)

    (wrong,) = add_known(rig.gallery, replace(known, metadata={"price": "cheap"}))
    (right,) = add_known(rig.gallery, replace(known, metadata={"category": "tiger"}))

    assert (type(wrong), right.status) == (InvalidMetadata, AddStatus.REPLACED)
    assert rig.gallery.get(first.image.id).metadata == {"category": "tiger"}


def test_a_store_that_fails_is_reported_for_known_pictures_too(rig, monkeypatch):
    first = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    monkeypatch.setattr(rig.store, "get", fail)

    outcomes = add_known(rig.gallery, submission(jpeg(1), "cat.jpg", sha256=first.image.sha256))

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable]


def test_pictures_are_embedded_while_those_before_are_stored(rig, monkeypatch):
    monkeypatch.setattr(gallery_module, "CHUNK_IMAGES", 1)
    put, embed = rig.store.put, FakeEmbedder.embed
    embedded, started = threading.Event(), []

    def embed_second(*args):
        started.append(1)
        if len(started) == 2:
            embedded.set()
        return embed(*args)

    def put_slowly(*args):
        assert embedded.wait(10)
        put(*args)

    monkeypatch.setattr(FakeEmbedder, "embed", embed_second)
    monkeypatch.setattr(rig.store, "put", put_slowly)

    outcomes = list(
        rig.gallery.add_many([submission(jpeg(n), f"{n}") for n in range(3)], workers=1)
    )

    assert all(isinstance(outcome, Added) for _, outcome in outcomes)


@pytest.mark.parametrize("workers", [1, 2])
def test_no_more_pictures_are_embedded_at_once_than_workers(rig, monkeypatch, workers):
    monkeypatch.setattr(gallery_module, "CHUNK_IMAGES", 1)
    embed = FakeEmbedder.embed
    inside, most = set(), []

    def embed_slowly(*args):
        inside.add(threading.get_ident())
        time.sleep(0.01)
        most.append(len(inside))
        inside.discard(threading.get_ident())
        return embed(*args)

    monkeypatch.setattr(FakeEmbedder, "embed", embed_slowly)

    list(rig.gallery.add_many([submission(jpeg(n), f"{n}") for n in range(20)], workers=workers))

    assert max(most) == workers


def test_stopping_stores_what_was_read_and_reads_no_more(rig):
    read = []

    def slowly(number):
        time.sleep(0 if number < 32 else 0.1)
        read.append(number)
        return jpeg(number)

    pictures = (Submission(partial(slowly, number), f"{number}.jpg") for number in range(320))
    outcomes = rig.gallery.add_many(pictures, workers=1)
    next(outcomes)

    outcomes.close()

    assert len(read) < 2 * 32
    assert rig.store.count() == len(rig.originals.originals) == len(read)


def test_adding_many_images_reads_only_a_little_ahead(gallery):
    read = []

    def endless():
        for number in range(10_000):
            read.append(number)
            yield submission(b"broken", f"{number}.jpg")

    outcomes = gallery.add_many(endless(), workers=2)
    next(outcomes)
    outcomes.close()

    assert len(read) <= 10 * 32


def test_one_name_added_by_eight_threads_is_stored_once(rig):
    outcomes = []

    def add(number: int) -> None:
        try:
            outcomes.append(rig.gallery.add(submission(jpeg(number), "cat.jpg")).image.sha256)
        except NameTaken:
            outcomes.append(None)

    threads = [threading.Thread(target=add, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (winner,) = [sha256 for sha256 in outcomes if sha256]
    (stored,) = rig.gallery.list(limit=10).images
    assert stored.sha256 == winner
    assert jpeg(0) != jpeg(1)
    assert len(outcomes) == 8


def test_a_query_finds_its_copy_first_and_is_not_stored(rig):
    for n in range(12):
        rig.gallery.add(submission(jpeg(n), f"{n}.jpg"))
    altered = written(scene(7).resize((200, 150)), quality=60)

    result = rig.gallery.find_similar(altered, SearchOptions(limit=3))

    assert result.matches[0].image.name == "7.jpg"
    assert len(result.matches) == 3
    assert result.more is True
    assert rig.store.count() == 12
    assert set(result.took_ms) == {"decode", "embed", "search"}
    assert (result.query.width, result.query.height) == (200, 150)


def test_the_same_picture_passes_the_highest_minimum_similarity(gallery):
    for n in range(5):
        gallery.add(submission(jpeg(n), f"{n}.jpg"))

    result = gallery.find_similar(jpeg(3), SearchOptions(min_similarity=1.0))

    assert [match.image.name for match in result.matches] == ["3.jpg"]
    assert result.more is False


def test_the_query_itself_can_be_excluded(gallery):
    id = gallery.add(submission(jpeg(1), "1.jpg")).image.id
    gallery.add(submission(jpeg(2), "2.jpg"))
    without = SearchOptions(exclude_self=True)

    by_picture = gallery.find_similar(jpeg(1), without)
    by_id = gallery.similar_to(id, without)

    assert [match.image.name for match in by_picture.matches] == ["2.jpg"]
    assert [match.image.name for match in by_id.matches] == ["2.jpg"]


def test_a_search_by_id_never_runs_the_model(rig, monkeypatch):
    id = rig.gallery.add(submission(jpeg(1), "1.jpg")).image.id
    monkeypatch.setattr(FakeEmbedder, "embed", None)

    assert rig.gallery.similar_to(id, SearchOptions()).matches[0].image.id == id


def test_the_pages_of_a_search_are_parts_of_one_ranking(gallery):
    for n in range(7):
        gallery.add(submission(jpeg(n), f"{n}.jpg"))

    whole = gallery.find_similar(jpeg(0), SearchOptions(limit=7))
    parts = [gallery.find_similar(jpeg(0), SearchOptions(limit=3, offset=o)) for o in (0, 3, 6)]

    assert [m.image.id for p in parts for m in p.matches] == [m.image.id for m in whole.matches]
    assert [part.more for part in parts] == [True, True, False]


def test_searches_and_lists_can_be_filtered_by_metadata(gallery):
    gallery.add(submission(jpeg(1), "1.jpg", metadata={"category": "hat", "price": 5}))
    gallery.add(submission(jpeg(2), "2.jpg", metadata={"category": "dress", "price": 50}))

    cheap = gallery.find_similar(jpeg(2), SearchOptions(filter={"price": {"lt": 10}}))
    dresses = gallery.list({"category": "dress"}, limit=10)

    assert [match.image.name for match in cheap.matches] == ["1.jpg"]
    assert [image.name for image in dresses.images] == ["2.jpg"]
    with pytest.raises(InvalidFilter):
        gallery.list({"colour": "red"}, limit=10)


def test_updated_metadata_is_merged_and_none_removes_a_field(gallery):
    id = gallery.add(submission(jpeg(1), "1", metadata={"category": "hat", "note": "x"})).image.id

    changed = gallery.update(id, {"note": None, "price": 3})

    assert changed.metadata == {"category": "hat", "price": 3.0}
    assert gallery.get(id) == changed
    with pytest.raises(InvalidMetadata):
        gallery.update(id, {"price": "cheap"})
    with pytest.raises(ImageNotFound):
        gallery.update("nobody", {})


def test_removing_an_image_removes_its_original_and_thumbnail(rig):
    image = rig.gallery.add(submission(jpeg(1), "1.jpg")).image
    rig.gallery.view.thumbnail(image.id)

    rig.gallery.remove(image.id)

    assert (rig.originals.originals, rig.originals.thumbnails) == ({}, {})
    assert rig.gallery.find_similar(jpeg(1), SearchOptions()).matches == ()
    with pytest.raises(ImageNotFound):
        rig.gallery.view.original(image)
    for call in (rig.gallery.get, rig.gallery.remove, rig.gallery.view.thumbnail):
        with pytest.raises(ImageNotFound):
            call(image.id)


def test_a_thumbnail_is_made_once_and_again_for_new_bytes(rig):
    id = rig.gallery.add(submission(jpeg(1), "1.jpg")).image.id
    first = rig.gallery.view.thumbnail(id)[1]
    rig.originals.thumbnails = {key: b"kept" for key in rig.originals.thumbnails}

    assert rig.gallery.view.thumbnail(id)[1] == b"kept"
    rig.gallery.add(submission(jpeg(2), "1.jpg", overwrite=True))
    assert rig.gallery.view.thumbnail(id)[1] not in (b"kept", first)


def test_replacing_the_bytes_removes_their_thumbnail(rig):
    id = rig.gallery.add(submission(jpeg(1), "1.jpg")).image.id
    rig.gallery.view.thumbnail(id)

    rig.gallery.add(submission(jpeg(2), "1.jpg", overwrite=True))

    assert rig.originals.thumbnails == {}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_lost_original_is_restored_by_adding_the_same_bytes(rig, overwrite):
    rig.gallery.add(submission(jpeg(1), "1.jpg"))
    rig.originals.originals.clear()

    again = rig.gallery.add(submission(jpeg(1), "1.jpg", overwrite=overwrite))

    assert again.status is AddStatus.DUPLICATE
    assert rig.originals.read("1.jpg") == jpeg(1)


def test_a_lost_original_can_be_replaced(rig):
    rig.gallery.add(submission(jpeg(1), "1.jpg"))
    rig.originals.originals.clear()

    again = rig.gallery.add(submission(jpeg(2), "1.jpg", overwrite=True))

    assert again.status is AddStatus.REPLACED
    assert rig.originals.read("1.jpg") == jpeg(2)


def test_a_name_derived_from_bytes_is_only_for_those_bytes(rig):
    name = rig.gallery.add(submission(jpeg(1))).image.name
    rig.gallery.remove(rig.gallery.list(limit=1).images[0].id)

    with pytest.raises(NameTaken):
        rig.gallery.add(submission(jpeg(2), name))
    assert rig.gallery.add(submission(jpeg(1), name)).status is AddStatus.ADDED


def four_pictures(gallery) -> list[str]:
    """Add two dresses and two hats and return their ids."""
    kinds = ["dress", "hat", "dress", "hat"]
    return [
        gallery.add(submission(jpeg(n), f"{n}.jpg", metadata={"category": kind})).image.id
        for n, kind in enumerate(kinds)
    ]


def test_images_are_removed_by_id_with_originals_and_thumbnails(rig):
    ids = four_pictures(rig.gallery)
    rig.gallery.view.thumbnail(ids[0])

    removal = rig.gallery.remove_ids([*ids[:2], "nobody"], dry_run=False, time_limit_s=9)

    assert (removal.matched, removal.removed) == (2, 2)
    assert set(rig.originals.originals) == {"2.jpg", "3.jpg"}
    assert rig.originals.thumbnails == {}


def test_images_are_removed_by_filter_and_only_counted_in_a_dry_run(gallery):
    four_pictures(gallery)

    counted = gallery.remove_where({"category": "hat"}, dry_run=True, time_limit_s=9)
    removal = gallery.remove_where({"category": "hat"}, dry_run=False, time_limit_s=9)

    assert (counted.matched, counted.removed) == (2, 0)
    assert (removal.matched, removal.removed) == (2, 2)
    assert [image.metadata["category"] for image in gallery.list(limit=9).images] == ["dress"] * 2


def test_without_time_nothing_is_removed_and_the_rest_is_counted(gallery):
    ids = four_pictures(gallery)

    by_filter = gallery.remove_where({"category": "hat"}, dry_run=False, time_limit_s=0)
    by_id = gallery.remove_ids(ids, dry_run=False, time_limit_s=0)

    assert (by_filter.matched, by_filter.removed) == (2, 0)
    assert (by_id.matched, by_id.removed) == (4, 0)


def test_a_failed_removal_can_be_repeated(rig, monkeypatch):
    ids = four_pictures(rig.gallery)
    monkeypatch.setattr(rig.store, "remove", fail)
    with pytest.raises(StoreUnavailable):
        rig.gallery.remove_ids(ids, dry_run=False, time_limit_s=9)
    monkeypatch.undo()

    removal = rig.gallery.remove_ids(ids, dry_run=False, time_limit_s=9)

    assert removal.removed == 4
    assert rig.gallery.stats().images == 0


def test_images_are_found_by_the_hashes_of_their_bytes(gallery):
    ids = four_pictures(gallery)
    gallery.add(submission(jpeg(1), "again.jpg"))
    hashes = [gallery.get(id).sha256 for id in ids[:2]]

    found = gallery.of_bytes([*hashes, "00" * 32])

    assert {sha: sorted(i.name for i in images) for sha, images in found.items()} == {
        hashes[0]: ["0.jpg"],
        hashes[1]: ["1.jpg", "again.jpg"],
    }


def test_two_pictures_are_compared_by_bytes_fingerprint_and_vector(gallery):
    id = gallery.add(submission(jpeg(1), "a.jpg")).image.id
    copy = written(scene(1).resize((160, 120)), "PNG")

    same = gallery.compare(id, jpeg(1))
    altered = gallery.compare(copy, id)
    other = gallery.compare(jpeg(2), jpeg(1))

    assert same.verdict == Verdict(Likeness.SAME_BYTES, None, 0)
    assert same.similarity == pytest.approx(1)
    assert altered.verdict.likeness is Likeness.SAME_PICTURE
    assert altered.verdict.distance <= 8
    assert other.verdict.likeness is None
    assert other.verdict.distance > 60
    assert other.similarity < altered.similarity < 1


def test_stats_report_when_the_last_image_was_added(gallery):
    assert gallery.stats().last_added_at is None

    four_pictures(gallery)

    newest = max(image.added_at for image in gallery.list(limit=9).images)
    assert gallery.stats().last_added_at == newest


def test_an_image_changed_after_it_was_listed_is_not_removed_by_the_filter(rig, monkeypatch):
    ids = four_pictures(rig.gallery)
    list_page = rig.store.page

    def list_then_change(where, limit, *more):
        page = list_page(where, limit, *more)
        if len(page.images) == 2:
            rig.gallery.update(ids[1], {"category": "published"})
        return page

    monkeypatch.setattr(rig.store, "page", list_then_change)

    removal = rig.gallery.remove_where({"category": "hat"}, dry_run=False, time_limit_s=9)

    assert removal.removed == 1
    assert rig.gallery.get(ids[1]).metadata == {"category": "published"}
    assert rig.originals.head("1.jpg") is not None


def test_many_copies_of_one_picture_do_not_hide_the_other_images(gallery, monkeypatch):
    monkeypatch.setattr(gallery_module, "IMAGES_OF_BYTES", 3)
    for n in range(9):
        gallery.add(submission(jpeg(1), f"copy-{n}.jpg"))
    others = [gallery.add(submission(jpeg(n), f"{n}.jpg")).image for n in (2, 3, 4, 5)]
    hashes = [gallery.list(limit=1).images[0].sha256, *(image.sha256 for image in others)]

    found = gallery.of_bytes(list(dict.fromkeys(hashes)))

    assert set(found) == set(hashes)


def test_an_original_that_cannot_be_removed_does_not_stop_the_removal_of_others(rig, monkeypatch):
    monkeypatch.setattr(rig.store, "put", fail)
    remove = rig.originals.remove

    def stuck(name):
        if name == "0.jpg":
            raise StoreUnavailable("the folder is asleep")
        remove(name)

    monkeypatch.setattr(rig.originals, "remove", stuck)

    outcomes = rig.gallery.add_many([submission(jpeg(n), f"{n}.jpg") for n in range(3)], workers=1)

    assert all(isinstance(outcome, StoreUnavailable) for _, outcome in outcomes)
    assert set(rig.originals.originals) == {"0.jpg"}
