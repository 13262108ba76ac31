"""Makes one collection hold what another holds, with vectors of its own. Knows the ports only.

A pass goes over both collections by id, so it can be ended at any moment and begun anew: what is
right already is passed over. Until the new collection is served the old one is the truth. From then
on both may be written to, by functions of the old and of the new settings, and the original of a
picture decides: what has none was removed, of two versions the one with its etag stays.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import numpy as np

from functions.gallery.errors import ImageNotFound, InvalidName, ObjectChanged, PictureError
from functions.gallery.indexing import Indexer
from functions.gallery.objects import etag_of_bytes
from functions.gallery.ports import Place, VectorStore
from functions.gallery.records import Metadata, StoredImage, Vector
from functions.gallery.stopwatch import Stopwatch
from functions.gallery.syncing import Syncer
from functions.gallery.width import cut

CHUNK = 64  # images between two calls of a store; as many are embedded again after a kill
_UNSETTLED = "unsettled"  # in place of a mark: to be compared with the original once more
_LOOKS = 3  # at an original that changes while it is looked at; then its event is to come

Row = tuple[StoredImage, Vector]


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one piece of a pass."""

    compared: int = 0
    changed: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)  # names, and why


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies from the old to the new; has a syncer, of the new, from when that may be served."""

    old: VectorStore
    new: VectorStore
    place: Place
    indexer: Indexer
    dims: int
    narrows: bool  # vectors of the old need only be cut, for the model is the same
    syncer: Syncer | None = None

    def run(self, workers: int) -> Iterator[Copied]:
        """Make one pass, `workers` pieces at a time: first what is to come, then what is to go."""
        yield from _spread(self._bring, _pages(self.old), workers)
        yield from _spread(self._clear, _pages(self.new), workers)

    def _bring(self, images: Sequence[StoredImage]) -> Copied:
        known = self.new.get([image.id for image in images])
        wanted, same, changed = [], [], []
        for image in images:
            there = known.get(image.id)
            if there is not None and there.copied == _UNSETTLED:
                changed.append(image)
            elif there is not None and (there.etag, there.sha256) == (image.etag, image.sha256):
                same.append((image, there))
            elif self._is_wanted(image, there):
                wanted.append(image)
        rows, left_out = (self._cut(wanted), {}) if self.narrows else self._embed(wanted)
        rows += self._renew(same)
        self._put(rows)
        spoilt = [image for image in wanted if image.name in left_out and image.id in known]
        if spoilt:  # what is there of them was made of bytes that are gone
            self.new.remove([image.id for image in spoilt])
        changed += [image for image, _ in rows] + spoilt
        for image in changed:
            self._settle(image)
        return Copied(len(images), len(changed), left_out)

    def _is_wanted(self, image: StoredImage, there: StoredImage | None) -> bool:
        """Tell whether an image is to be brought that is missing or made of other bytes."""
        if there is None:
            return self.syncer is None or self.place.look(image.name) is not None
        return not self._is_of_original(there)

    def _is_of_original(self, image: StoredImage) -> bool:
        state = self.place.look(image.name)
        return state is not None and state.etag == image.etag

    def _cut(self, images: Sequence[StoredImage]) -> list[Row]:
        vectors = self.old.vectors([image.id for image in images]) if images else {}
        there = [image for image in images if image.id in vectors]  # others were removed since
        return [(_marked(image), cut(vectors[image.id][None], self.dims)[0]) for image in there]

    def _embed(self, images: Sequence[StoredImage]) -> tuple[list[Row], dict[str, str]]:
        rows, left_out = [], {}
        for image in images:
            try:
                rows.append(self._embedded(image))
            except (PictureError, ImageNotFound, InvalidName) as problem:
                left_out[image.name] = f"{problem.code}: {problem}"
        return rows, left_out

    def _embedded(self, image: StoredImage) -> Row:
        original = self.place.fetch(image.name)
        fresh, vector = self.indexer.index(
            self.place.bucket, image.name, original.data, image.metadata, Stopwatch()
        )
        same_bytes = etag_of_bytes(original.etag) == etag_of_bytes(image.etag)
        etag = image.etag if same_bytes else original.etag
        return _marked(replace(fresh, id=image.id, etag=etag, added_at=image.added_at)), vector

    def _renew(self, pairs: Sequence[tuple[StoredImage, StoredImage]]) -> list[Row]:
        """Take over metadata that were changed in the old, unless they were in the new as well.

        The marks tell: what is there is as it was copied from the old, or, on the way back, as the
        old was once copied from it.
        """
        renewed = {}
        for image, there in pairs:
            fresh = _marked(replace(there, metadata=image.metadata, added_at=image.added_at))
            untouched = _mark(there.metadata) in (there.copied, image.copied)
            changed = (there.metadata, there.added_at) != (image.metadata, image.added_at)
            if untouched and changed:
                renewed[there.id] = fresh
        vectors = self.new.vectors(list(renewed)) if renewed else {}
        return [(renewed[id], vector) for id, vector in vectors.items()]

    def _clear(self, images: Sequence[StoredImage]) -> Copied:
        known = self.old.get([image.id for image in images])
        spare = [image for image in images if image.id not in known]
        if self.syncer is None:
            gone = [image for image in spare if not self._is_of_original(image)]
            self.new.remove([image.id for image in gone])
        else:  # others were added by functions of the new settings
            gone = [image for image in spare if self.place.look(image.name) is None]
        for image in gone:
            self._settle(image)
        return Copied(changed=len(gone))

    def _put(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        images = [image for image, _ in rows]
        if self.syncer is not None:
            images = [replace(image, copied=_UNSETTLED) for image in images]
        self.new.put(images, np.stack([vector for _, vector in rows]))

    def _settle(self, image: StoredImage) -> None:
        """See to it that what is there is true of the original, which others replace or remove.

        Whoever is killed before this is done finds it unsettled when it begins anew.
        """
        if self.syncer is None:
            return
        for _ in range(_LOOKS):
            with suppress(ObjectChanged):
                self.syncer.sync(image.name)
                break
        there, vectors = self.new.get([image.id]), self.new.vectors([image.id])
        if image.id in there and image.id in vectors:
            now = there[image.id]
            # What functions of the new settings said meanwhile stays theirs.
            said = image if now.copied == _UNSETTLED else now
            self.new.put([replace(now, copied=_mark(said.metadata))], vectors[image.id][None])


def _marked(image: StoredImage) -> StoredImage:
    return replace(image, copied=_mark(image.metadata))


def _mark(metadata: Metadata) -> str:
    written = json.dumps(metadata, sort_keys=True, default=list).encode()
    return hashlib.sha256(written).hexdigest()[:16]


def _pages(store: VectorStore) -> Iterator[Sequence[StoredImage]]:
    after = None
    while True:
        page = store.page((), CHUNK, after)
        yield page.images
        after = page.after
        if after is None:
            return


def _spread(
    work: Callable[[Sequence[StoredImage]], Copied],
    pages: Iterator[Sequence[StoredImage]],
    workers: int,
) -> Iterator[Copied]:
    """Do the work on all pages, a few ahead at most, and give what became of them in order."""
    if workers == 1:
        yield from map(work, pages)
        return
    running: deque[Future[Copied]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for page in pages:
            running.append(pool.submit(work, page))
            if len(running) > 2 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
