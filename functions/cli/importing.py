"""Imports pictures and reports progress. Depends on the gallery."""

import os
import re
import shlex
import stat
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from functions.cli.hashed_files import HashedFiles
from functions.cli.refusals import AlikeRefusals
from functions.cli.sources import Entry, Listing
from functions.cli.terminal import show
from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    LookalikeError,
    PictureError,
    PictureTooLarge,
    StoreError,
    UnsupportedFormat,
)
from functions.gallery.filters import check_metadata
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import AddStatus, Outcome, Submission
from functions.gallery.records import FieldType, StoredImage
from functions.gallery.settings import Settings
from functions.gallery.threads import map_in_threads
from functions.runtime import command, cores

_FILES_ASKED = 256  # at once, of those that were hashed before
_SHOWN_EVERY = 8  # pictures; those that are there already take less time than showing each


def import_listing(
    gallery: Gallery,
    listing: Listing,
    console: Console,
    *,
    hashed: HashedFiles,
    prefix: str = "",
    overwrite: bool = False,
    workers: int = 0,
) -> Counter[str]:
    """Add the pictures with a progress bar, a line for what is refused, and a summary.

    A file that `hashed` knows is read only if its picture is not in the gallery any more. A picture
    that is there already gets the metadata of its row. Stops when the store fails, because every
    other picture would fail too. Returns how many were added, replaced, duplicate, changed and
    refused, and 1 as `stopped` if it stopped. After Ctrl-C it finishes the pictures in progress and
    prints the summary before it raises KeyboardInterrupt.
    """
    counts: Counter[str] = Counter()
    started = time.monotonic()
    entries = listing.entries
    for note in (*listing.notes, listing.left_out.describe()):
        if note:
            show(console, note)
    submissions = _submissions(entries, gallery, hashed, prefix, overwrite)
    outcomes = gallery.add_many(submissions, workers=workers or cores())
    try:
        changes = _add_all(gallery, outcomes, entries, hashed, console, counts)
        _change_all(gallery, changes, workers or cores(), console, counts)
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
    outcomes: Generator[tuple[Submission, Outcome]],
    entries: Sequence[Entry],
    hashed: HashedFiles,
    console: Console,
    counts: Counter[str],
) -> dict[str, dict[str, Any]]:
    """Return the changes to metadata of pictures that were there already, by id."""
    changes: dict[str, dict[str, Any]] = {}
    alike = AlikeRefusals()
    # Closing waits for the pictures in progress, so that none is half stored.
    with _progress(console) as progress, closing(outcomes):
        task = progress.add_task("Importing", total=len(entries), rate="")
        for (submission, outcome), entry in zip(outcomes, entries, strict=False):
            if isinstance(outcome, StoreError):
                counts["stopped"] = 1
                show(progress.console, str(outcome), "stopped")
                break
            if isinstance(outcome, LookalikeError):
                counts["refused"] += 1
                is_kind = isinstance(outcome, PictureError)
                name = submission.name or ""
                if not (is_kind and alike.add(name, outcome.code, str(outcome))):
                    reason = f"{submission.name}: {outcome.code}: {outcome}"
                    show(progress.console, reason, "refused")
            else:
                counts[outcome.status.value] += 1
                hashed.keep(entry.path, outcome.image.sha256)
                if outcome.status is AddStatus.DUPLICATE:
                    changed = _changes(outcome.image, entry, gallery)
                    if changed:
                        changes[outcome.image.id] = changed
            if counts.total() % _SHOWN_EVERY == 0:
                _show_progress(progress, task, counts.total())
        _show_progress(progress, task, counts.total() - counts["stopped"])
        for line in alike.lines():
            show(progress.console, line, "refused")
    return changes


def _show_progress(progress: Progress, task: TaskID, done: int) -> None:
    seconds = progress.tasks[task].elapsed or 1e-9
    progress.update(task, completed=done, rate=f"{done / seconds:,.0f} pictures/s")


def _changes(image: StoredImage, entry: Entry, gallery: Gallery) -> dict[str, Any]:
    """Return what differs between an image and its row: new values, and None for emptied fields."""
    if not entry.metadata and not entry.emptied:  # as of every file of a folder
        return {}
    wanted = check_metadata(entry.metadata, gallery.spec.fields)
    changed = {name: value for name, value in wanted.items() if image.metadata.get(name) != value}
    return changed | {name: None for name in entry.emptied if name in image.metadata}


def _change_all(
    gallery: Gallery,
    changes: Mapping[str, Mapping[str, Any]],
    workers: int,
    console: Console,
    counts: Counter[str],
) -> None:
    def change(item: tuple[str, Mapping[str, Any]]) -> LookalikeError | None:
        try:
            gallery.update(*item)
        except LookalikeError as error:
            return error
        return None

    if not changes:
        return
    with (
        _progress(console) as progress,
        closing(map_in_threads(change, changes.items(), workers)) as outcomes,
    ):
        task = progress.add_task("Changing metadata", total=len(changes), rate="")
        for id, error in zip(changes, outcomes, strict=True):
            progress.update(task, advance=1)
            if error is None:
                counts["changed"] += 1
                continue
            counts["refused"] += 1
            show(progress.console, f"{id}: {error.code}: {error}", "refused")


def _summarize(counts: Counter[str], seconds: float, console: Console) -> None:
    kinds = ("added", "replaced", "duplicate", "refused")
    counted = ", ".join(f"{counts[kind]:,} {kind}" for kind in kinds)
    if counts["changed"]:
        counted += f", metadata of {counts['changed']:,} changed"
    show(console, f"{counted} in {seconds:,.1f} s")


def _submissions(
    entries: Sequence[Entry], gallery: Gallery, hashed: HashedFiles, prefix: str, overwrite: bool
) -> Iterator[Submission]:
    most = gallery.limits.max_bytes
    for start in range(0, len(entries), _FILES_ASKED):
        part = entries[start : start + _FILES_ASKED]
        known = hashed.find([entry.path for entry in part])
        for entry in part:
            yield Submission(
                partial(_read, entry.path, most),
                prefix + entry.name,
                entry.metadata,
                overwrite,
                known.get(entry.path, ""),
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
            raise PictureTooLarge(
                f"{info.st_size:,} bytes exceed the limit of {max_bytes:,} bytes; "
                "LOOKALIKE_MAX_BYTES raises it"
            )
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
            f"LOOKALIKE_FILTER_FIELDS={shlex.quote(','.join(fields))} each time, and run "
            f"{command('reconcile')} --fields with it once",
        )


_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


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
    if isinstance(value, int):
        return "integer"
    # A table has texts. 007 is a name that looks like a number.
    is_number = isinstance(value, float) or (isinstance(value, str) and _NUMBER.fullmatch(value))
    return "float" if is_number else "keyword"


def _common_kind(kinds: set[FieldType]) -> FieldType:
    if kinds == {"integer", "float"}:
        return "float"
    return kinds.pop() if len(kinds) == 1 else "keyword"
