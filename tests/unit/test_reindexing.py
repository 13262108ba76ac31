"""Reindexing: what it refuses, what it leaves out, how to go back."""

from dataclasses import replace

import pytest

from functions.gallery.errors import ModelMismatch, StoreError
from functions.gallery.intake.add import Submission
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import Distance, Original
from functions.gallery.reindex.reindex import Reindexing, Situation
from tests.contract.stores import random_units
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore
from tests.unit.test_reindexing_simulation import NAMES, OLD, PICTURES, Killed, World


@pytest.fixture
def world():
    world = World("model")
    for number, name in enumerate(NAMES[:3]):
        world.add(name, number, "x")
    return world


def reindexing(world, spec=None, embedder=None):
    indexer = Indexer(embedder or world.embedder, Limits())
    collections = world.collections
    return Reindexing(collections, collections.open, world.originals, indexer, spec or world.new)


def with_thumbnails(world):
    made = reindexing(world)
    return replace(made, indexer=replace(made.indexer, makes_thumbnails=True))


def run_all(steps):
    """Return the names that were left out."""
    return {name for step in steps for name in step.copied.left_out}


def test_an_empty_store_has_nothing_to_reindex(world):
    empty = World("model")
    empty.collections.drop(OLD.name)

    assert reindexing(empty).situation() is Situation.EMPTY
    with pytest.raises(StoreError, match="empty"):
        run_all(reindexing(empty).run(1))


def test_the_settings_in_use_need_no_reindexing(world):
    same = reindexing(world, OLD, FakeEmbedder())

    assert same.situation() is Situation.DONE
    assert list(same.run(1)) == []
    assert list(same.finish(1)) == []


def test_changes_to_images_already_copied_are_included_at_the_swap(world, monkeypatch):
    steps = reindexing(world).run(1)
    next(steps)
    world.change("a.png", "y")
    world.remove("b/ä +%.png")
    use, differing = world.collections.use, []
    monkeypatch.setattr(
        world.collections, "use", lambda name: (differing.extend(world.differing()), use(name))
    )

    run_all(steps)

    assert differing == []
    assert world.collections.current() == world.new.name


def test_an_original_that_cannot_be_read_is_reported_and_the_rest_is_copied(world):
    world.originals.unreadable["a.png"] = "a.png is archived"

    steps = list(reindexing(world).run(1))

    reasons = {n: reason for step in steps for n, reason in step.copied.left_out.items()}
    assert reasons == {"a.png": "unreadable-original: a.png is archived"}
    assert world.collections.current() == world.new.name


def test_every_picture_that_is_read_again_gets_a_thumbnail(world):
    run_all(with_thumbnails(world).run(1))

    images = world.collections.open(world.collections.read(world.new.name)).page((), 9).images
    assert len(images) == 3
    assert all(world.originals.read_thumbnail(image) for image in images)


def test_an_image_removed_while_it_is_copied_leaves_no_thumbnail(world):
    steps = with_thumbnails(world).run(1)
    next(steps)
    old = world.collections.open(world.collections.read(OLD.name))
    (image,) = (i for i in old.page((), 9).images if i.name == "a.png")
    assert world.originals.read_thumbnail(image)
    old.remove([image.id])
    world.originals.remove(image.name)  # by a worker that removed the thumbnails just before

    run_all(steps)

    assert world.originals.read_thumbnail(image) is None


def test_missing_and_invalid_originals_are_reported_and_the_rest_is_copied(world):
    world.delete("a.png")
    world.originals.write("b/ä +%.png", Original(b"no picture"))

    steps = list(reindexing(world).run(1))

    reasons = {n: reason for step in steps for n, reason in step.copied.left_out.items()}
    assert reasons.keys() == {"a.png", "b/ä +%.png"}
    assert reasons["a.png"].startswith("image-not-found: ")
    assert reasons["b/ä +%.png"].startswith("unsupported-format: ")
    assert [image.name for image in world.images(world.new).values()] == ["c.png"]


def test_an_image_whose_new_bytes_cannot_be_decoded_is_removed(world):
    steps = reindexing(world).run(1)
    next(steps)
    world.originals.write("a.png", Original(b"no picture"))
    world.collections.stores[OLD.name].put(
        [replace(world.images(OLD)[image_id("local", "a.png")], etag="x", sha256="x")],
        random_units(1, 48),
    )

    assert run_all(steps) == {"a.png"}

    assert "a.png" not in {image.name for image in world.images(world.new).values()}


def test_fewer_dims_read_no_originals(monkeypatch):
    world = World("width")
    world.add("a.png", 0, "x")
    monkeypatch.setattr(FakeOriginals, "fetch", None)

    assert run_all(reindexing(world).run(1)) == set()

    assert len(world.images(world.new)) == 1


