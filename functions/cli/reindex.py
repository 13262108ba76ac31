"""Build a new index for other settings or another version while the old one serves."""

import time
from collections.abc import Generator
from contextlib import closing
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from functions.cli.interrupts import raise_once
from functions.cli.terminal import Terminal, exits, show
from functions.gallery.bootstrap import build_reindexing
from functions.gallery.reindex.reindex import Reindexing, Situation, Step
from functions.gallery.settings import Settings
from functions.runtime import command, cores

NEXT = f"""\
The new index is in use. From now on start everything with these settings and this version; what
still runs with the old ones keeps using the old index. When nothing runs with those any more:
  {command("reindex")} --finish    copies what was written to the old index since, and deletes it
To go back instead, start everything with the old settings and run {command("reindex")} with them;
after an upgrade, start the earlier version and run its {command("reconcile")}."""


def main(
    finish: Annotated[bool, typer.Option("--finish", help="Delete the previous index")] = False,
    discard: Annotated[
        bool, typer.Option("--discard", help="Delete a half-filled or obsolete index")
    ] = False,
    workers: Annotated[int, typer.Option(min=0, help="Pictures at once; 0: one per core")] = 0,
) -> None:
    """Fill the index for these settings from the one in use, and put it into use once complete.

    Set LOOKALIKE_MODEL, _DIMS, _DISTANCE or _QUANTIZATION to the new value; after an upgrade that
    asks for it, set nothing. It can be killed and started again at any time. Run --finish
    before another reindex. Exit code: 0 every picture is in the new index, 1 some cannot be, 2 it
    could not continue, 130 Ctrl-C.
    """
    console = Terminal()
    left_out: dict[str, str] = {}
    with (
        exits(console, stopped="Stopped; start it again to continue from there."),
        closing(build_reindexing(Settings.from_environment())) as reindexing,
    ):
        raise_once()
        if discard:
            deleted = reindexing.discard()
            show(console, "Deleted." if deleted else "There is no such index to delete.")
        else:
            work = reindexing.finish if finish else reindexing.run
            left_out = follow(work(workers or cores()), console)
            show_situation(reindexing, console)
    raise typer.Exit(1 if left_out else 0)


def follow(steps: Generator[Step], console: Console) -> dict[str, str]:
    """Show the progress, with a line for each stage and each picture that is left out."""
    left_out: dict[str, str] = {}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console) as progress, closing(steps):
        for stage, part in groupby(steps, key=lambda step: step.stage):
            started, changed = time.monotonic(), 0
            task = progress.add_task(stage.capitalize())
            for step in part:
                progress.update(task, total=step.images, advance=step.copied.compared)
                changed += step.copied.changed
                for name in step.copied.left_out.keys() - left_out.keys():
                    show(progress.console, f"{name}: {step.copied.left_out[name]}", "left out")
                left_out |= step.copied.left_out
            progress.remove_task(task)
            seconds = time.monotonic() - started
            line = f"{stage.capitalize()}: {changed:,} pictures in {seconds:,.1f} s"
            show(progress.console, line)
    return left_out


def show_situation(reindexing: Reindexing, console: Console) -> None:
    """Print what to do next."""
    if reindexing.situation() is Situation.SWAPPED:
        for line in NEXT.splitlines():
            show(console, line)
    else:
        show(console, "The index in use has these settings; there is nothing left to do.")
