"""Damage to an embedded index is noticed when it opens; removed images give their space back."""

import os
import re
import shutil
from pathlib import Path

import pytest

from functions.gallery.errors import StoreError
from functions.gallery.records import CollectionSpec, Condition, Order, Query
from functions.gallery.stores.embedded import store as edge_store
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image, random_units
from tests.contract.test_edge_folder import lines, running
from tests.contract.test_numbers_contract import COUNT, all_orders, listed, many_floats

SPEC = CollectionSpec("test@1", 16, fields={"price": "float", "category": "keyword"})
VECTORS = random_units(1_000, 16)

UNFLUSHED_WRITER = """
import sys, time
from pathlib import Path
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image
from tests.contract.test_edge_damage import SPEC, VECTORS

store = EdgeStore.open(Path(sys.argv[1]), SPEC)
store.put([an_image("one more.jpg")], VECTORS[:1])
print("put", flush=True)
time.sleep(60)
"""


def images(first, last):
    return [
        an_image(f"{n}.jpg", metadata={"price": n / 7, "category": f"c{n % 3}", "note": "x" * 99})
        for n in range(first, last)
    ]


def answers(store):
    return (
        store.count(),
        store.page((), 999).images,
        store.page((), 999, None, Order("price")).images,
        store.count((Condition("price", gte=3.0),)),
        store.count((Condition("category", any_of=("c1",)),)),
        [store.search(Query(vector)) for vector in VECTORS[:5]],
        store.search(Query(an_image("x").fingerprint.hash, limit=5)),
    )


@pytest.fixture
def folder(tmp_path):
    """A closed index of 200 images; 20 more were removed."""
    store = EdgeStore.open(tmp_path, SPEC)
    store.put(images(0, 220), VECTORS[:220])
    store.remove([image.id for image in images(200, 220)])
    store.close()
    return tmp_path


def shard_files(folder):
    return sorted(p for p in (folder / SPEC.name / "shard").rglob("*") if p.is_file())


def assert_refused(folder):
    advice = re.escape(f"move the folder {folder} away and run scripts/reconcile")
    with pytest.raises(StoreError, match=advice):
        EdgeStore.open(folder, SPEC)


def truncated(path):
    os.truncate(path, path.stat().st_size // 2)


def one_byte_shorter(path):
    os.truncate(path, path.stat().st_size - 1)


def emptied(path):
    os.truncate(path, 0)


def zeroed(path):
    size = path.stat().st_size
    os.truncate(path, 0)
    os.truncate(path, size)


def one_byte_changed(path):
    with open(path, "r+b") as file:
        first = file.read(1)
        file.seek(0)
        file.write(bytes([first[0] ^ 1]))


def deleted(path):
    path.unlink()


@pytest.mark.parametrize(
    "damage", [truncated, one_byte_shorter, emptied, zeroed, one_byte_changed, deleted]
)
def test_damage_to_any_file_of_a_closed_index_is_refused_with_advice(folder, tmp_path, damage):
    kept = tmp_path / "kept"
    for path in shard_files(folder):
        if damage is zeroed and not path.read_bytes().strip(b"\0"):
            continue  # that changes nothing
        shutil.copy2(path, kept)
        damage(path)

        assert_refused(folder)

        os.replace(kept, path)
    store = EdgeStore.open(folder, SPEC)
    assert store.count() == 200
    store.close()


def test_files_of_a_closed_index_that_changed_places_are_refused(folder, tmp_path):
    files = shard_files(folder)
    for one, other in zip(files, files[1:], strict=False):
        if one.read_bytes() == other.read_bytes():
            continue
        for source, target in ((one, tmp_path / "kept"), (other, one), (tmp_path / "kept", other)):
            os.replace(source, target)

        assert_refused(folder)

        for source, target in ((one, tmp_path / "kept"), (other, one), (tmp_path / "kept", other)):
            os.replace(source, target)


@pytest.mark.parametrize("tracker", ["mappings", "versions"])
def test_a_list_of_ids_that_was_cut_off_after_a_kill_is_refused(folder, tracker):
    with running(UNFLUSHED_WRITER, str(folder)) as writer:
        lines(writer, 1)
    [path] = [p for p in shard_files(folder) if p.name == f"mutable_id_tracker.{tracker}"]
    truncated(path)

    assert_refused(folder)


def test_an_index_copied_to_another_folder_gives_the_same_answers(folder, tmp_path):
    store = EdgeStore.open(folder, SPEC)
    before = answers(store)
    store.close()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy, copy_function=shutil.copyfile)  # with other times, without holes

    store = EdgeStore.open(copy, SPEC)

    assert answers(store) == before
    store.close()


def test_an_index_without_a_record_of_what_to_expect_is_opened(folder):
    (folder / SPEC.name / "expected.json").unlink()

    store = EdgeStore.open(folder, SPEC)

    assert store.count() == 200
    store.close()


def segments_bytes(folder: Path) -> int:
    """Return the space of the data; the log of the core next to it has two files of 32 MB."""
    segments = folder / SPEC.name / "shard" / "segments"
    return sum(p.stat().st_blocks * 512 for p in segments.rglob("*") if p.is_file())


def add_and_remove_thousand(store):
    passing = images(1_000, 2_000)
    store.put(passing, VECTORS)
    store.remove([image.id for image in passing])


def test_a_small_index_does_not_grow_with_images_that_were_removed(folder):
    store = EdgeStore.open(folder, SPEC)
    before = answers(store)
    add_and_remove_thousand(store)
    after_one = segments_bytes(folder)

    for _ in range(3):
        add_and_remove_thousand(store)

    assert segments_bytes(folder) <= after_one * 1.1
    assert answers(store) == before
    store.close()


def test_an_index_too_large_to_compact_between_requests_is_compacted_when_opened(
    folder, monkeypatch
):
    store = EdgeStore.open(folder, SPEC)
    before = answers(store)
    with monkeypatch.context() as patch:
        patch.setattr(edge_store, "_WORTH_AN_INDEX", 0)
        add_and_remove_thousand(store)
        add_and_remove_thousand(store)
    store.close()
    grown = segments_bytes(folder)

    store = EdgeStore.open(folder, SPEC)

    assert segments_bytes(folder) < grown / 2
    assert answers(store) == before
    store.close()


def test_numbers_are_still_found_and_sorted_when_the_indexes_were_made_again(folder):
    prices = many_floats([0.1 + 0.2, 1 / 3, 1.234_567_890_123_45e-12], 1)
    awkward = [an_image(f"{n}.jpg", metadata={"price": p}) for n, p in enumerate(prices)]
    store = EdgeStore.open(folder, SPEC)
    store.put(awkward, VECTORS[:COUNT])

    add_and_remove_thousand(store)  # the core reads the copies back and indexes them

    for order in all_orders("price"):
        assert sorted(listed(store, order)) == sorted(image.name for image in awkward)
    for price in prices[:50]:
        assert store.count((Condition("price", gte=price, lte=price),)) >= prices.count(price)
    store.close()
