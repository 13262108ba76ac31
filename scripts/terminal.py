"""What commands share: plain text output, and exit codes instead of tracebacks. Depends on Rich."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from interrupts import STOPPED_BY_USER
from rich.console import Console
from rich.text import Text

from functions.gallery.errors import LookalikeError


def show(console: Console, text: str, label: str = "") -> None:
    """Print a line as it is, never as Rich markup or emoji, after a red label if there is one.

    Names and reasons come from other people: whatever would move the cursor, break the line or does
    not exist in the terminal's encoding is printed as Python escapes it ("\\x1b", "\\ud800").
    """
    plain = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    plain = plain.encode(console.encoding, "backslashreplace").decode(console.encoding)
    line = Text.assemble((label, "red"), " " if label else "", plain)
    console.print(line, soft_wrap=True)


@contextmanager
def exits(console: Console, *failures: type[Exception], stopped: str = "") -> Iterator[None]:
    """Exit with 2 and the reason after a LookalikeError or one of `failures`.

    After Ctrl-C, exit with 130 and the message `stopped`.
    """
    try:
        yield
    except (LookalikeError, *failures) as error:
        show(Console(stderr=True), str(error), "cannot continue:")
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        if stopped:
            show(console, stopped)
        raise typer.Exit(STOPPED_BY_USER) from None
