"""The folder of the embedded store on disk: its lock, its collections and the room left.

    <folder>/lock                      locked while a process has the folder; holds its pid
    <folder>/current                   the name of the collection in use, replaced atomically
    <folder>/<collection>/about.json   its description (collection_info.py)
    <folder>/<collection>/expected.json  what must be in the shard (record.py)
    <folder>/<collection>/shard/       the vectors and payloads, written by Qdrant

Depends on files only; collections.py and store.py open the shards.
"""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import portalocker
from portalocker import LockException, LockFlags

from functions.gallery.errors import StoreBusy, StoreError, StoreFull
from functions.runtime import command

# The core maps its files: one page that the disk cannot give ends the process. A put may open new
# log, payload and vector files of 32 MB each; an edit or removal needs little.
ROOM_TO_PUT = 144_000_000
ROOM_TO_EDIT = 16_000_000
_CREATING = ".making"  # a collection without all its files; after a kill it is created again
_DROPPED = ".going"  # a collection being deleted; after a kill the next start deletes the rest


def rebuild_advice(root: Path) -> str:
    """Return what to do about a damaged index: it can be made again from the originals."""
    return (
        f"stop Lookalike, move the folder {root} away and run {command('reconcile')}, which "
        "builds the index again from the originals"
    )


class EdgeFolder:
    """A folder of collections, locked until `close`."""

    def __init__(self, root: Path) -> None:
        """Create and lock the folder; raises StoreBusy if a process or another store has it."""
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock = open(root / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise StoreError(
                f"The folder {root} cannot be written; check its permissions and LOOKALIKE_DATA"
            ) from error
        try:
            portalocker.lock(self._lock, LockFlags.EXCLUSIVE | LockFlags.NON_BLOCKING)
        except (OSError, LockException) as error:
            holder = "another process"
            with suppress(OSError):  # Windows refuses to read what is locked
                self._lock.seek(0)
                holder = f"process {self._lock.read().strip()}"
            self._lock.close()
            raise StoreBusy(
                f"The folder {root} is in use by {holder}; stop it, or set another LOOKALIKE_DATA"
            ) from error
        try:
            self._lock.truncate(0)
            self._lock.write(f"{os.getpid()}\n")
            self._lock.flush()
        except OSError as error:
            self._lock.close()
            raise StoreFull(f"Nothing can be written to {root}; free some space") from error
        for dropped in root.glob("*" + _DROPPED):
            shutil.rmtree(dropped, ignore_errors=True)

    def close(self) -> None:
        """Unlock the folder; the kernel does the same when the process is killed."""
        self._lock.close()

    def current(self) -> str | None:
        """Return the name of the collection in use; None in a new folder."""
        try:
            return (self.root / "current").read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def use(self, name: str) -> None:
        replace_file(self.root / "current", name + "\n")

    def drop(self, name: str) -> None:
        """Delete a collection: gone in one step, its disk space freed a little later."""
        dropped = self.root / (name + _DROPPED)
        if (self.root / name).is_dir():
            os.replace(self.root / name, dropped)
        shutil.rmtree(dropped, ignore_errors=True)

    def shard(self, name: str) -> Path:
        """Return where the shard of a collection is."""
        return self.root / name / "shard"

    def read_info(self, name: str) -> Mapping[str, Any] | None:
        """Return the description of a collection, or None; raises StoreError if it is damaged."""
        if not (self.root / name).is_dir():
            return None
        path = self.root / name / "about.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{path} cannot be read; {rebuild_advice(self.root)}") from error

    def write_info(self, name: str, info: Mapping[str, Any]) -> None:
        """Replace the description of a collection, in one step."""
        replace_file(self.root / name / "about.json", json.dumps(dict(info), indent=1) + "\n")

    def begin(self, name: str) -> Path:
        """Return an empty place for a new shard, which counts only after `finish`."""
        creating = self.root / (name + _CREATING)
        shutil.rmtree(creating, ignore_errors=True)
        creating.mkdir()
        return creating / "shard"

    def finish(self, name: str, info: Mapping[str, Any]) -> None:
        """Make a collection of what `begin` started, in one step."""
        self.write_info(name + _CREATING, info)
        os.replace(self.root / (name + _CREATING), self.root / name)

    def disk_bytes(self) -> int:
        """Return the disk space of all files, as `du` counts it."""
        blocks = 0
        for folder, _, names in os.walk(self.root):
            for name in names:
                with suppress(FileNotFoundError):  # the core renames and deletes files meanwhile
                    blocks += os.stat(os.path.join(folder, name)).st_blocks
        return blocks * 512

    def require_room(self, bytes_: int) -> None:
        """Raise StoreFull unless this many bytes are free on the disk."""
        try:
            free = shutil.disk_usage(self.root).free
        except OSError as error:
            raise StoreError(
                f"The folder {self.root} is missing; restart Lookalike and run "
                f"{command('reconcile')}, which builds the index again from the originals"
            ) from error
        if free < bytes_:
            raise StoreFull(
                f"The disk of {self.root} has {free / 1e6:.0f} MB left and {bytes_ / 1e6:.0f} MB "
                "are needed; free some space and try again"
            )


def replace_file(path: Path, text: str) -> None:
    """Replace a file in one step that survives a loss of power."""
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    if os.name == "nt":  # it has no call for that
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
