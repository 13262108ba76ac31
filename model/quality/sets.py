"""Read a folder of labelled pictures and derive its search tasks. Does not depend on the model.

A set has images/, SOURCE.json and labels.csv with file, label, item, role and part. Pictures that
the model was calibrated or fitted on must not measure it; they are recognised by their hashes.
"""

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]  # positions of pictures in their set
Strings = NDArray[np.str_]
_COLUMNS = ("file", "label", "item", "role", "part")


class SetError(ValueError):
    """A folder is not a set, or must not be used for measuring."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """The rows of labels.csv, sorted by file."""

    name: str
    folder: Path
    files: tuple[str, ...]
    labels: Strings  # a picture without a label is relevant to no query
    roles: Strings
    parts: Strings

    def path(self, row: int) -> Path:
        """Return the file of a picture."""
        return self.folder / "images" / self.files[row]


@dataclass(frozen=True, slots=True)
class Task:
    """Queries and a gallery; pictures with the query's label are relevant, except itself."""

    name: str
    labels: Strings
    queries: Rows
    gallery: Rows


def find_sets(folder: Path) -> list[Path]:
    """Return the sets in a folder, or the folder itself if it is a set; sorted by name."""
    if (folder / "labels.csv").is_file():
        return [folder]
    if not (found := sorted(path.parent for path in folder.glob("*/labels.csv"))):
        raise SetError(f"{folder} contains no set; a set is a folder with a labels.csv")
    return found


def read_set(folder: Path) -> LabelledSet:
    """Read one set; raises SetError if labels.csv cannot be read or a picture is missing."""
    rows = sorted(_read_rows(folder / "labels.csv"), key=lambda row: row["file"])
    missing = [row["file"] for row in rows if not (folder / "images" / row["file"]).is_file()]
    if missing:
        raise SetError(f"{folder.name}: {len(missing)} pictures are missing, first {missing[0]}")
    files = tuple(row["file"] for row in rows)
    columns = (np.array([row[name] for row in rows]) for name in ("label", "role", "part"))
    return LabelledSet(folder.name, folder, files, *columns)


def _read_rows(table: Path) -> list[dict[str, str]]:
    name, rows = f"{table.parent.name}/labels.csv", []
    try:
        with table.open(newline="", encoding="utf-8-sig") as opened:  # spreadsheets write a BOM
            reader = csv.DictReader(opened)
            for row in reader:
                if missing := [column for column in _COLUMNS if row.get(column) is None]:
                    raise SetError(f"{name}, line {reader.line_num}: no {', '.join(missing)}")
                rows.append(row)
    except UnicodeDecodeError as error:
        raise SetError(f"{name} is not UTF-8; save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise SetError(f"{name} cannot be read") from error
    if not rows:
        raise SetError(f"{name} has no rows")
    return rows


def tasks_of(labelled: LabelledSet) -> list[Task]:
    """Derive the tasks of a set from its roles and parts; a calibration set has none.

    - Several views of a product (part `main` and others): the other views search the main ones
      (view), and the main ones search each other for other colourways (colourway).
    - Roles `query` and `gallery`: queries search the gallery (category).
    - Any other set: each labelled picture searches all others (leave one out).

    Rows `dup` are left out; rows `distractor` are only found.
    """
    roles, parts, labels = labelled.roles, labelled.parts, labelled.labels
    usable = (roles != "dup") & (parts != "calib")
    asking = usable & (labels != "") & (roles != "distractor")
    if not asking.any():
        return []
    main = usable & (parts == "main")
    if main.any() and (asking & ~main).any():
        return [
            _task("view", labels, asking & ~main, main),
            _task("colourway", labels, asking & main, main),
        ]
    query = roles == "query"
    if (asking & query).any() and not (asking & ~query & (roles != "gallery")).any():
        return [_task("category", labels, asking & query, usable & ~query)]
    return [_task("leave one out", labels, asking, usable)]


def _task(name: str, labels: Strings, queries: np.ndarray, gallery: np.ndarray) -> Task:
    return Task(name, labels, np.flatnonzero(queries), np.flatnonzero(gallery))


def hash_of(path: Path) -> str:
    """Return the first 16 hex digits of a file's SHA-256; seen.json lists pictures by it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_seen(path: Path) -> frozenset[str]:
    """Read the hashes of all pictures that the model was calibrated or fitted on."""
    return frozenset(json.loads(path.read_text())["pictures"])


def refuse_seen(labelled: LabelledSet, seen: frozenset[str]) -> None:
    """Raise SetError if a task uses a picture that the model was calibrated or fitted on."""
    rows = {int(row) for task in tasks_of(labelled) for row in (*task.queries, *task.gallery)}
    if known := [row for row in sorted(rows) if hash_of(labelled.path(row)) in seen]:
        raise SetError(
            f"{labelled.name}: {len(known)} pictures were used to calibrate or fit the model, "
            f"first {labelled.files[known[0]]}; they cannot measure it"
        )
