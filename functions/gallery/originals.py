"""Where pictures live: a folder. Knows names and bytes, never what is in them.

Originals lie under their own names: the folder is the truth that the index is made from. A folder
keeps no metadata beside a file, so those are in the index only.
"""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from threading import Lock

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    NameTaken,
    ObjectChanged,
    StoreFull,
    StoreRejected,
)
from functions.gallery.names import check_name, image_id
from functions.gallery.objects import (
    REPLIES_KEPT_S,
    Listed,
    ObjectState,
    Original,
    read_refusal,
    written_refusal,
)
from functions.gallery.records import Refusal, StoredImage

_CLEANED_EVERY_S = 3_600


class FolderOriginals:
    """Originals, thumbnails and refusals in a folder; a file is there whole or not at all."""

    bucket = "local"

    def __init__(self, folder: Path) -> None:
        """Use this folder, made at the first write."""
        self._originals = folder / "originals"
        self._thumbnails = folder / "thumbnails"
        self._refused = folder / "refused"
        self._replies = folder / "replies"
        self._unfinished = folder / "unfinished"
        self._clean_again_at = 0.0
        self._turn = Lock()  # a folder that becomes empty is not removed under a file to come

    def look(self, name: str) -> ObjectState | None:
        """Tell what is there now, or None; the file is read, for nothing else tells its etag."""
        try:
            original = self.fetch(name)
        except (ImageNotFound, NameTaken):  # also where a part of the path is a file now
            return None
        return ObjectState(original.etag, len(original.data))

    def read(self, name: str) -> bytes:
        """Give the bytes under this name; raises ImageNotFound."""
        with _as_ours(name):
            return self._original(name).read_bytes()

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Give bytes and etag; raises ImageNotFound, or ObjectChanged if they have another etag."""
        data = self.read(name)
        original = Original(data, etag=_md5(data))
        if etag not in (None, original.etag):
            raise ObjectChanged(f"{name!r} was replaced while it was looked at")
        return original

    def write(self, name: str, original: Original) -> str:
        """Keep the bytes under their name, replacing what was there; returns their etag.

        Raises StoreFull without room, NameTaken if a part of the path is a file already.
        """
        self._put(self._original(name), original.data)
        return _md5(original.data)

    def remove(self, name: str) -> None:
        """Forget the bytes under this name, if they are there, and folders that became empty."""
        path = self._original(name)
        with self._turn, _as_ours(name):
            path.unlink(missing_ok=True)
            for parent in path.parents:
                if parent == self._originals or not _removed_empty(parent):
                    break

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        """Keep a thumbnail for as long as these very bytes are the image."""
        self._put(self._thumbnail(image), data)

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        """Give the thumbnail made of these very bytes, or None."""
        try:
            with _as_ours(image.name):
                return self._thumbnail(image).read_bytes()
        except ImageNotFound:
            return None

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Forget the thumbnail, if there is one."""
        with _as_ours(image.name):
            self._thumbnail(image).unlink(missing_ok=True)

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the originals by name, those behind `after`; each file is read for its etag."""
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
        """Remember a refusal, in place of an earlier one of the same name."""
        self._put(self._refusal(refusal.name), written_refusal(refusal))

    def refusal(self, name: str) -> Refusal | None:
        """Give the refusal of this name, if there is one."""
        return _refusal_in(self._refusal(name))

    def forgive(self, name: str) -> None:
        """Forget a refusal, if there is one."""
        self._refusal(name).unlink(missing_ok=True)

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        """List refusals in the order of their image ids, those behind the id `after`."""
        for path in sorted(self._refused.glob("*.json")):
            if (after is None or path.stem > after) and (found := _refusal_in(path)):
                yield found

    def count_refusals(self, most: int) -> int:
        """Count refusals, but no further than `most`."""
        return sum(1 for _ in islice(self._refused.glob("*.json"), most))

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a reply, and forget those of the days before."""
        if time.monotonic() > self._clean_again_at:
            self._clean_again_at = time.monotonic() + _CLEANED_EVERY_S
            for old in self._replies.glob("*.json"):
                if not _is_of_today(old):
                    old.unlink(missing_ok=True)
        self._put(self._replies / f"{key}.json", reply)

    def read_reply(self, key: str) -> bytes | None:
        """Give the reply kept under this key within the last day, or None."""
        path = self._replies / f"{key}.json"
        if not _is_of_today(path):
            return None
        try:
            with _as_ours(path.name):
                return path.read_bytes()
        except ImageNotFound:
            return None

    def _original(self, name: str) -> Path:
        return self._originals / check_name(name)

    def _thumbnail(self, image: StoredImage) -> Path:
        return self._thumbnails / image.id[:2] / f"{image.id}-{image.sha256[:16]}.jpg"

    def _refusal(self, name: str) -> Path:
        return self._refused / f"{image_id(self.bucket, name)}.json"

    def _put(self, path: Path, data: bytes) -> None:
        with _as_ours(path.name):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._unfinished, delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    with self._turn:
                        path.parent.mkdir(parents=True, exist_ok=True)
                        os.replace(file.name, path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()  # as S3 does


def _is_of_today(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < REPLIES_KEPT_S
    except FileNotFoundError:
        return False


def _refusal_in(path: Path) -> Refusal | None:
    try:
        return read_refusal(path.read_bytes())
    except FileNotFoundError:
        return None


def _removed_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def _as_ours(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise _translated(name, problem) from problem


def _translated(name: str, problem: OSError) -> LookalikeError:
    if isinstance(problem, FileNotFoundError):
        return ImageNotFound(f"No original is stored under {name!r}")
    if isinstance(problem, FileExistsError | NotADirectoryError | IsADirectoryError):
        return NameTaken(f"{name!r}: a part of this path is a picture, or pictures lie below it")
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"No room left for {name!r}; free space in the data folder")
    return StoreRejected(f"The data folder refused {name!r}: {problem.strerror}")
