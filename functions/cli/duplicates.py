"""Report the duplicates of a whole gallery: JSON lines, and a page to look at; removes nothing."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from functions.cli.duplicate_report import write_report
from functions.cli.duplicate_search import Search, search
from functions.cli.interrupts import raise_once
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import build_gallery
from functions.gallery.duplicates.notions import LEAST_SIMILARITY
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.settings import Settings


def main(
    folder: Annotated[Path, typer.Argument(help="Where the report goes")] = Path("duplicates"),
    kind: Annotated[
        list[Likeness] | None, typer.Option(help="Can be repeated; without it, all")
    ] = None,
    min_similarity: Annotated[
        float | None,
        typer.Option(min=LEAST_SIMILARITY, max=1, help="lookalike: least similarity"),
    ] = None,
    most_shown: Annotated[int, typer.Option(min=1, help="Groups per kind on the page")] = 1_000,
) -> None:
    """Write groups.jsonl, report.html and its thumbnails into FOLDER.

    It can be stopped and started again at any time; if pictures were added or removed in between,
    the search starts again. Nothing is removed from the gallery.
    Exit code: 0 the report is there, 2 it could not continue, 130 Ctrl-C.
    """
    console = Terminal()
    kinds = tuple(each for each in Likeness if each in (kind or Likeness))
    with (
        exits(console, stopped="Stopped; start it again to continue from there."),
        closing(build_gallery(Settings.from_environment(), patient=True)) as gallery,
    ):
        raise_once()
        found = search(gallery, Search(kinds, min_similarity), folder, console)
        page = write_report(gallery, found, folder, most_shown, console)
    for each in kinds:
        groups = found.groups[each]
        others = sum(image["removable"] for group in groups for image in group["images"])
        show(console, f"{each}: {len(groups):,} groups, {others:,} images that can go")
    if found.undecided:
        show(console, f"{found.undecided:,} images depend on too many others to be decided")
    show(console, f"See {page}")
