"""Adds pictures: bytes -> picture -> vector -> original and point. Depends on the ports only.

One upload and an import take the same way: a chunk is checked against the store in one call,
embedded picture by picture and stored in one call, so that afterwards each picture of it has either
both an original and a point, or neither.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np

from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound, LookalikeError, NameTaken, StoreTimeout
from functions.gallery.filters import check_metadata
from functions.gallery.intake.index import Indexer
from functions.gallery.intake.keyed_lock import KeyedLock
from functions.gallery.names import BY_BYTES, check_name, image_id, name_of_bytes
from functions.gallery.pictures.formats import media_type
from functions.gallery.ports import Pictures, VectorStore
from functions.gallery.records import Condition, Fields, Metadata, Original, StoredImage
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


@dataclass(frozen=True, slots=True)
class _Written:
    added: Added
    vector: Vector
    replaced: StoredImage | None
    before: Original | None  # what had the name before; restored if the store fails


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
        same_bytes = known.get(sha256) if submission.name is None else before
        has_new_metadata = (
            before is not None
            and submission.overwrite
            and bool(request.metadata)
            and request.metadata != before.metadata
        )
        if same_bytes is not None and same_bytes.sha256 == sha256 and not has_new_metadata:
            self._restore(same_bytes, data)
            return Added(same_bytes, AddStatus.DUPLICATE)
        if before is not None and not submission.overwrite:
            raise NameTaken(f"Another picture is named {name!r}; set overwrite to replace it")
        indexed = self.indexer.index(request.id, name, data, request.metadata, sha256=sha256)
        watch = Stopwatch()
        replaced = None if before is None else self._fetch(name)
        original = Original(data, request.metadata, media_type(indexed.image.format))
        image = replace(indexed.image, etag=self.originals.write(name, original))
        watch.lap("write")
        status = AddStatus.ADDED if before is None else AddStatus.REPLACED
        added = Added(image, status, {**indexed.took_ms, **watch.took_ms}, indexed.vector)
        return _Written(added, indexed.vector, before, replaced)

    def _put(self, written: Mapping[int, _Written]) -> dict[int, Outcome]:
        if not written:
            return {}
        images = [step.added.image for step in written.values()]
        try:
            self.store.put(images, np.stack([step.vector for step in written.values()]))
        except Exception as error:
            if isinstance(error, StoreTimeout):  # the points may be there all the same
                self._remove_points([step for step in written.values() if step.replaced is None])
            self._undo(written.values())
            if not isinstance(error, LookalikeError):
                raise
            return dict.fromkeys(written, error)
        for step in written.values():
            if step.replaced is not None:
                self.originals.remove_thumbnail(step.replaced)
        return {}

    def _undo(self, steps: Iterable[_Written]) -> None:
        for step in steps:
            name = step.added.image.name
            try:
                if step.before is None:
                    self.originals.remove(name)
                else:
                    self.originals.write(name, step.before)
            except LookalikeError as error:  # the others must be undone all the same
                log.error("adding %s could not be undone: %s", name, error)

    def _remove_points(self, steps: Sequence[_Written]) -> None:
        try:
            self.store.remove([step.added.image.id for step in steps])
        except LookalikeError as error:
            log.error("%d points may be left without an original: %s", len(steps), error)

    def _restore(self, image: StoredImage, data: bytes) -> None:
        """Write the original of a duplicate again if somebody removed it without our knowledge."""
        if not self.originals.exists(image.name):
            original = Original(data, image.metadata, media_type(image.format))
            self.originals.write(image.name, original)

    def _fetch(self, name: str) -> Original | None:
        try:
            return self.originals.fetch(name)
        except ImageNotFound:  # removed without our knowledge; the index is out of date
            return None
