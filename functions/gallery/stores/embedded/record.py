"""What is recorded about a shard, to notice when its files are lost or damaged.

The core opens a shard whose list of ids was cut off without a word, and shows fewer images. So
`expected.json`, next to the shard, holds how many images there are at least, how many were removed
since the last compaction, and after a clean close the checksums of all files. Depends on files.
"""

import errno
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from functions.gallery.errors import StoreError
from functions.gallery.stores.embedded.folder import rebuild_advice, replace_file

Sums = dict[str, list[int]]  # the size, time of change and checksum of each file
_BLOCK_BYTES = 65_536


class ShardRecord:
    """The record of one shard in this process, from its opening to its closing."""

    def __init__(self, shard: Path) -> None:
        """Keep the record next to this folder; `open` reads it."""
        self.removed = 0  # since the last compaction
        self._shard = shard
        self._path = shard.with_name("expected.json")
        self._least = 0  # as recorded: there are never fewer images
        self._now = 0  # the same, but exact as of the last count
        self._lock = Lock()

    def open(self) -> None:
        """Check the files if the shard was closed cleanly; from here on they can change.

        Raises StoreError if one is missing or is not what was closed.
        """
        sums: Sums = {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            self._least, self.removed = int(found["images"]), int(found["removed"])
            sums = dict(found["files"])
        except FileNotFoundError:
            pass  # a new shard, or one from before there were records
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise self.damaged(self._path) from error
        if sums:
            now = _checksums(self._shard, sums)
            for name in sorted({*sums, *now}):
                if sums.get(name, [])[::2] != now.get(name, [])[::2]:
                    raise self.damaged(self._shard / name)
        self._write({})

    def check(self, count: Callable[[], int]) -> None:
        """Raise StoreError if there are fewer images than there must be; note a larger number.

        Everything that is counted must be flushed.
        """
        with self._lock:
            self._now = count()
            if self._now < self._least:
                raise self.damaged(self._shard)
            if self._least < self._now - 2 * _slack(self._now):
                self._record_least()

    @contextmanager
    def removing(self, number: int, count: Callable[[], int]) -> Iterator[None]:
        """Lower the number of images, on disk too, before up to `number` of them are removed."""
        with self._lock:
            self._now -= number
            self.removed += number
            if self._now < self._least:
                self._now = max(0, count() - number)
                self._record_least()
            yield

    def compacted(self) -> None:
        """Start to count removals again."""
        with self._lock:
            self.removed = 0
            self._write({})

    def close(self, images: int) -> None:
        """Record the number of images and the checksums of the files, which are closed."""
        self._least = images
        self._write(_checksums(self._shard, {}))

    def damaged(self, path: Path) -> StoreError:
        """Return the error for a damaged file or folder."""
        root = self._shard.parent.parent
        return StoreError(f"{path} is damaged or incomplete; {rebuild_advice(root)}")

    def _record_least(self) -> None:
        self._least = max(0, self._now - _slack(self._now))
        self._write({})

    def _write(self, sums: Sums) -> None:
        record = {"images": self._least, "removed": self.removed, "files": sums}
        replace_file(self._path, json.dumps(record) + "\n")


def _slack(images: int) -> int:
    """Return how many images can be removed before another number is recorded."""
    return 10 + images // 20


def _checksums(folder: Path, known: Sums) -> Sums:
    """Read all files, except those whose size and time of change are known."""
    sums = {}
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        name, state = str(path.relative_to(folder)), path.stat()
        size, changed, checksum = known.get(name, [-1, -1, -1])
        if (size, changed) != (state.st_size, state.st_mtime_ns):
            checksum = _checksum(path)
        sums[name] = [state.st_size, state.st_mtime_ns, checksum]
    return sums


def _checksum(path: Path) -> int:
    checksum = 0
    with open(path, "rb") as file:
        for at, block in _blocks(file.fileno()):
            if written := block.rstrip(b"\0"):  # a copy of the folder may have zeros for holes
                checksum = zlib.crc32(written, zlib.crc32(b"%d" % at, checksum))
    return checksum


def _blocks(file: int) -> Iterator[tuple[int, bytes]]:
    """Read a file without its holes: most of the core's files are megabytes of nearly nothing."""
    at, end = 0, os.fstat(file).st_size
    while at < end:
        try:
            at = os.lseek(file, at, os.SEEK_DATA) // _BLOCK_BYTES * _BLOCK_BYTES
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
        yield at, os.pread(file, _BLOCK_BYTES, at)
        at += _BLOCK_BYTES
