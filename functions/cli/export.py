"""Write the vectors and metadata of a gallery into files."""

import json
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from functions.cli.exporting import METADATA, VECTORS, Rows, Unwritable, write
from functions.cli.interrupts import raise_once
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings


class Format(StrEnum):
    """How metadata are written."""

    PARQUET = "parquet"
    JSONL = "jsonl"


def main(
    folder: Annotated[Path, typer.Argument(help="Where the files go")] = Path("export"),
    format: Annotated[
        Format, typer.Option(help="Of the metadata; parquet needs pyarrow")
    ] = Format.PARQUET,
    filter: Annotated[
        str, typer.Option(help='Only some images, such as {"category": "shoe"}')
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace files of an earlier one")] = False,
) -> None:
    """Write vectors.npy and metadata.parquet (or .jsonl) into FOLDER, a row for each image.

    Row n of one is row n of the other. Vectors are float32 of length 1; originals are not copied.
    Exit code: 0 the files are there, 2 it could not continue, 130 Ctrl-C.
    """
    console = Terminal()
    with exits(console, Unwritable, stopped="Stopped; nothing was written."):
        raise_once()
        where = _read(filter)
        settings = Settings.from_environment()
        with closing(build_gallery(settings, patient=True)) as gallery:
            total = gallery.count(where)
            if not total:
                raise Unwritable("No image to export; check LOOKALIKE_DATA and --filter")
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
            with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
                task = progress.add_task("Exporting", total=total)
                rows = _counted(gallery.vectors(where), progress, task)
                written = write(rows, gallery.spec, folder, format, force=force)
        show(console, f"{written:,} images in {folder / VECTORS} and {folder / METADATA}.{format}")


def _counted(rows: Rows, progress: Progress, task: TaskID) -> Rows:
    for images, vectors in rows:
        yield images, vectors
        progress.update(task, advance=len(images))


def _read(filter: str) -> dict[str, object] | None:
    if not filter:
        return None
    try:
        where = json.loads(filter)
    except ValueError:
        where = None
    if not isinstance(where, dict):
        raise Unwritable("--filter must be a JSON object; docs/filters.md shows some")
    return where
