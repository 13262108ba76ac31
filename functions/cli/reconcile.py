"""Compare the originals with the index, in both directions, and fix what differs."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from functions.cli.following import follow
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import bring_back, build_gallery, place_of
from functions.gallery.errors import InvalidName, LookalikeError
from functions.gallery.filters import keep_fitting
from functions.gallery.gallery import Gallery
from functions.gallery.names import check_name
from functions.gallery.records import Fields, Metadata
from functions.gallery.settings import Settings
from functions.gallery.sync.sync import Synced

_PAGE = 256  # images in a call to the store


def main(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Report, and change nothing")] = False,
    fields: Annotated[
        bool,
        typer.Option("--fields", help="Give metadata the types that LOOKALIKE_FILTER_FIELDS has"),
    ] = False,
    forgotten: Annotated[
        str | None,
        typer.Option("--bring-back", help="Find deleted pictures in place again: '*', 'a/b.jpg'"),
    ] = None,
) -> None:
    """Compare the folder or bucket of originals with the index, and fix what differs.

    Embeds new or changed originals and removes points without an original. Files that can never be
    pictures here are refused by name. With --fields, prices that were stored as texts before their
    field was declared as a number become numbers, and so on. It can be stopped and started again at
    any time.

    Exit code: 0 nothing differs any more, 1 something still does, 2 it could not continue, 130
    Ctrl-C.
    """
    console = Terminal()
    with exits(console):
        settings = Settings.from_environment()
        if forgotten is not None:
            if dry_run:
                raise typer.BadParameter("--bring-back changes what --dry-run only lists")
            found = bring_back(settings, forgotten)
            show(console, f"{len(found):,} brought back")
        with closing(build_gallery(settings, patient=True)) as gallery:
            if place := place_of(settings):
                counts = follow(gallery, place, console, dry_run=dry_run)
                if counts["indexed"]:
                    gallery.optimize()
            else:
                is_bucket = settings.lookalike_bucket is not None
                folder = None if is_bucket else settings.lookalike_data / "originals"
                counts = reconcile(gallery, console, folder, dry_run=dry_run)
            if fields:
                counts += convert_fields(gallery, console, dry_run=dry_run)
    raise typer.Exit(1 if counts["failed"] or counts["differs"] else 0)


def reconcile(
    gallery: Gallery, console: Console, folder: Path | None, *, dry_run: bool
) -> Counter[str]:
    """Print a line for each name that differs, and a summary; returns the count of each outcome.

    Also names what is in the folder of originals, if there is one, and cannot be compared.
    """
    counts: Counter[str] = Counter()
    for outcome, name, reason in unlisted(folder) if folder else ():
        counts[outcome] += 1
        show(console, f"{outcome} {name}: {reason}")
    compared = 0
    for part in gallery.differences():
        compared = part.progress.compared
        for name in part.names:
            outcome, detail = ("differs", "") if dry_run else _fix(gallery, name)
            counts[outcome] += 1
            show(console, f"{outcome} {name}{detail}")
    summary = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    show(console, f"{compared:,} compared: {summary or 'no difference'}")
    return counts


def convert_fields(gallery: Gallery, console: Console, *, dry_run: bool) -> Counter[str]:
    """Convert values that were stored before their field was declared with its type of now.

    Prints a line for each value that cannot be converted, which stays next to its original and is
    left out of the index, and a summary; returns the count of each outcome.
    """
    counts: Counter[str] = Counter()
    after: str | None = None
    while True:
        page = gallery.list(limit=_PAGE, after=after)
        for image in page.images:
            changes = _as_texts(image.metadata, gallery.spec.fields)
            kept, left_out = keep_fitting({**image.metadata, **changes}, gallery.spec.fields)
            if kept == image.metadata:
                continue
            for name, reason in left_out.items():
                show(console, f"left out of {image.name}: {name}: {reason}")
            outcome, detail = ("differs", "") if dry_run else _convert(gallery, image.id, changes)
            counts["failed" if left_out and not dry_run else outcome] += 1
            if detail:
                show(console, f"{outcome} {image.name}{detail}")
        after = page.after
        if after is None:
            break
    summary = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(counts.items()))
    show(console, f"Fields: {summary or 'no difference'}")
    return counts


def _convert(gallery: Gallery, image_id: str, changes: Metadata) -> tuple[str, str]:
    try:
        gallery.update(image_id, changes)
    except LookalikeError as error:
        return "failed", f": {error}"
    return "converted", ""


def _as_texts(metadata: Metadata, fields: Fields) -> dict[str, str]:
    """Return the numbers and booleans of fields that are keywords now."""
    return {
        name: json.dumps(value)
        for name, value in metadata.items()
        if fields.get(name) == "keyword" and isinstance(value, (bool, int, float))
    }


def unlisted(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Find what the gallery does not see in a folder of originals: outcome, name and reason each.

    "refused" what can never be an original, "failed" what may be one.
    """
    errors: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        linked = [name for name in folders if (Path(parent) / name).is_symlink()]
        for path in (Path(parent) / name for name in sorted(linked + files)):
            name = path.relative_to(folder).as_posix()
            try:
                check_name(name)
            except InvalidName as error:
                yield "refused", name, str(error)
                continue
            if path.is_dir():
                yield "refused", name, "links to folders are not followed; move the pictures here"
            elif not path.is_file() and os.path.lexists(path):
                yield "refused", name, "this is not a file; remove it"
            elif not os.access(path, os.R_OK) and path.exists():
                yield "failed", name, "cannot be read; check its permissions"
    for unlisted in errors:
        if not isinstance(unlisted, FileNotFoundError):
            name = Path(unlisted.filename).relative_to(folder).as_posix()
            yield "failed", name, "cannot be listed; check its permissions"


def _fix(gallery: Gallery, name: str) -> tuple[str, str]:
    try:
        synced = gallery.sync(name)
        refusal = gallery.refusal(name) if synced is Synced.REFUSED else None
    except LookalikeError as error:
        return "failed", f": {error}"
    return synced.value, f": {refusal.detail}" if refusal else ""
