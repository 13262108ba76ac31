"""Adds pictures: bytes -> picture -> vector -> original and point. Depends on the ports only.

One upload and an import take the same way: a chunk is checked against the store in one call,
embedded picture by picture and stored in one call, so that afterwards each picture of it has either
both an original and a point, or neither.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum, auto
from typing import Any

import numpy as np

from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    NameTaken,
    StoreNotReached,
    StoreUnavailable,
)
from functions.gallery.filters import check_metadata
from functions.gallery.intake.index import Indexer
from functions.gallery.intake.keyed_lock import KeyedLock
from functions.gallery.names import BY_BYTES, check_name, image_id, name_of_bytes
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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """A picture to add; without a name it is named after its bytes."""

    read: Callable[[], bytes]  # called once
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False


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


class _Kind(Enum):
    CREATED = auto()
    REPLACED = auto()
    ADOPTED = auto()  # it was there already, and not indexed


@dataclass(frozen=True, slots=True)
class _Written:
    added: Added
    vector: Vector
    kind: _Kind
    replaced: StoredImage | None
    before: Original | None  # what was replaced; restored if the store refuses the image


@dataclass(frozen=True, slots=True)
class Adder:
    """Adds pictures, each completely or not at all."""

    indexer: Indexer
    store: VectorStore
    originals: Pictures
    fields: Fields
    lock: KeyedLock

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

    def _check(self, submission: Submission) -> _Request:
        metadata = check_metadata(submission.metadata, self.fields)
        bucket = self.originals.bucket
        if submission.name is not None:
            name = check_name(submission.name)
            return _Request(submission, name, image_id(bucket, name), metadata)
        data = submission.read()
        sha256 = hashlib.sha256(data).hexdigest()
        name = name_of_bytes(sha256)
        return _Request(submission, name, image_id(bucket, name), metadata, data, sha256)

    def _add_checked(self, requests: Mapping[int, _Request]) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        written: dict[int, _Written] = {}
        try:
            known = self._known(list(requests.values()))
        except LookalikeError as error:
            return dict.fromkeys(requests, error)
        for position, request in requests.items():
            try:
                step = self._write(request, known)
            except LookalikeError as error:
                outcomes[position] = error
                continue
            except BaseException:
                self._undo(written.values())
                raise
            if isinstance(step, _Written):
                written[position] = step
                outcomes[position] = step.added
                known[step.added.image.id] = known[step.added.image.sha256] = step.added.image
            else:
                outcomes[position] = step
        return outcomes | self._put(written)

    def _known(self, requests: Sequence[_Request]) -> dict[str, StoredImage]:
        """Find what is stored already, by id, and for pictures without a name by their bytes."""
        known = self.store.get([request.id for request in requests])
        nameless = tuple({r.sha256 for r in requests if r.sha256})
        if nameless:
            same_bytes = (Condition("sha256", any_of=nameless),)
            for image in self.store.page(same_bytes, limit=len(nameless) * 4).images:
                known[image.sha256] = image
        return known

    def _write(self, request: _Request, known: Mapping[str, StoredImage]) -> _Written | Added:
        submission, name = request.submission, request.name
        data = submission.read() if request.data is None else request.data
        sha256 = request.sha256 or hashlib.sha256(data).hexdigest()
        if name.startswith(BY_BYTES) and name != name_of_bytes(sha256):
            raise NameTaken(f"{name!r} is the name of other bytes; choose another name")
        before = known.get(request.id)
        has_new_metadata = (
            before is not None
            and submission.overwrite
            and bool(request.metadata)
            and request.metadata != before.metadata
        )
        if before is not None and before.sha256 == sha256 and not has_new_metadata:
            self._restore(before, data)
            return Added(before, AddStatus.DUPLICATE)
        if before is not None and not submission.overwrite:
            raise name_taken(name)
        copy = known.get(sha256) if submission.name is None else None
        if copy is not None and self.originals.exists(copy.name):
            return Added(copy, AddStatus.DUPLICATE)
        indexed = self.indexer.index(request.id, name, data, request.metadata, sha256=sha256)
        watch = Stopwatch()
        original = Original(data, request.metadata, media_type(indexed.image.format))
        replaced = self._fetch(name) if submission.overwrite else None
        if replaced is not None:
            kind, state = _Kind.REPLACED, self._replace(name, original, replaced)
        else:
            kind, state = self._create(request, original)
        watch.lap("write")
        image = replace(
            indexed.image,
            metadata=check_metadata(state.metadata, self.fields),
            etag=state.etag,
            added_at=state.modified_at,
        )
        is_new = before is None and replaced is None
        status = AddStatus.ADDED if is_new else AddStatus.REPLACED
        added = Added(image, status, {**indexed.took_ms, **watch.took_ms}, indexed.vector)
        return _Written(added, indexed.vector, kind, before, replaced)

    def _create(self, request: _Request, original: Original) -> tuple[_Kind, ObjectState]:
        """Write a new original; one with the same bytes, not indexed so far, is adopted.

        Raises NameTaken.
        """
        name = request.name
        try:
            return _Kind.CREATED, self.originals.create(name, original)
        except NameTaken:
            found, state = self._fetch(name), self.originals.head(name)
            if found is None or state is None or found.data != original.data:
                raise
        if request.metadata and request.metadata != check_metadata(state.metadata, self.fields):
            if state.metadata and not request.sha256:  # only we give the names of bytes
                raise name_taken(name)
            self.originals.write_metadata(name, request.metadata, state)
            state = self.originals.head(name) or state
        return _Kind.ADOPTED, state

    def _replace(self, name: str, original: Original, replaced: Original) -> ObjectState:
        try:
            return self.originals.write(name, original)
        except LookalikeError:  # perhaps between the picture and its metadata
            self._write_back(name, replaced)
            raise

    def _put(self, written: Mapping[int, _Written]) -> dict[int, Outcome]:
        if not written:
            return {}
        failed: dict[int, Outcome] = {}
        images = [step.added.image for step in written.values()]
        try:
            self.store.put(images, np.stack([step.vector for step in written.values()]))
        except StoreUnavailable as error:
            failed = self._settle(error, written)
        except Exception as error:
            self._undo(written.values())
            if not isinstance(error, LookalikeError):
                raise
            return dict.fromkeys(written, error)
        for position, step in written.items():
            if step.replaced is not None and position not in failed:
                self._remove_thumbnail(step.replaced)
        return failed

    def _settle(
        self, error: StoreUnavailable, written: Mapping[int, _Written]
    ) -> dict[int, Outcome]:
        """Find out what a put did that may have happened all the same, and undo the rest.

        If the store does not say, the originals stay: one without a point is indexed when the call
        is repeated, or by the next comparison, but a point without an original would be wrong.
        """
        ids = [step.added.image.id for step in written.values()]
        lost = written
        if not isinstance(error, StoreNotReached):
            try:
                stored = self.store.get(ids)
                lost = {at: s for at, s in written.items() if not _is_in(stored, s.added.image)}
                # A put may also still be waiting in the store; what comes after it wins.
                new = [s.added.image.id for s in lost.values() if s.replaced is None]
                self.store.remove(new)
            except LookalikeError as failure:
                log.error("%d originals may be left without a point: %s", len(ids), failure)
                return dict.fromkeys(written, error)
        self._undo(lost.values())
        return dict.fromkeys(lost, error)

    def _undo(self, steps: Iterable[_Written]) -> None:
        for step in steps:
            name = step.added.image.name
            try:
                state = None if step.kind is _Kind.ADOPTED else self.originals.head(name)
                if state is None or state.etag != step.added.image.etag:
                    continue  # not written by this call, or replaced by others since
                if step.before is None:
                    self.originals.remove(name)
                else:
                    self.originals.write(name, step.before)
            except LookalikeError as error:  # the others must be undone all the same
                log.error("adding %s could not be undone: %s", name, error)

    def _write_back(self, name: str, before: Original) -> None:
        try:
            self.originals.write(name, before)
        except LookalikeError as error:
            log.error("replacing %s could not be undone: %s", name, error)

    def _remove_thumbnail(self, image: StoredImage) -> None:
        try:
            self.originals.remove_thumbnail(image)
        except LookalikeError as error:  # it is not shown any more
            log.warning("the thumbnail of %s is left: %s", image.name, error)

    def _restore(self, image: StoredImage, data: bytes) -> None:
        """Write the original of a duplicate again if others removed it past Lookalike."""
        if not self.originals.exists(image.name):
            original = Original(data, image.metadata, media_type(image.format))
            self.originals.create(image.name, original)

    def _fetch(self, name: str) -> Original | None:
        try:
            return self.originals.fetch(name)
        except ImageNotFound:  # removed without our knowledge; the index is out of date
            return None


def _is_in(stored: Mapping[str, StoredImage], image: StoredImage) -> bool:
    found = stored.get(image.id)
    return found is not None and (found.etag, found.sha256) == (image.etag, image.sha256)
