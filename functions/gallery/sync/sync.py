"""Makes the index agree with one original. Depends on the ports and on intake.

Events about a bucket repeat, arrive late and in any order, so none of them is trusted: the object
is read, the index is changed to match, and the object is checked again. If it changed in between,
the call fails and is repeated, so the last writer has seen the last state.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    ObjectChanged,
    PictureError,
    PictureTooLarge,
)
from functions.gallery.filters import check_metadata
from functions.gallery.intake.index import Indexed, Indexer
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Fields, ObjectState, Refusal, StoredImage


class Synced(StrEnum):
    """What syncing an object did."""

    INDEXED = "indexed"
    REMOVED = "removed"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


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
        state = self.originals.head(name)
        image = self.store.get([id]).get(id)
        refusal = self.originals.refusal(name)
        if state is None:
            changed = self._remove(image) | self._clear_refusal(refusal)
            outcome = Synced.REMOVED if changed else Synced.UNCHANGED
        elif image is not None and self._is_current(image, state):
            changed = self._clear_refusal(refusal)
            outcome = Synced.UNCHANGED
        elif refusal is not None and refusal.etag == state.etag:
            changed = self._remove(image)
            outcome = Synced.UNCHANGED
        else:
            changed = True
            outcome = self._index(id, name, state, image, refusal)
        if changed and self.originals.head(name) != state:
            raise ObjectChanged(f"{name!r} changed while it was being indexed; try again")
        return outcome

    def _is_current(self, image: StoredImage, state: ObjectState) -> bool:
        return image.etag == state.etag and image.model == self.indexer.model

    def _index(
        self,
        id: str,
        name: str,
        state: ObjectState,
        before: StoredImage | None,
        refusal: Refusal | None,
    ) -> Synced:
        try:
            indexed = self._read(id, name, state)
        except (PictureError, InvalidMetadata) as reason:
            now = datetime.now(UTC)
            self.originals.refuse(Refusal(name, state.etag, reason.code, str(reason), now))
            self._remove(before)
            return Synced.REFUSED
        self._clear_refusal(refusal)
        self.store.put([indexed.image], indexed.vector[None])
        if before is not None and before.sha256 != indexed.image.sha256:
            self.originals.remove_thumbnail(before)
        return Synced.INDEXED

    def _read(self, id: str, name: str, state: ObjectState) -> Indexed:
        most = self.indexer.limits.max_bytes
        if state.bytes > most:
            raise PictureTooLarge(
                f"{state.bytes:,} bytes exceed the limit of {most:,} bytes; use a smaller copy"
            )
        # Taken before the read: what is written from now on is newer than the point (reconcile.py).
        now = datetime.now(UTC)
        try:
            original = self.originals.fetch(name, state.etag)
        except ImageNotFound as error:
            raise ObjectChanged(f"{name!r} was removed while it was being read") from error
        if original.etag != state.etag:  # the bytes may be the same and the metadata different
            raise ObjectChanged(f"{name!r} was replaced while it was being read")
        metadata = check_metadata(original.metadata, self.fields)
        indexed = self.indexer.index(id, name, original.data, metadata)
        return replace(indexed, image=replace(indexed.image, etag=original.etag, added_at=now))

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
