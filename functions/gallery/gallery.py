"""Everything that can be done with a gallery. Depends on the ports and every room above them."""

import logging
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import chain, islice
from threading import Event
from types import TracebackType
from typing import Any, Self

import numpy as np

from functions.gallery.duplicates.notions import Duplicate
from functions.gallery.duplicates.pages import (
    DuplicateOptions,
    DuplicatePage,
    Duplicates,
    near_duplicates_of,
)
from functions.gallery.embedding.vectors import Vectors
from functions.gallery.errors import (
    DamagedPicture,
    EmptyPicture,
    ImageNotFound,
    InvalidMetadata,
    LookalikeError,
    NotReached,
    PictureTooLarge,
    UnreadableOriginal,
    UnsupportedFormat,
)
from functions.gallery.filters import parse_filter
from functions.gallery.intake.add import Added, Adder, AddStatus, Outcome, Submission
from functions.gallery.intake.index import Indexer
from functions.gallery.intake.keyed_lock import KeyedLock
from functions.gallery.intake.remove import Removal, Remover
from functions.gallery.names import (
    RESERVED,
    check_name,
    check_new_name,
    image_id,
    is_picture_name,
    words_of,
)
from functions.gallery.originals.viewing import Viewer
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Region
from functions.gallery.ports import Embedder, Originals, Replies, Signer, VectorStore
from functions.gallery.records import (
    LEFT_OUT,
    NAME_WORDS,
    CollectionSpec,
    Condition,
    Distance,
    IndexState,
    Order,
    Page,
    Refusal,
    StoredImage,
)
from functions.gallery.search.compare import Comparer, Comparison
from functions.gallery.search.example import (
    EmbeddedPicture,
    Example,
    ExampleEmbedder,
    PictureExample,
)
from functions.gallery.search.search import Searcher, SearchOptions, SearchResult
from functions.gallery.sync.moves import Mover
from functions.gallery.sync.reconcile import Compared, Progress, Reconciler
from functions.gallery.sync.sync import Synced, Syncer
from functions.gallery.sync.update import Updater
from functions.gallery.threads import FairSemaphore, map_in_threads

log = logging.getLogger(__name__)

# The images of an import in one store call: enough for a distant server, few to lose.
CHUNK_IMAGES = 32
CHUNKS_PER_WORKER = 2  # one is embedded while another waits for the disk, the bucket or the store
BUCKET_THREADS = 8  # each waits for the bucket, as in sync/reconcile.py
MAX_REFUSED_COUNTED = 1_000  # one page of a bucket's listing
REFUSALS_SHOWN = 10
_VECTORS_AT_ONCE = 256  # 1.3 MB of 1,280 numbers
IMAGES_OF_BYTES = 1_000  # in one request
COPIES_SHOWN = 100
_REFUSALS = {
    error.code: error
    for error in (
        EmptyPicture,
        PictureTooLarge,
        UnsupportedFormat,
        DamagedPicture,
        InvalidMetadata,
        UnreadableOriginal,
    )
}


@dataclass(frozen=True, slots=True)
class Stats:
    """What a gallery holds."""

    images: int
    model: str
    dims: int
    distance: Distance
    refused: int = 0  # originals not indexed, or without some metadata; counted up to 1,000
    refusals: Sequence[Refusal] = ()  # some of them
    last_added_at: datetime | None = None
    disk_bytes: int | None = None  # of the index, if it is on a local disk
    index: IndexState = IndexState.READY
    unindexed: int = 0  # images that every search compares one by one


