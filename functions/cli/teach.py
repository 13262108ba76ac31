"""Teach the model your own labels: better results from fewer numbers."""

from pathlib import Path
from typing import Annotated

import typer

from functions.cli.interrupts import raise_once
from functions.cli.labelled import folder_source, gallery_source, table_source
from functions.cli.lesson import Lesson, hold
from functions.cli.sources import UnusableSource
from functions.cli.terminal import Terminal, exits
from functions.gallery.settings import Settings
from model.teach.features import FeaturesInUse
from model.teach.pictures import Unteachable
from model.teach.teaching import Aims


def main(
    label: Annotated[
        str, typer.Option(help="A metadata field of the gallery, such as product or category")
    ] = "",
    folder: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Pictures in folders named by their label"),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A table with file (in --folder, or next to it) and label",
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=16, help="Numbers of a vector")] = 128,
    out: Annotated[Path, typer.Option(help="Where the model goes")] = Path("taught"),
    only_known: Annotated[
        bool, typer.Option("--only-known", help="No new labels will come; they can get worse")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another one holds other pictures back")] = 0,
) -> None:
    """Learn from --label, --folder or --csv, and write a model folder with a report to --out.

    The network stays; a small linear map on top is learned. It is measured on pictures and on whole
    labels that were held back, and written only if it is better than what is served. It can be
    stopped and started again at any time: vectors are kept in LOOKALIKE_DATA. Then start everything
    with LOOKALIKE_MODEL set to the folder, reindex first; docs/teach.md says more.

    Exit code: 0 the model is there, 2 it could not continue or nothing was better, 130 Ctrl-C.
    """
    console = Terminal()
    with exits(
        console,
        Unteachable,
        UnusableSource,
        FeaturesInUse,
        stopped="Stopped; start it again to continue from there.",
    ):
        if bool(label) == bool(folder or csv):
            raise UnusableSource("Use either --label FIELD, or --folder FOLDER, or --csv FILE")
        settings = Settings.from_environment()
        lesson = Lesson(settings, out, Aims(width, seed, only_known), console)
        raise_once()
        if label:
            with gallery_source(settings, label, lesson.card) as source:
                hold(lesson, source)
        elif csv:
            hold(lesson, table_source(csv, folder or csv.parent))
        elif folder:
            hold(lesson, folder_source(folder))
