"""Sets of small objects in scenes, made from drawn pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from model.quality.scenes import LEAST, MOST, SHORT_SIDE, make_scenes
from model.quality.sets import LabelledSet, SetError, find_sets, read_set, tasks_of

COLUMNS = ("file", "label", "item", "role", "part")
RED, BLUE = (250, 10, 10), (10, 10, 250)


def write_set(folder: Path, rows: list[tuple[str, str, str]]) -> None:
    (folder / "images").mkdir(parents=True)
    for file, label, _ in rows:
        Image.new("RGB", (90, 60), RED if label else BLUE).save(folder / "images" / file)
    with (folder / "labels.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows([COLUMNS, *((f, la, "", ro, "") for f, la, ro in rows)])


def read_sets(folder: Path) -> list[LabelledSet]:
    return [read_set(each) for each in find_sets(folder)]


def test_every_labelled_picture_is_placed_small_on_a_background(tmp_path):
    rows = [("a.jpg", "red", "all"), ("b.jpg", "red", "all"), ("c.jpg", "", "distractor")]
    write_set(tmp_path / "sets" / "one", rows)

    (folder,) = make_scenes(read_sets(tmp_path / "sets"), tmp_path / "made")

    assert folder == tmp_path / "made" / "one-scenes"
    made = read_set(folder)
    assert [task.name for task in tasks_of(made)] == ["leave one out"]
    for row, file in enumerate(made.files):
        pixels = np.asarray(Image.open(made.path(row)), int)
        assert min(pixels.shape[:2]) == (SHORT_SIDE if file != "c.jpg" else 60)
        red = pixels[..., 0] > pixels[..., 2]
        if file == "c.jpg":
            assert not red.any()
        else:
            width = red.any(axis=0).sum()
            assert LEAST * SHORT_SIDE - 5 <= width <= MOST * SHORT_SIDE + 5
            assert red.any(axis=1).sum() == pytest.approx(width * 2 / 3, abs=10)


def test_the_same_set_gives_the_same_scenes(tmp_path):
    rows = [("a.jpg", "red", "all"), ("b.jpg", "red", "all"), ("c.jpg", "", "distractor")]
    write_set(tmp_path / "sets" / "one", rows)

    for name in ("first", "second"):
        make_scenes(read_sets(tmp_path / "sets"), tmp_path / name)

    files = [tmp_path / name / "one-scenes/images/a.jpg" for name in ("first", "second")]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_without_backgrounds_there_are_no_scenes(tmp_path):
    write_set(tmp_path / "sets" / "one", [("a.jpg", "red", "all"), ("b.jpg", "red", "all")])

    with pytest.raises(SetError, match="distractor"):
        make_scenes(read_sets(tmp_path / "sets"), tmp_path / "made")
