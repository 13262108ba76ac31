"""Import pictures: a folder, or a .csv or .jsonl table with path, name and metadata columns."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from functions.cli.hashed_files import HashedFiles
from functions.cli.importing import import_listing
from functions.cli.interrupts import raise_once
from functions.cli.sources import UnusableSource, entries_in, own_folder
from functions.cli.tables import entries_of
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import build_gallery, place_of
from functions.gallery.settings import Settings
from functions.runtime import command


def main(
    source: Annotated[Path, typer.Argument(exists=True, help="A folder, a .csv or a .jsonl file")],
    prefix: Annotated[str, typer.Option(help="Put before every name, such as summer/")] = "",
    overwrite: Annotated[bool, typer.Option(help="Replace pictures whose file changed")] = False,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out files and folders like this: '@eaDir', '*.tif', 'raw/*'"),
    ] = None,
    checksum: Annotated[
        bool, typer.Option(help="Read all files, also of unchanged size and times")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Pictures at once; 0: one per core")] = 0,
) -> None:
    """Import SOURCE. Pictures already in the gallery are skipped, so it can be repeated any time.

    Every file of a folder is imported or refused with the reason, those in linked folders too. Left
    out are hidden files and folders, @eaDir and the like, videos and other files that lie next to
    pictures (such as .xmp and Thumbs.db; docs/formats.md), reports of duplicates, and
    LOOKALIKE_DATA. A row of a table that changed changes the metadata of its picture.

    Exit code: 0 all are in the gallery, 1 some were refused, 2 it could not continue, 130 Ctrl-C.
    """
    console = Terminal()
    with exits(console, UnusableSource):
        settings = Settings.from_environment()
        if place := place_of(settings):
            raise UnusableSource(
                f"this gallery reads {place} in place and copies nothing; put the pictures there "
                f"and run {command('reconcile')}, or set LOOKALIKE_DATA to another folder"
            )
        if source.is_dir():
            show(console, f"Listing {source}")  # which can take minutes on a network drive
            listing = entries_in(source, own_folder(settings), exclude or ())
        elif exclude:
            raise UnusableSource("--exclude is for folders; remove the rows from the table")
        else:
            listing = entries_of(source)
        gallery = build_gallery(settings, patient=True)
        raise_once()
        hashed = HashedFiles(settings.lookalike_data, reads_all=checksum)
        with closing(gallery), closing(hashed):
            counts = import_listing(
                gallery,
                listing,
                console,
                hashed=hashed,
                prefix=prefix,
                overwrite=overwrite,
                workers=workers,
            )
    raise typer.Exit(2 if counts["stopped"] else 1 if counts["refused"] else 0)
