"""The command `lookalike`, and what each file of scripts/ runs. Depends on Typer only."""

import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Annotated

import typer

from functions import __version__
from functions.cli.interrupts import exit_immediately

COMMANDS = (
    *("serve", "import", "export", "duplicates", "reindex", "reconcile", "teach", "bench"),
    *("adopt", "key"),
)


def main() -> None:
    """Run `lookalike` with the arguments of the process."""
    exit_immediately()
    app = _app()
    app.callback()(_describe)
    # Only the chosen one, because together they take seconds to load.
    for name in [name for name in sys.argv[1:2] if name in COMMANDS] or COMMANDS:
        app.command(name)(_load(name))
    app(prog_name="lookalike")


def run(name: str) -> None:
    """Run one command with the arguments of the process."""
    app = _app()
    app.command()(_load(name))
    app(prog_name=f"scripts/{name}")


def _app() -> typer.Typer:
    # Without the values of variables in a traceback, which can be keys.
    return typer.Typer(
        add_completion=False, no_args_is_help=False, pretty_exceptions_show_locals=False
    )


def _load(name: str) -> Callable[..., None]:
    if name == "serve" and "--help" not in sys.argv:  # it takes seconds until it says more
        print(f"Starting Lookalike {__version__}", file=sys.stderr)
    if name in ("teach", "bench"):
        # Before numpy: decompositions are five times as slow with threads that share a core.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    module = "imports" if name == "import" else name
    main: Callable[..., None] = import_module(f"functions.cli.{module}").main
    return main


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"lookalike {__version__}")
        raise typer.Exit()


def _describe(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it")
    ] = False,
) -> None:
    """Find pictures that look like a picture. Every setting is an environment variable.

    LOOKALIKE_DATA is the folder of the gallery; without it, it is data in the current folder.
    """
