"""The course of a reindexing: what it refuses, what it leaves out, how it goes back."""

from dataclasses import replace

import pytest

from functions.gallery.errors import ModelMismatch, StoreError
from functions.gallery.intake.add import Submission
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.decode import Limits
from functions.gallery.records import Distance, Original
from functions.gallery.reindex.reindex import Reindexing, Situation
from tests.contract.stores import random_units
from tests.fakes import FakeEmbedder, FakeStore
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


def ended(steps):
    return {name for step in steps for name in step.copied.left_out}


def test_an_empty_store_has_nothing_to_reindex(world):
    empty = World("model")
    empty.collections.drop(OLD.name)

    assert reindexing(empty).situation() is Situation.EMPTY
    with pytest.raises(StoreError, match="empty"):
        ended(reindexing(empty).run(1))


def test_the_settings_in_use_need_nothing(world):
    same = reindexing(world, OLD, FakeEmbedder())

    assert same.situation() is Situation.DONE
    assert list(same.run(1)) == []
    assert list(same.finish(1)) == []


def test_changes_of_what_was_filled_already_are_there_at_the_swap(world, monkeypatch):
    steps = reindexing(world).run(1)
    next(steps)
    world.change("a.png", "y")
    world.remove("b/ä +%.png")
    use, differing = world.collections.use, []
    monkeypatch.setattr(
        world.collections, "use", lambda name: (differing.extend(world.differing()), use(name))
    )

    ended(steps)

    assert differing == []
    assert world.collections.current() == world.new.name


def test_originals_that_are_gone_or_no_pictures_are_named_and_the_rest_comes_along(world):
    world.delete("a.png")
    world.originals.write("b/ä +%.png", Original(b"no picture"))

    steps = list(reindexing(world).run(1))

    reasons = {n: why for step in steps for n, why in step.copied.left_out.items()}
    assert reasons.keys() == {"a.png", "b/ä +%.png"}
    assert reasons["a.png"].startswith("image-not-found: ")
    assert reasons["b/ä +%.png"].startswith("unsupported-format: ")
    assert [image.name for image in world.images(world.new).values()] == ["c.png"]


def test_what_was_made_of_bytes_that_cannot_be_read_any_more_does_not_stay(world):
    steps = reindexing(world).run(1)
    next(steps)
    world.originals.write("a.png", Original(b"no picture"))
    world.collections.stores[OLD.name].put(
        [replace(world.images(OLD)[image_id("local", "a.png")], etag="x", sha256="x")],
        random_units(1, 48),
    )

    assert ended(steps) == {"a.png"}

    assert "a.png" not in {image.name for image in world.images(world.new).values()}


def test_a_narrower_width_reads_no_original():
    world = World("width")
    world.add("a.png", 0, "x")
    world.delete("a.png")

    assert ended(reindexing(world).run(1)) == set()

    assert len(world.images(world.new)) == 1


def test_several_pictures_at_once_come_to_the_same(world):
    ended(reindexing(world).run(3))

    assert world.differing() == set()
    world.check_vectors()


def test_going_back_brings_what_was_added_meanwhile(world):
    ended(reindexing(world).run(1))
    world.deploy()
    world.add("d.png", 1, "z")
    world.remove("a.png")
    world.change("c.png", "changed")

    ended(reindexing(world, OLD, FakeEmbedder()).run(1))

    assert world.collections.current() == OLD.name
    assert {image.name for image in world.images(OLD).values()} == {*NAMES[1:]}
    assert world.images(OLD)[image_id("local", "d.png")].model == OLD.model
    assert world.images(OLD)[image_id("local", "c.png")].metadata == {"category": "changed"}
    ended(reindexing(world, OLD, FakeEmbedder()).finish(1))
    assert list(world.collections.stores) == [OLD.name]


def test_there_and_back_and_there_again_each_change_comes_along(world):
    back, there = (OLD, FakeEmbedder()), (world.new, world.embedder)
    for number, (spec, embedder) in enumerate([there, back, there, back, there]):
        ended(reindexing(world, spec, embedder).run(1))
        world.acting, world.acting_spec = world.gallery(spec, embedder), spec
        assert world.differing() == set()
        world.change("a.png", f"change {number}")

    assert world.images(world.new)[image_id("local", "a.png")].metadata == {"category": "change 4"}


def test_the_index_in_use_is_not_deleted_by_its_predecessors_settings(world):
    ended(reindexing(world).run(1))

    with pytest.raises(ModelMismatch, match="other settings"):
        ended(reindexing(world, OLD, FakeEmbedder()).finish(1))

    assert set(world.collections.stores) == {OLD.name, world.new.name}


def test_a_half_filled_collection_can_be_given_up_and_a_whole_one_not(world):
    next(steps := reindexing(world).run(1))
    steps.close()

    assert reindexing(world).discard()
    assert list(world.collections.stores) == [OLD.name]
    assert not reindexing(world).discard()
    ended(reindexing(world).run(1))
    assert not reindexing(world).discard()
    assert set(world.collections.stores) == {OLD.name, world.new.name}


def test_what_a_kill_left_of_making_the_collection_is_made_before_it_is_used(world, monkeypatch):
    make, made = world.collections.create, []

    def killed(collection):
        make(collection)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(world.collections, "create", killed)
        with pytest.raises(Killed):
            ended(reindexing(world).run(1))
    monkeypatch.setattr(
        world.collections, "create", lambda collection: (made.append(collection), make(collection))
    )

    ended(reindexing(world).run(1))

    assert [(c.spec, c.filling) for c in made] == [(world.new, True)]  # with the fields to index
    assert world.collections.current() == world.new.name


def test_another_distance_takes_the_vectors_over(world):
    spec = replace(OLD, distance=Distance.EUCLID)
    world.delete("a.png")

    ended(reindexing(world, spec, FakeEmbedder()).run(1))

    id = image_id("local", "a.png")
    stores = world.collections.stores
    assert (stores[spec.name].vectors([id])[id] == stores[OLD.name].vectors([id])[id]).all()


def test_a_picture_added_under_the_new_settings_stays_beside_the_old_collection(world):
    ended(reindexing(world).run(1))
    world.deploy()
    data = PICTURES[2]
    world.acting.add(Submission(lambda: data, "new.png"))

    ended(reindexing(world).run(1))

    assert image_id("local", "new.png") in world.images(world.new)


def test_what_was_removed_under_the_new_settings_does_not_come_back(world):
    ended(reindexing(world).run(1))
    world.deploy()
    world.remove("a.png")

    ended(reindexing(world).finish(1))

    assert "a.png" not in {image.name for image in world.images(world.new).values()}


def test_what_is_removed_while_it_is_brought_goes_even_if_the_bringer_is_killed(world, monkeypatch):
    ended(reindexing(world).run(1))
    world.add("d.png", 1, "z")
    new, put = world.collections.stores[world.new.name], FakeStore.put

    def removed_and_put(store, images, vectors):
        world.originals.remove("d.png")
        put(store, images, vectors)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(FakeStore, "put", removed_and_put)
        with pytest.raises(Killed):
            ended(reindexing(world).run(1))
    assert image_id("local", "d.png") in new.get([image_id("local", "d.png")])

    ended(reindexing(world).finish(1))

    assert "d.png" not in {image.name for image in world.images(world.new).values()}
