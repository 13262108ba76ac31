"""The SHA-256 of files that earlier imports read, so that unchanged ones are not read again.

    <data>/.imported.sqlite   path, size and times, SHA-256 of each

Without that file, or if it cannot be used, every file is read. Standard library only.
"""

import os
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

FILE = ".imported.sqlite"  # hidden, so that no import takes it for a picture
_ROWS_PER_WRITE = 1_000  # after a kill so many files are read once more


class HashedFiles:
    """Remembers files by path, size and times; for one thread."""

    def __init__(self, folder: Path, *, reads_all: bool = False) -> None:
        """Use this data folder; `reads_all` finds nothing, so that every file is read again."""
        self._reads_all = reads_all
        self._here = os.getcwd()
        self._read: dict[Path, str] = {}  # the stamps of files that were not found
        self._rows: list[tuple[bytes, str, str]] = []  # to be written
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._files = _open(str(folder / FILE))
        except (OSError, sqlite3.Error):
            self._files = _open(":memory:")

    def find(self, paths: Sequence[Path]) -> dict[Path, str]:
        """Return the SHA-256 of the files that have not changed since they were read."""
        found: dict[Path, str] = {}
        keys = [self._key(path) for path in paths]
        known = {} if self._reads_all else self._known(keys)
        for path, key in zip(paths, keys, strict=True):
            stamp = _stamp(path)
            before, sha256 = known.get(key, ("", ""))
            if stamp and stamp == before:
                found[path] = sha256
            elif stamp:
                self._read[path] = stamp
        return found

    def keep(self, path: Path, sha256: str) -> None:
        """Remember a file that was read because `find` did not find it."""
        if stamp := self._read.pop(path, ""):
            self._rows.append((self._key(path), stamp, sha256))
        if len(self._rows) >= _ROWS_PER_WRITE:
            self._write()

    def close(self) -> None:
        """Write what was kept."""
        self._write()
        self._files.close()

    def _known(self, keys: Sequence[bytes]) -> dict[bytes, tuple[str, str]]:
        query = f"SELECT * FROM files WHERE path IN ({','.join('?' * len(keys))})"
        with suppress(sqlite3.Error):
            return {key: (stamp, sha256) for key, stamp, sha256 in self._files.execute(query, keys)}
        return {}

    def _key(self, path: Path) -> bytes:
        # Also half a character, which a table can have, but no path.
        return os.path.join(self._here, path).encode(errors="surrogatepass")

    def _write(self) -> None:
        with suppress(sqlite3.Error), self._files:
            self._files.executemany("REPLACE INTO files VALUES (?, ?, ?)", self._rows)
        self._rows.clear()


def _open(file: str) -> sqlite3.Connection:
    files = sqlite3.connect(file, timeout=1)
    try:
        files.execute(
            "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, stamp TEXT, sha256 TEXT) "
            "WITHOUT ROWID"
        )
    except sqlite3.Error:
        files.close()
        raise
    return files


def _stamp(path: Path) -> str:
    """Return what changes when a file is written or another one takes its place.

    Programs can set the time of the last change of its bytes, but not, except on Windows, that of
    name and rights. Times are in steps, of two seconds on FAT and of milliseconds elsewhere: a file
    that the same step could still change has no stamp.
    """
    try:
        stat = os.stat(path)
    except (OSError, ValueError):  # reading it will say why
        return ""
    latest = max(stat.st_mtime_ns, stat.st_ctime_ns)
    step = 20_000_000 if latest % 1_000_000_000 else 2_000_000_000
    if time.time_ns() - latest <= step:
        return ""
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"
