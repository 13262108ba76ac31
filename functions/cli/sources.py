"""Lists the files of a folder that an import reads, and counts what it leaves out."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

from functions.cli.duplicate_report import THUMBNAILS
from functions.cli.duplicate_search import GROUPS
from functions.gallery.names import is_companion
from functions.gallery.settings import Settings

# Thumbnails, previews and rubbish of Windows, network drives and photo programs; in lower case.
EXCLUDED_FOLDERS = (
    *("@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
    *("__macosx", "*.lrdata"),
)
_VIDEOS = (
    *(".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mts", ".m2ts", ".mkv", ".webm", ".lrv"),
    *(".wmv", ".mpg", ".mpeg", ".flv", ".vob", ".ogv", ".insv"),
)
_KINDS_SHOWN = 6


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
    """The pictures of a folder or table, and how much was left out: by group, and by kind in it."""

    entries: list[Entry] = field(default_factory=list)
    left_out: dict[str, Counter[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)  # for the user

    def leave_out(self, group: str, kind: str) -> None:
        """Count one file or folder that is not read."""
        self.left_out.setdefault(group, Counter())[kind] += 1

    def describe_left_out(self) -> str:
        """Return what was left out, in a line; empty if there is nothing."""
        parts = []
        for group, kinds in self.left_out.items():
            names = [name for name, _ in kinds.most_common(_KINDS_SHOWN)]
            more = ", ..." if len(kinds) > len(names) else ""
            parts.append(f"{kinds.total():,} {group} ({', '.join(names)}{more})")
        return f"Left out: {'; '.join(parts)}" if parts else ""


def own_folder(settings: Settings) -> Path | None:
    """Return the folder in which the gallery keeps its files; None if it keeps them elsewhere."""
    is_elsewhere = settings.lookalike_bucket and settings.qdrant_url
    return None if is_elsewhere else settings.lookalike_data


def entries_in(folder: Path, own: Path | None = None, exclude: Sequence[str] = ()) -> Listing:
    """Find every file below a folder, named by its path inside the folder.

    Links are followed, but each folder is read once, so that loops end. Hidden files, videos and
    other files next to pictures, reports of duplicates and the gallery's `own` folder are left out,
    as is what a pattern of `exclude` matches: a name, or a path in the folder, case ignored.
    A folder that cannot be listed, or a link to a folder that contains the link, is an entry
    itself, so that it is refused by name. Raises UnusableSource if nothing can be imported.
    """
    if own is not None and _is_inside(folder, own):
        raise UnusableSource(
            f"{folder} is in the gallery's own data folder; move the pictures out of it, or set "
            "LOOKALIKE_DATA to another folder"
        )
    listing = Listing()
    found: list[Path] = []
    known = {_identity(own)} if own is not None else set()  # folders not to read, or not again
    waiting = [folder]  # links last: a folder is named by its own path if it has one in here
    for start in waiting:
        if start is not folder and _identity(start) not in known:
            if own is not None and _is_inside(start, own):
                continue
            if _is_inside(start.parent, start):
                found.append(start)
                continue
        unlisted: list[OSError] = []
        for parent, folders, files in os.walk(start, onerror=unlisted.append):
            here = Path(parent)
            is_report = GROUPS in files and THUMBNAILS in folders
            if (is_report and here != folder) or _identity(here) in known:
                folders.clear()
                continue
            known.add(_identity(here))
            inside = here.relative_to(folder)
            folders[:] = [
                name for name in sorted(folders) if _wants_folder(inside / name, exclude, listing)
            ]
            waiting += [here / name for name in folders if (here / name).is_symlink()]
            found += [
                here / name
                for name in sorted(files)
                if _wants_file(inside / name, exclude, listing)
            ]
        found += [Path(error.filename) for error in unlisted]
    if folder in found:
        raise UnusableSource(f"{folder} cannot be listed; check its permissions")
    listing.entries.extend(Entry(path, path.relative_to(folder).as_posix()) for path in found)
    return listing


def _wants_folder(path: PurePath, exclude: Sequence[str], listing: Listing) -> bool:
    if path.name.startswith("."):
        listing.leave_out("hidden", "folders")
    elif _matches(path, exclude) or _matches(path, EXCLUDED_FOLDERS):
        listing.leave_out("folders", path.name)
    else:
        return True
    return False


def _wants_file(path: PurePath, exclude: Sequence[str], listing: Listing) -> bool:
    name, suffix = path.name.casefold(), path.suffix.casefold()
    if name.startswith("."):
        listing.leave_out("hidden", "files")
    elif suffix in _VIDEOS:
        listing.leave_out("videos", suffix)
    elif is_companion(name):
        listing.leave_out("files next to pictures", suffix or name)
    elif _matches(path, exclude):
        listing.leave_out("excluded files", suffix or name)
    else:
        return True
    return False


def _matches(path: PurePath, patterns: Sequence[str]) -> bool:
    texts = path.name.casefold(), path.as_posix().casefold()
    wanted = [pattern.casefold().rstrip("/") for pattern in patterns]
    return any(fnmatchcase(text, pattern) for pattern in wanted for text in texts)


def _is_inside(folder: Path, other: Path) -> bool:
    real = folder.resolve()
    return _identity(other) in map(_identity, (real, *real.parents))


def _identity(folder: Path) -> object:
    """Return what is the same for all paths of a folder, also where case does not matter."""
    try:
        info = folder.stat()
    except OSError:  # not there; if it was, its files will be refused
        return folder
    return info.st_dev, info.st_ino
