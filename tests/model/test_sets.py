"""What the quality bench asks of a folder of labelled pictures, and what it refuses."""

import csv
import json

import pytest

from scripts.bench.evaluation.sets import (
    SetError,
    find_sets,
    hash_of,
    read_pictures,
    read_seen,
    refuse_seen,
    tasks_of,
)
from tests.drawing import jpeg

COLUMNS = ["file", "label", "item", "role", "part"]


@pytest.fixture
def make(tmp_path):
    def write(name, rows):
        folder = tmp_path / name
        (folder / "images").mkdir(parents=True)
        with (folder / "labels.csv").open("w", newline="") as opened:
            writer = csv.writer(opened)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        for number, row in enumerate(rows):
            (folder / "images" / row[0]).write_bytes(jpeg(number, 48, 32))
        return folder

    return write


def asked(folder):
    pictures = read_pictures(folder)
    return {
        task.name: (
            [pictures.files[place] for place in task.asks],
            [pictures.files[place] for place in task.found],
        )
        for task in tasks_of(pictures)
    }


def test_queries_ask_the_gallery_and_its_distractors(make):
    folder = make(
        "clothes",
        [
            ("a.jpg", "hat", "", "query", ""),
            ("b.jpg", "hat", "", "gallery", ""),
            ("c.jpg", "", "", "distractor", ""),
            ("d.jpg", "hat", "", "dup", ""),
        ],
    )

    assert asked(folder) == {"category": (["a.jpg"], ["b.jpg", "c.jpg"])}


def test_a_set_with_other_roles_leaves_one_out(make):
    folder = make(
        "things",
        [
            ("a.jpg", "cup", "", "query", ""),
            ("b.jpg", "cup", "", "file", ""),
            ("c.jpg", "", "", "distractor", ""),
            ("d.jpg", "cup", "", "dup", ""),
        ],
    )

    assert asked(folder) == {"leave one out": (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg", "c.jpg"])}


def test_views_of_a_product_ask_the_main_ones_and_colourways_each_other(make):
    folder = make(
        "shop",
        [
            ("a.jpg", "s1", "s1-red", "both", "main"),
            ("b.jpg", "s1", "s1-red", "both", "back"),
            ("c.jpg", "s1", "s1-blue", "both", "main"),
        ],
    )

    mains = ["a.jpg", "c.jpg"]
    assert asked(folder) == {"view": (["b.jpg"], mains), "colourway": (mains, mains)}


def test_a_calibration_set_asks_nothing(make):
    folder = make("calib", [("a.jpg", "x", "", "file", "calib"), ("b.jpg", "x", "", "", "calib")])

    assert asked(folder) == {}


def test_the_order_of_rows_does_not_matter(make):
    rows = [("b.jpg", "x", "", "file", ""), ("a.jpg", "x", "", "file", "")]

    assert read_pictures(make("set", rows)).files == ("a.jpg", "b.jpg")


def test_a_picture_that_is_missing_is_named(make):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "images" / "a.jpg").unlink()

    with pytest.raises(SetError, match=r"a\.jpg"):
        read_pictures(folder)


def test_a_file_without_the_columns_is_refused(make):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "labels.csv").write_text("file,label\na.jpg,x\n")

    with pytest.raises(SetError, match="role"):
        read_pictures(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"file,label,item,role,part\na.jpg,x,,file,\nb.jpg,x\n", "labels.csv, line 3: no item"),
        (b"file,label,item,role,part\na.jpg,caf\xe9,,file,\n", "set/labels.csv is not UTF-8"),
        (b"file,label,item,role,part\n", "set/labels.csv has no rows"),
        (b"", "set/labels.csv has no rows"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_reason(make, content, said):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "labels.csv").write_bytes(content)

    with pytest.raises(SetError, match=said):
        read_pictures(folder)


def test_a_table_as_spreadsheets_write_it_is_read(make):
    folder = make("set", [("a.jpg", "caf\u00e9", "", "file", "")])
    table = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(table, encoding="utf-8-sig")

    assert read_pictures(folder).labels.tolist() == ["caf\u00e9"]


def test_a_folder_without_a_set_is_refused(tmp_path):
    with pytest.raises(SetError, match=tmp_path.name):
        find_sets(tmp_path)


@pytest.mark.parametrize(
    ("rows", "answerable"),
    [
        ([("a.jpg", "x", "", "file", ""), ("b.jpg", "x", "", "file", "")], True),
        ([("a.jpg", "x", "", "file", ""), ("b.jpg", "y", "", "file", "")], False),  # itself only
        ([("a.jpg", "x", "", "query", ""), ("b.jpg", "x", "", "query", "")], False),  # no gallery
        ([("a.jpg", "x", "", "gallery", ""), ("b.jpg", "x", "", "gallery", "")], True),
    ],
)
def test_a_task_is_worth_asking_when_any_query_has_something_to_find(make, rows, answerable):
    (task,) = tasks_of(read_pictures(make("set", rows)))

    assert task.answerable is answerable


def test_pictures_that_made_the_model_are_refused_whatever_they_are_called(make, tmp_path):
    pictures = read_pictures(
        make("set", [("a.jpg", "x", "", "file", ""), ("b.jpg", "x", "", "file", "")])
    )
    listed = tmp_path / "seen.json"
    listed.write_text(json.dumps({"pictures": [hash_of(pictures.path(1))]}))
    seen = read_seen(listed)

    refuse_seen(pictures, [0], seen)
    with pytest.raises(SetError, match=r"b\.jpg"):
        refuse_seen(pictures, [0, 1], seen)


def test_sets_are_found_below_a_folder_or_are_the_folder(make, tmp_path):
    one, two = make("one", [("a.jpg", "x", "", "", "")]), make("two", [("a.jpg", "", "", "", "")])

    assert find_sets(tmp_path) == [one, two]
    assert find_sets(two) == [two]
