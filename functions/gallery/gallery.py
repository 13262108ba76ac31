"""What one can do with a gallery. Knows the ports and the nouns; no adapter, no door."""

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

from functions.gallery.adding import Adder, Outcome
from functions.gallery.errors import ImageNotFound, LookalikeError
from functions.gallery.filters import check_metadata, parse_filter
from functions.gallery.pictures import Limits, decode
from functions.gallery.ports import Embedder, Originals, VectorStore
from functions.gallery.records import (
    Added,
    CollectionSpec,
    Condition,
    Filter,
    Page,
    Query,
    QueryEcho,
    SearchOptions,
    SearchResult,
    Stats,
    StoredImage,
    Submission,
    Vector,
)
from functions.gallery.stopwatch import Stopwatch

THUMBNAIL_PX = 320
# Of an import, what one store call carries: large enough for a distant server, small to lose.
CHUNK_IMAGES = 32
# Cosines of the same vector come back a few 1e-7 apart, so "at least 1.0" must forgive as much.
_ROUNDING = 1e-6


class Gallery:
    """Pictures to add, find by likeness, list, change and remove, from many threads at once."""

    def __init__(
        self,
        spec: CollectionSpec,
        limits: Limits,
        embedder: Embedder,
        store: VectorStore,
        originals: Originals,
    ) -> None:
        """Join the real things (or fakes of them) to one gallery."""
        self.spec = spec
        self.limits = limits
        self._embedder = embedder
        self._store = store
        self._originals = originals
        self._adder = Adder(embedder, store, originals, limits, spec.fields)

    def add(self, submission: Submission) -> Added:
        """Take one picture in; it is found by the next search.

        The same name and bytes again are a duplicate, as are bytes without a name that are there
        under any name. Raises PictureError, InvalidName, InvalidMetadata, StoreError, or NameTaken
        for other bytes under a name in use; then neither original nor point is left.
        """
        (outcome,) = self._adder.add([submission])
        if isinstance(outcome, LookalikeError):
            raise outcome
        return outcome

    def add_many(
        self, submissions: Iterable[Submission], *, workers: int
    ) -> Iterator[tuple[Submission, Outcome]]:
        """Take many pictures in, `workers` at a time, and tell of each as soon as it is stored.

        Reads `submissions` only a few chunks ahead. One that is refused does not stop the others.
        """
        waiting = iter(submissions)
        running: deque[tuple[list[Submission], Future[list[Outcome]]]] = deque()
        pool = ThreadPoolExecutor(workers)
        try:
            while True:
                while len(running) < 2 * workers and (chunk := list(islice(waiting, CHUNK_IMAGES))):
                    running.append((chunk, pool.submit(self._adder.add, chunk)))
                if not running:
                    return
                chunk, outcomes = running.popleft()
                yield from zip(chunk, outcomes.result(), strict=True)
        finally:
            pool.shutdown(cancel_futures=True)

    def find_similar(self, data: bytes, options: SearchOptions) -> SearchResult:
        """Find the stored images that look like this picture, which is not stored.

        Raises PictureError, InvalidFilter or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        watch = Stopwatch()
        card = self._embedder.card
        picture = decode(data, self.limits, short_side_px=card.short_side_px)
        watch.lap("decode")
        vector = self._embedder.embed([picture])[0]
        watch.lap("embed")
        if options.exclude_self:
            same_bytes = hashlib.sha256(data).hexdigest()
            where += (Condition("sha256", any_of=(same_bytes,), negated=True),)
        result = self._search(vector, options, where, watch)
        echo = QueryEcho(picture.width, picture.height, picture.format, picture.turned)
        return replace(result, query=echo)

    def similar_to(self, image_id: str, options: SearchOptions) -> SearchResult:
        """Find the images that look like a stored one; the model is not run.

        Raises ImageNotFound, InvalidFilter or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        return self._search(image_id, options, where, Stopwatch())

    def _search(
        self, target: Vector | str, options: SearchOptions, where: Filter, watch: Stopwatch
    ) -> SearchResult:
        left_out = (target,) if isinstance(target, str) and options.exclude_self else ()
        # One more than asked for tells whether there is a next page.
        query = Query(target, options.limit + 1, options.offset, where, left_out)
        least = options.min_similarity - _ROUNDING
        found = [match for match in self._store.search(query) if match.similarity >= least]
        watch.lap("search")
        more = len(found) > options.limit
        matches = tuple(found[: options.limit])
        return SearchResult(matches, self.spec.model, more, took_ms=watch.took_ms)

    def get(self, image_id: str) -> StoredImage:
        """Give one image; raises ImageNotFound."""
        image = self._store.get([image_id]).get(image_id)
        if image is None:
            raise ImageNotFound(f"No image has the id {image_id}")
        return image

    def list(
        self, filter: Mapping[str, Any] | None = None, *, limit: int, after: str | None = None
    ) -> Page:
        """List images by id, from the id `after` on; raises InvalidFilter."""
        return self._store.page(parse_filter(filter, self.spec.fields), limit, after)

    def update(self, image_id: str, changes: Mapping[str, Any]) -> StoredImage:
        """Merge metadata into an image's own (None removes a field), without embedding again.

        Raises ImageNotFound or InvalidMetadata.
        """
        with self._adder.turns.of([image_id]):
            image = self.get(image_id)
            merged = {**image.metadata, **changes}
            kept = {name: value for name, value in merged.items() if value is not None}
            metadata = check_metadata(kept, self.spec.fields)
            self._store.set_metadata(image_id, metadata)
        return replace(image, metadata=metadata)

    def remove(self, image_id: str) -> None:
        """Forget an image and its original; raises ImageNotFound."""
        with self._adder.turns.of([image_id]):
            image = self.get(image_id)
            # The original first: if the store then fails, the image can be removed once more.
            self._originals.remove(image.name)
            self._originals.remove_thumbnail(image)
            self._store.remove([image_id])

    def original(self, image_id: str) -> tuple[StoredImage, bytes]:
        """Give an image and the bytes that were sent; raises ImageNotFound."""
        image = self.get(image_id)
        return image, self._originals.read(image.name)

    def thumbnail(self, image_id: str) -> tuple[StoredImage, bytes]:
        """Give an image and an upright JPEG of at most THUMBNAIL_PX; raises ImageNotFound."""
        image = self.get(image_id)
        kept = self._originals.read_thumbnail(image)
        if kept is None:
            data = self._originals.read(image.name)
            kept = decode(data, self.limits, short_side_px=THUMBNAIL_PX).thumbnail(THUMBNAIL_PX)
            self._originals.write_thumbnail(image, kept)
        return image, kept

    def stats(self) -> Stats:
        """Count the images and say which model made their vectors."""
        return Stats(self._store.count(), self.spec.model, self.spec.dims, self.spec.distance)

    def check(self) -> None:
        """Return if the gallery can serve now; raises StoreError if its store cannot."""
        self._store.check()

    def optimize(self) -> bool:
        """Make searches fast after many additions; for the end of an import, not beside calls."""
        return self._store.optimize()

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()
