"""scripts/reindex as a user runs it: real processes, the real model, real kills."""

import json
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
from tests.doors.server import ROOT, free_port, run, started, wait_for
from tests.doors.test_commands import folder_of_pictures
from tests.drawing import jpeg

COUNT = 200
ANOTHER = CollectionSpec("another@1", read_card(ROOT / "model").dims).name


@pytest.fixture(scope="module")
def another_model(tmp_path_factory) -> Path:
    """The same graph as another model would come: of another name, looking at one square only."""
    folder = tmp_path_factory.mktemp("model") / "another"
    shutil.copytree(ROOT / "model", folder, ignore=shutil.ignore_patterns("build"))
    card = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(
        json.dumps(card | {"name": "another", "version": "1", "views": [0.8]})
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
    """Open a gallery and give what it knows of its pictures, and their vectors, by id."""
    gallery = build_gallery(Settings(lookalike_data=data, **settings))
    images = gallery.list(limit=10_000).images
    vectors = gallery._store.vectors([image.id for image in images])
    gallery.close()
    known = {i.id: (i.name, i.etag, i.sha256, i.added_at, i.metadata) for i in images}
    return known, vectors


def wait_until_it_fills(process: "subprocess.Popen[str]", data: Path) -> None:
    """Return when this process has the folder and the new collection is there."""
    index = data / "index"
    while (index / "lock").read_text() != f"{process.pid}\n" or not (index / ANOTHER).exists():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_random_times_it_goes_on_and_loses_nothing(data, another_model, seed):
    before, old_vectors = contents(data)
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    dice, kills = random.Random(seed), 0
    for longest in (0.2, 1, 2.5):  # a fast machine is done in less than the last
        with started("reindex", data=data, **settings) as process:
            wait_until_it_fills(process, data)
            time.sleep(dice.uniform(0, longest))
            kills += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        unswapped = (data / "index" / "current").read_text().strip() != ANOTHER
        assert not unswapped or contents(data)[0] == before  # the old one serves on

    last = run("reindex", data=data, **settings)

    assert kills > 0
    assert last.returncode == 0, last.stdout + last.stderr
    after, new_vectors = contents(data, lookalike_model=another_model)
    assert after == before
    assert len(after) == COUNT
    cosines = [float(new_vectors[id] @ old_vectors[id]) for id in after]
    assert max(cosines) < 0.9999  # really made by another model
    assert min(cosines) > 0.3  # of the same pictures
    finished = run("reindex", "--finish", data=data, **settings)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert contents(data, lookalike_model=another_model)[0] == before
    assert run("import", data, data=data).returncode == 2  # the old model's are gone


def test_a_narrower_index_is_made_without_the_originals_and_is_the_first_numbers(data):
    before, old_vectors = contents(data)
    shutil.rmtree(data / "originals")

    result = run("reindex", data=data, LOOKALIKE_DIMS="128")

    assert result.returncode == 0, result.stdout + result.stderr
    after, new_vectors = contents(data, lookalike_dims=128)
    assert after == before
    for id, vector in new_vectors.items():
        kept = old_vectors[id][:128]
        np.testing.assert_allclose(vector, kept / np.linalg.norm(kept), atol=1e-5)


def test_what_is_added_changed_and_removed_between_two_runs_is_in_the_new_index(
    data, another_model
):
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    with started("reindex", data=data, **settings) as process:
        wait_until_it_fills(process, data)
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


def test_pictures_that_cannot_come_along_are_named(data, another_model):
    (data / "originals" / "3.jpg").unlink()
    (data / "originals" / "4.jpg").write_bytes(b"no picture")

    result = run("reindex", data=data, LOOKALIKE_MODEL=str(another_model))

    assert result.returncode == 1, result.stdout + result.stderr
    assert "left out 3.jpg: image-not-found" in result.stdout
    assert "left out 4.jpg: unsupported-format" in result.stdout
    assert len(contents(data, lookalike_model=another_model)[0]) == COUNT - 2


def test_ctrl_c_ends_it_quietly_and_a_half_filled_index_can_be_given_up(data, another_model):
    settings = {"LOOKALIKE_MODEL": str(another_model)}
    with started("reindex", data=data, **settings) as process:
        wait_until_it_fills(process, data)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    refused = run("reindex", "--finish", data=data, **settings)

    discarded = run("reindex", "--discard", data=data, **settings)

    assert process.returncode == 130, said
    assert "start it again" in said
    assert "Traceback" not in said
    assert refused.returncode == 2
    assert "run scripts/reindex first" in refused.stderr
    assert discarded.returncode == 0
    assert not (data / "index" / ANOTHER).exists()
    assert len(contents(data)[0]) == COUNT


def test_another_distance_and_back_again(data):
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
