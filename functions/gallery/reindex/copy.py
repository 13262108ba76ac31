"""Fills one collection from another, with vectors of its own. Depends on the ports, intake, sync.

A pass goes over both collections by id. It can stop at any moment and start again: what is right
already is skipped. Until the new collection is served, the old one is the truth. From then on
functions of the old and of the new settings can write to either, and the original of a picture
decides: an image without one was removed; of two versions the one with its etag stays.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

import numpy as np

from functions.gallery.embedding.vectors import Vector, truncate
from functions.gallery.errors import (
    ImageNotFound,
    InvalidMetadata,
    InvalidName,
    ObjectChanged,
    PictureError,
)
from functions.gallery.filters import check_metadata
from functions.gallery.intake.index import Indexer
from functions.gallery.originals.objects import bytes_etag
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Fields, Metadata, StoredImage
from functions.gallery.sync.sync import Syncer
from functions.gallery.threads import map_in_threads

CHUNK = 64  # images between two store calls; a kill costs this many embeddings
_UNSETTLED = "unsettled "  # before a fingerprint: compare with the original once more
_ATTEMPTS = 3  # at an original that changes during the sync; after that, its event will arrive

Row = tuple[StoredImage, Vector]


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of one part of a pass."""

    compared: int = 0
    changed: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)  # names, and why


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies from the old collection to the new one; `syncer` is set once the new one is served."""

    old: VectorStore
    new: VectorStore
    originals: Originals
    indexer: Indexer
    fields: Fields
    dims: int
    truncates: bool  # the same model, at least as wide: vectors are truncated, not made again
    syncer: Syncer | None = None

    def run(self, workers: int) -> Iterator[Copied]:
        """Make one pass with this many threads: first what to copy, then what to remove."""
        for work, pages in (
            (self._copy, _pages(self.old)),
            (self._remove_extra, _pages(self.new)),
        ):
            if workers == 1:
                yield from map(work, pages)
            else:
                with closing(map_in_threads(work, pages, workers)) as copied:
                    yield from copied

    def _copy(self, images: Sequence[StoredImage]) -> Copied:
        known = self.new.get([image.id for image in images])
        wanted, same, changed = [], [], []
        for image in images:
            copy = known.get(image.id)
            if copy is not None and copy.copied.startswith(_UNSETTLED):
                changed.append(image)
            elif copy is not None and (copy.etag, copy.sha256) == (image.etag, image.sha256):
                same.append((image, copy))
            elif self._is_wanted(image, copy):
                wanted.append(image)
        rows, left_out = (self._truncate(wanted), {}) if self.truncates else self._embed(wanted)
        rows += self._update_metadata(same)
        self._put(rows)
        unreadable = [image for image in wanted if image.name in left_out and image.id in known]
        if unreadable:  # their copies were made from bytes that no longer exist
            self.new.remove([image.id for image in unreadable])
        changed += [image for image, _ in rows] + unreadable
        for image in changed:
            self._settle(image)
        return Copied(len(images), len(changed), left_out)

    def _is_wanted(self, image: StoredImage, copy: StoredImage | None) -> bool:
        """Return whether to copy an image that is missing or has other bytes in the new one."""
        if copy is None:
            return self.syncer is None or self.originals.exists(image.name)
        return not self._matches_original(copy)

    def _matches_original(self, image: StoredImage) -> bool:
        state = self.originals.head(image.name)
        return state is not None and state.etag == image.etag

    def _truncate(self, images: Sequence[StoredImage]) -> list[Row]:
        vectors = self.old.vectors([image.id for image in images]) if images else {}
        present = [image for image in images if image.id in vectors]  # others were removed since
        return [
            (_mark(image), truncate(vectors[image.id][None], self.dims)[0]) for image in present
        ]

    def _embed(self, images: Sequence[StoredImage]) -> tuple[list[Row], dict[str, str]]:
        rows, left_out = [], {}
        for image in images:
            try:
                rows.append(self._embed_one(image))
            except (PictureError, ImageNotFound, InvalidMetadata, InvalidName) as error:
                left_out[image.name] = f"{error.code}: {error}"
        return rows, left_out

    def _embed_one(self, image: StoredImage) -> Row:
        original = self.originals.fetch(image.name)
        etag, metadata = image.etag, image.metadata
        if bytes_etag(original.etag) != bytes_etag(etag):  # replaced since, with its metadata
            etag, metadata = original.etag, check_metadata(original.metadata, self.fields)
        indexed = self.indexer.index(image.id, image.name, original.data, metadata)
        return _mark(replace(indexed.image, etag=etag, added_at=image.added_at)), indexed.vector

    def _update_metadata(self, pairs: Sequence[tuple[StoredImage, StoredImage]]) -> list[Row]:
        """Copy metadata that changed in the old collection, unless they changed in the new one too.

        Its fingerprint shows whether a copy is as it was copied from the old one, or,
        on the way back, as the old one was once copied from it.
        """
        updated = {}
        for image, copy in pairs:
            fresh = _mark(replace(copy, metadata=image.metadata, added_at=image.added_at))
            untouched = _fingerprint(copy.metadata) in (copy.copied, image.copied)
            changed = (copy.metadata, copy.added_at) != (image.metadata, image.added_at)
            if untouched and changed:
                updated[copy.id] = fresh
        vectors = self.new.vectors(list(updated)) if updated else {}
        return [(updated[id], vector) for id, vector in vectors.items()]

    def _remove_extra(self, images: Sequence[StoredImage]) -> Copied:
        known = self.old.get([image.id for image in images])
        extra = [image for image in images if image.id not in known]
        if self.syncer is None:
            gone = [image for image in extra if not self._matches_original(image)]
            self.new.remove([image.id for image in gone])
        else:  # the others were added by functions of the new settings
            gone = [image for image in extra if not self.originals.exists(image.name)]
        for image in gone:
            self._settle(image)
        return Copied(changed=len(gone))

    def _put(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        images = [image for image, _ in rows]
        if self.syncer is not None:
            images = [replace(image, copied=_UNSETTLED + image.copied) for image in images]
        self.new.put(images, np.stack([vector for _, vector in rows]))

    def _settle(self, image: StoredImage) -> None:
        """Sync an image whose original others may have replaced or removed since it was copied.

        If the process is killed before this is done, the next pass finds the image unsettled.
        """
        if self.syncer is None:
            return
        for _ in range(_ATTEMPTS):
            with suppress(ObjectChanged):
                self.syncer.sync(image.id, image.name)
                break
        found, vectors = self.new.get([image.id]), self.new.vectors([image.id])
        if image.id in found and image.id in vectors:
            now = found[image.id]
            # The fingerprint is of what was copied: metadata that functions of the new settings
            # wrote in the meantime stay theirs. A sync leaves none; then it is of what it wrote.
            copied = now.copied.removeprefix(_UNSETTLED) or _fingerprint(now.metadata)
            self.new.put([replace(now, copied=copied)], vectors[image.id][None])


def _mark(image: StoredImage) -> StoredImage:
    return replace(image, copied=_fingerprint(image.metadata))


def _fingerprint(metadata: Metadata) -> str:
    text = json.dumps(metadata, sort_keys=True, default=list).encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _pages(store: VectorStore) -> Iterator[Sequence[StoredImage]]:
    after = None
    while True:
        page = store.page((), CHUNK, after)
        yield page.images
        after = page.after
        if after is None:
            return
