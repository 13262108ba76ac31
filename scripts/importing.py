"""Brings folders and tables of pictures into a gallery and tells how it goes. Knows the gallery."""

import csv
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.gallery.cores import cores
from functions.gallery.errors import ImageNotFound, LookalikeError, PictureTooLarge, StoreError
from functions.gallery.gallery import Gallery
from functions.gallery.records import Submission


class UnusableTable(Exception):
    """A table that cannot be read at all; the message says why."""


@dataclass(frozen=True)
class Entry:
    """A picture to import: where it lies, what it is to be called, what is known of it."""

    path: Path
    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


def entries_in(folder: Path) -> list[Entry]:
    """Find every file below a folder, hidden ones left out, named by its path inside the folder."""
    found = []
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(parent) / name for name in sorted(files) if not name.startswith(".")]
    return [Entry(path, path.relative_to(folder).as_posix()) for path in found]


def entries_of(table: Path) -> list[Entry]:
    """Read a .csv or .jsonl with the columns path, name (optional) and any metadata.

    Paths are relative to the table. Empty cells are left out. Raises UnusableTable.
    """
    entries = []
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines) if table.suffix == ".csv" else map(json.loads, lines)
            for number, row in enumerate(rows, start=1):
                if not isinstance(row, dict) or not isinstance(row.get("path"), str):
                    raise UnusableTable(f"{table}, row {number}: no path")
                path = row.pop("path")
                name = row.pop("name", None) or path
                known = {key: value for key, value in row.items() if value not in ("", None)}
                entries.append(Entry(table.parent / path, str(name), known))
    except (OSError, ValueError, csv.Error) as problem:
        raise UnusableTable(f"{table} cannot be read: {problem}") from problem
    return entries


def import_entries(
    gallery: Gallery,
    entries: Sequence[Entry],
    console: Console,
    *,
    prefix: str = "",
    overwrite: bool = False,
    workers: int = 0,
) -> Counter[str]:
    """Add the entries with a progress bar, one line for each that is refused, and a summary.

    Stops when the store fails, as every further picture would. Returns how many were added,
    replaced, duplicate and refused, and 1 as stopped if so.
    """
    counts: Counter[str] = Counter()
    submissions = (_submission(e, gallery, prefix, overwrite) for e in entries)
    with _progress(console) as progress:
        task = progress.add_task("Importing", total=len(entries), rate="")
        for submission, outcome in gallery.add_many(submissions, workers=workers or cores()):
            if isinstance(outcome, StoreError):
                counts["stopped"] = 1
                progress.console.print(f"[red]stopped[/] {escape(str(outcome))}", soft_wrap=True)
                break
            if isinstance(outcome, LookalikeError):
                counts["refused"] += 1
                reason = f"{submission.name}: {outcome.code}: {outcome}"
                progress.console.print(f"[red]refused[/] {escape(reason)}", soft_wrap=True)
            else:
                counts[outcome.status.value] += 1
            seconds = progress.tasks[task].elapsed or 1e-9
            progress.update(task, advance=1, rate=f"{counts.total() / seconds:,.0f} pictures/s")
        seconds = progress.tasks[task].elapsed or 0.0
    with console.status("Building the search index"):
        gallery.optimize()
    told = [f"{counts[kind]:,} {kind}" for kind in ("added", "replaced", "duplicate", "refused")]
    console.print(f"{', '.join(told)} in {seconds:,.1f} s")
    _tell_undeclared(gallery, entries, console)
    return counts


def _submission(entry: Entry, gallery: Gallery, prefix: str, overwrite: bool) -> Submission:
    most = gallery.limits.max_bytes

    def read() -> bytes:
        try:
            size = entry.path.stat().st_size
            if size > most:
                raise PictureTooLarge(f"{size:,} bytes are over the limit of {most:,} bytes")
            return entry.path.read_bytes()
        except OSError as problem:
            raise ImageNotFound(f"cannot be read: {problem.strerror}") from problem

    return Submission(read, prefix + entry.name, entry.metadata, overwrite)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), console=console
    )


def _tell_undeclared(gallery: Gallery, entries: Sequence[Entry], console: Console) -> None:
    columns = sorted(
        {key for entry in entries for key in entry.metadata} - set(gallery.spec.fields)
    )
    if columns:
        declared = [f"{name}:{kind}" for name, kind in gallery.spec.fields.items()]
        example = ",".join(declared + [f"{name}:keyword" for name in columns])
        console.print(
            f"Stored, but not filterable: {', '.join(columns)}. To filter by them, start once with "
            f"LOOKALIKE_FILTER_FIELDS={example}",
            soft_wrap=True,
        )
