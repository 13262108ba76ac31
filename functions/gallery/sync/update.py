"""Changes the metadata of an image: next to its original first, then in the index.

Depends on the ports and sync.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.gallery.errors import ImageNotFound, ObjectChanged
from functions.gallery.filters import check_metadata
from functions.gallery.originals.objects import bytes_etag, etag_of
from functions.gallery.ports import Pictures, VectorStore
from functions.gallery.records import Fields, StoredImage
from functions.gallery.sync.sync import head

_ATTEMPTS = 3  # while others change the same image


@dataclass(frozen=True, slots=True)
class Updater:
    """Merges metadata; a change that others make at the same time is not lost."""

    store: VectorStore
    originals: Pictures
    fields: Fields

    def update(self, image: StoredImage, changes: Mapping[str, Any]) -> StoredImage:
        """Merge metadata into an image's own (None removes a field).

        Raises ImageNotFound, InvalidMetadata, StoreError, or ObjectChanged: then call again.
        """
        for _ in range(_ATTEMPTS - 1):
            try:
                return self._update(image, changes)
            except ObjectChanged:
                continue
        return self._update(image, changes)

    def _update(self, image: StoredImage, changes: Mapping[str, Any]) -> StoredImage:
        state = head(self.originals, image.name, image, self.fields)
        if state is None:
            raise ImageNotFound(f"{image.name!r} has no original any more; run scripts/reconcile")
        merged = {**state.metadata, **changes}
        kept = {name: value for name, value in merged.items() if value is not None}
        metadata = check_metadata(kept, self.fields)
        self.originals.write_metadata(image.name, metadata, state)
        # The bytes may be newer than those in the index, which are indexed when their event comes.
        changed = replace(image, metadata=metadata, etag=etag_of(bytes_etag(image.etag), metadata))
        self.store.set_metadata(image.id, changed.metadata, changed.etag)
        now = self.originals.head(image.name)
        if now is None or now.etag != etag_of(bytes_etag(state.etag), metadata):
            raise ObjectChanged(f"{image.name!r} was changed by others at the same time; try again")
        return changed
