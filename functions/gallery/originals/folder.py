"""Originals in a folder, under their own names. The folder is the truth, the index is made from it.

A folder keeps no metadata next to a file; those are in the index only. Depends on names and bytes,
not on what is in them.
"""

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import md5
from itertools import islice
from pathlib import Path
from threading import Lock

from functions.gallery.errors import (
    ImageNotFound,
    NameTaken,
    ObjectChanged,
    StoreFull,
    StoreRejected,
)
from functions.gallery.names import check_name, image_id
from functions.gallery.originals.objects import REPLIES_KEPT_S, read_refusal, write_refusal
from functions.gallery.records import Listed, ObjectState, Original, Refusal, StoredImage

_CLEANED_EVERY_S = 3_600


class FolderOriginals:
    """The port `Originals` in a folder; files are written atomically."""

    bucket = "local"

    def __init__(self, folder: Path) -> None:
        """Use this folder, which is created at the first write."""
        self._originals = folder / "originals"
        self._thumbnails = folder / "thumbnails"
        self._refused = folder / "refused"
        self._replies = folder / "replies"
        self._unfinished = folder / "unfinished"
        self._clean_again_at = 0.0
        self._lock = Lock()  # an empty folder is not removed just before a file is put there

    def head(self, name: str) -> ObjectState | None:
        """Return the state of an original, or None; its etag takes reading the file."""
        try:
            original = self.fetch(name)
        except (ImageNotFound, NameTaken):  # also where a part of the path is now a file
            return None
        return ObjectState(original.etag, len(original.data))

    def exists(self, name: str) -> bool:
        with _map_errors(name):
            return self._original(name).is_file()

    def read(self, name: str) -> bytes:
        with _map_errors(name):
            return self._original(name).read_bytes()

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Return bytes and etag; raises ImageNotFound, or ObjectChanged for another etag."""
        data = self.read(name)
        original = Original(data, etag=_md5(data))
        if etag not in (None, original.etag):
            raise ObjectChanged(f"{name!r} was replaced while it was read; try again")
        return original

    def write(self, name: str, original: Original) -> str:
        """Write an original, replacing any other; returns its etag.

        Raises StoreFull, or NameTaken if a part of the path is a file.
        """
        self._put(self._original(name), original.data)
        return _md5(original.data)

    def remove(self, name: str) -> None:
        """Remove the original and the folders that become empty; a missing one is ignored."""
        path = self._original(name)
        with self._lock, _map_errors(name):
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._originals or not _remove_if_empty(parent):
                    break

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        self._put(self._thumbnail(image), data)

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        return _read(self._thumbnail(image))

    def remove_thumbnail(self, image: StoredImage) -> None:
        _unlink(self._thumbnail(image))

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the originals by name, after `after`; each file is read for its etag."""
        paths = (Path(parent) / f for parent, _, files in os.walk(self._originals) for f in files)
        names = sorted(path.relative_to(self._originals).as_posix() for path in paths)
        for name in names:
            if after is not None and name <= after:
                continue
            path = self._originals / name
            try:
                modified_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
                yield Listed(name, _md5(path.read_bytes()), modified_at)
            except FileNotFoundError:  # removed since
                continue

    def refuse(self, refusal: Refusal) -> None:
        self._put(self._refusal(refusal.name), write_refusal(refusal))

    def refusal(self, name: str) -> Refusal | None:
        return _read_refusal(self._refusal(name))

    def clear_refusal(self, name: str) -> None:
        _unlink(self._refusal(name))

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        for path in sorted(self._refused.glob("*.json")):
            if (after is None or path.stem > after) and (refusal := _read_refusal(path)):
                yield refusal

    def count_refusals(self, most: int) -> int:
        return sum(1 for _ in islice(self._refused.glob("*.json"), most))

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a response, and now and then remove those older than a day."""
        if time.monotonic() > self._clean_again_at:
            self._clean_again_at = time.monotonic() + _CLEANED_EVERY_S
            for old in self._replies.glob("*.json"):
                if not _is_recent(old):
                    old.unlink(missing_ok=True)
        self._put(self._replies / f"{key}.json", reply)

    def read_reply(self, key: str) -> bytes | None:
        path = self._replies / f"{key}.json"
        return _read(path) if _is_recent(path) else None

    def _original(self, name: str) -> Path:
        return self._originals / check_name(name)

    def _thumbnail(self, image: StoredImage) -> Path:
        return self._thumbnails / image.id[:2] / f"{image.id}-{image.sha256[:16]}.jpg"

    def _refusal(self, name: str) -> Path:
        return self._refused / f"{image_id(self.bucket, name)}.json"

    def _put(self, path: Path, data: bytes) -> None:
        with _map_errors(path.name):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._unfinished, delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    with self._lock:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        os.replace(file.name, path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise


def _md5(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()  # as S3 does


def _is_recent(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < REPLIES_KEPT_S
    except FileNotFoundError:
        return False


def _read(path: Path) -> bytes | None:
    try:
        with _map_errors(path.name):
            return path.read_bytes()
    except ImageNotFound:
        return None


def _read_refusal(path: Path) -> Refusal | None:
    data = _read(path)
    return None if data is None else read_refusal(data)


def _unlink(path: Path) -> None:
    with _map_errors(path.name):
        path.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def _map_errors(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise ImageNotFound(f"No original is stored under {name!r}") from error
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise NameTaken(
            f"{name!r} is a folder, or a part of it is a picture; use another name"
        ) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"No room left for {name!r}; free space in the data folder") from error
        raise StoreRejected(
            f"{name!r} cannot be read or written; check the permissions of the data folder"
        ) from error
