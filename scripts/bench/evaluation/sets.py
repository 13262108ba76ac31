"""Read a folder of labelled pictures and say what is asked of it. Knows no model.

The form: images/, labels.csv with file, label, item, role and part, and SOURCE.json. Pictures that
a model was calibrated or fitted on are never measured: their bytes are known by their hashes.
"""

import csv
import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]  # places of pictures in their set
_COLUMNS = ("file", "label", "item", "role", "part")


class SetError(ValueError):
    """A folder is not a set, or must not be measured."""


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes of a picture: how people call it, what tells these bytes from others, a reader."""

    name: str
    key: str
    read: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The rows of labels.csv, ordered by file: the place of a picture is its id."""

    name: str
    folder: Path
    files: tuple[str, ...]
    labels: NDArray[np.str_]  # (n,); an empty label is relevant to nothing
    roles: NDArray[np.str_]
    parts: NDArray[np.str_]

    def path(self, place: int) -> Path:
        """Give the file of a picture."""
        return self.folder / "images" / self.files[place]

    def source(self, place: int) -> Source:
        """Give the bytes of a picture, known by their hash."""
        path = self.path(place)
        return Source(f"{self.name}/{self.files[place]}", hash_of(path), path.read_bytes)


@dataclass(frozen=True, slots=True)
class Task:
    """Who asks and who can be found; a label shared makes a picture relevant, itself never."""

    name: str
    labels: NDArray[np.str_]
    asks: Places
    found: Places

    @property
    def answerable(self) -> bool:
        """Tell whether any query has something to find."""
        labels = self.labels[self.found]
        return any(
            ((labels == self.labels[place]) & (self.found != place)).any() for place in self.asks
        )


def read_pictures(folder: Path) -> Pictures:
    """Read one set; raises SetError when labels.csv cannot be read or a picture is missing."""
    rows = sorted(_rows(folder / "labels.csv"), key=lambda row: row["file"])
    absent = [row["file"] for row in rows if not (folder / "images" / row["file"]).is_file()]
    if absent:
        raise SetError(f"{folder.name}: {len(absent)} pictures are missing, first {absent[0]}")
    columns = {name: np.array([row[name] for row in rows]) for name in _COLUMNS}
    files = tuple(row["file"] for row in rows)
    return Pictures(folder.name, folder, files, columns["label"], columns["role"], columns["part"])


def _rows(table: Path) -> list[dict[str, str]]:
    name, rows = f"{table.parent.name}/labels.csv", []
    try:
        with table.open(newline="", encoding="utf-8-sig") as opened:  # spreadsheets write a mark
            reader = csv.DictReader(opened)
            for row in reader:
                if missing := [column for column in _COLUMNS if row.get(column) is None]:
                    raise SetError(f"{name}, line {reader.line_num}: no {', '.join(missing)}")
                rows.append(row)
    except UnicodeDecodeError as problem:
        raise SetError(f"{name} is not UTF-8: {problem}") from problem
    except (OSError, csv.Error) as problem:
        raise SetError(f"{name} cannot be read: {problem}") from problem
    if not rows:
        raise SetError(f"{name} has no rows")
    return rows


def find_sets(folder: Path) -> list[Path]:
    """Give the sets below a folder (or the folder itself), those with labels.csv, by name."""
    if (folder / "labels.csv").is_file():
        return [folder]
    if not (found := sorted(path.parent for path in folder.glob("*/labels.csv"))):
        raise SetError(f"{folder} is no set and holds none: a set has a labels.csv")
    return found


def tasks_of(pictures: Pictures) -> list[Task]:
    """Say what a set can be asked, from its roles and parts; calibration sets give nothing.

    Several views of a product (parts `main` and others): the other views ask the main ones, and
    the main ones ask each other for other colourways. Rows `query` ask rows `gallery`. A set with
    labelled rows of another role leaves one out. Rows `dup` are out; `distractor` is found only.
    """
    roles, parts, labels = pictures.roles, pictures.parts, pictures.labels
    usable = (roles != "dup") & (parts != "calib")
    labelled = usable & (labels != "") & (roles != "distractor")
    if not labelled.any():
        return []
    main = usable & (parts == "main")
    if main.any() and (labelled & ~main).any():
        return [
            _task("view", labels, labelled & ~main, main),
            _task("colourway", labels, labelled & main, main),
        ]
    split = np.isin(roles, ("query", "gallery"))
    if (labelled & (roles == "query")).any() and not (labelled & ~split).any():
        return [
            _task("category", labels, labelled & (roles == "query"), usable & (roles != "query"))
        ]
    return [_task("leave one out", labels, labelled, usable)]


def _task(name: str, labels: NDArray[np.str_], asks: np.ndarray, found: np.ndarray) -> Task:
    return Task(name, labels, np.flatnonzero(asks), np.flatnonzero(found))


def hash_of(path: Path) -> str:
    """Give the first 16 hex digits of the SHA-256 of a file: how seen pictures are known."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def read_seen(path: Path) -> frozenset[str]:
    """Read the hashes of all pictures that the model was calibrated or fitted on."""
    return frozenset(json.loads(path.read_text())["pictures"])


def refuse_seen(pictures: Pictures, places: Collection[int], seen: frozenset[str]) -> None:
    """Raise SetError when one of these pictures was used to make the model."""
    known = [p for p in places if hash_of(pictures.path(p)) in seen]
    if known:
        raise SetError(
            f"{pictures.name}: {len(known)} pictures were used to calibrate or fit the model, "
            f"first {pictures.files[known[0]]}; they cannot measure it"
        )
