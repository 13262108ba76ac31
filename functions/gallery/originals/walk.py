"""Finds the files of somebody's folder of pictures, and leaves out what are none. Depends on names.

An import and a gallery in place have the same rules.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePath

from functions.gallery.names import is_companion

# Thumbnails, previews and rubbish of Windows, network drives and photo programs; in lower case.
EXCLUDED_FOLDERS = (
    *("@eadir", "#recycle", "$recycle.bin", "system volume information", "lost+found"),
    *("__macosx", "*.lrdata"),
)
_VIDEOS = (
    *(".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mts", ".m2ts", ".mkv", ".webm", ".lrv"),
    *(".wmv", ".mpg", ".mpeg", ".flv", ".vob", ".ogv", ".insv"),
)
# A report of scripts/duplicates has a file and a folder of these names.
GROUPS, THUMBNAILS = "groups.jsonl", "thumbnails"
_KINDS_SHOWN = 6


@dataclass(frozen=True)
class LeftOut:
    """How much of a folder was left out: by group, and by kind in it."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, group: str, kind: str) -> None:
        """Count one file or folder that is not read."""
        self.counts.setdefault(group, Counter())[kind] += 1

    def describe(self) -> str:
        """Return what was left out, in a line; empty if there is nothing."""
        parts = []
        for group, kinds in self.counts.items():
            names = [name for name, _ in kinds.most_common(_KINDS_SHOWN)]
            more = ", ..." if len(kinds) > len(names) else ""
            parts.append(f"{kinds.total():,} {group} ({', '.join(names)}{more})")
        return f"Left out: {'; '.join(parts)}" if parts else ""


def walk(folder: Path, own: Path | None, exclude: Sequence[str], left_out: LeftOut) -> list[Path]:
    """Find every file below a folder, and count what is left out.

    Links are followed, but each folder is read once, so that loops end. Hidden files, videos and
    other files next to pictures, reports of duplicates and the gallery's `own` folder are left out,
    as is what a pattern of `exclude` matches: a name, or a path in the folder, case ignored.
    A folder that cannot be listed, or a link to a folder that contains the link, is found itself,
    as if it was a file.
    """
    found: list[Path] = []
    known = {_identity(own)} if own is not None else set()  # folders not to read, or not again
    waiting = [folder]  # links last: a folder is named by its own path if it has one in here
    for start in waiting:
        if start is not folder and _identity(start) not in known:
            if own is not None and is_inside(start, own):
                continue
            if is_inside(start.parent, start):
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
                name for name in sorted(folders) if _wants_folder(inside / name, exclude, left_out)
            ]
            waiting += [here / name for name in folders if (here / name).is_symlink()]
            found += [
                here / name
                for name in sorted(files)
                if _wants_file(inside / name, exclude, left_out)
            ]
        found += [Path(error.filename) for error in unlisted]
    return found


def is_left_out(name: str) -> bool:
    """Return whether `walk` leaves out the file of this name in its folder, by its name."""
    path, nothing = PurePath(name), LeftOut()
    folders = list(path.parents)[:-1]
    return not (
        _wants_file(path, (), nothing)
        and all(_wants_folder(folder, (), nothing) for folder in folders)
    )


def is_inside(folder: Path, other: Path) -> bool:
    """Return whether a folder is another one or below it, whatever their paths are."""
    real = folder.resolve()
    return _identity(other) in map(_identity, (real, *real.parents))


def _wants_folder(path: PurePath, exclude: Sequence[str], left_out: LeftOut) -> bool:
    if path.name.startswith("."):
        left_out.add("hidden", "folders")
    elif _matches(path, exclude) or _matches(path, EXCLUDED_FOLDERS):
        left_out.add("folders", path.name)
    else:
        return True
    return False


def _wants_file(path: PurePath, exclude: Sequence[str], left_out: LeftOut) -> bool:
    name, suffix = path.name.casefold(), path.suffix.casefold()
    if name.startswith("."):
        left_out.add("hidden", "files")
    elif suffix in _VIDEOS:
        left_out.add("videos", suffix)
    elif is_companion(name):
        left_out.add("files next to pictures", suffix or name)
    elif _matches(path, exclude):
        left_out.add("excluded files", suffix or name)
    else:
        return True
    return False


def _matches(path: PurePath, patterns: Sequence[str]) -> bool:
    texts = path.name.casefold(), path.as_posix().casefold()
    wanted = [pattern.casefold().rstrip("/") for pattern in patterns]
    return any(fnmatchcase(text, pattern) for pattern in wanted for text in texts)


def _identity(folder: Path) -> object:
    """Return what is the same for all paths of a folder, also where case does not matter."""
    try:
        info = folder.stat()
    except OSError:  # not there; if it was, its files will be refused
        return folder
    return info.st_dev, info.st_ino
