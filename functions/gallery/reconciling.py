"""Finds where bucket and index differ, both ways, piece by piece. Knows the ports only.

Three stages. Objects, by name: is there a point, made of this etag by this model? Points, by id: is
there still an object? Refusals: are they still of the object that is there? The second costs one
look at the bucket per point, so it is left out when the index holds no more points than the first
stage found right.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

from functions.gallery.names import image_id
from functions.gallery.objects import Listed, Progress, etag_of_bytes
from functions.gallery.ports import Place, VectorStore
from functions.gallery.records import Refusal, StoredImage

Item = TypeVar("Item")

CHUNK = 200  # compared between two looks at the clock
_LOOKS_AT_ONCE = 8  # each waits for the bucket; one connection pool of botocore holds ten


@dataclass(frozen=True, slots=True)
class Compared:
    """The outcome of one piece: which names differ, and where to go on after it."""

    names: tuple[str, ...]
    progress: Progress


class Reconciler:
    """Compares, and changes nothing itself."""

    def __init__(self, store: VectorStore, place: Place, model: str) -> None:
        """Join the two sides; `model` is what points are to be made by."""
        self._store = store
        self._place = place
        self._model = model

    def compare(self, progress: Progress) -> Iterator[Compared]:
        """Go on from here, piece by piece; each piece tells where the next begins."""
        for stage, compare in (
            ("objects", self._objects),
            ("points", self._points),
            ("refusals", self._refusals),
        ):
            if progress.stage != stage:
                continue
            for piece in compare(progress):
                progress = piece.progress
                yield piece
            progress = self._next_stage(progress)

    def _next_stage(self, progress: Progress) -> Progress:
        if progress.stage == "objects" and self._store.count() != progress.indexed:
            return replace(progress, stage="points", after=None)
        return replace(progress, stage="refusals", after=None)

    def _objects(self, progress: Progress) -> Iterator[Compared]:
        for chunk in _chunks(self._place.names(progress.after)):
            ids = [image_id(self._place.bucket, listed.name) for listed in chunk]
            known = self._store.get(ids)
            pairs = [(listed, known.get(id)) for listed, id in zip(chunk, ids, strict=True)]
            names = [pair[0].name for pair in _where(self._object_differs, pairs)]
            progress = _onward(progress, chunk[-1].name, len(chunk), names)
            # Points that differ do not count: mending them may take them away, while there is
            # another point without an object.
            right = [image for image in known.values() if image.name not in names]
            progress = replace(progress, indexed=progress.indexed + len(right))
            yield Compared(tuple(names), progress)

    def _object_differs(self, pair: tuple[Listed, StoredImage | None]) -> bool:
        listed, image = pair
        if image is None:
            refusal = self._place.refusal(listed.name)
            return refusal is None or etag_of_bytes(refusal.etag) != listed.etag
        if image.model != self._model or etag_of_bytes(image.etag) != listed.etag:
            return True
        if listed.modified_at <= image.added_at:
            return False
        # Written since, with the same bytes: perhaps with other metadata, which no listing shows.
        state = self._place.look(listed.name)
        return state is None or state.etag != image.etag

    def _points(self, progress: Progress) -> Iterator[Compared]:
        after = progress.after
        while True:
            page = self._store.page((), CHUNK, after)
            names = [image.name for image in _where(self._is_orphan, page.images)]
            after = page.after
            progress = _onward(progress, after, len(page.images), names)
            if after is None:  # or it would begin anew from here
                yield Compared(tuple(names), replace(progress, stage="refusals"))
                return
            yield Compared(tuple(names), progress)

    def _is_orphan(self, image: StoredImage) -> bool:
        return self._place.look(image.name) is None

    def _refusals(self, progress: Progress) -> Iterator[Compared]:
        for chunk in _chunks(self._place.refusals(progress.after)):
            ids = [image_id(self._place.bucket, refusal.name) for refusal in chunk]
            known = self._store.get(ids)
            spare = {refusal.name for refusal in _where(self._is_stale, chunk)}
            spare |= {image.name for image in known.values()}
            names = sorted(spare)
            progress = _onward(progress, ids[-1], len(chunk), names)
            yield Compared(tuple(names), progress)

    def _is_stale(self, refusal: Refusal) -> bool:
        state = self._place.look(refusal.name)
        return state is None or state.etag != refusal.etag


def _onward(
    progress: Progress, after: str | None, compared: int, different: Sequence[str]
) -> Progress:
    return replace(
        progress,
        after=after,
        compared=progress.compared + compared,
        different=progress.different + len(different),
    )


def _where(differs: Callable[[Item], bool], items: Sequence[Item]) -> list[Item]:
    """Keep the items that differ, in order; each may have to wait for the bucket."""
    with ThreadPoolExecutor(_LOOKS_AT_ONCE) as pool:
        found = list(pool.map(differs, items))
    return [item for item, differing in zip(items, found, strict=True) if differing]


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK)):
        yield chunk
