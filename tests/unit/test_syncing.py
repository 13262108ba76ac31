"""Syncing one object, and comparing all objects with the index, on fakes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.gallery import gallery as gallery_module
from functions.gallery.errors import InvalidName, ObjectChanged, StoreError, StoreUnavailable
from functions.gallery.intake.add import Submission
from functions.gallery.names import check_name, image_id
from functions.gallery.originals.s3_metadata import read_headers, write_headers
from functions.gallery.records import Original
from functions.gallery.sync import reconcile as reconciling
from functions.gallery.sync.sync import Synced
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder


def put(rig, name: str, data: bytes, **metadata: str) -> None:
    """Write an object to the bucket without the gallery, as any other tool does."""
    rig.originals.write(name, Original(data, metadata))


def image_of(rig, name: str):
    return rig.gallery.get(image_id("local", name))


def test_a_synced_object_is_searchable_with_typed_metadata(rig):
    put(rig, "hats/1.jpg", jpeg(1), category="hat", price="9.50")

    assert rig.gallery.sync("hats/1.jpg") is Synced.INDEXED
    (found,) = rig.gallery.list({"price": {"lt": 10}}, limit=10).images
    assert (found.name, found.metadata) == ("hats/1.jpg", {"category": "hat", "price": 9.5})


def test_an_unchanged_object_is_not_embedded_again(rig, monkeypatch):
    put(rig, "1.jpg", jpeg(1))
    rig.gallery.sync("1.jpg")
    before = image_of(rig, "1.jpg")
    monkeypatch.setattr(FakeEmbedder, "embed", None)

    assert rig.gallery.sync("1.jpg") is Synced.UNCHANGED
    assert image_of(rig, "1.jpg") == before


def test_an_object_embedded_by_another_model_is_embedded_again(rig):
    put(rig, "1.jpg", jpeg(1))
    rig.gallery.sync("1.jpg")
    image = image_of(rig, "1.jpg")
    vector = rig.store._vectors[image.id]
    rig.store.put([replace(image, model="old@0")], vector[None])

    found = [name for part in rig.gallery.differences() for name in part.names]
    assert found == ["1.jpg"]
    assert rig.gallery.sync("1.jpg") is Synced.INDEXED


def test_an_image_added_through_the_gallery_is_not_embedded_again_by_its_event(rig):
    rig.gallery.add(Submission(lambda: jpeg(1), "1.jpg", {"price": "3", "tags": ["a", "b"]}))

    assert rig.gallery.sync("1.jpg") is Synced.UNCHANGED


def test_metadata_changed_in_the_index_is_kept_until_the_object_changes(rig):
    put(rig, "1.jpg", jpeg(1), category="hat")
    rig.gallery.sync("1.jpg")
    rig.gallery.update(image_id("local", "1.jpg"), {"category": "coat"})

    rig.gallery.sync("1.jpg")
    after_an_event = image_of(rig, "1.jpg").metadata
    put(rig, "1.jpg", jpeg(1), category="scarf")
    rig.gallery.sync("1.jpg")

    assert after_an_event == {"category": "coat"}
    assert image_of(rig, "1.jpg").metadata == {"category": "scarf"}


def test_a_removed_object_leaves_no_point_and_no_thumbnail(rig):
    put(rig, "1.jpg", jpeg(1))
    rig.gallery.sync("1.jpg")
    rig.gallery.view.thumbnail(image_id("local", "1.jpg"))
    rig.originals.remove("1.jpg")

    assert rig.gallery.sync("1.jpg") is Synced.REMOVED
    assert rig.gallery.sync("1.jpg") is Synced.UNCHANGED
    assert (rig.store.count(), rig.originals.thumbnails) == (0, {})


@pytest.mark.parametrize(
    ("data", "metadata", "code"),
    [
        (b"no picture", {}, "unsupported-format"),
        (jpeg(1)[:500], {}, "damaged-picture"),
        (b"", {}, "empty-picture"),
    ],
)
def test_an_object_that_cannot_be_indexed_is_recorded_once_as_refused(rig, data, metadata, code):
    put(rig, "1.jpg", jpeg(2))
    rig.gallery.sync("1.jpg")
    put(rig, "1.jpg", data, **metadata)

    outcomes = [rig.gallery.sync("1.jpg"), rig.gallery.sync("1.jpg")]

    assert outcomes == [Synced.REFUSED, Synced.UNCHANGED]
    stats = rig.gallery.stats()
    assert (stats.images, stats.refused) == (0, 1)
    assert [(refusal.name, refusal.code) for refusal in stats.refusals] == [("1.jpg", code)]


def test_a_refusal_is_cleared_when_the_object_becomes_a_picture(rig):
    put(rig, "1.jpg", b"no picture")
    rig.gallery.sync("1.jpg")
    put(rig, "1.jpg", jpeg(1))

    assert rig.gallery.sync("1.jpg") is Synced.INDEXED
    assert rig.gallery.stats().refused == 0


def test_an_object_over_the_size_limit_is_refused_without_reading_it(rig, monkeypatch):
    put(rig, "1.jpg", b"x" * (rig.gallery.limits.max_bytes + 1))
    state = rig.originals.head("1.jpg")
    monkeypatch.setattr(rig.originals, "head", lambda name: state)
    monkeypatch.setattr(rig.originals, "fetch", None)

    assert rig.gallery.sync("1.jpg") is Synced.REFUSED
    assert rig.gallery.stats().refusals[0].code == "picture-too-large"


@pytest.mark.parametrize("change", ["replaced", "removed"])
def test_an_object_that_changes_during_a_sync_is_synced_again(rig, monkeypatch, change):
    put(rig, "1.jpg", jpeg(1))
    write = rig.store.put

    def put_then_change(*args):
        write(*args)
        if change == "replaced":
            put(rig, "1.jpg", jpeg(2))
        else:
            rig.originals.remove("1.jpg")

    monkeypatch.setattr(rig.store, "put", put_then_change)
    with pytest.raises(ObjectChanged):
        rig.gallery.sync("1.jpg")
    monkeypatch.undo()

    rig.gallery.sync("1.jpg")

    states = [rig.originals.head(name) for name in rig.originals.originals]
    points = rig.gallery.list(limit=10).images
    assert [image.etag for image in points] == [state.etag for state in states]


def test_an_unavailable_store_is_an_error_not_a_refusal(rig, monkeypatch):
    def fail(*_: object) -> None:
        raise StoreUnavailable("asleep")

    put(rig, "1.jpg", jpeg(1))
    monkeypatch.setattr(rig.store, "put", fail)

    with pytest.raises(StoreUnavailable):
        rig.gallery.sync("1.jpg")

    assert rig.gallery.stats().refused == 0


@pytest.mark.parametrize("name", [".lookalike/thumbnails/x.jpg", "a/folder/"])
def test_internal_objects_and_folders_are_never_indexed(rig, name):
    put(rig, name, jpeg(1))

    assert rig.gallery.sync(name) is Synced.UNCHANGED
    assert rig.store.count() == 0


def test_what_lies_next_to_pictures_is_neither_indexed_nor_refused_nor_different(rig):
    put(rig, "1.mov", b"a video")
    put(rig, "1.thm", jpeg(1))

    assert [rig.gallery.sync(name) for name in ("1.mov", "1.thm")] == [Synced.UNCHANGED] * 2
    assert (rig.store.count(), rig.gallery.stats().refused) == (0, 0)
    assert [name for part in rig.gallery.differences() for name in part.names] == []


def test_what_an_earlier_version_refused_or_indexed_by_such_a_name_is_followed(rig, monkeypatch):
    put(rig, "1.mov", b"a video")
    put(rig, "1.thm", jpeg(1))
    with monkeypatch.context() as earlier:
        earlier.setattr(gallery_module, "is_picture_name", lambda name: True)
        rig.gallery.sync("1.mov")
        rig.gallery.sync("1.thm")
    assert (rig.store.count(), rig.gallery.stats().refused) == (1, 1)

    for name in [name for part in rig.gallery.differences() for name in part.names]:
        rig.gallery.sync(name)
    kept = rig.store.count()
    rig.originals.remove("1.thm")
    rig.gallery.sync("1.thm")

    assert rig.gallery.stats().refused == 0
    assert (kept, rig.store.count()) == (1, 0)


def test_a_picture_cannot_have_an_internal_name():
    with pytest.raises(InvalidName):
        check_name(".lookalike/refused/x.json")


def test_an_index_is_not_emptied_because_its_originals_are_not_mounted(rig, monkeypatch):
    monkeypatch.setattr(reconciling, "MOST_ORPHANS", 2)
    for number in range(3):
        rig.gallery.add(Submission(lambda n=number: jpeg(n), f"{number}.jpg"))
    rig.originals.originals.clear()

    with pytest.raises(StoreError, match="mounted"):
        list(rig.gallery.differences())

    assert rig.gallery.stats().images == 3


def test_a_comparison_finds_changes_without_events_and_changes_nothing(rig):
    for number in range(5):
        put(rig, f"{number}.jpg", jpeg(number), category="hat")
        rig.gallery.sync(f"{number}.jpg")
    put(rig, "bad.jpg", b"no picture")
    rig.gallery.sync("bad.jpg")
    put(rig, "new.jpg", jpeg(6))
    put(rig, "1.jpg", jpeg(7))
    put(rig, "2.jpg", jpeg(2), category="coat")
    rig.originals.remove("3.jpg")
    rig.originals.remove("bad.jpg")
    points = rig.gallery.list(limit=10)

    found = [name for part in rig.gallery.differences() for name in part.names]

    assert sorted(found) == ["1.jpg", "2.jpg", "3.jpg", "bad.jpg", "new.jpg"]
    assert rig.gallery.list(limit=10) == points


def test_an_object_copied_over_itself_is_not_a_difference(rig):
    put(rig, "1.jpg", jpeg(1))
    rig.gallery.sync("1.jpg")
    rig.originals.modified_at["1.jpg"] += timedelta(days=1)

    assert [name for part in rig.gallery.differences() for name in part.names] == []


def test_points_are_checked_one_by_one_only_if_there_are_too_many(rig, monkeypatch):
    for number in range(5):
        put(rig, f"{number}.jpg", jpeg(number))
        rig.gallery.sync(f"{number}.jpg")
    monkeypatch.setattr(rig.originals, "head", None)

    assert [part.progress.compared for part in rig.gallery.differences()] == [5]


@pytest.mark.parametrize(
    "metadata",
    [
        {"category": "hat", "note": "two words"},
        {"größe": "42", "Category": "hat", "under_score": "x"},
        {"price": 3.5, "count": 3, "sold": True, "tags": ["a", "ä"]},
        {"text": "ä 猫", "spaces": " x ", "empty": "", "line": "a\nb", "rfc": "=?utf-8?q?x?="},
        {"lookalike": "mine"},
        {},
    ],
)
def test_metadata_is_read_from_an_object_as_it_was_written(metadata):
    headers = write_headers(metadata)

    assert read_headers(headers) == metadata
    assert all(text.isascii() and text.isprintable() for text in headers.values())


def test_metadata_encoded_by_another_tool_is_read():
    assert read_headers({"Note": "=?UTF-8?B?w6Q=?=", "lookalike": "theirs"}) == {
        "note": "ä",
        "lookalike": "theirs",
    }
