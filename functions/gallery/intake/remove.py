"""Removes images: thumbnail, original, point. Depends on the ports only."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from functions.gallery.errors import ImageNotFound
from functions.gallery.intake.keyed_lock import KeyedLock
from functions.gallery.ports import Pictures, VectorStore
from functions.gallery.records import Condition, Filter, StoredImage

_BATCH = 50  # images of one round, between two looks at the clock


@dataclass(frozen=True, slots=True)
class Removal:
    """How many images were selected, and how many of them are now removed."""

    matched: int
    removed: int


@dataclass(frozen=True, slots=True)
class Remover:
    """Removes images; after a failure, the same call continues where it stopped."""

    store: VectorStore
    originals: Pictures
    lock: KeyedLock

    def remove(self, image_id: str) -> None:
        """Remove one image; raises ImageNotFound."""
        if not self._remove([image_id]):
            raise ImageNotFound(f"No image has the id {image_id}")

    def remove_ids(self, ids: Sequence[str], *, dry_run: bool, time_limit_s: float) -> Removal:
        """Remove these images; unknown ids are ignored and not counted."""
        end = time.monotonic() + time_limit_s
        existing = list(self.store.get(ids))
        removed = 0
        while not dry_run and removed < len(existing) and time.monotonic() < end:
            batch = existing[removed : removed + _BATCH]
            self._remove(batch)
            removed += len(batch)
        return Removal(len(existing), removed)

    def remove_where(self, where: Filter, *, dry_run: bool, time_limit_s: float) -> Removal:
        """Remove every image that matches, as many as the time allows."""
        end = time.monotonic() + time_limit_s
        matched = self.store.count(where)
        removed = 0
        while not dry_run and time.monotonic() < end:
            page = self.store.page(where, _BATCH)
            if not page.images:
                break
            removed += len(self._remove([image.id for image in page.images], where))
        return Removal(max(matched, removed), removed)

    def _remove(self, ids: Sequence[str], where: Filter = ()) -> list[StoredImage]:
        with self.lock.hold(ids):
            images = list(self.store.get(ids).values())
            if where:  # some may have changed since they were listed
                same_name = Condition("name", any_of=tuple(image.name for image in images))
                images = (
                    list(self.store.page((*where, same_name), len(ids)).images) if images else []
                )
            self.store.check_room()
            # The points last: if anything fails, the same images can be removed again.
            for image in images:
                self.originals.remove_thumbnails(image.id)
                self.originals.remove(image.name)
            self.store.remove([image.id for image in images])
            for image in images:  # one that was asked for in between was made again
                self.originals.remove_thumbnail(image)
        return images
