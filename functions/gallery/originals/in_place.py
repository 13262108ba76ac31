"""Originals in somebody's own folder of pictures, which is only read.

    <pictures>/<name>            the picture, where it is
    <data>/records, refused, thumbnails, replies   as in a folder of copies
    <data>/forgotten/<id>.json   what was deleted from the gallery; the file stays
    <data>/in-place              which folder it is

The etag of a picture is its size and time, so that comparing thousands reads none of them.
Depends on names and bytes, not on what is in them.
"""

import json
import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from hashlib import file_digest
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO, NoReturn

from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    ObjectChanged,
    ReadOnlyOriginals,
    SettingsError,
    StoreError,
    StoreRejected,
    UnreadableOriginal,
)
from functions.gallery.names import check_name, record_id
from functions.gallery.originals.files import Files, map_errors, read
from functions.gallery.originals.folder import FolderOriginals, time_of
from functions.gallery.originals.identity import PLACE
from functions.gallery.originals.objects import bytes_etag, etag_of, metadata_of, read_record
from functions.gallery.originals.walk import LeftOut, is_inside, is_left_out, walk
from functions.gallery.records import Listed, ObjectState, Original, StoredImage
from functions.runtime import command

_NOT_READ = "files or folders that cannot be read"


class InPlaceOriginals(FolderOriginals):
    """The port `Originals` in a folder of pictures that is only read."""

    in_place = True

    def __init__(self, data: Path, pictures: Path) -> None:
        """Read these pictures; everything else is kept in the data folder."""
        super().__init__(data)
        self._data = data
        self._originals = pictures
        self._forgotten = data / "forgotten"

    def head(self, name: str) -> ObjectState | None:
        stat = self._stat(name)
        return None if stat is None else self._state_of(name, stat)

    def can_be_read(self, name: str) -> bool:
        return self.exists(name) and os.access(self._original(name), os.R_OK)

    def has_bytes(self, image: StoredImage) -> bool:
        stat = self._stat(image.name)
        return stat is not None and _etag_of(stat) == bytes_etag(image.etag)

    def read(self, name: str, etag: str | None = None) -> bytes:
        return self._read(name, None if etag is None else bytes_etag(etag))[0]

    def fetch(self, name: str, etag: str | None = None) -> Original:
        data, stat = self._read(name, None)
        state = self._state_of(name, stat)
        if etag not in (None, state.etag):
            raise _changed(name)
        return Original(data, state.metadata, etag=state.etag, modified_at=state.modified_at)

    def open(self, name: str) -> tuple[BinaryIO, int]:
        if self._stat(name) is None:
            raise ImageNotFound(f"No original is stored under {name!r}")
        try:
            return super().open(name)
        except StoreRejected as error:
            raise UnreadableOriginal(f"{name!r} cannot be read; check its permissions") from error

    def create(self, name: str, original: Original) -> NoReturn:
        raise ReadOnlyOriginals()

    write = create

    def remove(self, name: str) -> None:
        """Forget a picture and its metadata until its file changes; the file stays."""
        with self._files.locked():
            stat = self._stat(name)
            if stat is not None:
                entry = {"name": name, "etag": _etag_of(stat), "sha256": self._hash(name)}
                self._files.write(self._entry(name), json.dumps(entry).encode())
            self._files.remove(self._record(name))

    def remove_record(self, name: str, etag: str) -> None:
        """Remove the record of a file that is there: other drives may only be unplugged."""
        if self.exists(name):
            super().remove_record(name, etag)

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the pictures by name, after `after`, and note what is left out.

        Raises StoreError if the folder cannot be listed, so that nobody takes it for empty.
        """
        left_out = LeftOut()
        found = walk(self._originals, self._data, (), left_out)
        if self._originals in found:
            raise StoreError(
                f"{self._originals} cannot be listed; check that its drive is connected, and its "
                "permissions"
            )
        forgotten = {path.stem for path in self._forgotten.glob("*.json")}
        for name in sorted(path.relative_to(self._originals).as_posix() for path in found):
            if after is not None and name <= after:
                continue
            try:
                stat = self._original(name).stat()
            except InvalidName:
                left_out.add("names that no picture can have", ascii(name))
                continue
            except OSError:  # also removed since
                left_out.add(_NOT_READ, name)
                continue
            if not S_ISREG(stat.st_mode):
                left_out.add(_NOT_READ, name)
            elif record_id(name) not in forgotten or not self._is_forgotten(name, stat):
                yield Listed(name, _etag_of(stat), stat.st_size, time_of(stat))
        self.left_out = left_out.describe()

    def bring_back(self, pattern: str) -> list[str]:
        """Let pictures that were deleted from the gallery be found again; returns their names."""
        names = []
        for path in sorted(self._forgotten.glob("*.json")):
            name = str(_read_entry(path).get("name", ""))
            if fnmatchcase(name, pattern):
                self._files.remove(path)
                names.append(name)
        return sorted(names)

    def _stat(self, name: str) -> os.stat_result | None:
        """Return what the file system says of a picture; None if there is none to see here."""
        try:
            stat = None if is_left_out(name) else super()._stat(name)
        except StoreRejected as error:
            raise StoreRejected(f"{name!r} cannot be read; check its permissions") from error
        return None if stat is None or self._is_forgotten(name, stat) else stat

    def _state_of(self, name: str, stat: os.stat_result) -> ObjectState:
        record = read(self._record(name))
        metadata = metadata_of({}, None if record is None else read_record(record))
        is_readable = os.access(self._original(name), os.R_OK)
        return ObjectState(
            etag_of(_etag_of(stat), metadata),
            stat.st_size,
            time_of(stat),
            metadata,
            record=self.record_etag(name),
            unreadable="" if is_readable else "it cannot be read; check its permissions",
        )

    def _read(self, name: str, etag: str | None) -> tuple[bytes, os.stat_result]:
        file, _ = self.open(name)
        with file, map_errors(name):
            before = os.fstat(file.fileno())
            if etag not in (None, _etag_of(before)):
                raise _changed(name)
            data = file.read()
            if _etag_of(before) != _etag_of(os.fstat(file.fileno())):
                raise _changed(name)
            return data, before

    def _is_forgotten(self, name: str, stat: os.stat_result) -> bool:
        entry = _read_entry(self._entry(name))
        if entry.get("etag") == _etag_of(stat):
            return True
        # A backup that was restored has another time. Only what has the size is read.
        has_size = entry.get("etag", "").partition("-")[0] == str(stat.st_size)
        return has_size and entry.get("sha256") == self._hash(name)

    def _hash(self, name: str) -> str | None:
        """Return the SHA-256 of a file, in hex; None if it cannot be read."""
        try:
            with open(self._original(name), "rb") as file:
                return file_digest(file, "sha256").hexdigest()
        except OSError:
            return None

    def _entry(self, name: str) -> Path:
        return self._forgotten / f"{record_id(check_name(name))}.json"


def place_of(data: Path, wanted: Path | None, *, moved: bool = False) -> Path | None:
    """Return the folder that this data folder is a gallery of in place; None for copies.

    Without a wanted one it is the one of before. Raises SettingsError for one that is not there or
    not apart from the data and, unless it was moved, for another one than before and for copies.
    """
    known = _remembered(data)
    folder = known if wanted is None else Path(os.path.abspath(wanted.expanduser()))
    if folder is None:
        return None
    if known not in (None, folder) and not moved:
        raise SettingsError(
            f"{data} is the gallery of {known} in place, not of {folder}; set LOOKALIKE_DATA to "
            f"another folder or, if the pictures were moved there, run {command('adopt')}"
        )
    if known is None and any((data / "originals").glob("*")) and not moved:
        raise SettingsError(
            f"{data} is a gallery with copies of its pictures; for one in place, set "
            "LOOKALIKE_DATA to another folder (docs/in-place.md says how to keep its index)"
        )
    if not folder.is_dir():
        raise SettingsError(
            f"{folder} is not there, or not a folder; check the path, and that its drive is "
            "connected"
        )
    if is_inside(data, folder) or is_inside(folder, data):
        raise SettingsError(
            f"{data} and the pictures in {folder} are not apart; set LOOKALIKE_DATA to a folder "
            "elsewhere, because nothing is written next to pictures in place"
        )
    return folder


def remember(data: Path, folder: Path) -> None:
    """Keep which folder it is, so that every command sees the same gallery."""
    if _remembered(data) != folder:
        Files(data).write(data / PLACE, os.fsencode(folder))


def _remembered(data: Path) -> Path | None:
    text = read(data / PLACE)
    return Path(os.fsdecode(text)) if text else None


def _read_entry(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(read(path) or b"{}"))
    except ValueError:  # damaged: the picture comes back
        return {}


def _etag_of(stat: os.stat_result) -> str:
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def _changed(name: str) -> ObjectChanged:
    return ObjectChanged(f"{name!r} was replaced while it was read; try again")
