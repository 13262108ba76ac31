"""Files that are written in one step and survive a power cut. Depends on names and our errors."""

import errno
import os
import time
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Any

from functions.gallery.errors import ImageNotFound, NameTaken, StoreFull, StoreRejected

_CLEANED_EVERY_S = 3_600
_UNFINISHED_KEPT_S = 3_600  # a write of another process takes seconds
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)  # exFAT, and some network folders


class Files:
    """The files of one data folder."""

    def __init__(self, folder: Path) -> None:
        """Use this folder, which is created at the first write."""
        self.folder = folder
        self._unfinished = folder / "unfinished"
        self._clean_again_at = 0.0
        self._spelling_ignored: bool | None = None
        self._lock = Lock()  # an empty folder is not removed just before a file is put there

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing names and records at the same time."""
        with map_errors("lock"):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = open(self.folder / "lock", "ab")  # noqa: SIM115
        with lock:
            wait_for_lock(lock)
            yield

    def write(self, path: Path, data: bytes, *, synced: bool = True) -> None:
        """Write a file in one step; `synced` ones survive a power cut."""
        with self.prepared(data, synced=synced) as file:
            self.move(file, path, synced=synced)

    @contextmanager
    def prepared(self, data: bytes, *, synced: bool = True) -> Iterator[Path]:
        """Yield a new file with this content, to be moved to its place; else it is removed."""
        self._clean()
        path = self._unfinished / uuid.uuid4().hex
        try:
            with map_errors(path.name):
                self._unfinished.mkdir(parents=True, exist_ok=True)
                with open(path, "xb") as file:
                    file.write(data)
                    file.flush()
                    if synced:
                        os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    def move(self, file: Path, path: Path, *, new: bool = False, synced: bool = True) -> None:
        """Move a prepared file to its place; a `new` one replaces none. Raises NameTaken."""
        with map_errors(path.name):
            with self._lock:
                changed = _make_folders(path.parent)
                (_move_to_new if new else os.replace)(file, path)
            for folder in changed if synced else ():
                sync_folder(folder)

    def remove(self, path: Path, top: Path | None = None) -> None:
        """Remove a file and, below `top`, the folders that become empty."""
        with self._lock, map_errors(path.name):
            if not os.path.lexists(path):
                return
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
            for parent in path.parents if top else ():
                if parent == top or not _remove_if_empty(parent):
                    break

    def is_spelled_differently(self, path: Path, top: Path) -> bool:
        """Return whether the file system takes the path, below `top`, for another one."""
        if not self._ignores_spelling() or not top.exists():
            return False
        while path != top:
            if path.exists() and path.name not in os.listdir(path.parent):
                return True
            path = path.parent
        return False

    def _ignores_spelling(self) -> bool:
        """Return whether upper case or forms of Unicode do not count, as on macOS and Windows."""
        if self._spelling_ignored is None:
            self._spelling_ignored = self._probe()
        return bool(self._spelling_ignored)

    def _probe(self) -> bool | None:
        probe = self.folder / f"é-{uuid.uuid4()}"
        others = [unicodedata.normalize("NFD", probe.name), probe.name.upper()]
        try:
            probe.touch()
        except OSError:  # a full disk, or a folder that is only read
            return None
        try:
            return any(probe.with_name(name).exists() for name in others)
        finally:
            probe.unlink()

    def _clean(self) -> None:
        """Now and then remove what killed processes were writing."""
        if time.monotonic() >= self._clean_again_at:
            self._clean_again_at = time.monotonic() + _CLEANED_EVERY_S
            remove_old(self._unfinished, _UNFINISHED_KEPT_S)


def read(path: Path) -> bytes | None:
    """Return the content of a file, or None if there is none."""
    try:
        with map_errors(path.name):
            return path.read_bytes()
    except ImageNotFound:
        return None


def is_recent(path: Path, seconds: float) -> bool:
    """Return whether a file was written within the last seconds."""
    try:
        return time.time() - path.stat().st_mtime < seconds
    except FileNotFoundError:
        return False


def remove_old(folder: Path, seconds: float) -> None:
    """Remove the files of a folder that are older than this."""
    for path in folder.glob("*"):
        if not is_recent(path, seconds):
            path.unlink(missing_ok=True)


@contextmanager
def map_errors(name: str) -> Iterator[None]:
    """Raise a failure of the file system as one of our errors about `name`."""
    try:
        yield
    except FileNotFoundError as error:
        raise ImageNotFound(f"No original is stored under {name!r}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise NameTaken(
            f"{name!r} is in use, is a folder, or a part of it is a picture; use another name"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"No room left for {name!r}; free space in the data folder") from error
        raise StoreRejected(
            f"{name!r} cannot be read or written; check the permissions of the data folder"
        ) from error


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the folders whose content a file in it changes."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [folder, *(parent.parent for parent in missing)]


def _move_to_new(file: Path, path: Path) -> None:
    try:
        os.link(file, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if path.exists():
            raise FileExistsError(path) from error
        os.replace(file, path)


def wait_for_lock(file: IO[Any]) -> None:
    """Lock a file until it is closed; waits while another process has it."""
    import portalocker  # not needed to search

    try:
        portalocker.lock(file, portalocker.LockFlags.EXCLUSIVE)
    except portalocker.LockException as error:  # some network folders cannot
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK), file.name) from error


def sync_folder(path: Path) -> None:
    """Write the names in a folder to the disk; Windows has no call for that."""
    if os.name == "nt":
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True
