"""Changes the metadata of an image: next to its original first, then in the index.

Depends on the ports and sync.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from functions.gallery.errors import ImageNotFound, ObjectChanged, UnreadableOriginal
from functions.gallery.filters import check_metadata, keep_fitting
from functions.gallery.originals.objects import bytes_etag, etag_of
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Fields, StoredImage
from functions.gallery.sync.sync import head
from functions.runtime import command

_ATTEMPTS = 3  # while others change the same image


@dataclass(frozen=True, slots=True)
class Updater:
    """Merges metadata; a change that others make at the same time is not lost."""

    store: VectorStore
    originals: Originals
    fields: Fields

    def update(self, image: StoredImage, changes: Mapping[str, Any]) -> StoredImage:
        """Merge metadata into an image's own (None removes a field).

        Raises ImageNotFound, UnreadableOriginal, InvalidMetadata, StoreError, or ObjectChanged:
        then call again.
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
            raise ImageNotFound(
                f"{image.name!r} has no original any more; run {command('reconcile')}"
            )
        if state.unreadable and state.etag != image.etag:  # its own metadata are not known
            raise UnreadableOriginal(state.unreadable)
        before, _ = keep_fitting(state.metadata, self.fields)
        merged = {**before, **changes}
        checked = check_metadata(
            {name: value for name, value in merged.items() if value is not None}, self.fields
        )
        # What does not fit stays next to the original: other fields may be declared one day.
        rest = {name: state.metadata[name] for name in state.metadata.keys() - merged.keys()}
        unfit = {n: v for n, v in rest.items() if not keep_fitting({n: v}, self.fields)[0]}
        written = {**unfit, **checked}
        metadata, left_out = keep_fitting(written, self.fields)
        self.originals.write_metadata(image.name, written, state)
        # The bytes may be newer than those in the index, which are indexed when their event comes.
        etag = etag_of(bytes_etag(image.etag), written)
        changed = replace(image, metadata=metadata, left_out=left_out, etag=etag)
        self.store.set_metadata(image.id, metadata, etag, left_out)
        if image.left_out and not left_out:
            self.originals.clear_refusal(image.name)
        now = self.originals.head(image.name)
        if now is None or now.etag != etag_of(bytes_etag(state.etag), written):
            raise ObjectChanged(f"{image.name!r} was changed by others at the same time; try again")
        return changed
