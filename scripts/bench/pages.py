"""Puts what a bench measured into a page of docs, between the marks of its tables."""

from collections.abc import Sequence
from pathlib import Path


def put_table(page: Path, script: str, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the marks of this script and name in a page."""
    begin, end = f"<!-- written by {script}: {name} -->", "<!-- end -->"
    before, found, rest = page.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page.name} has no place for {name}: {begin} ... {end}")
    page.write_text("\n".join([before + begin, "", *lines, "", end + after]))
