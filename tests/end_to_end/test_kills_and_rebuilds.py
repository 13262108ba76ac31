"""A process killed at every change of a file loses nothing; an index can be rebuilt at any time."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from functions.gallery.gallery import Gallery
from tests.end_to_end.killable import NAMES, add, open_gallery
from tests.end_to_end.server import ROOT

pytestmark = pytest.mark.slow


def reconcile(gallery: Gallery) -> list[str]:
    names = [name for part in gallery.differences() for name in part.names]
    for name in names:
        gallery.sync(name)
    return names


def state_of(gallery: Gallery) -> dict[str, tuple[str, object]]:
    return {i.name: (i.sha256, i.metadata) for i in gallery.list(limit=9).images}


def start(data: Path) -> Path:
    with closing(open_gallery(data)) as gallery:
        for number, name in enumerate(NAMES[:2]):
            add(gallery, name, number, "first")
            gallery.view.thumbnail(gallery.list(limit=9).images[0].id)
    return data


def killed_at(step: int, data: Path, *full: str) -> list[str]:
    command = [sys.executable, "-m", "tests.end_to_end.killable", str(data), str(step), *full]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -9), done.stderr
    return done.stdout.split("\n")


def expected_after(data: Path, changes: int) -> list[dict[str, tuple[str, object]]]:
    """Return the states before, between and after the changes, from a run without a kill."""
    states = []
    for number in range(changes + 1):
        copy = data.with_name(f"expected-{number}")
        shutil.copytree(data, copy)
        with closing(open_gallery(copy)) as gallery:
            ids = {image.name: image.id for image in gallery.list(limit=9).images}
            for change in (
                lambda gallery: add(gallery, "c.jpg", 3, "new"),
                lambda gallery: add(gallery, "a.jpg", 4, "replaced"),
                lambda gallery, ids=ids: gallery.update(ids["b/b.jpg"], {"category": "changed"}),
                lambda gallery, ids=ids: gallery.remove(ids["b/b.jpg"]),
            )[:number]:
                change(gallery)
            states.append(state_of(gallery))
    return states


def test_a_process_killed_at_any_change_of_a_file_loses_nothing(tmp_path):
    data = start(tmp_path / "data")
    states = expected_after(data, 4)
    step, finished = 0, False

    while not finished:
        step += 1
        copy = tmp_path / f"killed-{step}"
        shutil.copytree(data, copy)
        printed = killed_at(step, copy)
        finished = any(line.startswith("end") for line in printed)
        acknowledged = sum(line in ("add", "replace", "change", "remove") for line in printed)

        with closing(open_gallery(copy)) as gallery:
            reconcile(gallery)
            after = state_of(gallery)
            allowed = states[acknowledged : acknowledged + 2]
            if acknowledged == 1:  # a replacement has three states: the picture, then its metadata
                (sha256, _), (_, metadata) = allowed[1]["a.jpg"], allowed[0]["a.jpg"]
                allowed.append({**allowed[0], "a.jpg": (sha256, metadata)})
            assert after in allowed, step
            again = reconcile(
                gallery
            )  # metadata written for an original that never came stay an hour
            assert [name for name in again if gallery.has_original(name)] == []
            for image in gallery.list(limit=9).images:
                assert gallery.has_original(image.name)
        shutil.rmtree(copy)
    assert step > 25


def test_whenever_the_disk_is_full_a_change_is_made_completely_or_not_at_all(tmp_path):
    data = start(tmp_path / "data")
    states = expected_after(data, 4)
    step, finished = 0, False

    while not finished:
        step += 1
        copy = tmp_path / f"full-{step}"
        shutil.copytree(data, copy)
        printed = killed_at(step, copy, "full")
        finished = "end" in printed
        acknowledged = sum(line in ("add", "replace", "change", "remove") for line in printed)

        with closing(open_gallery(copy)) as gallery:
            assert state_of(gallery) == states[acknowledged], step
            assert reconcile(gallery) == []
        shutil.rmtree(copy)
    assert step > 8


def test_an_index_rebuilt_from_a_folder_equals_the_one_before(tmp_path):
    data = start(tmp_path / "data")
    with closing(open_gallery(data)) as gallery:
        (a, b) = gallery.list(limit=9).images
        gallery.update(a.id, {"note": "x" * 5_000, "price": 0.1 + 0.2, "category": None})
        gallery.update(b.id, {"tags": ["ä", "b"], "sold": True})
        before = gallery.list(limit=9).images
    shutil.rmtree(data / "index")

    with closing(open_gallery(data)) as gallery:
        rebuilt = reconcile(gallery)

        assert sorted(rebuilt) == sorted(image.name for image in before)
        assert gallery.list(limit=9).images == before


def test_metadata_survive_a_file_replaced_in_place(tmp_path):
    data = start(tmp_path / "data")
    shutil.copy(data / "originals" / "a.jpg", data / "originals" / "b" / "b.jpg")

    with closing(open_gallery(data)) as gallery:
        reconcile(gallery)

        first, second = gallery.list(limit=9).images
        assert first.sha256 == second.sha256
        assert first.metadata == second.metadata == {"category": "first"}
