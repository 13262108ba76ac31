"""Follows files that were moved or renamed: the image keeps its vector and metadata.

The id of an image follows from its name, so a moved file is a new image and one that is gone.
Depends on the ports.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from functions.gallery.errors import LookalikeError
from functions.gallery.filters import keep_fitting
from functions.gallery.names import image_id
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Fields, StoredImage

_IMAGES = 200  # in one call to the store


@dataclass(frozen=True, slots=True)
class Mover:
    """Finds images whose files are gone, and gives them their new names."""

    store: VectorStore
    originals: Originals
    model: str
    fields: Fields

    def gone(self, names: Iterable[str]) -> list[StoredImage]:
        """Return the images of these names that have no original any more."""
        ids = [image_id(self.originals.bucket, name) for name in names]
        parts = (ids[start : start + _IMAGES] for start in range(0, len(ids), _IMAGES))
        images = (image for part in parts for image in self.store.get(part).values())
        return [image for image in images if not self._has_original(image)]

    def move(self, name: str, gone: Iterable[StoredImage]) -> StoredImage | None:
        """Index an original as one of the images that are gone, if it has its bytes.

        Returns that image; None if none has them, or if the original is indexed already.
        """
        id = image_id(self.originals.bucket, name)
        state = self.originals.head(name)
        if state is None or state.unreadable or self.store.get([id]):
            return None
        alike = [old for old in gone if old.bytes == state.bytes and old.model == self.model]
        if not alike:
            return None
        sha256 = hashlib.sha256(self.originals.read(name, state.etag)).hexdigest()
        same = [old for old in alike if old.sha256 == sha256]
        # Of several copies, the one of the same file name.
        same.sort(key=lambda old: old.name.rpartition("/")[2] != name.rpartition("/")[2])
        vectors = self.store.vectors([old.id for old in same[:1]])
        if not vectors:
            return None
        old = same[0]
        if old.metadata and not state.metadata:
            self.originals.write_metadata(name, old.metadata, state)
            state = self.originals.head(name)
            if state is None:
                return None
        metadata, left_out = keep_fitting(state.metadata, self.fields)
        described = replace(old, id=id, name=name, metadata=metadata, left_out=left_out)
        image = replace(described, etag=state.etag, added_at=state.modified_at)
        self.store.put([image], vectors[old.id][None])
        return old

    def _has_original(self, image: StoredImage) -> bool:
        try:
            return self.originals.exists(image.name)
        except LookalikeError:  # its folder cannot be read now
            return True
