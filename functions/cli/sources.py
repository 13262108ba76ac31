"""Lists the files of a folder that an import reads, and counts what it leaves out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from functions.gallery.originals.walk import LeftOut, is_inside, walk
from functions.gallery.settings import Settings


class UnusableSource(Exception):
    """A folder or table that cannot be imported at all; the message says why and what to do."""


@dataclass(frozen=True)
class Entry:
    """A picture to import: its file, its name in the gallery, its metadata."""

    path: Path
    name: str
    metadata: Mapping[str, Any] = field(default_factory=dict)
    emptied: Sequence[str] = ()  # fields that its row of a table has no value for


@dataclass(frozen=True)
class Listing:
    """The pictures of a folder or table, and how much was left out."""

    entries: list[Entry] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: list[str] = field(default_factory=list)  # for the user


def own_folder(settings: Settings) -> Path | None:
    """Return the folder in which the gallery keeps its files; None if it keeps them elsewhere."""
    is_elsewhere = settings.lookalike_bucket and settings.qdrant_url
    return None if is_elsewhere else settings.lookalike_data


def entries_in(folder: Path, own: Path | None = None, exclude: Sequence[str] = ()) -> Listing:
    """Find every file below a folder, named by its path inside the folder, as `walk` does.

    A folder that cannot be listed is an entry itself, so that it is refused by name.
    Raises UnusableSource if nothing can be imported.
    """
    if own is not None and is_inside(folder, own):
        raise UnusableSource(
            f"{folder} is in the gallery's own data folder; move the pictures out of it, or set "
            "LOOKALIKE_DATA to another folder"
        )
    listing = Listing()
    found = walk(folder, own, exclude, listing.left_out)
    if folder in found:
        raise UnusableSource(f"{folder} cannot be listed; check its permissions")
    listing.entries.extend(Entry(path, path.relative_to(folder).as_posix()) for path in found)
    return listing
