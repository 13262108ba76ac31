"""scripts/reindex as a user runs it: real processes, the real model, real kills."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.card import read_card
from functions.gallery.records import CollectionSpec, Distance
from functions.gallery.settings import Settings
from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, free_port, run, started, wait_for
from tests.end_to_end.test_commands import folder_of_pictures

COUNT = 200
OTHER_COLLECTION = CollectionSpec("another@1", read_card(ROOT / "model").dims).name


@pytest.fixture(scope="module")
def another_model(tmp_path_factory) -> Path:
    """The same graph as another model: with another name, and a single view."""
    folder = tmp_path_factory.mktemp("model") / "another"
    shutil.copytree(ROOT / "model", folder, ignore=shutil.ignore_patterns("build"))
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(
        json.dumps(
            card
            | {
                "name": "another",
                "version": "1",
                "views": [{"part": 0.8, "px": 224, "weight": 1}],
            }
        )
    )
    return folder


@pytest.fixture(scope="module")
def imported(tmp_path_factory) -> Path:
    """A data folder with pictures that have metadata."""
    folder = tmp_path_factory.mktemp("imported")
    folder_of_pictures(folder, COUNT)
    rows = [{"path": f"{n // 50}/{n}.jpg", "name": f"{n}.jpg", "shelf": n} for n in range(COUNT)]
    (folder / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run("import", folder / "table.jsonl", data=folder / "data")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "data"


@pytest.fixture
def data(imported, tmp_path) -> Path:
    shutil.copytree(imported, tmp_path / "data")
    return tmp_path / "data"


def contents(data: Path, **settings: object) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Open a gallery and return its images and their vectors, by id."""
    gallery = build_gallery(Settings(lookalike_data=data, **settings))
    images = gallery.list(limit=10_000).images
    vectors = gallery._store.vectors([image.id for image in images])
    gallery.close()
    records = {i.id: (i.name, i.etag, i.sha256, i.added_at, i.metadata) for i in images}
    return records, vectors


def wait_until_filling(process: "subprocess.Popen[str]", data: Path) -> None:
    """Return once this process holds the folder and the new collection exists."""
    index = data / "index"
    while (index / "lock").read_text() != f"{process.pid}\n" or not (
        index / OTHER_COLLECTION
    ).exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(2))
def test_reindexing_killed_at_random_times_resumes_and_loses_nothing(data, another_model, seed):
    before, old_vectors = contents(data)
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    rng, kills = random.Random(seed), 0
    for longest in (0.2, 1, 2.5):  # a fast machine finishes before the last
        with started("reindex", data=data, **settings) as process:
            wait_until_filling(process, data)
            time.sleep(rng.uniform(0, longest))
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        unswapped = (data / "index" / "current").read_text().strip() != OTHER_COLLECTION
        assert not unswapped or contents(data)[0] == before  # the old collection is still served

    last = run("reindex", data=data, **settings)

    assert kills > 0
    assert last.returncode == 0, last.stdout + last.stderr
    after, new_vectors = contents(data, lookalike_model=another_model)
    assert after == before
    assert len(after) == COUNT
    cosines = [float(new_vectors[id] @ old_vectors[id]) for id in after]
    assert max(cosines) < 0.9999  # made by another model
    assert min(cosines) > 0.3  # from the same pictures
    finished = run("reindex", "--finish", data=data, **settings)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert contents(data, lookalike_model=another_model)[0] == before
    assert run("import", data, data=data).returncode == 2  # the old model's collection is gone


def test_reindexing_while_the_originals_are_not_mounted_loses_nothing(data):
    before, _ = contents(data)
    (data / "originals").rename(data / "elsewhere")

    result = run("reindex", data=data, LOOKALIKE_DIMS="128")

    assert (result.returncode, "is mounted" in " ".join(result.stderr.split())) == (2, True)
    assert contents(data, lookalike_dims=128)[0] == before


