"""Adds pictures: bytes -> picture -> vector -> original and point. Depends on the ports only.

One upload and an import take the same way: a chunk is checked against the store in one call,
embedded picture by picture and stored in one call, so that afterwards each picture of it has either
both an original and a point, or neither.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    NameTaken,
    ReadOnlyOriginals,
    StoreUnavailable,
)
from functions.gallery.filters import check_metadata, keep_fitting
from functions.gallery.intake.index import Indexer, write_thumbnail
from functions.gallery.intake.keyed_lock import KeyedLock
from functions.gallery.intake.undo import Kind, Undo, Written
from functions.gallery.names import BY_BYTES, check_new_name, image_id, name_of_bytes
from functions.gallery.originals.objects import name_taken
from functions.gallery.pictures.formats import media_type
from functions.gallery.ports import Pictures, VectorStore
from functions.gallery.records import (
    Condition,
    Fields,
    Metadata,
    ObjectState,
    Original,
    StoredImage,
)
from functions.gallery.stopwatch import Stopwatch
from functions.gallery.threads import map_in_threads

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """A picture to add; without a name it is named after its bytes."""

    read: Callable[[], bytes]  # called once at most
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False
    sha256: str = ""  # of the bytes, if that is known without reading them; for `find_added`


class AddStatus(StrEnum):
    """What adding a picture did."""

    ADDED = "added"
    REPLACED = "replaced"
    DUPLICATE = "duplicate"  # the same bytes are in the gallery already; nothing changed


@dataclass(frozen=True, slots=True)
class Added:
    """An image that is in the gallery now, and whether it was before."""

    image: StoredImage
    status: AddStatus
    took_ms: Mapping[str, float] = field(default_factory=dict)
    vector: Vector | None = None  # if it was made just now


Outcome = Added | LookalikeError


@dataclass(frozen=True, slots=True)
class _Request:
    submission: Submission
    name: str
    id: str
    metadata: Metadata
    data: bytes | None = None  # of a picture without a name; others are read when it is their turn
    sha256: str = ""  # of the same


@dataclass(frozen=True, slots=True)
class Adder:
    """Adds pictures, each completely or not at all."""

    indexer: Indexer
    store: VectorStore
    originals: Pictures
    fields: Fields
    lock: KeyedLock
    threads: int = 1  # that wait for the bucket; a folder answers faster without

    @property
    def _undo(self) -> Undo:
        return Undo(self.store, self.originals)

    def add(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Return the outcome of each submission, in order: what was added, or why it was not."""
        outcomes: dict[int, Outcome] = {}
        requests: dict[int, _Request] = {}
        for position, submission in enumerate(submissions):
            try:
                requests[position] = self._check(submission)
            except LookalikeError as error:
                outcomes[position] = error
        with self.lock.hold(request.id for request in requests.values()):
            outcomes |= self._add_checked(requests)
        return [outcomes[position] for position in range(len(submissions))]

    def find_added(self, submissions: Sequence[Submission]) -> dict[int, Added]:
        """Find those that are duplicates by name and a known hash, by position; reads none.

        Names that are there twice are left to `add`, which keeps their order.
        """
        requests: dict[int, _Request] = {}
        times = Counter(submission.name for submission in submissions)
        for position, submission in enumerate(submissions):
            if submission.sha256 and submission.name is not None and times[submission.name] == 1:
                with suppress(LookalikeError):  # `add` says why
                    requests[position] = self._check(submission)
        if not requests:
            return {}
        try:
            known = self.store.get([request.id for request in requests.values()])
            same = {
                position: before
                for position, request in requests.items()
                if (before := known.get(request.id)) is not None
                and before.sha256 == request.submission.sha256
                and not _has_new_metadata(request, before)
            }
            has_bytes, images = self.originals.has_bytes, same.values()
            kept = (
                map(has_bytes, images)
                if self.threads == 1
                else map_in_threads(has_bytes, images, self.threads)
            )
            return {
                position: Added(image, AddStatus.DUPLICATE)
                for (position, image), is_kept in zip(same.items(), kept, strict=True)
                if is_kept
            }
        except LookalikeError:  # `add` fails in the same way, or no longer
            return {}

    def _check(self, submission: Submission) -> _Request:
        if self.originals.in_place:
            raise ReadOnlyOriginals()
        metadata = check_metadata(submission.metadata, self.fields)
        bucket = self.originals.bucket
        if submission.name is not None:
            name = check_new_name(submission.name)
            return _Request(submission, name, image_id(bucket, name), metadata)
        data = submission.read()
        sha256 = hashlib.sha256(data).hexdigest()
        name = name_of_bytes(sha256)
        return _Request(submission, name, image_id(bucket, name), metadata, data, sha256)

    def _add_checked(self, requests: Mapping[int, _Request]) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        written: dict[int, Written] = {}
        later: dict[int, _Request] = {}  # those of a name or bytes that are being written already
        taken: set[str] = set()
        try:
            known = self._known(list(requests.values()))
        except LookalikeError as error:
            return dict.fromkeys(requests, error)
        for position, request in requests.items():
            if request.id in taken or request.sha256 in taken:
                later[position] = request
                continue
            try:
                added, step = self._write(request, known)
            except LookalikeError as error:
                outcomes[position] = error
                continue
            except BaseException:
                self._undo.undo(written.values())
                raise
            outcomes[position] = added
            if step is not None:
                written[position] = step
                taken |= {request.id, step.image.sha256}
        outcomes |= self._put(written)
        return outcomes | self._add_checked(later) if later else outcomes

    def _known(self, requests: Sequence[_Request]) -> dict[str, StoredImage]:
        """Find what is stored already, by id, and for pictures without a name by their bytes."""
        known = self.store.get([request.id for request in requests])
        nameless = tuple({r.sha256 for r in requests if r.sha256})
        if nameless:
            same_bytes = (Condition("sha256", any_of=nameless),)
            for image in self.store.page(same_bytes, limit=len(nameless) * 4).images:
                known[image.sha256] = image
        return known

    def _write(
        self, request: _Request, known: Mapping[str, StoredImage]
    ) -> tuple[Added, Written | None]:
        submission, name = request.submission, request.name
        data = submission.read() if request.data is None else request.data
        sha256 = request.sha256 or hashlib.sha256(data).hexdigest()
        if name.startswith(BY_BYTES) and name != name_of_bytes(sha256):
            raise NameTaken(f"{name!r} is the name of other bytes; choose another name")
        before = known.get(request.id)
        if (
            before is not None
            and before.sha256 == sha256
            and not _has_new_metadata(request, before)
            # The index may be out of date.
            and (self.originals.has_bytes(before) or self._restore(before, data))
        ):
            return Added(before, AddStatus.DUPLICATE), None
        if before is not None and not submission.overwrite:
            raise name_taken(name)
        copy = known.get(sha256) if submission.name is None else None
        if copy is not None and self.originals.has_bytes(copy):
            return Added(copy, AddStatus.DUPLICATE), None
        indexed = self.indexer.index(request.id, name, data, request.metadata, sha256=sha256)
        watch = Stopwatch()
        kind_of_file = media_type(indexed.image.format)
        original = Original(data, request.metadata, kind_of_file, sha256=sha256)
        replaced = self._fetch(name) if submission.overwrite else None
        if replaced is not None:
            kind, state = Kind.REPLACED, self._replace(name, original, replaced)
        else:
            kind, state = self._create(request, original)
        watch.lap("write")
        metadata, left_out = keep_fitting(state.metadata, self.fields)
        image = replace(
            indexed.image,
            metadata=metadata,
            left_out=left_out,
            etag=state.etag,
            added_at=state.modified_at,
        )
        is_new = before is None and replaced is None
        status = AddStatus.ADDED if is_new else AddStatus.REPLACED
        added = Added(image, status, {**indexed.took_ms, **watch.took_ms}, indexed.vector)
        step = Written(image, indexed.vector, kind, before, replaced, indexed.thumbnail)
        return added, step

    def _create(self, request: _Request, original: Original) -> tuple[Kind, ObjectState]:
        """Write a new original; one with the same bytes, not indexed so far, is adopted.

        Raises NameTaken.
        """
        name = request.name
        try:
            return Kind.CREATED, self.originals.create(name, original)
        except NameTaken:
            found, state = self._fetch(name), self.originals.head(name)
            if found is None or state is None or found.data != original.data:
                raise
        if request.metadata and not state.metadata:
            self.originals.write_metadata(name, request.metadata, state)
            state = self.originals.head(name) or state
        # As for a duplicate, those of a picture without a name are not compared.
        kept, _ = keep_fitting(state.metadata, self.fields)
        if request.metadata and kept != request.metadata and not request.sha256:
            raise name_taken(name)
        return Kind.ADOPTED, state

    def _replace(self, name: str, original: Original, replaced: Original) -> ObjectState:
        try:
            return self.originals.write(name, original)
        except LookalikeError:  # perhaps between the picture and its metadata
            self._undo.write_back(name, replaced)
            raise

    def _put(self, written: Mapping[int, Written]) -> dict[int, Outcome]:
        if not written:
            return {}
        failed: dict[int, Outcome] = {}
        self._write_thumbnails(written.values())
        images = [step.image for step in written.values()]
        try:
            self.store.put(images, np.stack([step.vector for step in written.values()]))
        except StoreUnavailable as error:
            failed = dict.fromkeys(self._undo.settle(error, written), error)
        except Exception as error:
            self._undo.undo(written.values())
            if not isinstance(error, LookalikeError):
                raise
            return dict.fromkeys(written, error)
        for position, step in written.items():
            replaced = step.replaced if position not in failed else None
            if replaced is not None and replaced.sha256 != step.image.sha256:
                self._remove_thumbnail(replaced)
        return failed

    def _write_thumbnails(self, steps: Iterable[Written]) -> None:
        """Write them before the points: whoever removes one of these images removes both."""

        def write(work: tuple[Context, StoredImage, bytes]) -> None:
            context, image, thumbnail = work
            context.run(write_thumbnail, self.originals, image, thumbnail)

        made = [
            (copy_context(), step.image, step.thumbnail)  # with the time limit of the call
            for step in steps
            if step.thumbnail is not None
        ]
        list(map_in_threads(write, made, self.threads))

    def _remove_thumbnail(self, image: StoredImage) -> None:
        try:
            self.originals.remove_thumbnail(image)
        except LookalikeError as error:  # it is not shown any more
            log.warning("the thumbnail of %s is left: %s", image.name, error)

    def _restore(self, image: StoredImage, data: bytes) -> bool:
        """Write the original of a duplicate again if others removed it; return whether they had."""
        if self.originals.exists(image.name):
            return False
        original = Original(data, image.metadata, media_type(image.format), sha256=image.sha256)
        self.originals.create(image.name, original)
        return True

    def _fetch(self, name: str) -> Original | None:
        try:
            return self.originals.fetch(name)
        except ImageNotFound:  # removed without our knowledge; the index is out of date
            return None


def _has_new_metadata(request: _Request, before: StoredImage) -> bool:
    wanted = request.metadata
    return request.submission.overwrite and bool(wanted) and wanted != before.metadata
