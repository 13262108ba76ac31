"""The folder of the embedded store on disk: its lock, its collections and the room left.

    <folder>/lock                      held while a process has the folder; the pid is inside
    <folder>/current                   the name of the collection in use, replaced atomically
    <folder>/<collection>/about.json   what it tells of itself (about.py)
    <folder>/<collection>/shard/       the vectors and payloads, written by Qdrant

Knows files only; what is inside a shard is the business of edge_store.py.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Condition
from typing import IO, Any

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreRejected,
)

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

# The core maps its files: one page that the disk cannot give ends the process. A put may open new
# log, payload and vector files of 32 MB each; little is asked for removing, which makes room.
ROOM_TO_PUT = 144_000_000
ROOM_TO_EDIT = 16_000_000
_MAKING = ".making"  # a collection without its files yet; after a kill it is made anew
_GOING = ".going"  # one that is being deleted; what a kill left of it goes at the next start
_WAY_OUT = "if it stays so, put back a copy, or move the folder away and import the pictures again"


class EdgeFolder:
    """One folder of collections, held by this object alone until `release`."""

    def __init__(self, root: Path) -> None:
        """Make and lock the folder; raises StoreBusy if another process, or store, has it."""
        self.root = root
        try:
            root.mkdir(parents=True, exist_ok=True)
            self._lock = open(root / "lock", "a+", encoding="utf-8")  # noqa: SIM115
        except OSError as problem:
            raise StoreError(f"The folder {root} cannot be written: {problem}") from problem
        try:
            _hold(self._lock)
        except OSError as problem:
            holder = _holder(self._lock)
            self._lock.close()
            raise StoreBusy(
                f"The folder {root} is in use by {holder}; stop it, or set another LOOKALIKE_DATA"
            ) from problem
        try:
            self._lock.truncate(0)
            self._lock.write(f"{os.getpid()}\n")
            self._lock.flush()
        except OSError as problem:
            self.release()
            raise StoreFull(f"Nothing can be written to {root}: {problem}") from problem
        for left in root.glob("*" + _GOING):
            shutil.rmtree(left, ignore_errors=True)

    def release(self) -> None:
        """Let others have the folder; the kernel does the same when the process is killed."""
        self._lock.close()

    def current(self) -> str | None:
        """Give the name of the collection in use; None in a new folder."""
        try:
            return (self.root / "current").read_text(encoding="utf-8").strip() or None
        except FileNotFoundError:
            return None

    def make_current(self, collection: str) -> None:
        """Put a collection to use in place of the one before, in one step."""
        _replace(self.root / "current", collection + "\n")

    def shard(self, collection: str) -> Path:
        """Give the place of a collection's shard."""
        return self.root / collection / "shard"

    def about(self, collection: str) -> Mapping[str, Any] | None:
        """Read what a collection says of itself; None if there is none. StoreError if damaged."""
        if not (self.root / collection).is_dir():
            return None
        path = self.root / collection / "about.json"
        try:
            about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return dict(about)
        except (OSError, ValueError, TypeError) as problem:
            raise StoreError(f"{path} cannot be read ({problem}); {_WAY_OUT}") from problem

    def begin(self, collection: str) -> Path:
        """Give an empty place to make a new shard in; it counts for nothing until `finish`."""
        making = self.root / (collection + _MAKING)
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir()
        return making / "shard"

    def finish(self, collection: str, about: Mapping[str, Any]) -> None:
        """Turn what `begin` started into a collection, in one step."""
        making = self.root / (collection + _MAKING)
        _write_about(making, about)
        os.replace(making, self.root / collection)

    def tell(self, collection: str, about: Mapping[str, Any]) -> None:
        """Replace what a collection says of itself, in one step."""
        _write_about(self.root / collection, about)

    def drop(self, collection: str) -> None:
        """Delete a collection: gone in one step, its room given back in a while."""
        going = self.root / (collection + _GOING)
        if (self.root / collection).is_dir():
            os.replace(self.root / collection, going)
        shutil.rmtree(going, ignore_errors=True)

    def bytes_on_disk(self) -> int:
        """Add up what the files of all collections take, as `du` does."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        return sum(getattr(path.stat(), "st_blocks", 0) * 512 for path in files)

    def require_room(self, bytes_: int) -> None:
        """Return if this many bytes are free on the disk; raises StoreFull."""
        try:
            free = shutil.disk_usage(self.root).free
        except OSError as problem:
            raise StoreError(f"The folder {self.root} is gone; {_WAY_OUT}") from problem
        if free < bytes_:
            raise StoreFull(
                f"The disk of {self.root} has {free / 1e6:.0f} MB left and {bytes_ / 1e6:.0f} MB "
                "are needed; free some space and try again"
            )


class Gate:
    """Lets many threads in until it is shut; shutting waits until the last one is out."""

    def __init__(self) -> None:
        """Open, nobody inside."""
        self._change = Condition()
        self._inside = 0
        self._shut = False

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside; raises StoreError when the gate was shut."""
        with self._change:
            if self._shut:
                raise StoreError("The embedded store was closed; open it again")
            self._inside += 1
        try:
            yield
        finally:
            with self._change:
                self._inside -= 1
                self._change.notify_all()

    def shut(self) -> bool:
        """Let nobody in any more and wait for those inside; False if it was shut before."""
        with self._change:
            first, self._shut = not self._shut, True
            self._change.wait_for(lambda: self._inside == 0)
            return first


@contextmanager
def translated(root: Path) -> Iterator[None]:
    """Turn what Qdrant's core raises into our errors; it has texts, but no error classes."""
    try:
        yield
    except LookalikeError:
        raise
    except (TypeError, ValueError, OverflowError) as problem:
        raise StoreRejected(f"The embedded store cannot hold this: {problem}") from problem
    except Exception as problem:
        if "No point with id" in str(problem):
            raise ImageNotFound("The image was removed meanwhile") from problem
        raise StoreError(f"The store in {root} failed ({problem}); {_WAY_OUT}") from problem
    except BaseException as panic:  # a Rust panic is no Exception, and its class cannot be imported
        if type(panic).__name__ != "PanicException":
            raise
        raise StoreError(f"The store in {root} broke down ({panic}); {_WAY_OUT}") from panic


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    _replace(folder / "about.json", json.dumps(dict(about), indent=1) + "\n")


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(path.name + ".new")
    with open(fresh, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _hold(file: IO[str]) -> None:
    if sys.platform == "win32":
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(file: IO[str]) -> str:
    try:
        file.seek(0)
        return f"process {int(file.read())}"
    except (OSError, ValueError):  # not written yet, or not readable on Windows
        return "another process"
