"""Makes the index agree with one original. Depends on the ports and on intake.

Events about a bucket repeat, arrive late and in any order, so none of them is trusted: the object
is read, the index is changed to match, and the object is checked again. If it changed in between,
the call fails and is repeated, so the last writer has seen the last state.
"""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    LookalikeError,
    ObjectChanged,
    PictureError,
    PictureTooLarge,
)
from functions.gallery.filters import check_metadata
from functions.gallery.intake.index import Indexer, write_thumbnail
from functions.gallery.originals.objects import (
    bytes_etag,
    has_unsaved_metadata,
    hash_of,
    is_same_object,
)
from functions.gallery.ports import Originals, Pictures, VectorStore
from functions.gallery.records import Fields, ObjectState, Refusal, StoredImage

_ATTEMPTS = 3
_Row = tuple[StoredImage, Vector, bytes | None]  # with its thumbnail, if one was made


class Synced(StrEnum):
    """What syncing an object did."""

    INDEXED = "indexed"
    REMOVED = "removed"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


def sync_repeatedly(syncer: "Syncer", id: str, name: str) -> Synced:
    """Sync an object, up to three times while it changes; raises as `sync` does."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(ObjectChanged):
            return syncer.sync(id, name)
    return syncer.sync(id, name)


def head(
    originals: Pictures, name: str, image: StoredImage | None, fields: Fields
) -> ObjectState | None:
    """Return the state of an original, after saving metadata that only an old index has of it."""
    state = originals.head(name)
    if image is None or state is None or state.record is not None:
        return state
    is_newest = not state.metadata or is_same_object(image.etag, state.etag)
    if not has_unsaved_metadata(image.etag, image.metadata) or not is_newest:
        return state
    with suppress(InvalidMetadata):
        if check_metadata(state.metadata, fields) == image.metadata:
            return state
    originals.write_metadata(name, image.metadata, state)
    return originals.head(name)


def _etag(state: ObjectState | None) -> str | None:
    return None if state is None else state.etag


def _is_obsolete(state: ObjectState) -> bool:
    """Return whether the object's own metadata apply, which are newer than its record."""
    return hash_of(state.metadata) == state.own_metadata


@dataclass(frozen=True, slots=True)
class Syncer:
    """Syncs objects one by one; many processes can do so at once."""

    indexer: Indexer
    store: VectorStore
    originals: Originals
    fields: Fields

    def sync(self, id: str, name: str) -> Synced:
        """Make index and refusals agree with the object of this name, which has this image id.

        An object that is indexed or refused in its current state is not read again. Raises
        ObjectChanged if it changes during the call, or StoreError: then call again.
        """
        image = self.store.get([id]).get(id)
        record = self.originals.record_etag(name)
        state = head(self.originals, name, image, self.fields)
        refusal = self.originals.refusal(name)
        if state is None:
            self.originals.remove_thumbnails(id)  # also those that a killed worker left
            changed = self._remove(image) | self._clear_refusal(refusal)
            if image is not None and record is not None:  # else its original is on the way
                self.originals.remove_record(name, record)
            outcome = Synced.REMOVED if changed else Synced.UNCHANGED
        elif image is not None and self._is_current(image, state):
            changed = self._clear_refusal(refusal)
            outcome = Synced.UNCHANGED
        elif refusal is not None and refusal.etag == state.etag:
            changed = self._remove(image)
            outcome = Synced.UNCHANGED
        else:
            changed = True
            outcome = self._index(id, name, state, image)
            if outcome is Synced.INDEXED:
                self._clear_refusal(refusal)
        if changed and _etag(self.originals.head(name)) != _etag(state):
            raise ObjectChanged(f"{name!r} changed while it was being indexed; try again")
        if state is not None and state.record is not None and _is_obsolete(state):
            self.originals.remove_record(name, state.record)
        return outcome

    def _is_current(self, image: StoredImage, state: ObjectState) -> bool:
        return image.etag == state.etag and image.model == self.indexer.model

    def _index(self, id: str, name: str, state: ObjectState, before: StoredImage | None) -> Synced:
        try:
            image, vector, thumbnail = self._update(before, state) or self._read(id, name, state)
        except (PictureError, InvalidMetadata) as reason:
            now = datetime.now(UTC)
            self.originals.refuse(Refusal(name, state.etag, reason.code, str(reason), now))
            self._remove(before)
            return Synced.REFUSED
        if thumbnail is not None:  # before the point: whoever removes the image removes both
            write_thumbnail(self.originals, image, thumbnail)
        self.store.put([image], vector[None])
        if before is not None and before.sha256 != image.sha256:
            with suppress(LookalikeError):  # it is not shown any more
                self.originals.remove_thumbnail(before)
        return Synced.INDEXED

    def _update(self, image: StoredImage | None, state: ObjectState) -> _Row | None:
        """Return an indexed image with new metadata and its vector, if only the metadata differ."""
        if image is None or image.model != self.indexer.model:
            return None
        if bytes_etag(image.etag) != bytes_etag(state.etag):
            return None
        vector = self.store.vectors([image.id]).get(image.id)
        if vector is None:
            return None
        metadata = check_metadata(state.metadata, self.fields)
        fresh = replace(image, metadata=metadata, etag=state.etag, added_at=state.modified_at)
        return fresh, vector, None

    def _read(self, id: str, name: str, state: ObjectState) -> _Row:
        most = self.indexer.limits.max_bytes
        if state.bytes > most:
            raise PictureTooLarge(
                f"{state.bytes:,} bytes exceed the limit of {most:,} bytes; use a smaller copy"
            )
        try:
            original = self.originals.fetch(name, state.etag)
        except ImageNotFound as error:
            raise ObjectChanged(f"{name!r} was removed while it was being read") from error
        if original.etag != state.etag:  # the bytes may be the same and the metadata different
            raise ObjectChanged(f"{name!r} was replaced while it was being read")
        metadata = check_metadata(original.metadata, self.fields)
        indexed = self.indexer.index(id, name, original.data, metadata)
        image = replace(indexed.image, etag=original.etag, added_at=state.modified_at)
        return image, indexed.vector, indexed.thumbnail

    def _remove(self, image: StoredImage | None) -> bool:
        if image is None:
            return False
        self.originals.remove_thumbnail(image)
        self.store.remove([image.id])
        return True

    def _clear_refusal(self, refusal: Refusal | None) -> bool:
        if refusal is None:
            return False
        self.originals.clear_refusal(refusal.name)
        return True
