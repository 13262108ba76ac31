"""What is special to the embedded store: its folder survives kills and has one owner."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import qdrant_edge

from functions.gallery.errors import ModelMismatch, StoreBusy, StoreError, StoreRejected
from functions.gallery.records import Collection, CollectionSpec, Condition, Distance, Query
from functions.gallery.stores.embedded import store as edge_store
from functions.gallery.stores.embedded.collections import EdgeCollections
from functions.gallery.stores.embedded.folder import EdgeFolder
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image, random_units, unit

ROOT = Path(__file__).resolve().parents[2]
SPEC = CollectionSpec(model="test@1", dims=4)
OTHER = replace(SPEC, dims=2)
EAST, NORTH = [1.0, 0, 0, 0], [0, 1.0, 0, 0]

WRITER = """
import sys, time
from pathlib import Path
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image, random_units
from tests.contract.test_edge_folder import SPEC

store = EdgeStore.open(Path(sys.argv[1]), SPEC)
vectors = random_units(1000, 4)
for n in range(0, 1000, 5):
    store.put([an_image(f"{m}.jpg") for m in range(n, n + 5)], vectors[n : n + 5])
    print(n + 5, flush=True)
time.sleep(60)
"""

# Fills a small disk; without a mounted one, `limit` bytes count as the whole disk.
FILLER = """
import json, shutil, sys
from pathlib import Path
from functions.gallery.errors import StoreFull
from functions.gallery.records import CollectionSpec, Query
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image, random_units

disk, limit = Path(sys.argv[1]), int(sys.argv[2])
real_usage = shutil.disk_usage

def counted_usage(path):
    used = sum(file.stat().st_blocks * 512 for file in disk.rglob("*"))
    return real_usage(path)._replace(free=limit - used)

if limit:
    shutil.disk_usage = counted_usage

def report(step, result):
    print(json.dumps([step, result]), flush=True)

def refused(work):
    try:
        work()
    except StoreFull as problem:
        return str(problem)
    return ""

def fill_up_to(free):
    with open(disk / "filler", "ab") as file:
        while shutil.disk_usage(disk).free > free:
            file.write(b"x" * 250_000)
            file.flush()

spec = CollectionSpec("test@1", 1280)
vectors = random_units(100, 1280)
store = EdgeStore.open(disk / "data", spec)
put = 0
while put < 30_000:
    images = [an_image(f"{put + n}.jpg") for n in range(100)]
    if refusal := refused(lambda: store.put(images, vectors)):
        break
    put += 100
report("put", refusal)
report("counted", store.count() - put)
report("searched", len(store.search(Query(vectors[0]))))
fill_up_to(20_000_000)
store.remove([an_image("0.jpg").id])
report("removed", store.count() - put)
fill_up_to(1_000_000)
report("remove refused", refused(lambda: store.remove([an_image("1.jpg").id])))
report("searched when full", len(store.search(Query(vectors[1]))))
store.close()
report("open refused", refused(lambda: EdgeStore.open(disk / "data", spec)))
(disk / "filler").unlink()
store = EdgeStore.open(disk / "data", spec)
report("counted again", store.count() - put)
store.close()
"""


# Lists the images, then puts and removes some until it is killed; a line before and after a call.
CHANGER = """
import sys
from pathlib import Path
from random import Random
from functions.gallery.records import Query
from functions.gallery.stores.embedded import store as edge_store
from functions.gallery.stores.embedded.store import EdgeStore
from tests.contract.stores import an_image, random_units
from tests.contract.test_edge_folder import SPEC

edge_store._REMOVED_PER_COMPACTION = 50
edge_store._POINTS_PER_FLUSH = 100
draw = Random(int(sys.argv[2]))
store = EdgeStore.open(Path(sys.argv[1]), SPEC)
vectors = random_units(40, 4)
assert store.count() == len(store.search(Query(vectors[0], limit=1_000)))
print("found", *[image.name for image in store.page((), limit=1_000).images], flush=True)
while True:
    names = [f"{draw.randrange(400)}.jpg" for _ in range(draw.randint(1, 40))]
    call = draw.choice(["put", "remove"])
    print(call, *names, flush=True)
    if call == "put":
        store.put([an_image(name) for name in names], vectors[: len(names)])
    else:
        store.remove([an_image(name).id for name in names])
    print("done", flush=True)
"""


@contextmanager
def running(script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", script, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()  # SIGKILL: no clean-up
        process.communicate()


def lines(process: "subprocess.Popen[str]", count: int) -> list[str]:
    assert process.stdout is not None
    return [process.stdout.readline().strip() for _ in range(count)]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a 256 MB disk and 0, or a plain folder and the disk size to simulate."""
    size = 256_000_000
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(tmp_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    yield tmp_path, 0 if mounted else size
    if mounted:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_all_acknowledged_images_survive_a_kill(tmp_path):
    with running(WRITER, str(tmp_path)) as writer:
        acknowledged = int(lines(writer, 60)[-1])

    store = EdgeStore.open(tmp_path, SPEC)

    images = [an_image(f"{n}.jpg") for n in range(acknowledged)]
    assert store.get([image.id for image in images]) == {image.id: image for image in images}
    nearest = store.search(Query(random_units(1000, 4)[acknowledged - 1], limit=1))
    assert nearest[0].image.name == f"{acknowledged - 1}.jpg"
    store.close()


def test_a_store_killed_during_any_call_opens_again_with_every_acknowledged_change(tmp_path):
    present: set[str] = set()
    unsure: set[str] = set()  # the names of the call that was cut off
    draw = Random(1)

    for number in range(10):
        with running(CHANGER, str(tmp_path), str(number)) as changer:
            _, *found = lines(changer, 1)[0].split()
            time.sleep(draw.random() / 2)
            changer.kill()
            output = changer.stdout.read()

        assert set(found) - unsure == present - unsure
        present, unsure = set(found), set()
        for line in output.splitlines():
            call, *names = line.split()
            unsure = set(names)  # none after `done`
            present |= unsure if call == "put" else set()
            present -= unsure if call == "remove" else set()


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path):
    with running(WRITER, str(tmp_path)) as writer:
        lines(writer, 1)
        with pytest.raises(StoreBusy, match=f"{tmp_path}.*process {writer.pid}"):
            EdgeStore.open(tmp_path, SPEC)

    store = EdgeStore.open(tmp_path, SPEC)

    assert store.count() >= 5
    store.close()


def test_a_second_store_in_this_process_is_refused_until_the_first_is_closed(tmp_path):
    first = EdgeStore.open(tmp_path, SPEC)
    with pytest.raises(StoreBusy):
        EdgeStore.open(tmp_path, SPEC)
    first.close()

    second = EdgeStore.open(tmp_path, SPEC)

    second.check()
    second.close()


def test_a_reopened_store_has_everything(tmp_path):
    image = an_image("a.jpg", metadata={"colour": "red"})
    store = EdgeStore.open(tmp_path, SPEC)
    store.put([image], unit(EAST))
    store.close()

    store = EdgeStore.open(tmp_path, SPEC)

    assert [match.image for match in store.search(Query(unit(EAST)[0]))] == [image]
    store.close()


@pytest.mark.parametrize(
    ("other", "setting"),
    [
        (replace(SPEC, model="test@2"), "LOOKALIKE_MODEL"),
        (replace(SPEC, dims=8), "LOOKALIKE_DIMS"),
        (replace(SPEC, distance=Distance.DOT), "LOOKALIKE_DISTANCE"),
    ],
)
def test_a_collection_of_other_settings_is_refused_with_the_setting_to_change(
    tmp_path, other, setting
):
    EdgeStore.open(tmp_path, SPEC).close()

    with pytest.raises(ModelMismatch, match=setting):
        EdgeStore.open(tmp_path, other)

    EdgeStore.open(tmp_path, SPEC).close()


def indexes(folder: Path) -> dict[str, str]:
    shard = qdrant_edge.EdgeShard.load(str(folder / SPEC.name / "shard"))
    schema = {key: str(index.data_type) for key, index in shard.info().payload_schema.items()}
    shard.close()
    return schema


def test_every_filter_field_has_an_index_before_the_first_write(tmp_path):
    EdgeStore.open(tmp_path, replace(SPEC, fields={"shop name": "keyword"})).close()

    assert set(indexes(tmp_path)) == {
        *("name", "name_words", "sha256", "format", "width", "height", "bytes", "added_at"),
        'meta."shop name"',
    }


def test_a_field_declared_later_gets_an_index_and_filters_older_images(tmp_path):
    store = EdgeStore.open(tmp_path, SPEC)
    store.put([an_image("a", metadata={"stock": 3}), an_image("b")], unit(EAST, NORTH))
    store.close()

    store = EdgeStore.open(tmp_path, replace(SPEC, fields={"stock": "integer"}))

    assert store.count((Condition("stock", gte=3),)) == 1
    store.close()
    assert indexes(tmp_path)["meta.stock"] == "PayloadSchemaType.Integer"


def test_a_field_declared_with_another_type_gets_a_new_index(tmp_path):
    EdgeStore.open(tmp_path, replace(SPEC, fields={"stock": "keyword"})).close()

    EdgeStore.open(tmp_path, replace(SPEC, fields={"stock": "float"})).close()

    assert indexes(tmp_path)["meta.stock"] == "PayloadSchemaType.Float"


def test_a_collection_half_created_at_a_kill_is_created_again(tmp_path):
    half = tmp_path / f"{SPEC.name}.making" / "shard"
    half.mkdir(parents=True)
    (half / "edge_config.json").write_text("{")

    store = EdgeStore.open(tmp_path, SPEC)

    assert store.count() == 0
    store.close()


def test_a_deletion_interrupted_by_a_kill_is_finished_at_the_next_start(tmp_path):
    deleting = tmp_path / "lookalike--old-1--4.going" / "shard"
    deleting.mkdir(parents=True)
    (deleting / "edge_config.json").write_text("{")

    EdgeStore.open(tmp_path, SPEC).close()

    assert not deleting.parent.exists()


def test_the_collection_in_use_can_be_opened_next_to_a_half_filled_one(tmp_path):
    EdgeStore.open(tmp_path, SPEC).close()
    collections = EdgeCollections(tmp_path)
    collections.create(Collection(OTHER.name, OTHER, filling=True, replaces=SPEC.name))
    collections.close()

    with pytest.raises(ModelMismatch, match="still being filled"):
        EdgeStore.open(tmp_path, OTHER)

    EdgeStore.open(tmp_path, SPEC).close()


@pytest.mark.parametrize("part", ["about.json", "shard/edge_config.json", "shard/wal/open-1"])
def test_a_damaged_folder_is_reported_with_what_to_do(tmp_path, part):
    EdgeStore.open(tmp_path, SPEC).close()
    (tmp_path / SPEC.name / part).write_bytes(b"\xff" * 4096)

    with pytest.raises(StoreError, match=f"move the folder {tmp_path} away.*scripts/reconcile"):
        EdgeStore.open(tmp_path, SPEC)

    with pytest.raises(StoreError, match="scripts/reconcile"):  # and not StoreBusy
        EdgeStore.open(tmp_path, SPEC)


def test_a_value_that_cannot_be_stored_is_refused_and_damages_nothing(tmp_path):
    store = EdgeStore.open(tmp_path, SPEC)

    with pytest.raises(StoreRejected):
        store.put([an_image("a", metadata={"x": "\ud800"})], unit(EAST))

    store.put([an_image("a")], unit(EAST))
    assert store.count() == 1
    store.close()


@pytest.mark.slow
def test_the_index_of_many_images_gives_the_same_results(tmp_path, monkeypatch):
    monkeypatch.setattr(edge_store, "_WORTH_AN_INDEX", 3_000)
    few = random_units(24, 1_024)  # pictures vary in few directions, unlike noise
    drawn = random_units(3_000, 24, seed=1) @ few
    vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    store = EdgeStore.open(tmp_path, CollectionSpec("test@1", 1_024))
    store.put([an_image(f"{n}.jpg") for n in range(3_000)], vectors)
    before = [store.search(Query(vector, limit=5)) for vector in vectors[:20]]
    assert (store.check(), store.unindexed()) == ("missing", 3_000)

    built = store.optimize()

    assert built
    assert (store.check(), store.unindexed()) == ("ready", 0)
    assert [store.search(Query(vector, limit=5)) for vector in vectors[:20]] == before
    store.close()


def test_few_images_need_no_index(tmp_path):
    store = EdgeStore.open(tmp_path, SPEC)
    store.put([an_image("a")], unit(EAST))

    assert store.optimize() is False
    assert (store.check(), store.unindexed()) == ("ready", 1)
    store.close()


def test_on_a_full_disk_writes_are_refused_and_searches_still_work(small_disk):
    folder, limit = small_disk

    with running(FILLER, str(folder), str(limit)) as filler:
        output, _ = filler.communicate(timeout=120)

    steps = dict(json.loads(line) for line in output.splitlines())
    assert filler.returncode == 0
    assert "free some space" in steps["put"]
    assert "free some space" in steps["remove refused"]
    assert "free some space" in steps["open refused"]
    assert steps["counted"] == 0
    assert steps["searched"] == 10
    assert steps["removed"] == -1
    assert steps["searched when full"] == 10
    assert steps["counted again"] == -1


CHURN = """
import shutil, sys
from pathlib import Path

places = [Path(sys.argv[1]) / str(number) for number in range(20)]
print("started", flush=True)
while True:
    for place in places:
        place.mkdir()
        (place / "new").write_bytes(b"x")
        (place / "new").rename(place / "current")
    for place in places:
        shutil.rmtree(place)
"""


def test_the_disk_space_is_counted_while_files_come_and_go(tmp_path):
    folder = EdgeFolder(tmp_path)
    command = [sys.executable, "-c", CHURN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            counted = [folder.disk_bytes() for _ in range(1_000)]
        finally:
            process.kill()

    assert max(counted) > 0
    folder.close()
