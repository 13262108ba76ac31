"""Makes the index say of one object what the place of originals says. Knows the ports only.

Events about a bucket repeat, come late and in any order, so none of them is believed: the object is
looked at, the index is changed to match, and the object is looked at once more. Whoever finds that
it changed meanwhile fails and comes again, so the last one to write has seen the last state.
"""

from dataclasses import replace
from datetime import UTC, datetime

from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    ObjectChanged,
    PictureError,
    PictureTooLarge,
)
from functions.gallery.filters import check_metadata
from functions.gallery.indexing import Indexer
from functions.gallery.names import image_id
from functions.gallery.objects import ObjectState, Synced
from functions.gallery.pictures import Limits
from functions.gallery.ports import Place, VectorStore
from functions.gallery.records import Fields, Refusal, StoredImage, Vector
from functions.gallery.stopwatch import Stopwatch


class Syncer:
    """Looks at objects, one by one; may be called by many processes at once."""

    def __init__(
        self, indexer: Indexer, store: VectorStore, place: Place, limits: Limits, fields: Fields
    ) -> None:
        """Join the ports to the limits and the declared metadata fields."""
        self._indexer = indexer
        self._store = store
        self._place = place
        self._limits = limits
        self._fields = fields

    def sync(self, name: str) -> Synced:
        """Make index and refusals say what is true of this object now.

        An object that is in the index as it is, or that was refused as it is, is not read again.
        Raises ObjectChanged if it changed meanwhile, or StoreError: then call once more.
        """
        state = self._place.look(name)
        id = image_id(self._place.bucket, name)
        image = self._store.get([id]).get(id)
        refusal = self._place.refusal(name)
        if state is None:
            acted = self._forget(image) | self._forgive(refusal)
            outcome = Synced.REMOVED if acted else Synced.UNCHANGED
        elif image is not None and self._is_of(image, state):
            acted = self._forgive(refusal)
            outcome = Synced.UNCHANGED
        elif refusal is not None and refusal.etag == state.etag:
            acted = self._forget(image)
            outcome = Synced.UNCHANGED
        else:
            acted = True
            outcome = self._take(name, state, image, refusal)
        if acted:
            self._look_again(name, state)
        return outcome

    def _is_of(self, image: StoredImage, state: ObjectState) -> bool:
        return image.etag == state.etag and image.model == self._indexer.model

    def _take(
        self, name: str, state: ObjectState, before: StoredImage | None, refusal: Refusal | None
    ) -> Synced:
        try:
            image, vector = self._understand(name, state)
        except (PictureError, InvalidMetadata) as reason:
            now = datetime.now(UTC)
            self._place.refuse(Refusal(name, state.etag, reason.code, str(reason), now))
            self._forget(before)
            return Synced.REFUSED
        self._forgive(refusal)
        self._store.put([image], vector[None])
        if before is not None and before.sha256 != image.sha256:
            self._place.remove_thumbnail(before)
        return Synced.INDEXED

    def _understand(self, name: str, state: ObjectState) -> tuple[StoredImage, Vector]:
        if state.bytes > self._limits.max_bytes:
            raise PictureTooLarge(
                f"{state.bytes:,} bytes are over the limit of {self._limits.max_bytes:,} bytes"
            )
        # Before it is read: what is written from now on is newer than the point (reconciling.py).
        now = datetime.now(UTC)
        try:
            original = self._place.fetch(name, state.etag)
        except ImageNotFound as problem:
            raise ObjectChanged(f"{name!r} was removed while it was looked at") from problem
        if original.etag != state.etag:  # the bytes may be the same and the metadata others
            raise ObjectChanged(f"{name!r} was replaced while it was looked at")
        metadata = check_metadata(original.metadata, self._fields)
        image, vector = self._indexer.index(
            self._place.bucket, name, original.data, metadata, Stopwatch()
        )
        return replace(image, etag=original.etag, added_at=now), vector

    def _forget(self, image: StoredImage | None) -> bool:
        if image is None:
            return False
        self._place.remove_thumbnail(image)
        self._store.remove([image.id])
        return True

    def _forgive(self, refusal: Refusal | None) -> bool:
        if refusal is None:
            return False
        self._place.forgive(refusal.name)
        return True

    def _look_again(self, name: str, before: ObjectState | None) -> None:
        if self._place.look(name) != before:
            raise ObjectChanged(f"{name!r} changed while it was looked at; look again")
