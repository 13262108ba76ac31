"""Prints names and reasons that others wrote as plain text, one a line. Knows Rich only."""

from rich.console import Console
from rich.text import Text


def tell(console: Console, text: str, label: str = "") -> None:
    """Print a line as it is, never as Rich markup or emoji, after a red label if there is one.

    What would move the cursor, break the line or has no place in the terminal's encoding, is
    printed as Python writes it ("\\x1b", "\\ud800").
    """
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    shown = shown.encode(console.encoding, "backslashreplace").decode(console.encoding)
    line = Text.assemble((label, "red"), " " if label else "", shown)
    console.print(line, soft_wrap=True)


def tell_failure(problem: object) -> None:
    """Print on standard error why a command could not go on."""
    tell(Console(stderr=True), str(problem), "cannot go on:")
