"""Tables as spreadsheets, pandas, find and databases write them."""

import pytest

from functions.cli.sources import UnusableSource
from functions.cli.tables import entries_of


def rows(tmp_path, content: str | bytes, name: str = "table.csv"):
    """Return the name, the path below the table and the metadata of each row."""
    table = tmp_path / name
    table.write_bytes(content.encode() if isinstance(content, str) else content)
    return [
        (entry.name, entry.path.relative_to(tmp_path).as_posix(), dict(entry.metadata))
        for entry in entries_of(table).entries
    ]


def test_the_index_column_of_pandas_is_no_metadata(tmp_path):
    found = rows(tmp_path, ",path,kind\n0,a.jpg,cat\n1,b.jpg,dog\n")

    assert found == [("a.jpg", "a.jpg", {"kind": "cat"}), ("b.jpg", "b.jpg", {"kind": "dog"})]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_cells_can_be_divided_by_other_characters(tmp_path, delimiter):
    table = 'path;name;price\na.jpg;"one, two";9,5\n'.replace(";", delimiter)

    assert rows(tmp_path, table) == [("one, two", "a.jpg", {"price": "9,5"})]


def test_blanks_around_titles_and_cells_do_not_count(tmp_path):
    found = rows(tmp_path, 'Path, Name, kind\na.jpg, kitty , "pet, small"\n')

    assert found == [("kitty", "a.jpg", {"kind": "pet, small"})]


def test_rows_without_values_are_skipped(tmp_path):
    assert rows(tmp_path, "path,kind\na.jpg,cat\n,\n\n ,\nb.jpg,\n") == [
        ("a.jpg", "a.jpg", {"kind": "cat"}),
        ("b.jpg", "b.jpg", {}),
    ]


def test_paths_that_start_with_a_dot_are_named_without_it(tmp_path):
    assert rows(tmp_path, "path\n./photos/a.jpg\n") == [("photos/a.jpg", "photos/a.jpg", {})]


def test_whole_paths_below_the_table_are_named_by_their_path_below_it(tmp_path):
    found = rows(tmp_path, f"path\n{tmp_path}/photos/a.jpg\n")

    assert found == [("photos/a.jpg", "photos/a.jpg", {})]


def test_whole_paths_are_named_alike_when_the_table_is_named_from_its_folder(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text(f"path\n{tmp_path}/photos/a.jpg\n")
    monkeypatch.chdir(tmp_path)

    (entry,) = entries_of((tmp_path / "table.csv").relative_to(tmp_path)).entries

    assert entry.name == "photos/a.jpg"


def test_paths_of_windows_lead_to_the_files(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()

    assert rows(tmp_path, "path\nphotos\\a.jpg\n") == [("photos/a.jpg", "photos/a.jpg", {})]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_table_is_read_in_the_encoding_it_has(tmp_path, encoding):
    text = "path,title\na.jpg,café\n"

    assert rows(tmp_path, text.encode(encoding)) == [("a.jpg", "a.jpg", {"title": "café"})]


def test_a_table_that_is_not_unicode_is_mentioned(tmp_path):
    (tmp_path / "table.csv").write_bytes("path,title\na.jpg,café\n".encode("latin-1"))

    assert "read as Windows-1252" in entries_of(tmp_path / "table.csv").notes[0]


def test_a_table_without_paths_is_refused_with_its_columns(tmp_path):
    with pytest.raises(UnusableSource, match="line 2: no path; its columns are file, kind"):
        rows(tmp_path, "file,kind\na.jpg,cat\n")


def test_json_lines_keep_their_types_and_line_separators(tmp_path):
    line = '{"path": "./a.jpg", "price": 9.5, "tags": ["x"], "title": "one\u2028two", "size": null}'

    found = rows(tmp_path, f"{line}\n\n", "table.jsonl")

    metadata = {"price": 9.5, "tags": ["x"], "title": "one\u2028two"}
    assert found == [("a.jpg", "a.jpg", metadata)]
