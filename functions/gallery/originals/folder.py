"""Originals in a folder, under their own names. The folder is the truth, the index is made from it.

    <data>/originals/<name>      the picture
    <data>/records/<id>.json     its metadata, if it has any
    <data>/refused/<id>.json     why it cannot be indexed
    <data>/thumbnails, replies   made again when they are missing

Depends on names and bytes, not on what is in them.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO

from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    LookalikeError,
    NameTaken,
    ObjectChanged,
)
from functions.gallery.names import check_name, image_id, is_companion, record_id
from functions.gallery.originals.files import Files, is_recent, map_errors, read, remove_old
from functions.gallery.originals.objects import (
    REPLIES_KEPT_S,
    bytes_etag,
    etag_of,
    metadata_of,
    name_taken,
    read_record,
    read_refusal,
    write_record,
    write_refusal,
)
from functions.gallery.records import (
    Listed,
    Metadata,
    MetadataRecord,
    ObjectState,
    Original,
    Refusal,
    StoredImage,
)

_CLEANED_EVERY_S = 3_600


class FolderOriginals:
    """The port `Originals` in a folder; files are written in one step."""

    bucket = "local"
    in_place = False
    left_out = ""

    def __init__(self, folder: Path) -> None:
        """Use this folder, which is created at the first write."""
        self._files = Files(folder)
        self._originals = folder / "originals"
        self._records = folder / "records"
        self._thumbnails = folder / "thumbnails"
        self._refused = folder / "refused"
        self._replies = folder / "replies"
        self._clean_again_at = 0.0

    def head(self, name: str) -> ObjectState | None:
        """Return the state of an original, or None; its etag takes reading the file."""
        try:
            return self._state(name, self.fetch(name))
        except (ImageNotFound, NameTaken, InvalidName):  # also where a part of the path is a file
            return None

    def exists(self, name: str) -> bool:
        return self._stat(name) is not None

    def can_be_read(self, name: str) -> bool:
        return self.exists(name)

    def has_bytes(self, image: StoredImage) -> bool:
        """Return whether a file has the time and size of the indexed bytes, or else their hash."""
        stat = self._stat(image.name)
        if stat is None:
            return False
        if (time_of(stat), stat.st_size) == (image.added_at, image.bytes):
            return True
        return _hash(self.read(image.name)) == image.sha256

    def read(self, name: str, etag: str | None = None) -> bytes:
        path = self._original(name)
        with map_errors(name):
            if self._is_other(path):
                raise FileNotFoundError(path)
            data = path.read_bytes()
        if etag is not None and bytes_etag(etag) != _hash(data):
            raise ObjectChanged(f"{name!r} was replaced while it was read; try again")
        return data

    def open(self, name: str) -> tuple[BinaryIO, int]:
        path = self._original(name)
        with map_errors(name):
            if self._is_other(path):
                raise FileNotFoundError(path)
            file = path.open("rb")
            return file, os.fstat(file.fileno()).st_size

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Return bytes, metadata and etag; raises ImageNotFound or ObjectChanged."""
        data = self.read(name)
        record = read(self._record(name))
        metadata = metadata_of({}, None if record is None else read_record(record))
        with map_errors(name):
            modified_at = time_of(self._original(name).stat())
        sha256 = _hash(data)
        etag_now = etag_of(sha256, metadata)
        original = Original(data, metadata, etag=etag_now, modified_at=modified_at, sha256=sha256)
        if etag not in (None, original.etag):
            raise ObjectChanged(f"{name!r} was replaced while it was read; try again")
        return original

    def create(self, name: str, original: Original) -> ObjectState:
        """Write an original and its metadata; returns its state.

        Raises StoreFull, or NameTaken if there is one, if a part of the path is a file, or if the
        file system does not tell the name apart from another one.
        """
        path = self._checked(name)
        with (
            self._files.prepared(original.data) as file,
            self._prepared_record(name, original.metadata) as record,
            self._files.locked(),
        ):
            if os.path.lexists(path):
                raise name_taken(name)
            # The record first: a picture is never seen without its metadata.
            self._move_record(record, name)
            try:
                self._files.move(file, path, new=True)
            except LookalikeError:
                self._files.remove(self._record(name))
                raise
            return self._state(name, original)

    def write(self, name: str, original: Original) -> ObjectState:
        """Write an original and its metadata, replacing any other; raises as `create` does."""
        path = self._checked(name)
        with (  # both have room before either is moved
            self._files.prepared(original.data) as file,
            self._prepared_record(name, original.metadata) as record,
            self._files.locked(),
        ):
            self._files.move(file, path)
            self._move_record(record, name)
            return self._state(name, original)

    def write_metadata(self, name: str, metadata: Metadata, state: ObjectState) -> None:
        with self._prepared_record(name, metadata) as record, self._files.locked():
            if self.record_etag(name) != state.record:
                raise ObjectChanged(f"The metadata of {name!r} were changed by others; try again")
            self._move_record(record, name)

    def record_etag(self, name: str) -> str | None:
        record = read(self._record(name))
        return None if record is None else _hash(record)

    def remove_record(self, name: str, etag: str) -> None:
        with self._files.locked():
            if self.record_etag(name) == etag:
                self._files.remove(self._record(name))

    def records(self, after: str | None = None) -> Iterator[MetadataRecord]:
        for path in _after(self._records, after):
            data = read(path)
            if data is not None and (record := read_record(data)):
                yield record

    def remove(self, name: str) -> None:
        """Remove an original, its metadata and the folders that become empty."""
        path = self._original(name)
        with self._files.locked():
            if not self._is_other(path):
                self._files.remove(path, self._originals)
            self._files.remove(self._record(name))

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        self._files.write(self._thumbnail(image), data, synced=False)

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        return read(self._thumbnail(image))

    def remove_thumbnail(self, image: StoredImage) -> None:
        self._files.remove(self._thumbnail(image))

    def remove_thumbnails(self, image_id: str) -> None:
        for path in (self._thumbnails / image_id[:2]).glob(f"{image_id}-*.jpg"):
            self._files.remove(path)

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the originals by name, after `after`, without etags: no file is read.

        Whatever cannot be read, or has a name that no image can have, is left out;
        scripts/reconcile reports it.
        """
        paths = (Path(parent) / f for parent, _, files in os.walk(self._originals) for f in files)
        names = sorted(path.relative_to(self._originals).as_posix() for path in paths)
        for name in names:
            if (after is not None and name <= after) or is_companion(name):
                continue
            try:
                path = self._original(name)
                # A pipe would wait for a writer.
                stat = path.stat()
                if S_ISREG(stat.st_mode) and os.access(path, os.R_OK):
                    yield Listed(name, None, stat.st_size, time_of(stat))
            except (OSError, InvalidName):  # also removed since
                continue

    def refuse(self, refusal: Refusal) -> None:
        self._files.write(self._refusal(refusal.name), write_refusal(refusal))

    def refusal(self, name: str) -> Refusal | None:
        return _read_refusal(self._refusal(name))

    def clear_refusal(self, name: str) -> None:
        self._files.remove(self._refusal(name))

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        for path in _after(self._refused, after):
            if refusal := _read_refusal(path):
                yield refusal

    def refused_ids(self) -> Iterator[str]:
        return (path.stem for path in _after(self._refused, None))

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a response, and now and then remove those older than a day."""
        if time.monotonic() > self._clean_again_at:
            self._clean_again_at = time.monotonic() + _CLEANED_EVERY_S
            remove_old(self._replies, REPLIES_KEPT_S)
        self._files.write(self._replies / f"{key}.json", reply, synced=False)

    def read_reply(self, key: str) -> bytes | None:
        path = self._replies / f"{key}.json"
        return read(path) if is_recent(path, REPLIES_KEPT_S) else None

    def _original(self, name: str) -> Path:
        return self._originals / check_name(name)

    def _stat(self, name: str) -> os.stat_result | None:
        """Return what the file system says of an original; None if there is none."""
        try:
            path = self._original(name)
        except InvalidName:  # of an index that was made from a bucket
            return None
        with map_errors(name):
            try:
                stat = path.stat()  # raises where a folder cannot be read
            except (FileNotFoundError, NotADirectoryError):
                return None
            return stat if S_ISREG(stat.st_mode) and not self._is_other(path) else None

    def _state(self, name: str, original: Original) -> ObjectState:
        with map_errors(name):
            return ObjectState(
                etag_of(original.sha256 or _hash(original.data), original.metadata),
                len(original.data),
                time_of(self._original(name).stat()),
                original.metadata,
                record=self.record_etag(name),
            )

    def _is_other(self, path: Path) -> bool:
        return self._files.is_spelled_differently(path, self._originals)

    def _checked(self, name: str) -> Path:
        path = self._original(name)
        with map_errors(name):
            if self._is_other(path):
                raise NameTaken(
                    f"This file system does not tell {name!r} apart from a name in use; choose one "
                    "that differs in more than upper case or accents"
                )
        return path

    def _record(self, name: str) -> Path:
        return self._records / f"{record_id(name)}.json"

    @contextmanager
    def _prepared_record(self, name: str, metadata: Mapping[str, Any]) -> Iterator[Path | None]:
        if not metadata:
            yield None
            return
        record = MetadataRecord(name, metadata, own_metadata="")
        with self._files.prepared(write_record(record)) as file:
            yield file

    def _move_record(self, file: Path | None, name: str) -> None:
        if file is None:
            self._files.remove(self._record(name))
        else:
            self._files.move(file, self._record(name))

    def _thumbnail(self, image: StoredImage) -> Path:
        return self._thumbnails / image.id[:2] / f"{image.id}-{image.sha256[:16]}.jpg"

    def _refusal(self, name: str) -> Path:
        return self._refused / f"{image_id(self.bucket, name)}.json"


def time_of(stat: os.stat_result) -> datetime:
    """Return when a file was last written."""
    try:
        return datetime.fromtimestamp(stat.st_mtime, UTC)
    except (OverflowError, ValueError):  # after the year 9999
        return datetime.max.replace(tzinfo=UTC)


def _hash(data: bytes) -> str:
    """Return the etag of bytes: their SHA-256, so that an import hashes each picture once."""
    return hashlib.sha256(data).hexdigest()


def _after(folder: Path, id: str | None) -> list[Path]:
    """List the files of a folder by image id, after an id."""
    return [path for path in sorted(folder.glob("*.json")) if id is None or path.stem > id]


def _read_refusal(path: Path) -> Refusal | None:
    data = read(path)
    return None if data is None else read_refusal(data)
