"""Where the bytes of pictures live: a folder. Knows names and bytes, never what is in them.

Originals lie under their own names: the folder is the truth that the index is made from.
"""

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    LookalikeError,
    StoreFull,
    StoreRejected,
)
from functions.gallery.records import StoredImage


class FolderOriginals:
    """Originals and thumbnails in a folder; a file is there whole or not at all."""

    bucket = "local"

    def __init__(self, folder: Path) -> None:
        """Use this folder, made at the first write."""
        self._originals = folder / "originals"
        self._thumbnails = folder / "thumbnails"
        self._unfinished = folder / "unfinished"

    def write(self, name: str, data: bytes) -> str:
        """Keep the bytes under their name, replacing what was there; returns their etag.

        Raises StoreFull without room, InvalidName if a part of the path is a file already.
        """
        self._put(self._originals / name, data)
        return hashlib.md5(data, usedforsecurity=False).hexdigest()  # as S3 does

    def read(self, name: str) -> bytes:
        """Give the bytes under this name; raises ImageNotFound."""
        with _as_ours(name):
            return (self._originals / name).read_bytes()

    def remove(self, name: str) -> None:
        """Forget the bytes under this name, if they are there, and folders that became empty."""
        path = self._originals / name
        with _as_ours(name):
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
            return self._thumbnail(image).read_bytes()
        except FileNotFoundError:
            return None

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Forget the thumbnail, if there is one."""
        self._thumbnail(image).unlink(missing_ok=True)

    def _thumbnail(self, image: StoredImage) -> Path:
        return self._thumbnails / image.id[:2] / f"{image.id}-{image.sha256[:16]}.jpg"

    def _put(self, path: Path, data: bytes) -> None:
        with _as_ours(path.name):
            self._unfinished.mkdir(parents=True, exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._unfinished, delete=False) as file:
                try:
                    file.write(data)
                    file.close()
                    os.replace(file.name, path)
                except BaseException:
                    Path(file.name).unlink(missing_ok=True)
                    raise


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
        return InvalidName(f"{name!r}: a part of this path is a picture, or a folder", field="name")
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreFull(f"No room left for {name!r}; free space in the data folder")
    return StoreRejected(f"The data folder refused {name!r}: {problem.strerror}")
