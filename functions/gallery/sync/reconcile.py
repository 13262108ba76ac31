"""Finds where bucket and index differ, in both directions, part by part. Depends on the ports only.

Four stages. Objects, by name: does each have a point made from this etag by this model? Points, by
id: does each still have an object? Refusals, and metadata records: do they still apply to their
objects, and does the index have them? The second stage costs one request to the bucket per point,
so it is skipped when the index holds no more points than the first stage found correct.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, TypeVar

from functions.gallery.errors import StoreError
from functions.gallery.names import image_id, is_picture_name, record_id
from functions.gallery.originals.objects import bytes_etag, etag_of, has_unsaved_metadata
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import Listed, MetadataRecord, Refusal, StoredImage

Item = TypeVar("Item")

Stage = Literal["objects", "points", "refusals", "records"]

MOST_ORPHANS = 100  # with more, missing originals are rather a mistake than removed
CHUNK = 200  # compared between two looks at the clock
_THREADS = 8  # each waits for the bucket; one connection pool of botocore holds ten


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison of bucket and index is; another process can continue from it."""

    stage: Stage = "objects"
    after: str | None = None  # the last name or id that was compared in this stage
    compared: int = 0
    different: int = 0
    indexed: int = 0  # of the objects compared, those that have the right point


@dataclass(frozen=True, slots=True)
class Compared:
    """The result of one part: which names differ, and where to continue."""

    names: tuple[str, ...]
    progress: Progress


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares, and changes nothing itself."""

    store: VectorStore
    originals: Originals
    model: str  # the ModelCard.id that every point should have

    def compare(self, progress: Progress) -> Iterator[Compared]:
        """Continue from `progress`, part by part; each part says where the next one begins.

        Raises StoreError if there is no original at all, but a larger index.
        """
        if progress == Progress():
            self._require_originals()
        stages: dict[Stage, Callable[[Progress], Iterator[Compared]]] = {
            "objects": self._objects,
            "points": self._points,
            "refusals": self._refusals,
            "records": self._records,
        }
        for stage, compare in stages.items():
            if progress.stage != stage:
                continue
            for part in compare(progress):
                progress = part.progress
                yield part
            progress = replace(progress, stage=self._stage_after(stage, progress), after=None)

    def _stage_after(self, stage: Stage, progress: Progress) -> Stage:
        if stage == "objects" and self.store.count() != progress.indexed:
            return "points"
        return "refusals" if stage in ("objects", "points") else "records"

    def _require_originals(self) -> None:
        if next(self.originals.names(), None) is None and self.store.count() > MOST_ORPHANS:
            raise StoreError(
                "There is no original, but an index of many images. Check that the folder is "
                "mounted, or that it is the right bucket; to remove the images, delete them "
                "through the API"
            )

    def _objects(self, progress: Progress) -> Iterator[Compared]:
        for chunk in _chunks(self.originals.names(progress.after)):
            ids = [image_id(self.originals.bucket, listed.name) for listed in chunk]
            known = self.store.get(ids)
            pairs = [(listed, known.get(id)) for listed, id in zip(chunk, ids, strict=True)]
            names = [pair[0].name for pair in _matching(self._object_differs, pairs)]
            progress = _advance(progress, chunk[-1].name, len(chunk), names)
            # Points that differ do not count: fixing them may remove them, while another point
            # has no object.
            right = [image for image in known.values() if image.name not in names]
            progress = replace(progress, indexed=progress.indexed + len(right))
            yield Compared(tuple(names), progress)

    def _object_differs(self, pair: tuple[Listed, StoredImage | None]) -> bool:
        listed, image = pair
        if image is None:
            refusal = self.originals.refusal(listed.name)
            return refusal is None or not self._has_etag(listed, refusal.etag)
        if image.model != self.model or has_unsaved_metadata(image.etag, image.metadata):
            return True
        if self._looks_indexed(listed, image):
            return False
        state = self.originals.head(listed.name)
        return state is None or state.etag != image.etag

    def _looks_indexed(self, listed: Listed, image: StoredImage) -> bool:
        """Return whether an object is indexed as far as a listing, without metadata, shows."""
        if listed.etag is None:  # a file
            return (listed.modified_at, listed.bytes) == (image.added_at, image.bytes)
        return listed.etag == bytes_etag(image.etag) and listed.modified_at <= image.added_at

    def _has_etag(self, listed: Listed, etag: str) -> bool:
        if listed.etag is not None:
            return listed.etag == bytes_etag(etag)
        state = self.originals.head(listed.name)
        return state is not None and state.etag == etag

    def _points(self, progress: Progress) -> Iterator[Compared]:
        after = progress.after
        while True:
            page = self.store.page((), CHUNK, after)
            names = [image.name for image in _matching(self._is_orphan, page.images)]
            after = page.after
            progress = _advance(progress, after, len(page.images), names)
            if after is None:  # without a next stage, a later call would start this one again
                yield Compared(tuple(names), replace(progress, stage="refusals"))
                return
            yield Compared(tuple(names), progress)

    def _is_orphan(self, image: StoredImage) -> bool:
        return not self.originals.exists(image.name)

    def _refusals(self, progress: Progress) -> Iterator[Compared]:
        for chunk in _chunks(self.originals.refusals(progress.after)):
            ids = [image_id(self.originals.bucket, refusal.name) for refusal in chunk]
            known = self.store.get(ids)
            obsolete = {refusal.name for refusal in _matching(self._is_stale, chunk)}
            obsolete |= {image.name for image in known.values()}
            names = sorted(obsolete)
            progress = _advance(progress, ids[-1], len(chunk), names)
            yield Compared(tuple(names), progress)

    def _is_stale(self, refusal: Refusal) -> bool:
        if not is_picture_name(refusal.name):  # by an earlier version
            return True
        state = self.originals.head(refusal.name)
        return state is None or state.etag != refusal.etag

    def _records(self, progress: Progress) -> Iterator[Compared]:
        for chunk in _chunks(self.originals.records(progress.after)):
            ids = [image_id(self.originals.bucket, record.name) for record in chunk]
            known = self.store.get(ids)
            pairs = [
                (known[id], record) for id, record in zip(ids, chunk, strict=True) if id in known
            ]
            names = [record.name for _, record in _matching(self._record_differs, pairs)]
            progress = _advance(progress, record_id(chunk[-1].name), len(chunk), names)
            yield Compared(tuple(names), progress)

    def _record_differs(self, pair: tuple[StoredImage, MetadataRecord]) -> bool:
        """Return whether an index lacks the metadata of a record that applies to its object."""
        image, record = pair
        if image.etag == etag_of(bytes_etag(image.etag), record.metadata):
            return False
        state = self.originals.head(image.name)
        return state is not None and state.etag != image.etag


def _advance(
    progress: Progress, after: str | None, compared: int, different: Sequence[str]
) -> Progress:
    return replace(
        progress,
        after=after,
        compared=progress.compared + compared,
        different=progress.different + len(different),
    )


def _matching(test: Callable[[Item], bool], items: Sequence[Item]) -> list[Item]:
    """Filter the items, in order; each test may wait for the bucket."""
    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(test, items))
    return [item for item, matches in zip(items, results, strict=True) if matches]


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk
