"""Reads the rows of .csv and .jsonl tables, as people have them. Depends on sources."""

import csv
import json
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from functions.cli.sources import Entry, Listing, UnusableSource

_DELIMITERS = ",;\t|"
_ENCODINGS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # by a table's first bytes


def entries_of(table: Path) -> Listing:
    """Read a .csv or .jsonl with the columns path, name (optional) and any metadata.

    Paths are relative to the table; without a name, the path below the table's folder is the name.
    Columns without a title and rows without any value are skipped. Raises UnusableSource.
    """
    rows_of = _ROWS.get(table.suffix.lower())
    if rows_of is None or not table.is_file():
        raise UnusableSource(f"{table} is not a folder or a table ({' or '.join(_ROWS)})")
    try:
        data = table.read_bytes()
    except OSError as error:
        raise UnusableSource(f"{table} cannot be read: {error.strerror}") from error
    text, notes = _text(data), []
    if text is None:  # what spreadsheets wrote before UTF-8
        text = data.decode("cp1252", "replace")
        notes = [f"{table} is not UTF-8; read as Windows-1252"]
    try:
        entries = [_entry(table, number, row) for number, row in rows_of(text)]
    except (ValueError, csv.Error) as error:
        raise UnusableSource(f"{table} cannot be read: {error}") from error
    return Listing(entries, notes=notes)


def _text(data: bytes) -> str | None:
    try:
        return data.decode(_ENCODINGS.get(data[:2], "utf-8-sig"))
    except UnicodeDecodeError:
        return None


def _entry(table: Path, number: int, row: Any) -> Entry:
    if not isinstance(row, Mapping) or not isinstance(row.get("path"), str):
        columns = f"; its columns are {', '.join(row)}" if isinstance(row, Mapping) else ""
        raise UnusableSource(f"{table}, line {number}: no path{columns}")
    values = {key: value for key, value in row.items() if value not in ("", None)}
    path = _path(table.parent, values.pop("path", ""))
    name = values.pop("name", None) or _name(table.parent, path)
    emptied = tuple(key for key in row.keys() - values.keys() if key not in ("path", "name"))
    return Entry(path, str(name), values, emptied)


def _path(folder: Path, text: str) -> Path:
    path = folder / text
    if "\\" in text and not path.exists():  # written on Windows
        return folder / text.replace("\\", "/")
    return path


def _name(folder: Path, path: Path) -> str:
    """Return the path below the folder, also if the table has it in full."""
    for base in (folder, folder.absolute(), folder.resolve()):
        if path.is_relative_to(base):
            return path.relative_to(base).as_posix()
    return path.as_posix()


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    titles = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=titles.count)  # a comma if there is one column
    rows = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    rows.fieldnames = [_title(title) for title in rows.fieldnames or ()]
    for row in rows:
        if None in row:
            raise ValueError(f"line {rows.line_num} has more cells than the header")
        stripped = {key: value and value.strip() for key, value in row.items() if key}
        if any(stripped.values()):
            yield rows.line_num, stripped


def _title(title: str) -> str:
    plain = title.strip()
    return plain.lower() if plain.lower() in ("path", "name") else plain


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number} is not JSON") from error


_ROWS = {".csv": _csv_rows, ".jsonl": _json_rows}
