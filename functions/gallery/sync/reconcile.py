"""Finds where bucket and index differ, in both directions, part by part. Depends on the ports only.

Four stages. Objects, by name: does each have a point made from this etag by this model? Points, by
id: does each still have an object? Refusals, and metadata records: do they still apply to their
objects, and does the index have them?

The second stage is skipped when the index holds no more points than the first found correct, apart
from those added since it began. Otherwise it reads all points, and asks the bucket for those in
ranges of ids that hold others than the first stage saw: one request for every point would take
five minutes for 100,000 (docs/cost.md).
"""

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Literal, TypeVar

from functions.gallery.errors import (
    InvalidMetadata,
    StoreDenied,
    StoreError,
    StoreRejected,
    UnreadableOriginal,
)
from functions.gallery.names import image_id, is_picture_name, record_id
from functions.gallery.originals.objects import (
    bytes_etag,
    etag_of,
    has_unsaved_metadata,
    is_current,
)
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import (
    LEFT_OUT,
    Condition,
    Listed,
    MetadataRecord,
    Refusal,
    StoredImage,
)
from functions.gallery.sync.sums import IdSums

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Pair = tuple[Listed, StoredImage | None]

Stage = Literal["objects", "points", "refusals", "records"]

MOST_ORPHANS = 100  # with more, missing originals are rather a mistake than removed
CHUNK = 200  # compared between two looks at the clock
MOST_REFUSED = 100_000  # whose ids are kept in memory: 15 MB
_AT_NO_TIME = "9999-01-01T00:00:00+00:00"
_CLOCKS_DIFFER = timedelta(minutes=5)  # at most, ours and the bucket's
_INDEXED = (LEFT_OUT, InvalidMetadata.code)  # the latter were refused by an earlier version
_THREADS = 8  # each waits for the bucket; one connection pool of botocore holds ten


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison of bucket and index is; another process can continue from it."""

    stage: Stage = "objects"
    after: str | None = None  # the last name or id that was compared in this stage
    compared: int = 0
    different: int = 0
    indexed: int = 0  # of the objects compared, those with the right point, and not added since
    started_at: str = ""  # ISO 8601
    seen: str = ""  # IdSums of the points that the objects have


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
            seen = IdSums.empty(self.store.count()).write()
            progress = replace(progress, started_at=datetime.now(UTC).isoformat(), seen=seen)
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
        if stage == "objects":
            since, until = _meanwhile(progress)
            others = (Condition("added_at", gte=since, lte=until, negated=True),)
            if self.store.count(others) != progress.indexed:
                return "points"
        return "refusals" if stage in ("objects", "points") else "records"

    def _require_originals(self) -> None:
        # In place even a few: what is unplugged is not removed.
        most = 0 if self.originals.in_place else MOST_ORPHANS
        if self.store.count() > most and next(self.originals.names(), None) is None:
            raise StoreError(
                "There is no original, but an index of images. Check that the folder is "
                "mounted, or that it is the right bucket; to remove the images, delete them "
                "through the API"
            )

    def _objects(self, progress: Progress) -> Iterator[Compared]:
        seen = IdSums.read(progress.seen)
        refused = self._refused()
        for chunk in _chunks(self.originals.names(progress.after)):
            ids = [image_id(self.originals.bucket, listed.name) for listed in chunk]
            known = self.store.get(ids)
            seen.add(known)
            pairs = [(listed, known.get(id)) for listed, id in zip(chunk, ids, strict=True)]
            names = self._differing(pairs, [id in refused for id in ids])
            progress = _advance(progress, chunk[-1].name, len(chunk), names)
            # Points that differ do not count: fixing them may remove them, while another point
            # has no object.
            since, until = _meanwhile(progress)
            right = [
                image
                for image in known.values()
                if image.name not in names and not since <= image.added_at <= until
            ]
            indexed = progress.indexed + len(right)
            progress = replace(progress, indexed=indexed, seen=seen.write())
            yield Compared(tuple(names), progress)

    def _refused(self) -> Container[str]:
        """Return the ids of all that may be refused, from a listing.

        So a first comparison, which finds no points, does not ask for each refusal.
        """
        ids = set(islice(self.originals.refused_ids(), MOST_REFUSED))
        return ids if len(ids) < MOST_REFUSED else _Everything()

    def _differing(self, pairs: Sequence[Pair], are_refused: Sequence[bool]) -> list[str]:
        shown = [
            self._shows(*pair, is_refused)
            for pair, is_refused in zip(pairs, are_refused, strict=True)
        ]
        unclear = [pair for pair, differs in zip(pairs, shown, strict=True) if differs is None]
        names = {listed.name for listed, _ in _matching(self._object_differs, unclear)}
        return [
            listed.name
            for (listed, _), differs in zip(pairs, shown, strict=True)
            if differs or listed.name in names
        ]

    def _shows(self, listed: Listed, image: StoredImage | None, is_refused: bool) -> bool | None:
        """Return whether an object differs from its point; None if a listing does not show it."""
        if image is None:
            return None if is_refused else True
        if image.model != self.model or has_unsaved_metadata(image.etag, image.metadata):
            return True
        if image.left_out and not is_refused:
            return True
        return False if self._looks_indexed(listed, image) else None

    def _object_differs(self, pair: Pair) -> bool:
        listed, image = pair
        if image is None:
            refusal = self.originals.refusal(listed.name)
            if refusal is None or refusal.code in _INDEXED:
                return True
            return not self._has_etag(listed, refusal.etag)
        state = self.originals.head(listed.name)
        return state is None or not is_current(image.etag, state)

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
        seen = IdSums.read(progress.seen)
        after = progress.after
        waiting: list[StoredImage] = []  # of a range that the next page continues
        while True:
            page = self.store.page((), CHUNK, after)
            after = page.after
            following = None if after is None else seen.range_of(after)
            waiting += page.images
            complete = [image for image in waiting if seen.range_of(image.id) != following]
            waiting = waiting[len(complete) :]
            names = [image.name for image in _matching(self._is_orphan, _unseen(complete, seen))]
            resume = waiting[0].id if waiting else after
            progress = _advance(progress, resume, len(complete), names)
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
            pairs = [(refusal, known.get(id)) for refusal, id in zip(chunk, ids, strict=True)]
            names = [refusal.name for refusal, _ in _matching(self._is_stale, pairs)]
            progress = _advance(progress, ids[-1], len(chunk), names)
            yield Compared(tuple(names), progress)

    def _is_stale(self, pair: tuple[Refusal, StoredImage | None]) -> bool:
        refusal, image = pair
        if image is not None:
            return (refusal.code, refusal.etag) != (LEFT_OUT, image.etag)
        # An earlier version refused these too.
        if refusal.code in _INDEXED or not is_picture_name(refusal.name):
            return True
        state = self.originals.head(refusal.name)
        if state is None or not is_current(refusal.etag, state):
            return True
        is_of_access = refusal.code == UnreadableOriginal.code and not state.unreadable
        return is_of_access and self.originals.can_be_read(refusal.name)

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
        return state is not None and not is_current(image.etag, state)


class _Everything(Container[str]):
    def __contains__(self, _: object) -> bool:
        return True


def _meanwhile(progress: Progress) -> tuple[datetime, datetime]:
    """Return the time since the comparison began, by the clock of the bucket."""
    since = datetime.fromisoformat(progress.started_at or _AT_NO_TIME)
    return since, datetime.now(UTC) + _CLOCKS_DIFFER


def _unseen(images: Sequence[StoredImage], seen: IdSums) -> list[StoredImage]:
    """Return the images of complete ranges in which others were seen."""
    sums = seen.like()
    sums.add(image.id for image in images)
    differing = sums.differing(seen)
    return [image for image in images if seen.range_of(image.id) in differing]


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
    """Filter the items, in order; each test may wait for the bucket.

    One that the bucket refuses is taken for equal, so that the others are compared.
    """

    refused: list[StoreError] = []

    def matches(item: Item) -> bool:
        try:
            return test(item)
        except (StoreDenied, StoreRejected) as error:
            refused.append(error)
            return False

    if not items:
        return []
    context = copy_context()  # with the time limit of this call
    with ThreadPoolExecutor(_THREADS) as pool:
        results = list(pool.map(lambda item: context.copy().run(matches, item), items))
    if refused:
        log.warning("%d objects are not compared; the first: %s", len(refused), refused[0])
    return [item for item, matches in zip(items, results, strict=True) if matches]


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk
