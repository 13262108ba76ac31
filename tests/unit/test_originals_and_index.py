"""Originals and index agree whatever fails, and no picture or metadata is lost."""

from contextlib import suppress
from dataclasses import replace
from hashlib import sha256

import pytest

from functions.gallery.errors import (
    ImageNotFound,
    NameTaken,
    StoreFull,
    StoreNotReached,
    StoreTimeout,
    StoreUnavailable,
)
from functions.gallery.intake.add import Added, AddStatus, Submission
from functions.gallery.names import image_id, name_of_bytes
from functions.gallery.records import Original
from functions.gallery.sync.sync import Synced
from tests.drawing import jpeg


def submission(data: bytes, name: str | None = None, **more) -> Submission:
    return Submission(lambda: data, name, **more)


def fail(*_: object) -> None:
    raise StoreUnavailable("the store is asleep")


# --- Adds whose outcome is not known


@pytest.fixture(params=[StoreTimeout, StoreUnavailable])
def put_without_answer(request, rig, monkeypatch):
    """A put that takes effect, and whose answer is lost or is 502 or 503."""
    put = rig.store.put

    def put_then_fail(*args):
        put(*args)
        raise request.param("no answer")

    monkeypatch.setattr(rig.store, "put", put_then_fail)


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_add_whose_answer_was_lost_is_complete(rig, overwrite, put_without_answer):
    if overwrite:
        rig.gallery.add(submission(jpeg(2), "cat.jpg"))

    added = rig.gallery.add(submission(jpeg(1), "cat.jpg", overwrite=overwrite))

    assert rig.originals.read("cat.jpg") == jpeg(1)
    assert rig.gallery.get(added.image.id).sha256 == sha256(jpeg(1)).hexdigest()


def test_an_add_is_removed_from_the_index_in_case_it_still_arrives(rig, monkeypatch):
    removed = []
    monkeypatch.setattr(rig.store, "put", fail)
    monkeypatch.setattr(rig.store, "remove", removed.extend)

    with pytest.raises(StoreUnavailable):
        rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    assert removed == [image_id("local", "cat.jpg")]
    assert rig.originals.originals == {}


def test_an_original_stays_if_the_store_does_not_say_whether_it_has_the_point(rig, monkeypatch):
    put = rig.store.put
    broken = ["put", "get", "remove"]

    def add() -> Added:
        return rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata={"category": "cat"}))

    def put_then_break(*args):
        put(*args)
        for call in broken:
            monkeypatch.setattr(rig.store, call, fail)
        fail()

    monkeypatch.setattr(rig.store, "put", put_then_break)
    with pytest.raises(StoreUnavailable):
        add()
    monkeypatch.undo()

    assert rig.originals.read("cat.jpg") == jpeg(1)
    assert add().status is AddStatus.DUPLICATE


def test_without_a_connection_to_the_store_nothing_is_left(rig, monkeypatch):
    def is_down(*_: object) -> None:
        raise StoreNotReached("no connection")

    monkeypatch.setattr(rig.store, "put", is_down)
    monkeypatch.setattr(rig.store, "remove", is_down)

    with pytest.raises(StoreNotReached):
        rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    assert rig.originals.originals == {}


# --- Originals that are not indexed: an event is pending, or was refused or lost


def test_an_original_that_is_not_indexed_is_not_replaced(rig):
    rig.originals.upload("cat.jpg", Original(jpeg(1), {"category": "cat"}))

    with pytest.raises(NameTaken):
        rig.gallery.add(submission(jpeg(2), "cat.jpg"))

    assert rig.originals.read("cat.jpg") == jpeg(1)
    assert rig.originals.head("cat.jpg").metadata == {"category": "cat"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_failing_store_does_not_remove_an_original_that_was_there_before(
    rig, monkeypatch, overwrite
):
    rig.originals.upload("cat.jpg", Original(jpeg(1)))
    monkeypatch.setattr(rig.store, "put", fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.add(submission(jpeg(2 if overwrite else 1), "cat.jpg", overwrite=overwrite))

    assert rig.originals.read("cat.jpg") == jpeg(1)


def test_an_undo_spares_what_others_wrote_since(rig, monkeypatch):
    def others_write_then_fail(*_: object) -> None:
        rig.originals.upload("cat.jpg", Original(jpeg(2)))
        fail()

    monkeypatch.setattr(rig.store, "put", others_write_then_fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.add(submission(jpeg(1), "cat.jpg"))

    assert rig.originals.read("cat.jpg") == jpeg(2)


@pytest.mark.parametrize(
    ("theirs", "ours", "result"),
    [
        ({}, {}, {}),
        ({}, {"category": "ours"}, {"category": "ours"}),
        ({"category": "theirs"}, {}, {"category": "theirs"}),
        ({"category": "theirs"}, {"category": "theirs"}, {"category": "theirs"}),
    ],
)
def test_the_same_bytes_that_are_not_indexed_yet_are_indexed(rig, theirs, ours, result):
    rig.originals.upload("cat.jpg", Original(jpeg(1), theirs))

    added = rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata=ours))

    assert (added.status, added.image.metadata) == (AddStatus.ADDED, result)
    assert rig.gallery.sync("cat.jpg") is Synced.UNCHANGED


def test_other_metadata_of_the_same_bytes_are_not_replaced(rig):
    rig.originals.upload("cat.jpg", Original(jpeg(1), {"category": "theirs"}))

    with pytest.raises(NameTaken):
        rig.gallery.add(submission(jpeg(1), "cat.jpg", metadata={"category": "ours"}))

    assert rig.originals.head("cat.jpg").metadata == {"category": "theirs"}


def test_a_picture_without_a_name_that_is_left_from_a_failure_can_be_added_again(rig):
    name = name_of_bytes(sha256(jpeg(1)).hexdigest())
    rig.originals.create(name, Original(jpeg(1), {"category": "first"}))

    added = rig.gallery.add(submission(jpeg(1), metadata={"category": "second"}))

    assert (added.status, added.image.metadata) == (AddStatus.ADDED, {"category": "first"})


def test_a_duplicate_is_not_acknowledged_if_its_original_was_replaced(rig):
    rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    rig.originals.upload("cat.jpg", Original(jpeg(2)))

    nameless = rig.gallery.add(submission(jpeg(1)))
    with pytest.raises(NameTaken):
        rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    overwritten = rig.gallery.add(submission(jpeg(1), "cat.jpg", overwrite=True))

    assert (nameless.status, overwritten.status) == (AddStatus.ADDED, AddStatus.REPLACED)
    assert set(rig.originals.originals.values()) == {jpeg(1)}


@pytest.mark.parametrize("error", [StoreNotReached, StoreUnavailable])
def test_the_same_name_twice_in_one_import_is_undone_to_the_first_picture(rig, monkeypatch, error):
    rig.gallery.add(submission(jpeg(0), "cat.jpg"))

    def is_down(*_: object) -> None:
        raise error("no connection")

    monkeypatch.setattr(rig.store, "put", is_down)
    again = [submission(jpeg(n), "cat.jpg", overwrite=True) for n in (1, 2)]

    outcomes = [outcome for _, outcome in rig.gallery.add_many(again, workers=1)]

    assert [type(outcome) for outcome in outcomes] == [error, error]
    assert rig.originals.read("cat.jpg") == jpeg(0)


def test_the_same_bytes_twice_in_one_import_are_one_image_and_its_duplicate(rig):
    pictures = [submission(jpeg(1), "cat.jpg"), submission(jpeg(1)), submission(jpeg(1))]

    outcomes = [outcome for _, outcome in rig.gallery.add_many(pictures, workers=1)]

    assert [o.status.value for o in outcomes] == ["added", "duplicate", "duplicate"]
    assert {o.image.name for o in outcomes} == {"cat.jpg"}


# --- Removals


def test_a_copy_sent_without_a_name_during_a_removal_is_added_on_its_own(rig, monkeypatch):
    named = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    remove = rig.store.remove
    sent = []

    def send_a_copy_first(ids):
        if not sent:
            sent.append(rig.gallery.add(submission(jpeg(1))))
        remove(ids)

    monkeypatch.setattr(rig.store, "remove", send_a_copy_first)
    rig.gallery.remove(named.image.id)

    (image,) = rig.gallery.list(limit=9).images
    assert image == sent[0].image
    assert list(rig.originals.originals) == [image.name]


def test_without_room_for_the_removal_nothing_is_removed(rig, monkeypatch):
    image = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image

    def is_full() -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(rig.store, "check_room", is_full)

    with pytest.raises(StoreFull):
        rig.gallery.remove(image.id)

    assert rig.originals.read(image.name) == jpeg(1)


@pytest.mark.parametrize("moment", ["write_thumbnail", "remove"])
def test_a_thumbnail_made_during_a_removal_is_not_left(rig, monkeypatch, moment):
    image = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image
    port = rig.originals if moment == "write_thumbnail" else rig.store
    real = getattr(port, moment)
    other = rig.gallery.remove if moment == "write_thumbnail" else rig.gallery.view.thumbnail
    calls = []

    def in_between(*args):
        if not calls:
            calls.append(args)
            with suppress(ImageNotFound):
                other(image.id)
        real(*args)

    monkeypatch.setattr(port, moment, in_between)
    if moment == "write_thumbnail":
        rig.gallery.view.thumbnail(image.id)
    else:
        rig.gallery.remove(image.id)

    assert (rig.originals.thumbnails, rig.store.count()) == ({}, 0)


def test_a_thumbnail_that_cannot_be_removed_does_not_fail_an_add(rig, monkeypatch):
    rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    monkeypatch.setattr(rig.originals, "remove_thumbnail", fail)

    added = rig.gallery.add(submission(jpeg(2), "cat.jpg", overwrite=True))

    assert rig.gallery.get(added.image.id).sha256 == sha256(jpeg(2)).hexdigest()


# --- Metadata


def test_changed_metadata_are_next_to_the_original_before_they_are_in_the_index(rig, monkeypatch):
    id = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image.id
    monkeypatch.setattr(rig.store, "set_metadata", fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.update(id, {"category": "cat"})

    differing = [name for part in rig.gallery.differences() for name in part.names]
    assert differing == ["cat.jpg"]
    assert rig.gallery.sync("cat.jpg") is Synced.INDEXED
    assert rig.gallery.get(id).metadata == {"category": "cat"}


def test_of_two_changes_at_the_same_time_none_is_lost(rig, monkeypatch):
    id = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image.id
    calls = []
    for port, method in (
        (rig.originals, "write_metadata"),
        (rig.store, "set_metadata"),
    ):
        real = getattr(port, method)

        def in_between(*args, method=method, real=real):
            if method not in calls:
                calls.append(method)
                rig.process().update(id, {method: True})
            real(*args)

        monkeypatch.setattr(port, method, in_between)

    rig.gallery.update(id, {"category": "cat"})

    expected = {"category": "cat", "write_metadata": True, "set_metadata": True}
    assert rig.originals.head("cat.jpg").metadata == rig.gallery.get(id).metadata == expected


def test_metadata_change_before_the_bytes_of_a_pending_event_are_indexed(rig):
    id = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image.id
    rig.originals.upload("cat.jpg", Original(jpeg(2)))

    rig.gallery.update(id, {"category": "cat"})
    rig.gallery.sync("cat.jpg")

    image = rig.gallery.get(id)
    assert (image.sha256, image.metadata) == (sha256(jpeg(2)).hexdigest(), {"category": "cat"})


def test_metadata_that_only_an_old_index_has_are_saved_by_a_comparison(rig):
    added = rig.gallery.add(submission(jpeg(1), "cat.jpg"))
    old = replace(added.image, metadata={"category": "cat"})
    rig.store.put([old], added.vector[None])

    for part in rig.gallery.differences():
        for name in part.names:
            rig.gallery.sync(name)

    assert rig.originals.head("cat.jpg").metadata == {"category": "cat"}
    assert [name for part in rig.gallery.differences() for name in part.names] == []


def test_metadata_of_a_removed_original_do_not_come_back_with_another_picture(rig):
    id = rig.gallery.add(submission(jpeg(1), "cat.jpg")).image.id
    rig.gallery.update(id, {"category": "cat"})
    del rig.originals.originals["cat.jpg"]

    rig.gallery.sync("cat.jpg")
    rig.originals.upload("cat.jpg", Original(jpeg(2)))
    rig.gallery.sync("cat.jpg")

    assert rig.gallery.get(id).metadata == {}


def test_metadata_that_newer_ones_of_the_object_replaced_do_not_come_back(rig):
    rig.originals.upload("cat.jpg", Original(jpeg(1), {"category": "first"}))
    rig.gallery.sync("cat.jpg")
    id = image_id("local", "cat.jpg")
    rig.gallery.update(id, {"category": "changed"})

    for metadata in ({"category": "newer"}, {"category": "first"}):
        rig.originals.upload("cat.jpg", Original(jpeg(1), metadata))
        rig.gallery.sync("cat.jpg")

    assert rig.gallery.get(id).metadata == {"category": "first"}


def test_metadata_are_kept_for_an_original_that_is_not_there_yet(rig):
    rig.originals.upload("cat.jpg", Original(jpeg(1)))
    rig.originals.write_metadata("cat.jpg", {"category": "cat"}, rig.originals.head("cat.jpg"))
    data = rig.originals.originals.pop("cat.jpg")  # a copy of a gallery has the records first

    rig.gallery.sync("cat.jpg")
    rig.originals.upload("cat.jpg", Original(data))
    rig.gallery.sync("cat.jpg")

    assert rig.gallery.get(image_id("local", "cat.jpg")).metadata == {"category": "cat"}


def test_an_old_index_whose_metadata_the_object_has_writes_no_record(rig):
    rig.originals.upload("cat.jpg", Original(jpeg(1), {"price": "5"}))
    rig.gallery.sync("cat.jpg")
    id = image_id("local", "cat.jpg")
    image, vector = rig.gallery.get(id), rig.store.vectors([id])[id]
    rig.store.put([replace(image, etag=image.etag.replace("~", "+"))], vector[None])

    names = [name for part in rig.gallery.differences() for name in part.names]
    rig.gallery.sync("cat.jpg")

    assert (names, list(rig.originals.records())) == (["cat.jpg"], [])
    assert rig.gallery.get(id) == image


def test_an_index_rebuilt_from_the_originals_equals_the_one_before(rig):
    for number in range(4):
        rig.gallery.add(submission(jpeg(number), f"{number}.jpg", metadata={"category": "hat"}))
    ids = [image.id for image in rig.gallery.list(limit=9).images]
    rig.gallery.update(ids[0], {"price": 0.1 + 0.2, "category": None})
    rig.gallery.update(ids[1], {"note": "x" * 3_000})
    rig.gallery.remove(ids[2])
    before = rig.gallery.list(limit=9).images
    rig.store.remove(ids)

    for part in rig.gallery.differences():
        for name in part.names:
            rig.gallery.sync(name)

    assert rig.gallery.list(limit=9).images == before