class Gallery:
    """Pictures to add, search, list, change and remove, from many threads at once."""

    def __init__(
        self,
        spec: CollectionSpec,
        limits: Limits,
        embedder: Embedder,
        store: VectorStore,
        originals: Originals,
        signer: Signer | None = None,
    ) -> None:
        """Use these adapters (or fakes of them); a folder of originals has no signer."""
        self.spec = spec
        self.limits = limits
        self._store = store
        self._originals = originals
        self._lock = KeyedLock()
        self.replies: Replies = originals
        self.view = Viewer(limits, store, originals, signer)
        # A folder has its thumbnails made when they are asked for, which costs no function.
        indexer = Indexer(embedder, limits, makes_thumbnails=signer is not None)
        self._examples = ExampleEmbedder(limits, embedder, store, originals)
        self._searcher = Searcher(spec, store, self._examples)
        self._comparer = Comparer(spec, store, self._examples)
        threads = 1 if signer is None else BUCKET_THREADS
        self._adder = Adder(indexer, store, originals, spec.fields, self._lock, threads)
        self._remover = Remover(store, originals, self._lock)
        self._duplicates = Duplicates(store, spec, self._examples.bands(spec))
        self._updater = Updater(store, originals, spec.fields)
        self._syncer = Syncer(indexer, store, originals, spec.fields)
        self._mover = Mover(store, originals, embedder.card.id, spec.fields)
        self._reconciler = Reconciler(store, originals, embedder.card.id)

    @property
    def bucket(self) -> str:
        """The name of the bucket; "local" for a folder."""
        return self._originals.bucket

    @property
    def in_place(self) -> bool:
        """Whether the pictures are read where they are: none is added, and removing forgets one."""
        return self._originals.in_place

    @property
    def left_out(self) -> str:
        """What the last complete comparison left out of the originals, in words."""
        return self._originals.left_out

    def add(self, submission: Submission) -> Added:
        """Add one picture; the next search finds it.

        The same name and bytes again are a duplicate, as are bytes without a name that are stored
        under any name. Raises PictureError, InvalidName, InvalidMetadata, StoreError, or NameTaken
        for other bytes under a name in use; then neither an original nor a point is left.
        """
        (outcome,) = self._adder.add([submission])
        if isinstance(outcome, LookalikeError):
            raise outcome
        return outcome

    def add_many(
        self, submissions: Iterable[Submission], *, workers: int
    ) -> Generator[tuple[Submission, Outcome]]:
        """Add many pictures, embedding this many at once, and yield each outcome once it is stored.

        Reads `submissions` only a few chunks ahead. One that is refused does not stop the others.
        If the caller stops early, pictures that were read are stored and no more are read.
        What is there already by its hash is found in the caller's thread: several threads would
        take turns at the interpreter for it, and longer.
        """
        budget = DecodeBudget(FairSemaphore(workers))
        stopped = Event()

        def read(each: Submission) -> bytes:
            if stopped.is_set():
                raise NotReached("The import was stopped; start it again")
            return each.read()

        def add(
            work: tuple[list[Submission], dict[int, Added]],
        ) -> Iterable[tuple[Submission, Outcome]]:
            chunk, found = work
            rest = [
                replace(each, read=partial(read, each))
                for position, each in enumerate(chunk)
                if position not in found
            ]
            with budget.in_use():
                added = iter(self._adder.add(rest))
            return [(each, found.get(at) or next(added)) for at, each in enumerate(chunk)]

        waiting = iter(submissions)
        chunks = iter(lambda: list(islice(waiting, CHUNK_IMAGES)), [])
        work = ((chunk, self._adder.find_added(chunk)) for chunk in chunks)
        with closing(map_in_threads(add, work, CHUNKS_PER_WORKER * workers)) as added:
            try:
                yield from chain.from_iterable(added)
            finally:
                stopped.set()

    def search(
        self, positive: Sequence[Example], negative: Sequence[Example], options: SearchOptions
    ) -> SearchResult:
        """Find the images similar to some pictures, stored images or vectors, and not to others.

        Nothing of a query is stored. Raises InvalidExamples, InvalidFilter, PictureError,
        ImageNotFound or StoreError.
        """
        return self._searcher.search(positive, negative, options)

    def embed(self, example: bytes | str, region: Region | None = None) -> EmbeddedPicture:
        """Turn a picture, a stored image or a part of it into an example without its bytes.

        Raises PictureError, ImageNotFound or StoreError.
        """
        return self._examples.embed(example, region)

    def find_similar(self, data: bytes, options: SearchOptions) -> SearchResult:
        """Find the images similar to this picture; raises as `search` does."""
        return self.search([data], (), options)

    def similar_to(self, image_id: str, options: SearchOptions) -> SearchResult:
        """Find the images similar to a stored one, without running the model."""
        return self.search([image_id], (), options)

    def compare(self, one: PictureExample, other: PictureExample) -> Comparison:
        """Compare two examples; raises PictureError, ImageNotFound or StoreError."""
        return self._comparer.compare(one, other)

    def get(self, image_id: str) -> StoredImage:
        """Return one image; raises ImageNotFound."""
        image = self._store.get([image_id]).get(image_id)
        if image is None:
            raise ImageNotFound(f"No image has the id {image_id}")
        return image

    def get_many(self, ids: Sequence[str]) -> Mapping[str, StoredImage]:
        """Return images by id; unknown ids are left out."""
        return self._store.get(ids)

    def count(self, filter: Mapping[str, Any] | None = None) -> int:
        """Count the images that match; raises InvalidFilter."""
        return self._store.count(parse_filter(filter, self.spec.fields))

    def list(
        self,
        filter: Mapping[str, Any] | None = None,
        *,
        limit: int,
        after: str | None = None,
        order: Order | None = None,
        find: str = "",
    ) -> Page:
        """List images by id or by a field, from the `after` of the previous page.

        `find` leaves only those in whose name words begin with all of its words. Raises
        InvalidCursor, and InvalidFilter, also for an order by a text.
        """
        words = tuple(Condition(NAME_WORDS, any_of=(word,)) for word in words_of(find))
        where = (*parse_filter(filter, self.spec.fields), *words)
        return self._store.page(where, limit, after, order)

    def vectors(
        self, filter: Mapping[str, Any] | None = None
    ) -> Iterator[tuple[Sequence[StoredImage], Vectors]]:
        """Read all images by id, some at a time, with their vectors: (images, dims), length 1.

        What is added or removed while this runs may be in it or not. Raises InvalidFilter or
        StoreError.
        """
        where = parse_filter(filter, self.spec.fields)
        after: str | None = None
        while True:
            page = self._store.page(where, _VECTORS_AT_ONCE, after)
            known = self._store.vectors([image.id for image in page.images]) if page.images else {}
            images = [image for image in page.images if image.id in known]
            if images:
                yield images, np.stack([known[image.id] for image in images])
            after = page.after
            if after is None:
                return

    def of_bytes(self, sha256s: Sequence[str]) -> Mapping[str, Sequence[StoredImage]]:
        """Find the images with these bytes, by their SHA-256 in hex.

        The first by id of each, at most COPIES_SHOWN; hashes without an image are left out.
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

    def near_duplicates(self, added: Added) -> Sequence[Duplicate]:
        """Find the few images that a new one may be a copy of; none if the store fails."""
        image = added.image
        vector = image.id if added.vector is None else added.vector
        try:
            bands = self._examples.bands(self.spec)
            return near_duplicates_of(image, vector, self._store, bands)
        except LookalikeError as error:  # this is only a hint
            log.warning("near duplicates of %s: %s", image.id, error)
            return ()

    def duplicates(self, options: DuplicateOptions, after: str | None = None) -> DuplicatePage:
        """Return a page of groups of duplicates whose keepers come after the id `after`.

        Raises InvalidFilter, InvalidCursor or StoreError.
        """
        return self._duplicates.page(options, after)

    def walk_duplicates(
        self, options: DuplicateOptions, after: str | None = None
    ) -> Iterator[DuplicatePage]:
        """Return all the groups of `duplicates`; for a report, not during requests."""
        return self._duplicates.walk(options, after)

    def update(self, image_id: str, changes: Mapping[str, Any]) -> StoredImage:
        """Merge metadata into an image's own (None removes a field); it is not embedded again.

        Raises ImageNotFound, InvalidMetadata, StoreError, or ObjectChanged: then call again.
        """
        with self._lock.hold([image_id]):
            return self._updater.update(self.get(image_id), changes)

    def remove(self, image_id: str) -> None:
        """Remove an image and its original; raises ImageNotFound."""
        self._remover.remove(image_id)

    def remove_ids(self, ids: Sequence[str], *, dry_run: bool, time_limit_s: float) -> Removal:
        """Remove these images, or count them; unknown ids are ignored."""
        return self._remover.remove_ids(ids, dry_run=dry_run, time_limit_s=time_limit_s)

    def remove_where(
        self, filter: Mapping[str, Any], *, dry_run: bool, time_limit_s: float
    ) -> Removal:
        """Remove the images that match, or count them; raises InvalidFilter.

        It stops at the time limit: call again while more are matched than removed.
        """
        where = parse_filter(filter, self.spec.fields)
        return self._remover.remove_where(where, dry_run=dry_run, time_limit_s=time_limit_s)

    def sync(self, name: str) -> Synced:
        """Make the index agree with the original of this name.

        Raises ObjectChanged or StoreError: then call again.
        """
        if name.startswith(RESERVED) or name.endswith("/"):
            return Synced.UNCHANGED
        id = image_id(self.bucket, name)
        if not is_picture_name(name) and id not in self._store.get([id]):
            # Neither read nor refused. An earlier version refused them, or indexed what opened.
            if self._originals.refusal(name) is not None:
                self._originals.clear_refusal(name)
            return Synced.UNCHANGED
        with self._lock.hold([id]):
            return self._syncer.sync(id, name)

    def has_original(self, name: str) -> bool:
        """Return whether there is an original of this name, indexed or not."""
        return self._originals.exists(check_name(name))

    def add_original(self, name: str) -> Added:
        """Add a picture that is among the originals already, as `sync` does.

        Raises ImageNotFound if it is not there, and what `add` raises if it was refused.
        """
        id = image_id(self.bucket, check_new_name(name))
        before = self._store.get([id])
        synced = self.sync(name)
        refusal = self._originals.refusal(name)
        if refusal is not None and refusal.code != LEFT_OUT:
            raise _REFUSALS.get(refusal.code, DamagedPicture)(refusal.detail)
        if synced is Synced.INDEXED:
            return Added(self.get(id), AddStatus.REPLACED if before else AddStatus.ADDED)
        if id not in before:
            raise ImageNotFound(f"There is no original named {name!r}")
        return Added(self.get(id), AddStatus.DUPLICATE)

    def refusal(self, name: str) -> Refusal | None:
        """Return why the original of this name is not indexed, if it was refused."""
        return self._originals.refusal(name)

    def differences(self, progress: Progress | None = None) -> Iterator[Compared]:
        """Find the names for which originals and index differ, from here on; changes nothing."""
        return self._reconciler.compare(progress or Progress())

    def gone(self, names: Iterable[str]) -> Sequence[StoredImage]:
        """Return the images of these names that have no original any more."""
        return self._mover.gone(names)

    def move(self, name: str, gone: Iterable[StoredImage]) -> StoredImage | None:
        """Index an original as one of these images, if it has its bytes; returns that image."""
        with self._lock.hold([image_id(self.bucket, name)]):
            return self._mover.move(name, gone)

    def stats(self) -> Stats:
        """Count the images and refusals, and name the model."""
        last = self._store.page((), 1, order=Order("added_at", descending=True)).images
        return Stats(
            images=self._store.count(),
            model=self.spec.model,
            dims=self.spec.dims,
            distance=self.spec.distance,
            refused=sum(1 for _ in islice(self._originals.refused_ids(), MAX_REFUSED_COUNTED)),
            refusals=tuple(islice(self._originals.refusals(), REFUSALS_SHOWN)),
            last_added_at=last[0].added_at if last else None,
            disk_bytes=self._store.disk_bytes(),
            index=self._store.check(),
            unindexed=self._store.unindexed(),
        )

    def check(self) -> IndexState:
        """Return the state of the index if the gallery can serve; raises StoreError if not."""
        return self._store.check()

    def optimize(self) -> bool:
        """Make searches fast after many additions, at the end of an import."""
        return self._store.optimize()

    def __enter__(self) -> Self:
        """Close the gallery at the end of a with block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release files and connections."""
        self.close()

    def close(self) -> None:
        """Release files and connections."""
        self._store.close()