def test_a_narrower_index_truncates_the_old_vectors_and_reads_no_originals(data):
    before, old_vectors = contents(data)
    for path in (data / "originals").rglob("*.jpg"):
        stat = path.stat()
        path.write_bytes(bytes(stat.st_size))
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    result = run("reindex", data=data, LOOKALIKE_DIMS="128")

    assert result.returncode == 0, result.stdout + result.stderr
    after, new_vectors = contents(data, lookalike_dims=128)
    assert after == before
    for id, vector in new_vectors.items():
        kept = old_vectors[id][:128]
        np.testing.assert_allclose(vector, kept / np.linalg.norm(kept), atol=1e-5)


def test_changes_between_two_runs_reach_the_new_index(data, another_model):
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    with started("reindex", data=data, **settings) as process:
        wait_until_filling(process, data)
        time.sleep(1)
        process.kill()
    port = free_port()
    with started("serve", "--port", port, data=data):
        address = f"http://127.0.0.1:{port}"
        wait_for(address)
        ids = [image["id"] for image in httpx.get(f"{address}/v1/images").json()["images"]]
        httpx.delete(f"{address}/v1/images/{ids[0]}").raise_for_status()
        changed = {"metadata": {"shelf": "moved"}}
        httpx.patch(f"{address}/v1/images/{ids[1]}", json=changed).raise_for_status()
        picture, name = jpeg(COUNT), {"name": "new.jpg"}
        added = httpx.post(f"{address}/v1/images", content=picture, params=name)
        added.raise_for_status()
        busy = run("reindex", data=data, **settings)
    before, _ = contents(data)

    result = run("reindex", data=data, **settings)

    assert busy.returncode == 2
    assert "in use by process" in busy.stderr
    assert result.returncode == 0, result.stdout + result.stderr
    after, _ = contents(data, lookalike_model=another_model)
    assert after == before
    assert ids[0] not in after
    assert after[ids[1]][4]["shelf"] == "moved"
    assert added.json()["image"]["id"] in after


def test_images_that_cannot_be_reindexed_are_named(data, another_model):
    (data / "originals" / "3.jpg").unlink()
    (data / "originals" / "4.jpg").write_bytes(b"no picture")

    result = run("reindex", data=data, LOOKALIKE_MODEL=str(another_model))

    assert result.returncode == 1, result.stdout + result.stderr
    assert "left out 3.jpg: image-not-found" in result.stdout
    assert "left out 4.jpg: unsupported-format" in result.stdout
    assert len(contents(data, lookalike_model=another_model)[0]) == COUNT - 2


def test_ctrl_c_stops_it_quietly_and_a_partly_filled_index_can_be_discarded(data, another_model):
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    with started("reindex", data=data, **settings) as process:
        wait_until_filling(process, data)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    refused = run("reindex", "--finish", data=data, **settings)

    discarded = run("reindex", "--discard", data=data, **settings)

    assert process.returncode == 130, output
    assert "start it again" in output
    assert "Traceback" not in output
    assert refused.returncode == 2
    assert "run scripts/reindex first" in refused.stderr
    assert discarded.returncode == 0
    assert not (data / "index" / OTHER_COLLECTION).exists()
    assert len(contents(data)[0]) == COUNT


def test_the_distance_can_be_changed_and_changed_back(data):
    before, _ = contents(data)

    there = run("reindex", data=data, LOOKALIKE_DISTANCE="manhattan")
    back = run("reindex", data=data)
    finished = run("reindex", "--finish", data=data)

    assert "scripts/reindex --finish" in there.stdout
    assert there.returncode == back.returncode == finished.returncode == 0
    assert contents(data)[0] == before
    kept = [path.name for path in (data / "index").glob("lookalike--*")]
    assert kept == [(data / "index" / "current").read_text().strip()]
    wrong = run("serve", "--no-demo", data=data, LOOKALIKE_DISTANCE=Distance.MANHATTAN.value)
    assert wrong.returncode == 2
    assert "scripts/reindex" in wrong.stderr


def test_an_empty_store_has_nothing_to_reindex(tmp_path):
    result = run("reindex", data=tmp_path / "data")

    assert result.returncode == 2
    assert "empty" in result.stderr
