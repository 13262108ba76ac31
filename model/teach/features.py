"""Vectors that were computed once, on disk: an append-only file of records.

A record is the SHA-256 of a picture's bytes, its vector in float32, and a checksum. A process that
is killed leaves at most one torn record, at the end, which is cut off when the file is opened.
Depends on numpy and portalocker.
"""

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import portalocker

from functions.gallery.embedding.vectors import Vector, Vectors

_KEY_BYTES = 32
_AT_ONCE = 2_000  # records: 10 MB of 1,280 numbers


class FeaturesInUse(Exception):
    """Another process writes to the same file."""


class Features:
    """The vectors of one model, by the SHA-256 of the picture; for one process at a time."""

    def __init__(self, path: Path, dims: int) -> None:
        """Open or create a file; raises FeaturesInUse or OSError."""
        self._dims = dims
        self._record = np.dtype(
            [("key", "u1", _KEY_BYTES), ("vector", "<f4", dims), ("sum", "<u4")]
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("a+b")
        try:
            portalocker.lock(
                self._file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
            )
        except portalocker.LockException as error:
            self._file.close()
            raise FeaturesInUse(
                f"{path} is in use by another scripts/teach; wait for it to finish"
            ) from error
        self._rows: dict[str, int] = {}
        self._count = 0  # records
        self._read_keys()

    def __enter__(self) -> Self:
        """Keep the file open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def __contains__(self, sha256: str) -> bool:
        """Return whether the vector of these bytes is known."""
        return sha256 in self._rows

    def add(self, sha256: str, vector: Vector) -> None:
        """Append a vector, which another process can read from now on."""
        record = np.zeros(1, self._record)
        record["key"] = np.frombuffer(bytes.fromhex(sha256), np.uint8)
        record["vector"] = vector
        record["sum"] = _checksum(record[0])
        self._file.write(record.tobytes())
        self._file.flush()
        self._rows[sha256] = self._count
        self._count += 1

    def gather(self, sha256s: Sequence[str]) -> Vectors:
        """Return the vectors of these bytes, (n, dims), in their order; raises KeyError."""
        vectors = np.empty((len(sha256s), self._dims), np.float32)
        if len(sha256s):
            stored = np.memmap(self._path, self._record, "r")
            for row, sha256 in enumerate(sha256s):
                vectors[row] = stored["vector"][self._rows[sha256]]
        return vectors

    def _read_keys(self) -> None:
        """Read the keys, and cut the file off at the first record that is not whole."""
        size = self._record.itemsize
        self._file.seek(0)
        while data := self._file.read(size * _AT_ONCE):
            records = np.frombuffer(data[: len(data) // size * size], self._record)
            for record in records:
                if int(record["sum"]) != _checksum(record):
                    break
                self._rows[record["key"].tobytes().hex()] = self._count
                self._count += 1
            else:
                if len(records) * size == len(data):
                    continue
            break
        os.truncate(self._file.fileno(), self._count * size)


def _checksum(record: np.void) -> int:
    return zlib.crc32(record.tobytes()[:-4])
