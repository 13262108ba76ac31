"""Fills one collection from another, with vectors of its own. Depends on ports, intake and sync.

A pass goes over both collections by id. It can stop at any moment and start again: what is right
already is skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np

from functions.gallery.embedding.vectors import Vector, truncate
from functions.gallery.errors import (
    ImageNotFound,
    InvalidName,
    PictureError,
    UnreadableOriginal,
)
from functions.gallery.filters import keep_fitting
from functions.gallery.intake.index import Indexer, write_thumbnail
from functions.gallery.originals.objects import bytes_etag, is_current
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Fields, StoredImage
from functions.gallery.sync.sync import head
from functions.gallery.threads import map_in_threads

CHUNK = 64  # images between two store calls; a kill costs this many embeddings

Row = tuple[StoredImage, Vector]


@dataclass(frozen=True, slots=True)
class Copied:
    """The result of one part of a pass."""

    compared: int = 0
    changed: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)  # names, and why


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies from the collection in use to one that is being filled."""

    old: VectorStore
    new: VectorStore
    originals: Originals
    indexer: Indexer
    fields: Fields
    dims: int
    truncates: bool  # the same model, at least as wide: vectors are truncated, not made again

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
        differing = [image for image in images if self._differs(image, known.get(image.id))]
        rows, left_out = (
            (self._truncate(differing), {}) if self.truncates else self._embed(differing)
        )
        if rows:
            self.new.put([image for image, _ in rows], np.stack([vector for _, vector in rows]))
        unreadable = [image.id for image in differing if image.name in left_out]
        unreadable = [id for id in unreadable if id in known]
        if unreadable:  # their copies were made from bytes that no longer exist
            self.new.remove(unreadable)
        return Copied(len(images), len(rows) + len(unreadable), left_out)

    def _differs(self, image: StoredImage, copy: StoredImage | None) -> bool:
        if copy is None:
            return True
        if (copy.etag, copy.sha256) == (image.etag, image.sha256):
            return copy.added_at != image.added_at  # removed and added again
        return not self._matches_original(copy)  # else the old collection is the one behind

    def _matches_original(self, image: StoredImage) -> bool:
        state = self.originals.head(image.name)
        return state is not None and is_current(image.etag, state)

    def _truncate(self, images: Sequence[StoredImage]) -> list[Row]:
        vectors = self.old.vectors([image.id for image in images]) if images else {}
        present = [image for image in images if image.id in vectors]  # others were removed since
        return [(image, truncate(vectors[image.id][None], self.dims)[0]) for image in present]

    def _embed(self, images: Sequence[StoredImage]) -> tuple[list[Row], dict[str, str]]:
        rows, left_out = [], {}
        for image in images:
            try:
                rows.append(self._embed_one(image))
            except (PictureError, UnreadableOriginal, ImageNotFound, InvalidName) as error:
                left_out[image.name] = f"{error.code}: {error}"
        return rows, left_out

    def _embed_one(self, image: StoredImage) -> Row:
        head(self.originals, image.name, image, self.fields)  # saves metadata of an old index
        original = self.originals.fetch(image.name)
        etag, added_at = image.etag, image.added_at
        metadata, not_kept = image.metadata, image.left_out
        if bytes_etag(original.etag) != bytes_etag(etag):  # replaced since
            etag, added_at = original.etag, original.modified_at or added_at
            metadata, not_kept = keep_fitting(original.metadata, self.fields)
        indexed = self.indexer.index(image.id, image.name, original.data, metadata)
        fresh = replace(indexed.image, etag=etag, added_at=added_at, left_out=not_kept)
        if indexed.thumbnail is not None:  # an earlier version made none, or in other colours
            write_thumbnail(self.originals, fresh, indexed.thumbnail)
        return fresh, indexed.vector

    def _remove_extra(self, images: Sequence[StoredImage]) -> Copied:
        known = self.old.get([image.id for image in images])
        extra = [image for image in images if image.id not in known]
        extra = [image for image in extra if not self._matches_original(image)]
        for image in extra:
            self.originals.remove_thumbnail(image)
        if extra:
            self.new.remove([image.id for image in extra])
        return Copied(changed=len(extra))


def _pages(store: VectorStore) -> Iterator[Sequence[StoredImage]]:
    after = None
    while True:
        page = store.page((), CHUNK, after)
        yield page.images
        after = page.after
        if after is None:
            return
