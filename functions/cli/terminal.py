"""What commands share: plain text output, and exit codes instead of tracebacks. Depends on Rich."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper

import typer
from rich.console import Console
from rich.text import Text

from functions.cli.interrupts import STOPPED_BY_USER
from functions.gallery.errors import LookalikeError


class Terminal(Console):
    """Standard output in its own encoding, with other characters as Python escapes them."""

    def __init__(self, *, stderr: bool = False) -> None:
        """Write to standard output, or to standard error."""
        super().__init__(stderr=stderr)
        if isinstance(self.file, TextIOWrapper):  # it can also be closed
            self.file.reconfigure(errors="backslashreplace")

    def on_broken_pipe(self) -> None:
        """Exit with 2 when nobody reads the output any more; Rich would exit with 1."""
        with suppress(SystemExit):
            super().on_broken_pipe()
        raise SystemExit(2)


def show(console: Console, text: str, label: str = "") -> None:
    """Print a line as it is, never as Rich markup or emoji, after a red label if there is one.

    Names and reasons come from other people: whatever would move the cursor or break the line is
    printed as Python escapes it ("\\x1b", "\\ud800").
    """
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    line = Text.assemble((label, "red"), " " if label else "", plain)
    console.print(line, soft_wrap=True)


@contextmanager
def exits(console: Console, *failures: type[Exception], stopped: str = "") -> Iterator[None]:
    """Exit with 2 and the reason after a LookalikeError, an OSError or one of `failures`.

    After Ctrl-C, exit with 130 and the message `stopped`.
    """
    expected: tuple[type[Exception], ...] = (LookalikeError, OSError, *failures)
    try:
        yield
    except expected as error:
        show(Terminal(stderr=True), _reason(error), "cannot continue:")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        if stopped:
            show(console, stopped)
        raise typer.Exit(STOPPED_BY_USER) from None


def _reason(error: Exception) -> str:
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
