"""bench quality: how good the answers are on one's own pictures."""

import json
import re
import shutil

import pytest

from tests.conftest import ROOT
from tests.drawing import jpeg
from tests.end_to_end.server import run

pytestmark = pytest.mark.slow  # each run loads the model


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Two kinds whose pictures are nearly equal, one of a single picture, and others."""
    folder = tmp_path_factory.mktemp("pictures")
    for kind, seed, count in (("boats", 1, 4), ("mugs", 2, 3), ("alone", 3, 1)):
        (folder / kind).mkdir()
        for number in range(count):
            (folder / kind / f"{number}.jpg").write_bytes(jpeg(seed, 320 - number, 240))
    shutil.copy(folder / "boats" / "0.jpg", folder / "boats" / "copy.jpg")
    (folder / "boats" / "notes.txt").write_text("no picture")
    (folder / "loose.jpg").write_bytes(jpeg(9))
    return folder


def figures(output: str, title: str) -> list[float]:
    (line,) = [line for line in output.splitlines() if title in line]
    return [float(number) for number in re.findall(r"\d\.\d{3}(?= \()", line)]


def test_kinds_that_are_told_apart_have_the_best_figures(pictures, tmp_path):
    result = run("bench/folder", pictures, data=tmp_path)

    assert result.returncode == 0, result.stderr
    said = " ".join(result.stdout.split())
    assert "8 pictures of 3 kinds, 7 searches" in said
    for part in ("only found: 1;", "same bytes: 1;", "do not open: 1;", "no subfolder: 1 "):
        assert part in said
    for title in ("│ mAP ", "precision@1", "recall@10"):
        assert figures(result.stdout, title) == [1.0]
    assert "Weakest kinds, mAP and pictures: boats 1.00 of 4, mugs 1.00 of 3" in said
    assert not list(tmp_path.iterdir())  # nothing is stored


def test_two_models_are_compared_on_the_same_pictures(pictures, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "model", other, ignore=shutil.ignore_patterns("build", "quality"))
    card = json.loads((other / "card.json").read_text())
    card |= {"version": "other", "views": card["views"][1:]}
    (other / "card.json").write_text(json.dumps(card))

    result = run("bench/folder", pictures, "--model", other, data=tmp_path / "data")

    assert result.returncode == 0, result.stderr
    assert len(figures(result.stdout, "precision@1")) == 2
    assert re.search(r"@other against \S+@3: [+-]\d\.\d{3} mAP \(", " ".join(result.stdout.split()))


def test_a_folder_without_kinds_is_refused(tmp_path):
    (tmp_path / "one.jpg").write_bytes(jpeg(1))

    result = run("bench/folder", tmp_path, data=tmp_path / "data")

    assert result.returncode == 2
    assert "No picture has a label" in result.stderr


def test_the_served_model_is_measured_as_it_is_served_also_next_to_another(pictures, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(ROOT / "model", other, ignore=shutil.ignore_patterns("build", "quality"))
    card = json.loads((other / "card.json").read_text())
    # A view that needs a larger picture than those of the served model.
    card |= {"version": "other", "views": [{"part": 0.25, "px": 288, "weight": 1}]}
    (other / "card.json").write_text(json.dumps(card))
    large = tmp_path / "large"
    for kind, seeds in (("a", range(1, 5)), ("b", range(5, 9))):
        (large / kind).mkdir(parents=True)
        for seed in seeds:
            (large / kind / f"{seed}.jpg").write_bytes(jpeg(seed, 1600, 1200))

    alone = run("bench/folder", large, data=tmp_path, LOOKALIKE_DIMS="16")
    both = run("bench/folder", large, "--model", other, data=tmp_path, LOOKALIKE_DIMS="16")
    whole = run("bench/folder", large, data=tmp_path)

    assert (alone.returncode, both.returncode) == (0, 0), alone.stderr + both.stderr
    served = figures(alone.stdout, "│ mAP ")
    assert figures(both.stdout, "│ mAP ")[:1] == served
    assert served != figures(whole.stdout, "│ mAP ")


def test_the_recall_that_large_kinds_cannot_exceed_is_said(tmp_path):
    for number in range(21):
        path = tmp_path / "pictures" / "many" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(1, 320 - number, 240))
    for number in range(3):
        path = tmp_path / "pictures" / "few" / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(2, 320 - number, 240))

    result = run("bench/folder", tmp_path / "pictures", data=tmp_path / "data")

    highest = (21 * 10 / 20 + 3) / 24
    assert f"recall@10 cannot exceed {highest:.3f}:" in result.stdout
    assert figures(result.stdout, "│ recall@10") == [pytest.approx(highest, abs=0.0006)]
