"""Whose originals a collection indexes. A process never opens the collection of others.

Depends on the ports and on names.
"""

from dataclasses import dataclass, replace

from functions.gallery.errors import OtherOriginals
from functions.gallery.names import image_id
from functions.gallery.ports import Collections, Pictures
from functions.gallery.records import Collection, StoredImage
from functions.runtime import command

_SAMPLE_IMAGES = 32
_MISSING_PART = 0.1  # can be missing: removed since, and not compared yet


@dataclass(frozen=True, slots=True)
class Owner:
    """The originals of this process."""

    id: str = ""  # from originals/identity.py; none in a trial without originals
    originals: Pictures | None = None

    def admit(self, collection: Collection, collections: Collections) -> None:
        """Return if a collection indexes these originals; raise OtherOriginals if not.

        One of an earlier version does not say whose it is. The first process that has the originals
        of its images takes it over.
        """
        if collection.originals == self.id:
            return
        if collection.originals:
            raise self._refusal(collection, f"the pictures of {collection.originals}")
        images = collections.sample(collection.name, _SAMPLE_IMAGES)
        missing = sum(not self._has(image) for image in images)
        if missing > _MISSING_PART * len(images):
            raise self._refusal(collection, "other pictures")
        latest = collections.read(collection.name)  # of two processes the first one has it
        if latest is not None and latest.originals:
            self.admit(latest, collections)
        else:
            collections.mark(replace(latest or collection, originals=self.id))

    def admit_current(self, collections: Collections) -> None:
        """Do the same for the collection in use, if there is one."""
        name = collections.current()
        if name is not None and (collection := collections.read(name)) is not None:
            self.admit(collection, collections)

    def _has(self, image: StoredImage) -> bool:
        originals = self.originals
        return (
            originals is not None
            and image_id(originals.bucket, image.name) == image.id
            and originals.exists(image.name)
        )

    def _refusal(self, collection: Collection, theirs: str) -> OtherOriginals:
        return OtherOriginals(
            f"Collection {collection.name} indexes {theirs}, not those of {self.id}. Give this "
            "gallery a name of its own with LOOKALIKE_GALLERY (parameter GalleryName of the "
            f"template). If the pictures were moved here instead, run {command('adopt')}"
        )


NOBODY = Owner()
