"""Lists what an import reads: the files of a folder, or the rows of a table."""

import csv
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from functions.cli.duplicate_report import THUMBNAILS
from functions.cli.duplicate_search import GROUPS
from functions.gallery.names import is_companion
from functions.gallery.settings import Settings

# Written by Windows and by network drives; in lower case.
_SYSTEM_FOLDERS = {
    "@eadir",
    "$recycle.bin",
    "system volume information",
    "lost+found",
}


class UnusableSource(Exception):
    """A folder or table that cannot be imported at all; the message says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """A picture to import: its file, its name in the gallery, its metadata."""

    path: Path
    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def own_folder(settings: Settings) -> Path | None:
    """Return the folder in which the gallery keeps its files; None if it keeps them elsewhere."""
    is_elsewhere = settings.lookalike_bucket and settings.qdrant_url
    return None if is_elsewhere else settings.lookalike_data


def entries_in(folder: Path, own: Path | None = None) -> list[Entry]:
    """Find every file below a folder, named by its path inside the folder.

    Links are followed, but each folder is read once, so that loops end. Hidden files, videos and
    other files next to pictures, reports of duplicates and the gallery's `own` folder are left out.
    A folder that cannot be listed, or a link to a folder that contains the link, is an entry
    itself, so that it is refused by name. Raises UnusableSource if nothing can be imported.
    """
    if own is not None and _is_inside(folder, own):
        raise UnusableSource(
            f"{folder} is in the gallery's own data folder; move the pictures out of it, or set "
            "LOOKALIKE_DATA to another folder"
        )
    found: list[Path] = []
    known = {_identity(own)} if own is not None else set()  # folders not to read, or not again
    waiting = [folder]  # links last: a folder is named by its own path if it has one in here
    for start in waiting:
        if start is not folder and _identity(start) not in known:
            if own is not None and _is_inside(start, own):
                continue
            if _is_inside(start.parent, start):
                found.append(start)
                continue
        unlisted: list[OSError] = []
        for parent, folders, files in os.walk(start, onerror=unlisted.append):
            here = Path(parent)
            is_report = GROUPS in files and THUMBNAILS in folders
            if (is_report and here != folder) or _identity(here) in known:
                folders.clear()
                continue
            known.add(_identity(here))
            folders[:] = sorted(filter(_is_wanted_folder, folders))
            waiting += [here / name for name in folders if (here / name).is_symlink()]
            found += [here / name for name in sorted(filter(_is_wanted_file, files))]
        found += [Path(error.filename) for error in unlisted]
    if folder in found:
        raise UnusableSource(f"{folder} cannot be listed; check its permissions")
    return [Entry(path, path.relative_to(folder).as_posix()) for path in found]


def _is_wanted_folder(name: str) -> bool:
    return not name.startswith(".") and name.casefold() not in _SYSTEM_FOLDERS


def _is_wanted_file(name: str) -> bool:
    return not name.startswith(".") and not is_companion(name)


def _is_inside(folder: Path, other: Path) -> bool:
    real = folder.resolve()
    return _identity(other) in map(_identity, (real, *real.parents))


def _identity(folder: Path) -> object:
    """Return what is the same for all paths of a folder, also where case does not matter."""
    try:
        info = folder.stat()
    except OSError:  # not there; if it was, its files will be refused
        return folder
    return info.st_dev, info.st_ino


def entries_of(table: Path) -> list[Entry]:
    """Read a .csv or .jsonl with the columns path, name (optional) and any metadata.

    Paths are relative to the table. Empty cells are skipped. Raises UnusableSource.
    """
    rows_of = _ROWS.get(table.suffix.lower())
    if rows_of is None or not table.is_file():
        raise UnusableSource(f"{table} is not a folder or a table ({' or '.join(_ROWS)})")
    entries = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            for number, row in rows_of(lines):
                if not isinstance(row, dict) or not isinstance(row.get("path"), str):
                    raise UnusableSource(f"{table}, line {number}: no path")
                path = row.pop("path")
                name = row.pop("name", None) or path
                metadata = {key: value for key, value in row.items() if value not in ("", None)}
                entries.append(Entry(table.parent / path, str(name), metadata))
    except (OSError, ValueError, csv.Error) as error:
        raise UnusableSource(f"{table} cannot be read: {error}") from error
    return entries


def _csv_rows(lines: TextIO) -> Iterator[tuple[int, Any]]:
    rows = csv.DictReader(lines)
    for row in rows:
        if None in row:
            raise ValueError(f"line {rows.line_num} has more cells than the header")
        yield rows.line_num, row


def _json_rows(lines: TextIO) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(f"line {number} is not JSON: {error}") from error


_ROWS = {".csv": _csv_rows, ".jsonl": _json_rows}
