"""Finds all duplicates of a gallery, and goes on after a kill. Knows the gallery.

What is found is appended to a file, page by page, each page ended by a mark that says where to go
on. What stands behind the last mark was cut off by a kill and is found again.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.api.duplicates import Group
from functions.gallery.duplicates import DuplicateOptions, DuplicatePage
from functions.gallery.gallery import Gallery
from functions.gallery.likeness import Likeness

GROUPS = "groups.jsonl"
UNFINISHED = "unfinished.jsonl"
_GROUPS_A_PAGE = 1_000


@dataclass(frozen=True)
class Wanted:
    """What counts as a duplicate."""

    kinds: tuple[Likeness, ...]
    max_distance: int
    min_similarity: float

    def options(self, kind: Likeness) -> DuplicateOptions:
        """Give this for one kind in the gallery's words."""
        return DuplicateOptions(kind, _GROUPS_A_PAGE, self.max_distance, self.min_similarity)


@dataclass
class Found:
    """The groups of each kind, as the API writes them, and how far the search has come."""

    groups: dict[Likeness, list[dict[str, Any]]]
    looked_at: dict[Likeness, int] = field(default_factory=dict)
    after: dict[Likeness, str | None] = field(default_factory=dict)  # None: to the end
    undecided: int = 0


def search(gallery: Gallery, wanted: Wanted, folder: Path, console: Console) -> Found:
    """Find all groups, going on where a search for the same was stopped; writes GROUPS at the end.

    Raises LookalikeError or OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images = gallery.stats()
    about = {"wanted": asdict(wanted), "model": images.model, "bucket": gallery.bucket}
    with _opened(folder / UNFINISHED, about) as file:
        found = _read(file, wanted)
        with _progress(console) as progress:
            for kind in wanted.kinds:
                looked_at = found.looked_at.get(kind, 0)
                task = progress.add_task(kind, total=images.images, completed=looked_at, found="")
                for page in _pages(gallery, wanted, kind, found):
                    _keep(page, kind, found, file)
                    told = f"{len(found.groups[kind]):,} groups"
                    progress.update(task, completed=found.looked_at[kind], found=told)
    _write_groups(found, folder / GROUPS)
    return found


def _pages(
    gallery: Gallery, wanted: Wanted, kind: Likeness, found: Found
) -> Iterator[DuplicatePage]:
    after = found.after.get(kind)
    if kind in found.after and after is None:
        return
    yield from gallery.walk_duplicates(wanted.options(kind), after)


def _keep(page: DuplicatePage, kind: Likeness, found: Found, file: IO[str]) -> None:
    groups = [Group.of(group).model_dump(mode="json") for group in page.groups]
    mark = {
        "kind": kind,
        "after": page.after,
        "looked_at": page.looked_at,
        "undecided": page.undecided,
    }
    lines = [*groups, {"mark": mark}]
    file.write("".join(json.dumps(line) + "\n" for line in lines))
    file.flush()
    found.groups[kind] += groups
    _count(mark, found)


def _count(mark: dict[str, Any], found: Found) -> None:
    kind = Likeness(mark["kind"])
    found.looked_at[kind] = found.looked_at.get(kind, 0) + mark["looked_at"]
    found.after[kind] = mark["after"]
    found.undecided += mark["undecided"]


@contextmanager
def _opened(path: Path, about: dict[str, Any]) -> Iterator[IO[str]]:
    """Open what was found of the very same before, or begin anew."""
    first = json.dumps({"about": about}) + "\n"
    with path.open("a+", encoding="utf-8") as file:
        file.seek(0)
        if file.readline() != first:
            file.truncate(0)
            file.write(first)
            file.flush()
        yield file


def _read(file: IO[str], wanted: Wanted) -> Found:
    """Read the pages that were found before, and cut off what no mark stands behind."""
    found = Found({kind: [] for kind in wanted.kinds})
    file.seek(0)
    file.readline()
    end = file.tell()
    waiting: list[dict[str, Any]] = []
    while (line := file.readline()).endswith("}\n"):
        read = json.loads(line)
        if mark := read.get("mark"):
            found.groups[Likeness(mark["kind"])] += waiting
            _count(mark, found)
            waiting = []
            end = file.tell()
        else:
            waiting.append(read)
    file.seek(end)
    file.truncate()
    return found


def _write_groups(found: Found, path: Path) -> None:
    lines = (json.dumps(group) + "\n" for groups in found.groups.values() for group in groups)
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    os.replace(new, path)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description:12}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TextColumn("{task.fields[found]}"), TimeRemainingColumn(), console=console
    )
