"""Makes the index agree with one original. Depends on the ports and on intake.

Events about a bucket repeat, arrive late and in any order, so none of them is trusted: the object
is read, the index is changed to match, and the object is checked again. If it changed in between,
the call fails and is repeated, so the last writer has seen the last state.
"""

import hashlib
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
    UnreadableOriginal,
)
from functions.gallery.filters import keep_fitting
from functions.gallery.intake.index import Indexer, write_thumbnail
from functions.gallery.originals.objects import (
    bytes_etag,
    has_unsaved_metadata,
    hash_of,
    is_current,
    is_same_object,
)
from functions.gallery.ports import Originals, Pictures, VectorStore
from functions.gallery.records import LEFT_OUT, Fields, ObjectState, Refusal, StoredImage

_ATTEMPTS = 3
_Row = tuple[StoredImage, Vector, bytes | None]  # with its thumbnail, if one was made
# An earlier version refused pictures for their metadata.
_TRIED_AGAIN = (LEFT_OUT, UnreadableOriginal.code, InvalidMetadata.code)


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
    if image is None or state is None or state.record is not None or state.unreadable:
        return state
    is_newest = not state.metadata or is_same_object(image.etag, state.etag)
    if not has_unsaved_metadata(image.etag, image.metadata) or not is_newest:
        return state
    if keep_fitting(state.metadata, fields)[0] == image.metadata:
        return state
    originals.write_metadata(name, image.metadata, state)
    return originals.head(name)


def _version(state: ObjectState | None) -> tuple[str, bool] | None:
    return None if state is None else (state.etag, bool(state.unreadable))


def _is_obsolete(state: ObjectState) -> bool:
    """Return whether the object's own metadata apply, which are newer than its record."""
    return hash_of(state.metadata) == state.own_metadata


def _is_final(refusal: Refusal, state: ObjectState) -> bool:
    """Return whether there is nothing to do about an object until it changes."""
    return refusal.etag == state.etag and refusal.code not in _TRIED_AGAIN


def _refusal_of(image: StoredImage) -> Refusal | None:
    """Return the refusal of the metadata that an image does not have, if it lacks any."""
    if not image.left_out:
        return None
    reasons = "; ".join(f"{name}: {reason}" for name, reason in image.left_out.items())
    return Refusal(image.name, image.etag, LEFT_OUT, reasons, datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Syncer:
    """Syncs objects one by one; many processes can do so at once."""

    indexer: Indexer
    store: VectorStore
    originals: Originals
    fields: Fields

    def sync(self, id: str, name: str) -> Synced:
        """Make index and refusals agree with the object of this name, which has this image id.

        An object that is indexed or refused in its current state is not read again, unless it could
        not be read. Raises ObjectChanged if it changes during the call, or StoreError: then call
        again.
        """
        image = self.store.get([id]).get(id)
        # First: if the whole bucket is denied, this fails, and no object is taken for unreadable.
        refusal = self.originals.refusal(name)
        record = None if image is None else self.originals.record_etag(name)
        state = head(self.originals, name, image, self.fields)
        if state is None:
            self.originals.remove_thumbnails(id)  # also those that a killed worker left
            changed = self._remove(image) | self._clear_refusal(refusal)
            if image is not None and record is not None:  # else its original is on the way
                self.originals.remove_record(name, record)
            outcome = Synced.REMOVED if changed else Synced.UNCHANGED
        elif image is not None and self._is_current(image, state):
            changed = self._keep_refusal(refusal, _refusal_of(image))
            outcome = Synced.UNCHANGED
        elif refusal is not None and _is_final(refusal, state):
            changed = self._remove(image)
            outcome = Synced.UNCHANGED
        else:
            changed = True
            outcome = self._index(id, name, state, image, refusal)
        if state is not None and state.record is not None and _is_obsolete(state):
            self.originals.remove_record(name, state.record)
            changed = True  # it could apply to an object that was written since
        if changed and _version(self.originals.head(name)) != _version(state):
            raise ObjectChanged(f"{name!r} changed while it was being indexed; try again")
        return outcome

    def _is_current(self, image: StoredImage, state: ObjectState) -> bool:
        return is_current(image.etag, state) and image.model == self.indexer.model

    def _index(
        self,
        id: str,
        name: str,
        state: ObjectState,
        before: StoredImage | None,
        refusal: Refusal | None,
    ) -> Synced:
        try:
            image, vector, thumbnail = self._update(before, state) or self._read(
                id, name, state, before
            )
        except (PictureError, UnreadableOriginal) as reason:
            now = datetime.now(UTC)
            new = Refusal(name, state.etag, reason.code, str(reason), now)
            changed = self._keep_refusal(refusal, new) | self._remove(before)
            if before is None and self.store.get([id]):  # somebody read it in between
                raise ObjectChanged(f"{name!r} is being indexed; try again") from reason
            return Synced.REFUSED if changed else Synced.UNCHANGED
        partly = _refusal_of(image)
        if partly is not None:  # before the point: a comparison finds it if this process is killed
            self._keep_refusal(refusal, partly)
        if thumbnail is not None:  # before the point: whoever removes the image removes both
            write_thumbnail(self.originals, image, thumbnail)
        self.store.put([image], vector[None])
        if partly is None:
            self._clear_refusal(refusal)
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
        return self._described(image, state), vector, None

    def _read(self, id: str, name: str, state: ObjectState, before: StoredImage | None) -> _Row:
        if state.unreadable:
            raise UnreadableOriginal(state.unreadable)
        most = self.indexer.limits.max_bytes
        if state.bytes > most:
            raise PictureTooLarge(
                f"{state.bytes:,} bytes exceed the limit of {most:,} bytes; use a smaller copy"
            )
        try:
            data = self.originals.read(name, state.etag)
        except ImageNotFound as error:
            raise ObjectChanged(f"{name!r} was removed while it was being read") from error
        sha256 = hashlib.sha256(data).hexdigest()
        if before is not None and (before.sha256, before.model) == (sha256, self.indexer.model):
            vector = self.store.vectors([id]).get(id)
            if vector is not None:  # the same bytes were written again
                return self._described(before, state), vector, None
        indexed = self.indexer.index(id, name, data, {}, sha256=sha256)
        return self._described(indexed.image, state), indexed.vector, indexed.thumbnail

    def _described(self, image: StoredImage, state: ObjectState) -> StoredImage:
        """Return an image with what its object says of it; the metadata that fit."""
        metadata, left_out = keep_fitting(state.metadata, self.fields)
        fresh = replace(image, metadata=metadata, left_out=left_out)
        return replace(fresh, etag=state.etag, added_at=state.modified_at)

    def _remove(self, image: StoredImage | None) -> bool:
        if image is None:
            return False
        self.originals.remove_thumbnail(image)
        self.store.remove([image.id])
        return True

    def _keep_refusal(self, kept: Refusal | None, wanted: Refusal | None) -> bool:
        """Keep this refusal instead of another, or none; returns whether that is a change."""
        if wanted is None:
            return self._clear_refusal(kept)
        if kept is not None and kept.says_the_same(wanted):
            return False
        self.originals.refuse(wanted)
        return True

    def _clear_refusal(self, refusal: Refusal | None) -> bool:
        if refusal is None:
            return False
        self.originals.clear_refusal(refusal.name)
        return True
