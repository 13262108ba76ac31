"""Measure on your own pictures how good the answers are."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from functions.cli.interrupts import raise_once
from functions.cli.labelled import folder_source
from functions.cli.quality import measure
from functions.cli.sources import UnusableSource
from functions.cli.terminal import Terminal, exits
from functions.gallery.settings import Settings
from model.teach.pictures import Unteachable


class What(StrEnum):
    """What can be measured."""

    QUALITY = "quality"


def main(
    what: Annotated[What, typer.Argument(help="What to measure")],
    folder: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="A subfolder for each kind")
    ],
    model: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="A model folder to compare with"),
    ] = None,
) -> None:
    """Search with every picture of FOLDER for others of its subfolder, and score what is found.

    Nothing is stored. The model is that of LOOKALIKE_MODEL, the one that is served; --model
    measures another one on the same pictures. Exit code: 0 measured, 2 it could not, 130 Ctrl-C.
    """
    console = Terminal()
    with exits(console, Unteachable, UnusableSource, stopped="Stopped."):
        raise_once()
        settings = Settings.from_environment()
        folders = [settings.lookalike_model, *([model] if model else [])]
        measure(folder_source(folder), folders, settings, console)
