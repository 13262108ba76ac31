"""Thumbnails made with the index, for galleries whose pictures are in a bucket; on fakes."""

from hashlib import sha256
from typing import Any

import pytest
from hypothesis import example, given, settings

from functions.gallery.deadline import seconds_left, time_limit
from functions.gallery.errors import ObjectChanged, StoreFull, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import AddStatus, Submission
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import Original
from functions.gallery.sync.sync import Synced
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder
from tests.unit.test_syncing_simulation import World, actions, stories


class FakeSigner:
    """The signer of a bucket, which is what makes a gallery keep thumbnails ready."""

    def sign_thumbnail(self, image) -> str:
        return f"https://bucket.example/{image.id}.jpg"


@pytest.fixture
def gallery(rig) -> Gallery:
    spec = rig.gallery.spec
    return Gallery(spec, Limits(), FakeEmbedder(), rig.store, rig.originals, FakeSigner())


def submission(data: bytes, name: str = "cat.jpg", **more) -> Submission:
    return Submission(lambda: data, name, **more)


def key(data: bytes, name: str = "cat.jpg") -> tuple[str, str]:
    return image_id("local", name), sha256(data).hexdigest()


def upload(rig, data: bytes, name: str = "cat.jpg", **metadata: str) -> None:
    """Write an object to the bucket without the gallery."""
    rig.originals.upload(name, Original(data, metadata))


def fail(*_: object) -> None:
    raise StoreUnavailable("the bucket is asleep")


def test_an_added_and_a_synced_picture_have_a_thumbnail_at_once(rig, gallery):
    gallery.add(submission(jpeg(1, 800, 600)))
    upload(rig, jpeg(2, 600, 800), "dog.jpg")
    gallery.sync("dog.jpg")

    assert rig.originals.thumbnails.keys() == {
        key(jpeg(1, 800, 600)),
        key(jpeg(2, 600, 800), "dog.jpg"),
    }


def test_pictures_in_a_folder_get_theirs_when_it_is_asked_for(rig):
    added = rig.gallery.add(submission(jpeg(1)))

    assert rig.originals.thumbnails == {}
    assert rig.gallery.view.sign_thumbnail(added.image) is None


def test_every_picture_of_an_import_has_one(rig, gallery):
    many = [submission(jpeg(number), f"{number}.jpg") for number in range(40)]

    assert len(list(gallery.add_many(many, workers=2))) == 40

    assert len(rig.originals.thumbnails) == 40


def test_writing_one_ends_with_the_call_that_it_belongs_to(rig, gallery, monkeypatch):
    left = []
    monkeypatch.setattr(rig.originals, "write_thumbnail", lambda *_: left.append(seconds_left()))

    with time_limit(60):
        gallery.add(submission(jpeg(1)))

    assert 0 < left[0] <= 60


def test_new_bytes_replace_the_thumbnail_and_new_metadata_leave_it(rig, gallery):
    gallery.add(submission(jpeg(1)))
    gallery.add(submission(jpeg(1), metadata={"category": "cat"}, overwrite=True))
    with_metadata = list(rig.originals.thumbnails)

    replaced = gallery.add(submission(jpeg(2), overwrite=True))
    added = list(rig.originals.thumbnails)
    upload(rig, jpeg(3))
    gallery.sync("cat.jpg")

    assert with_metadata == [key(jpeg(1))]
    assert (replaced.status, added) == (AddStatus.REPLACED, [key(jpeg(2))])
    assert list(rig.originals.thumbnails) == [key(jpeg(3))]


def test_a_removed_or_refused_picture_leaves_none(rig, gallery):
    image = gallery.add(submission(jpeg(1))).image
    gallery.remove(image.id)
    upload(rig, jpeg(2), "dog.jpg")
    gallery.sync("dog.jpg")
    upload(rig, b"no picture", "dog.jpg")

    assert gallery.sync("dog.jpg") is Synced.REFUSED
    assert rig.originals.thumbnails == {}


def test_an_add_that_the_store_refuses_leaves_none(rig, gallery, monkeypatch):
    def is_full(*_: object) -> None:
        raise StoreFull("no room")

    monkeypatch.setattr(rig.store, "put", is_full)

    with pytest.raises(StoreFull):
        gallery.add(submission(jpeg(1)))

    assert (rig.originals.originals, rig.originals.thumbnails) == ({}, {})


@pytest.mark.parametrize("way", ["add", "sync"])
def test_one_that_cannot_be_kept_is_made_when_it_is_asked_for(rig, gallery, monkeypatch, way):
    monkeypatch.setattr(rig.originals, "write_thumbnail", fail)
    if way == "add":
        gallery.add(submission(jpeg(1)))
    else:
        upload(rig, jpeg(1))
        gallery.sync("cat.jpg")
    monkeypatch.undo()

    assert gallery.get(image_id("local", "cat.jpg")).name == "cat.jpg"
    assert rig.originals.thumbnails == {}
    gallery.view.thumbnail(image_id("local", "cat.jpg"))
    assert list(rig.originals.thumbnails) == [key(jpeg(1))]


@pytest.mark.parametrize("other", ["removes", "replaces", "changes the metadata of"])
def test_a_worker_whose_object_somebody_changes_leaves_only_what_fits(
    rig, gallery, monkeypatch, other
):
    upload(rig, jpeg(1))
    put = rig.store.put

    def put_before_another(images, vectors) -> None:
        put(images, vectors)
        if other == "removes":
            rig.process().remove(images[0].id)
        else:
            bytes_of_other = jpeg(2) if other == "replaces" else jpeg(1)
            upload(rig, bytes_of_other, category="cat")

    monkeypatch.setattr(rig.store, "put", put_before_another)
    with pytest.raises(ObjectChanged):
        gallery.sync("cat.jpg")
    monkeypatch.undo()
    gallery.sync("cat.jpg")

    expected = {"removes": [], "replaces": [key(jpeg(2))]}.get(other, [key(jpeg(1))])
    assert list(rig.originals.thumbnails) == expected


class WorldWithThumbnails(World):
    """The bucket and the workers of the simulation, whose galleries make thumbnails."""

    def gallery_on(self, store: Any, originals: Any) -> Gallery:
        return Gallery(self.spec, Limits(), self.embedder, store, originals, FakeSigner())


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@example([("race", "a.png", 0, None, 7), ("disrupt", 0, "kill")])
@given(stories(actions))
def test_whatever_happens_to_workers_a_removed_object_has_no_thumbnail(story):
    world = WorldWithThumbnails()

    for action in story:
        world.play(*action)
    world.finish_work()
    world.deliver_the_rest()

    with_thumbnails = {id for id, _ in world.originals.thumbnails}
    assert with_thumbnails <= {image_id("local", name) for name in world.originals.originals}


def test_comparing_a_gallery_with_thumbnails_finds_no_difference(rig, gallery):
    gallery.add(submission(jpeg(1)))
    upload(rig, jpeg(2), "dog.jpg")
    gallery.sync("dog.jpg")

    assert [name for part in gallery.differences() for name in part.names] == []
