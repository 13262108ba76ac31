"""Imports pictures and reports progress. Depends on the gallery."""

import os
import shlex
import stat
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from functions.cli.sources import Entry
from functions.cli.terminal import show
from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    LookalikeError,
    PictureTooLarge,
    StoreError,
    UnsupportedFormat,
)
from functions.gallery.filters import check_metadata
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission
from functions.gallery.records import FieldType
from functions.gallery.settings import Settings
from functions.runtime import cores


def import_entries(
    gallery: Gallery,
    entries: Sequence[Entry],
    console: Console,
    *,
    prefix: str = "",
    overwrite: bool = False,
    workers: int = 0,
) -> Counter[str]:
    """Add the entries with a progress bar, a line for each that is refused, and a summary.

    Stops when the store fails, because every other picture would fail too. Returns how many were
    added, replaced, duplicate and refused, and 1 as `stopped` if it stopped. After Ctrl-C it
    finishes the pictures in progress and prints the summary before it raises KeyboardInterrupt.
    """
    counts: Counter[str] = Counter()
    started = time.monotonic()
    try:
        _add_all(
            gallery,
            [_submission(e, gallery, prefix, overwrite) for e in entries],
            workers or cores(),
            console,
            counts,
        )
    except KeyboardInterrupt:
        _summarize(counts, time.monotonic() - started, console)
        show(
            console,
            "Stopped. Pictures in progress were stored; start it again to continue from there.",
        )
        raise
    seconds = time.monotonic() - started
    with console.status("Building the search index", spinner="line"):
        gallery.optimize()
    _summarize(counts, seconds, console)
    _show_undeclared(gallery, entries, console)
    return counts


def _add_all(
    gallery: Gallery,
    submissions: Sequence[Submission],
    workers: int,
    console: Console,
    counts: Counter[str],
) -> None:
    # Closing waits for the pictures in progress, so that none is half stored.
    with (
        _progress(console) as progress,
        closing(gallery.add_many(submissions, workers=workers)) as outcomes,
    ):
        task = progress.add_task("Importing", total=len(submissions), rate="")
        for submission, outcome in outcomes:
            if isinstance(outcome, StoreError):
                counts["stopped"] = 1
                show(progress.console, str(outcome), "stopped")
                return
            if isinstance(outcome, LookalikeError):
                counts["refused"] += 1
                reason = f"{submission.name}: {outcome.code}: {outcome}"
                show(progress.console, reason, "refused")
            else:
                counts[outcome.status.value] += 1
            seconds = progress.tasks[task].elapsed or 1e-9
            progress.update(task, advance=1, rate=f"{counts.total() / seconds:,.0f} pictures/s")


def _summarize(counts: Counter[str], seconds: float, console: Console) -> None:
    kinds = ("added", "replaced", "duplicate", "refused")
    counted = ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds)
    show(console, f"{counted} in {seconds:,.1f} s")


def _submission(entry: Entry, gallery: Gallery, prefix: str, overwrite: bool) -> Submission:
    most = gallery.limits.max_bytes
    return Submission(
        lambda: _read(entry.path, most), prefix + entry.name, entry.metadata, overwrite
    )


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        info = path.stat()
        # Opening a pipe waits for a writer, and a device such as /dev/zero never ends.
        if stat.S_ISDIR(info.st_mode):
            os.scandir(path).close()  # fails with the reason why its files are not in the import
            raise UnsupportedFormat("this is a folder, not a file; import it separately")
        if not stat.S_ISREG(info.st_mode):
            kind = _KINDS.get(stat.S_IFMT(info.st_mode), "something else")
            raise UnsupportedFormat(f"this is {kind}, not a file")
        if info.st_size > max_bytes:
            raise PictureTooLarge(f"{info.st_size:,} bytes exceed the limit of {max_bytes:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise ImageNotFound(f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a zero byte or half a character, which no file name can have
        raise ImageNotFound("cannot be read: no file can have this path") from error


_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(
        *columns, TextColumn("{task.fields[rate]}"), TimeRemainingColumn(), console=console
    )


def _show_undeclared(gallery: Gallery, entries: Sequence[Entry], console: Console) -> None:
    found: dict[str, set[FieldType]] = {}
    for entry in entries:
        for name in entry.metadata.keys() - gallery.spec.fields.keys():
            found.setdefault(name, set()).add(_kind_of(entry.metadata[name]))
    columns = {name: found[name] for name in sorted(found) if _can_be_declared(name)}
    if columns:
        fields = [f"{name}:{kind}" for name, kind in gallery.spec.fields.items()]
        fields += [f"{name}:{_common_kind(kinds)}" for name, kinds in columns.items()]
        show(
            console,
            f"Not declared, so not filterable: {', '.join(columns)}. To filter by them, start with "
            f"LOOKALIKE_FILTER_FIELDS={shlex.quote(','.join(fields))} each time",
        )


def _can_be_declared(name: str) -> bool:
    try:
        check_metadata({name: ""}, {})
        declared: Any = f"{name}:keyword"  # as the environment has it
        read_back = Settings(lookalike_filter_fields=declared).lookalike_filter_fields
    except (InvalidMetadata, ValidationError):
        return False
    return read_back == {name: "keyword"} and name.isprintable()


def _kind_of(value: Any) -> FieldType:
    if isinstance(value, bool):
        return "bool"
    return (
        "integer" if isinstance(value, int) else "float" if isinstance(value, float) else "keyword"
    )


def _common_kind(kinds: set[FieldType]) -> FieldType:
    if kinds == {"integer", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else "keyword"
