"""Hand a gallery on a Qdrant server over to the bucket or folder its pictures were moved to."""

from contextlib import closing
from typing import Annotated

import typer
from rich.console import Console

from functions.cli.terminal import exits, show
from functions.gallery.bootstrap import build_adoption, place_of, remember_place
from functions.gallery.settings import Settings
from functions.gallery.sync.adopt import Adoption
from functions.runtime import command


def main(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation")] = False,
) -> None:
    """Make the gallery of these settings index the originals of these settings.

    First copy everything, records included, to the new bucket or folder, and stop everything that
    uses the old one. Afterwards run reconcile. It can be stopped and started again at any
    time. Exit code: 0 it is done, 1 it was not confirmed, 2 it could not continue, 130 Ctrl-C.
    """
    console = Console()
    with exits(console):
        settings = Settings.from_environment()
        with closing(build_adoption(settings)) as adoption:
            is_done = adopt(adoption, console, sure=yes)
        if is_done and (place := place_of(settings, moved=True)):
            remember_place(settings, place)


def adopt(adoption: Adoption, console: Console, *, sure: bool) -> bool:
    """Show what would change hands, and hand it over once that is confirmed.

    Returns False if there is no gallery yet.
    """
    used = adoption.used()
    if used is None:
        show(console, "There is no such gallery yet; it is created at the first start.")
        return False
    present, sampled = adoption.sample(used)
    show(console, f"{used.name} indexes {used.originals or 'pictures of an unknown place'}.")
    show(console, f"Of {sampled} sampled images {present} have an original in {adoption.owner}.")
    show(console, f"The next {command('reconcile')} removes those that have none from the index.")
    if not sure:
        typer.confirm("Hand it over?", abort=True)
    images = sum(adoption.run(used))
    show(console, f"{images:,} images handed over; now run {command('reconcile')}.")
    return True
