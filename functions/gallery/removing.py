"""The way of pictures out: thumbnail, original, point. Knows the ports only."""

import time
from collections.abc import Sequence

from functions.gallery.adding import Turns
from functions.gallery.errors import ImageNotFound
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Condition, Filter, Removal, StoredImage

_AT_ONCE = 50  # of a removal by filter; looked at and forgotten together


class Remover:
    """Forgets images; what is called again after a failure goes on where it was."""

    def __init__(self, store: VectorStore, originals: Originals, turns: Turns) -> None:
        """Join the ports; an image is changed by one caller at a time."""
        self._store = store
        self._originals = originals
        self._turns = turns

    def remove(self, image_id: str) -> None:
        """Forget one image; raises ImageNotFound."""
        if not self._remove([image_id]):
            raise ImageNotFound(f"No image has the id {image_id}")

    def remove_ids(self, ids: Sequence[str], *, dry_run: bool, patience_s: float) -> Removal:
        """Forget these images; ids that are not there are no error and are not counted."""
        end = time.monotonic() + patience_s
        there = list(self._store.get(ids))
        removed = 0
        while not dry_run and removed < len(there) and time.monotonic() < end:
            part = there[removed : removed + _AT_ONCE]
            self._remove(part)
            removed += len(part)
        return Removal(len(there), removed)

    def remove_where(self, where: Filter, *, dry_run: bool, patience_s: float) -> Removal:
        """Forget every image that passes, as many as there is patience for."""
        end = time.monotonic() + patience_s
        matched = self._store.count(where)
        removed = 0
        while not dry_run and time.monotonic() < end:
            page = self._store.page(where, _AT_ONCE)
            if not page.images:
                break
            removed += len(self._remove([image.id for image in page.images], where))
        return Removal(max(matched, removed), removed)

    def _remove(self, ids: Sequence[str], where: Filter = ()) -> list[StoredImage]:
        with self._turns.of(ids):
            images = list(self._store.get(ids).values())
            if where:  # some may have been changed since they were listed
                named = Condition("name", any_of=tuple(image.name for image in images))
                images = list(self._store.page((*where, named), len(ids)).images) if images else []
            # The points last: if anything fails, the images can be removed once more.
            for image in images:
                self._originals.remove_thumbnail(image)
                self._originals.remove(image.name)
            self._store.remove([image.id for image in images])
        return images