def test_several_workers_give_the_same_result(world):
    run_all(reindexing(world).run(3))

    assert world.differing() == set()
    world.check_vectors()


def test_going_back_keeps_changes_made_since_the_swap(world):
    run_all(reindexing(world).run(1))
    world.deploy()
    world.add("d.png", 1, "z")
    world.remove("a.png")
    world.change("c.png", "changed")

    run_all(reindexing(world, OLD, FakeEmbedder()).run(1))

    assert world.collections.current() == OLD.name
    assert {image.name for image in world.images(OLD).values()} == {*NAMES[1:]}
    assert world.images(OLD)[image_id("local", "d.png")].model == OLD.model
    assert world.images(OLD)[image_id("local", "c.png")].metadata == {"category": "changed"}
    run_all(reindexing(world, OLD, FakeEmbedder()).finish(1))
    assert list(world.collections.stores) == [OLD.name]


def test_swapping_back_and_forth_keeps_every_change(world):
    back, there = (OLD, FakeEmbedder()), (world.new, world.embedder)
    for number, (spec, embedder) in enumerate([there, back, there, back, there]):
        run_all(reindexing(world, spec, embedder).run(1))
        world.active, world.active_spec = world.gallery(spec, embedder), spec
        assert world.differing() == set()
        world.change("a.png", f"change {number}")

    assert world.images(world.new)[image_id("local", "a.png")].metadata == {"category": "change 4"}


def test_the_old_settings_cannot_delete_the_index_in_use(world):
    run_all(reindexing(world).run(1))

    with pytest.raises(ModelMismatch, match="other settings"):
        run_all(reindexing(world, OLD, FakeEmbedder()).finish(1))

    assert set(world.collections.stores) == {OLD.name, world.new.name}


def test_a_half_filled_collection_can_be_discarded_and_a_full_one_cannot(world):
    next(steps := reindexing(world).run(1))
    steps.close()

    assert reindexing(world).discard()
    assert list(world.collections.stores) == [OLD.name]
    assert not reindexing(world).discard()
    run_all(reindexing(world).run(1))
    assert not reindexing(world).discard()
    assert set(world.collections.stores) == {OLD.name, world.new.name}


def test_a_collection_half_created_at_a_kill_is_created_again_before_use(world, monkeypatch):
    create, created = world.collections.create, []

    def create_and_die(collection):
        create(collection)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.collections, "create", create_and_die)
        with pytest.raises(Killed):
            run_all(reindexing(world).run(1))
    monkeypatch.setattr(
        world.collections,
        "create",
        lambda collection: (created.append(collection), create(collection))[1],
    )

    run_all(reindexing(world).run(1))

    assert [(c.spec, c.filling) for c in created] == [(world.new, True)]  # with the fields to index
    assert world.collections.current() == world.new.name


def test_another_distance_reuses_the_vectors(world, monkeypatch):
    spec = replace(OLD, distance=Distance.EUCLID)
    monkeypatch.setattr(FakeOriginals, "fetch", None)

    run_all(reindexing(world, spec, FakeEmbedder()).run(1))

    id = image_id("local", "a.png")
    stores = world.collections.stores
    assert (stores[spec.name].vectors([id])[id] == stores[OLD.name].vectors([id])[id]).all()


def test_an_image_added_under_the_new_settings_stays_after_another_run(world):
    run_all(reindexing(world).run(1))
    world.deploy()
    data = PICTURES[2]
    world.active.add(Submission(lambda: data, "new.png"))

    run_all(reindexing(world).run(1))

    assert image_id("local", "new.png") in world.images(world.new)


def test_an_image_removed_under_the_new_settings_does_not_come_back(world):
    run_all(reindexing(world).run(1))
    world.deploy()
    world.remove("a.png")

    run_all(reindexing(world).finish(1))

    assert "a.png" not in {image.name for image in world.images(world.new).values()}


def test_an_image_removed_while_it_is_copied_is_removed_even_after_a_kill(world, monkeypatch):
    run_all(reindexing(world).run(1))
    world.add("d.png", 1, "z")
    new, put = world.collections.stores[world.new.name], FakeStore.put

    def remove_put_and_die(store, images, vectors):
        world.originals.remove("d.png")
        put(store, images, vectors)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FakeStore, "put", remove_put_and_die)
        with pytest.raises(Killed):
            run_all(reindexing(world).run(1))
    assert image_id("local", "d.png") in new.get([image_id("local", "d.png")])

    run_all(reindexing(world).finish(1))

    assert "d.png" not in {image.name for image in world.images(world.new).values()}
