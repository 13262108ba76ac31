"""The tasks of a folder of labelled pictures, and the folders that are refused."""

import csv
import json

import pytest

from model.quality.sets import (
    SetError,
    find_sets,
    hash_of,
    read_seen,
    read_set,
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
        with (folder / "labels.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        for number, row in enumerate(rows):
            (folder / "images" / row[0]).write_bytes(jpeg(number, 48, 32))
        return folder

    return write


def tasks_by_name(folder):
    labelled = read_set(folder)
    return {
        task.name: (
            [labelled.files[row] for row in task.queries],
            [labelled.files[row] for row in task.gallery],
        )
        for task in tasks_of(labelled)
    }


def test_queries_search_the_gallery_and_its_distractors(make):
    folder = make(
        "clothes",
        [
            ("a.jpg", "hat", "", "query", ""),
            ("b.jpg", "hat", "", "gallery", ""),
            ("c.jpg", "", "", "distractor", ""),
            ("d.jpg", "hat", "", "dup", ""),
        ],
    )

    assert tasks_by_name(folder) == {"category": (["a.jpg"], ["b.jpg", "c.jpg"])}


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

    assert tasks_by_name(folder) == {
        "leave one out": (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg", "c.jpg"])
    }


def test_views_of_a_product_search_the_main_ones_and_colourways_each_other(make):
    folder = make(
        "shop",
        [
            ("a.jpg", "s1", "s1-red", "both", "main"),
            ("b.jpg", "s1", "s1-red", "both", "back"),
            ("c.jpg", "s1", "s1-blue", "both", "main"),
        ],
    )

    mains = ["a.jpg", "c.jpg"]
    assert tasks_by_name(folder) == {"view": (["b.jpg"], mains), "colourway": (mains, mains)}


def test_a_calibration_set_has_no_tasks(make):
    folder = make("calib", [("a.jpg", "x", "", "file", "calib"), ("b.jpg", "x", "", "", "calib")])

    assert tasks_by_name(folder) == {}


def test_the_order_of_rows_does_not_matter(make):
    rows = [("b.jpg", "x", "", "file", ""), ("a.jpg", "x", "", "file", "")]

    assert read_set(make("set", rows)).files == ("a.jpg", "b.jpg")


def test_a_picture_that_is_missing_is_named(make):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "images" / "a.jpg").unlink()

    with pytest.raises(SetError, match=r"a\.jpg"):
        read_set(folder)


def test_a_table_without_the_required_columns_is_refused(make):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "labels.csv").write_text("file,label\na.jpg,x\n")

    with pytest.raises(SetError, match="role"):
        read_set(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,label,item,role,part\na.jpg,x,,file,\nb.jpg,x\n", "labels.csv, line 3: no item"),
        (b"file,label,item,role,part\na.jpg,caf\xe9,,file,\n", "set/labels.csv is not UTF-8"),
        (b"file,label,item,role,part\n", "set/labels.csv has no rows"),
        (b"", "set/labels.csv has no rows"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_with_the_reason(make, content, message):
    folder = make("set", [("a.jpg", "x", "", "file", "")])
    (folder / "labels.csv").write_bytes(content)

    with pytest.raises(SetError, match=message):
        read_set(folder)


def test_a_table_saved_by_a_spreadsheet_is_read(make):
    folder = make("set", [("a.jpg", "caf\u00e9", "", "file", "")])
    table = (folder / "labels.csv").read_text()
    (folder / "labels.csv").write_text(table, encoding="utf-8-sig")

    assert read_set(folder).labels.tolist() == ["caf\u00e9"]


def test_a_folder_without_a_set_is_refused(tmp_path):
    with pytest.raises(SetError, match=tmp_path.name):
        find_sets(tmp_path)


def test_pictures_used_to_build_the_model_are_refused_under_any_name(make, tmp_path):
    labelled = read_set(
        make("set", [("a.jpg", "x", "", "file", ""), ("b.jpg", "x", "", "dup", "")])
    )
    listed = tmp_path / "seen.json"

    def seen(row):
        listed.write_text(json.dumps({"pictures": [hash_of(labelled.path(row))]}))
        return read_seen(listed)

    refuse_seen(labelled, seen(1))  # no task uses it
    with pytest.raises(SetError, match=r"a\.jpg"):
        refuse_seen(labelled, seen(0))


def test_a_folder_can_be_a_set_or_contain_sets(make, tmp_path):
    one, two = make("one", [("a.jpg", "x", "", "", "")]), make("two", [("a.jpg", "", "", "", "")])

    assert find_sets(tmp_path) == [one, two]
    assert find_sets(two) == [two]
