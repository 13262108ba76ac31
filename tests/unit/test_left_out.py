"""Metadata that another tool wrote and that do not fit: left out and named, the picture indexed."""

from datetime import UTC, datetime

import pytest

from functions.api.responses import Image
from functions.gallery.errors import UnreadableOriginal
from functions.gallery.filters import MAX_METADATA_FIELDS, check_metadata, keep_fitting
from functions.gallery.intake.add import AddStatus
from functions.gallery.names import image_id
from functions.gallery.records import Original, Refusal
from functions.gallery.sync.sync import Synced
from tests.drawing import jpeg

ID = image_id("local", "1.jpg")
MANY = {f"k{number:02}": "v" for number in range(70)}


def put(rig, **metadata: object) -> None:
    rig.originals.upload("1.jpg", Original(jpeg(1), metadata))


def differences(rig) -> list[str]:
    return [name for part in rig.gallery.differences() for name in part.names]


@pytest.mark.parametrize(
    ("metadata", "kept", "left_out"),
    [
        ({"com.example.id": "7", "category": "hat"}, {"category": "hat"}, ["com.example.id"]),
        ({"price": "12,50", "category": "hat"}, {"category": "hat"}, ["price"]),
        ({"price": "", "tag[0]": "a"}, {}, ["price", "tag[0]"]),
        (MANY | {"price": "3"}, {"price": 3.0} | dict(list(MANY.items())[:63]), list(MANY)[63:]),
        ({"a": "x" * 5_000, "b": "y" * 5_000}, {"a": "x" * 5_000}, ["b"]),
        ({"nested": {"a": 1}, "sold": "yes"}, {}, ["nested", "sold"]),
    ],
)
def test_a_picture_is_indexed_without_the_fields_that_do_not_fit(rig, metadata, kept, left_out):
    put(rig, **metadata)

    outcomes = [rig.gallery.sync("1.jpg"), rig.gallery.sync("1.jpg")]

    image = rig.gallery.get(ID)
    assert outcomes == [Synced.INDEXED, Synced.UNCHANGED]
    assert (dict(image.metadata), sorted(image.left_out)) == (kept, left_out)
    stats = rig.gallery.stats()
    assert (stats.images, stats.refused) == (1, 1)
    assert [(r.name, r.code) for r in stats.refusals] == [("1.jpg", "metadata-left-out")]
    assert left_out[0] in stats.refusals[0].detail
    assert differences(rig) == []
    assert Image.of(image, None).metadata_left_out == image.left_out


def test_every_field_is_kept_or_left_out_and_what_is_kept_is_valid(rig):
    odd = {"\ud800": "a", "b": "\udfff", "c": 2**60, "d": None, "": "e", **MANY}

    kept, left_out = keep_fitting(odd, rig.gallery.spec.fields)

    assert check_metadata(kept, rig.gallery.spec.fields) == kept
    assert (len(kept), len(left_out)) == (MAX_METADATA_FIELDS, len(odd) - MAX_METADATA_FIELDS)
    assert all((name + reason).encode() for name, reason in left_out.items())


def test_the_fields_are_tried_again_when_the_object_gets_others(rig):
    put(rig, price="12,50")
    rig.gallery.sync("1.jpg")
    put(rig, price="12.50")

    rig.gallery.sync("1.jpg")

    image = rig.gallery.get(ID)
    assert (image.metadata, image.left_out, rig.gallery.stats().refused) == ({"price": 12.5}, {}, 0)


def test_a_field_can_be_set_right_through_the_gallery_and_the_others_stay(rig):
    put(rig, price="12,50", category="hat", **{"a.b": "c"})
    rig.gallery.sync("1.jpg")

    rig.gallery.update(ID, {"category": "coat"})
    before = rig.gallery.get(ID)
    rig.gallery.update(ID, {"price": 12.5})
    rig.gallery.sync("1.jpg")

    after = rig.gallery.get(ID)
    assert (before.metadata, set(before.left_out)) == ({"category": "coat"}, {"price", "a.b"})
    assert (after.metadata, set(after.left_out)) == ({"category": "coat", "price": 12.5}, {"a.b"})
    assert rig.originals.head("1.jpg").metadata["a.b"] == "c"  # next to the original, for later
    assert differences(rig) == []


def test_an_original_added_by_its_key_says_what_was_left_out(rig):
    put(rig, price="12,50")

    added = rig.gallery.add_original("1.jpg")

    assert (added.status, set(added.image.left_out)) == (AddStatus.ADDED, {"price"})


def test_an_original_that_cannot_be_read_is_not_added_by_its_key(rig):
    put(rig)
    rig.originals.unreadable["1.jpg"] = "1.jpg is archived"

    with pytest.raises(UnreadableOriginal, match="archived"):
        rig.gallery.add_original("1.jpg")


def test_a_picture_that_an_earlier_version_refused_for_its_metadata_is_indexed(rig):
    put(rig, price="12,50")
    etag = rig.originals.head("1.jpg").etag
    rig.originals.refuse(Refusal("1.jpg", etag, "invalid-metadata", "price", datetime.now(UTC)))

    assert set(differences(rig)) == {"1.jpg"}
    assert rig.gallery.sync("1.jpg") is Synced.INDEXED
