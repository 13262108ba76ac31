"""What one can do with a gallery. Knows the ports and the nouns; no adapter, no door."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Any

from functions.gallery.adding import Adder, Outcome
from functions.gallery.comparing import Comparer
from functions.gallery.duplicates import (
    Duplicate,
    DuplicateOptions,
    DuplicatePage,
    Duplicates,
    near_duplicates_of,
)
from functions.gallery.errors import (
    EmptyPicture,
    ImageNotFound,
    InvalidMetadata,
    LookalikeError,
    PictureTooLarge,
    UndecodablePicture,
    UnsupportedFormat,
)
from functions.gallery.filters import check_metadata, parse_filter
from functions.gallery.indexing import Indexer
from functions.gallery.names import check_name, is_picture_name
from functions.gallery.names import image_id as id_of
from functions.gallery.objects import Progress, Synced
from functions.gallery.pictures import Limits
from functions.gallery.ports import Embedder, Place, Replies, Signer, VectorStore
from functions.gallery.reconciling import Compared, Reconciler
from functions.gallery.records import (
    Added,
    AddStatus,
    CollectionSpec,
    Comparison,
    Condition,
    Example,
    Order,
    Page,
    Removal,
    SearchOptions,
    SearchResult,
    Stats,
    StoredImage,
    Submission,
)
from functions.gallery.removing import Remover
from functions.gallery.searching import Searcher
from functions.gallery.syncing import Syncer
from functions.gallery.viewing import Viewer

log = logging.getLogger(__name__)

# Of an import, what one store call carries: large enough for a distant server, small to lose.
CHUNK_IMAGES = 32
MAX_REFUSED_COUNTED = 1_000  # one page of a bucket's listing
REFUSALS_SHOWN = 10
IMAGES_OF_BYTES = 1_000  # in one request
COPIES_SHOWN = 100
_REFUSALS = {
    kind.code: kind
    for kind in (
        EmptyPicture,
        PictureTooLarge,
        UnsupportedFormat,
        UndecodablePicture,
        InvalidMetadata,
    )
}


class Gallery:
    """Pictures to add, find by likeness, list, change and remove, from many threads at once."""

    def __init__(
        self,
        spec: CollectionSpec,
        limits: Limits,
        embedder: Embedder,
        store: VectorStore,
        originals: Place,
        signer: Signer | None = None,
    ) -> None:
        """Join the real things (or fakes of them) to one gallery; a folder has no signer."""
        self.spec = spec
        self.limits = limits
        self._store = store
        self._originals = originals
        self.replies: Replies = originals
        self.view = Viewer(limits, store, originals, signer)
        self._searcher = Searcher(spec, limits, embedder, store, originals)
        indexer = Indexer(embedder, limits)
        self._adder = Adder(indexer, store, originals, spec.fields)
        self._syncer = Syncer(indexer, store, originals, limits, spec.fields)
        self._remover = Remover(store, originals, self._adder.turns)
        self._comparer = Comparer(spec, limits, embedder, store)
        self._duplicates = Duplicates(store, spec)
        self._reconciler = Reconciler(store, originals, embedder.card.id)

    @property
    def bucket(self) -> str:
        """The name of the place of the originals."""
        return self._originals.bucket

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

    def search(
        self, like: Sequence[Example], unlike: Sequence[Example], options: SearchOptions
    ) -> SearchResult:
        """Find the images nearest to some pictures or stored images, and away from others.

        Nothing of a query is stored. Raises InvalidExamples, InvalidFilter, PictureError,
        ImageNotFound or StoreError.
        """
        return self._searcher.search(like, unlike, options)

    def find_similar(self, data: bytes, options: SearchOptions) -> SearchResult:
        """Find the images that look like this picture; raises as `search` does."""
        return self.search([data], (), options)

    def similar_to(self, image_id: str, options: SearchOptions) -> SearchResult:
        """Find the images that look like a stored one; the model is not run."""
        return self.search([image_id], (), options)

    def get(self, image_id: str) -> StoredImage:
        """Give one image; raises ImageNotFound."""
        image = self._store.get([image_id]).get(image_id)
        if image is None:
            raise ImageNotFound(f"No image has the id {image_id}")
        return image

    def list(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        limit: int,
        after: str | None = None,
        order: Order | None = None,
    ) -> Page:
        """List images by id or by a field, from a Page's `after` on.

        Raises InvalidFilter, also for an order by a text, or InvalidCursor.
        """
        return self._store.page(parse_filter(filter, self.spec.fields), limit, after, order)

    def of_bytes(self, sha256s: Sequence[str]) -> Mapping[str, Sequence[StoredImage]]:
        """Find the images that have these very bytes, by the SHA-256 of them in hex.

        Of each the first by id, at most COPIES_SHOWN; hashes that no image has are left out.
        """
        wanted = set(sha256s)
        found: dict[str, list[StoredImage]] = {}
        page = self._of_bytes(tuple(wanted))
        while page.images:
            for image in page.images:
                found.setdefault(image.sha256, []).append(image)
            missing = wanted - found.keys()
            if page.after is None or not missing:  # the rest are further copies of some
                break
            page = self._of_bytes(tuple(missing))
        return {sha256: images[:COPIES_SHOWN] for sha256, images in found.items()}

    def _of_bytes(self, sha256s: tuple[str, ...]) -> Page:
        where = (Condition("sha256", any_of=sha256s),)
        return self._store.page(where, IMAGES_OF_BYTES) if sha256s else Page(())

    def near_duplicates(self, image: StoredImage) -> Sequence[Duplicate]:
        """Find the few images that a stored one may be a copy of; none if the store fails."""
        try:
            return near_duplicates_of(image, image.id, self._store)
        except LookalikeError as problem:  # a hint is no reason to fail
            log.warning("near duplicates of %s: %s", image.id, problem)
            return ()

    def duplicates(self, options: DuplicateOptions, after: str | None = None) -> DuplicatePage:
        """Give groups of duplicates whose keepers stand from the id `after` on, part by part.

        Raises InvalidFilter, InvalidCursor or StoreError.
        """
        return self._duplicates.page(options, after)

    def walk_duplicates(
        self, options: DuplicateOptions, after: str | None = None
    ) -> Iterator[DuplicatePage]:
        """Give the same groups as `duplicates`, all of them; for a report, not beside calls."""
        return self._duplicates.walk(options, after)

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
        self._remover.remove(image_id)

    def remove_ids(self, ids: Sequence[str], *, dry_run: bool, patience_s: float) -> Removal:
        """Forget these images, or count them; ids that are not there are no error."""
        return self._remover.remove_ids(ids, dry_run=dry_run, patience_s=patience_s)

    def remove_where(
        self, filter: Mapping[str, Any], *, dry_run: bool, patience_s: float
    ) -> Removal:
        """Forget the images that pass, or count them; raises InvalidFilter.

        Call again while more are matched than removed: it ends when the patience does.
        """
        where = parse_filter(filter, self.spec.fields)
        return self._remover.remove_where(where, dry_run=dry_run, patience_s=patience_s)

    def sync(self, name: str) -> Synced:
        """Look at the original of this name, and make the index say what is there now.

        Metadata come from the object; those that were changed by `update` are in the index only and
        stay until the object itself changes. Raises ObjectChanged or StoreError: then sync again.
        """
        if not is_picture_name(name):
            return Synced.UNCHANGED
        with self._adder.turns.of([id_of(self.bucket, name)]):
            return self._syncer.sync(name)

    def has_original(self, name: str) -> bool:
        """Tell whether a picture lies with the originals under this name, indexed or not."""
        return self._originals.look(check_name(name)) is not None

    def add_original(self, name: str) -> Added:
        """Take in a picture that lies with the originals already, as `sync` does, and tell of it.

        Raises ImageNotFound if nothing lies there, and what `add` raises if it was refused.
        """
        id = id_of(self.bucket, check_name(name))
        before = self._store.get([id])
        synced = self.sync(name)
        if refusal := self._originals.refusal(name):
            raise _REFUSALS.get(refusal.code, UndecodablePicture)(refusal.detail)
        if synced is Synced.INDEXED:
            return Added(self.get(id), AddStatus.REPLACED if before else AddStatus.ADDED)
        if id not in before:
            raise ImageNotFound(f"No original is stored under {name!r}")
        return Added(self.get(id), AddStatus.DUPLICATE)

    def compare(self, one: Example, other: Example) -> Comparison:
        """Tell how alike two examples are; raises PictureError, ImageNotFound or StoreError."""
        return self._comparer.compare(one, other)

    def differences(self, progress: Progress | None = None) -> Iterator[Compared]:
        """Find the names for which originals and index differ, from here on; nothing is changed."""
        return self._reconciler.compare(progress or Progress())

    def stats(self) -> Stats:
        """Count the images and what was refused; say which model made the vectors."""
        last = self._store.page((), 1, order=Order("added_at", descending=True)).images
        return Stats(
            images=self._store.count(),
            model=self.spec.model,
            dims=self.spec.dims,
            distance=self.spec.distance,
            refused=self._originals.count_refusals(MAX_REFUSED_COUNTED),
            refusals=tuple(islice(self._originals.refusals(), REFUSALS_SHOWN)),
            last_added_at=last[0].added_at if last else None,
            disk_bytes=self._store.disk_bytes(),
        )

    def check(self) -> None:
        """Return if the gallery can serve now; raises StoreError if its store cannot."""
        self._store.check()

    def optimize(self) -> bool:
        """Make searches fast after many additions; for the end of an import, not beside calls."""
        return self._store.optimize()

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()
