"""Hands a gallery over to other originals, such as the bucket that its pictures were moved to.

The id of an image depends on the bucket, so each gets a new one; its vector and metadata stay.
Another process can repeat it after a kill. Depends on the ports.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from functions.gallery.errors import ModelMismatch
from functions.gallery.names import image_id
from functions.gallery.ports import Collections, Originals, VectorStore
from functions.gallery.records import Collection, StoredImage
from functions.runtime import command

_IMAGES_PER_PAGE = 200
_SAMPLE_IMAGES = 32


@dataclass(frozen=True, slots=True)
class Adoption:
    """Makes a gallery that of these originals, whose identity is `owner`."""

    collections: Collections
    open_store: Callable[[Collection], VectorStore]
    originals: Originals
    owner: str

    def used(self) -> Collection | None:
        """Return the collection in use, if there is one.

        Raises ModelMismatch if an earlier version of Lookalike made it: images are not written to
        such a collection.
        """
        name = self.collections.current()
        used = None if name is None else self.collections.read(name)
        if used is not None and used.is_outdated:
            raise ModelMismatch(
                f"Collection {used.name} was made by an earlier version of Lookalike; run "
                f"{command('adopt')} of that version, then {command('reindex')} of this one"
            )
        return used

    def sample(self, collection: Collection) -> tuple[int, int]:
        """Return how many images of a sample have an original here, and its size."""
        images = self.collections.sample(collection.name, _SAMPLE_IMAGES)
        return sum(self.originals.exists(image.name) for image in images), len(images)

    def run(self, used: Collection) -> Iterator[int]:
        """Adopt this collection and the one it was filled from; yield the images of each part."""
        replaced = self.collections.read(used.replaces) if used.replaces else None
        for collection in filter(None, (replaced, used)):
            with closing(self.open_store(collection)) as store:
                yield from self._give_ids(store)
            # Last: half adopted, it is opened by nobody but this.
            self.collections.mark(replace(collection, originals=self.owner))

    def close(self) -> None:
        """Release files and connections."""
        self.collections.close()

    def _give_ids(self, store: VectorStore) -> Iterator[int]:
        after = None
        given: set[str] = set()  # a later page has these again
        while True:
            page = store.page((), _IMAGES_PER_PAGE, after)
            for image in page.images:
                self._save_metadata(image)
            self._move(store, [image for image in page.images if image.id != self._id(image)])
            yield sum(image.id not in given for image in page.images)
            given |= {self._id(image) for image in page.images}
            after = page.after
            if after is None:
                return

    def _save_metadata(self, image: StoredImage) -> None:
        """Write the metadata next to the original, if they were not moved with it."""
        state = self.originals.head(image.name) if image.metadata else None
        if state is not None and not state.metadata:
            self.originals.write_metadata(image.name, image.metadata, state)

    def _move(self, store: VectorStore, images: list[StoredImage]) -> None:
        if not images:
            return
        there = store.get([self._id(image) for image in images])
        vectors = store.vectors([image.id for image in images])
        moved = [i for i in images if self._id(i) not in there and i.id in vectors]
        if moved:
            rows = np.stack([vectors[image.id] for image in moved])
            store.put([replace(image, id=self._id(image)) for image in moved], rows)
        store.remove([image.id for image in images])

    def _id(self, image: StoredImage) -> str:
        return image_id(self.originals.bucket, image.name)
