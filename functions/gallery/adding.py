"""The way of pictures in: bytes -> picture -> vector -> original and point. Knows the ports only.

One path serves a single upload and an import: a chunk is checked against the store in one call,
embedded picture by picture and stored in one call, so that of a chunk either original and point of
a picture are there, or neither.
"""

import hashlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Condition as Turn

import numpy as np

from functions.gallery.errors import ImageNotFound, LookalikeError, NameTaken, StoreTimeout
from functions.gallery.filters import check_metadata
from functions.gallery.formats import media_type
from functions.gallery.indexing import Indexer
from functions.gallery.names import BY_BYTES, check_name, image_id, name_of_bytes
from functions.gallery.objects import Original
from functions.gallery.ports import Originals, VectorStore
from functions.gallery.records import (
    Added,
    AddStatus,
    Condition,
    Fields,
    Metadata,
    StoredImage,
    Submission,
    Vector,
)
from functions.gallery.stopwatch import Stopwatch

log = logging.getLogger(__name__)

Outcome = Added | LookalikeError


class Turns:
    """Lets one caller at a time change an image, while others go on with other images."""

    def __init__(self) -> None:
        """Nobody has a turn yet."""
        self._turn = Turn()
        self._taken: set[str] = set()

    @contextmanager
    def of(self, ids: Iterable[str]) -> Iterator[None]:
        """Wait until nobody else changes any of these ids, then hold them all."""
        wanted = set(ids)
        with self._turn:
            self._turn.wait_for(lambda: self._taken.isdisjoint(wanted))
            self._taken |= wanted
        try:
            yield
        finally:
            with self._turn:
                self._taken -= wanted
                self._turn.notify_all()


@dataclass(frozen=True, slots=True)
class _Request:
    submission: Submission
    name: str
    id: str
    sha256: str
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class _Written:
    added: Added
    vector: Vector
    replaced: StoredImage | None
    before: Original | None  # what lay under the name, to be put back if the store fails


class Adder:
    """Takes pictures in, each wholly or not at all."""

    def __init__(
        self,
        indexer: Indexer,
        store: VectorStore,
        originals: Originals,
        fields: Fields,
    ) -> None:
        """Join the ports to the declared metadata fields."""
        self._indexer = indexer
        self._store = store
        self._originals = originals
        self._fields = fields
        self.turns = Turns()

    def add(self, submissions: Sequence[Submission]) -> list[Outcome]:
        """Give each submission its outcome, in order: what was added, or why not."""
        outcomes: dict[int, Outcome] = {}
        requests: dict[int, _Request] = {}
        for position, submission in enumerate(submissions):
            try:
                requests[position] = self._understand(submission)
            except LookalikeError as refusal:
                outcomes[position] = refusal
        with self.turns.of(request.id for request in requests.values()):
            outcomes |= self._add_understood(requests)
        return [outcomes[position] for position in range(len(submissions))]

    def _understand(self, submission: Submission) -> _Request:
        metadata = check_metadata(submission.metadata, self._fields)
        name = None if submission.name is None else check_name(submission.name)
        sha256 = hashlib.sha256(submission.read()).hexdigest()
        if name is not None and name.startswith(BY_BYTES) and name != name_of_bytes(sha256):
            raise NameTaken(f"{name!r} is the name of other bytes; {BY_BYTES} is for such names")
        name = name or name_of_bytes(sha256)
        return _Request(submission, name, image_id(self._originals.bucket, name), sha256, metadata)

    def _add_understood(self, requests: Mapping[int, _Request]) -> dict[int, Outcome]:
        outcomes: dict[int, Outcome] = {}
        written: dict[int, _Written] = {}
        try:
            known = self._known(list(requests.values()))
        except LookalikeError as failure:
            return dict.fromkeys(requests, failure)
        for position, request in requests.items():
            try:
                step = self._write(request, known)
            except LookalikeError as refusal:
                outcomes[position] = refusal
                continue
            except BaseException:
                self._undo(written.values())
                raise
            if isinstance(step, _Written):
                written[position] = step
                outcomes[position] = step.added
                known[step.added.image.id] = known[request.sha256] = step.added.image
            else:
                outcomes[position] = step
        return outcomes | self._put(written)

    def _known(self, requests: Sequence[_Request]) -> dict[str, StoredImage]:
        """Find what is stored already, by id, and for pictures without a name by their bytes."""
        known = self._store.get([request.id for request in requests])
        nameless = tuple({r.sha256 for r in requests if r.submission.name is None})
        if nameless:
            same_bytes = (Condition("sha256", any_of=nameless),)
            for image in self._store.page(same_bytes, limit=len(nameless) * 4).images:
                known[image.sha256] = image
        return known

    def _write(self, request: _Request, known: Mapping[str, StoredImage]) -> _Written | Added:
        before = known.get(request.id)
        same_bytes = known.get(request.sha256) if request.submission.name is None else before
        redescribed = (
            before is not None
            and request.submission.overwrite
            and bool(request.metadata)
            and request.metadata != before.metadata
        )
        if same_bytes is not None and same_bytes.sha256 == request.sha256 and not redescribed:
            self._heal(same_bytes, request)
            return Added(same_bytes, AddStatus.DUPLICATE)
        if before is not None and not request.submission.overwrite:
            raise NameTaken(
                f"Another picture is called {request.name!r}; ask for overwrite to replace it"
            )
        watch = Stopwatch()
        data = request.submission.read()
        image, vector = self._indexer.index(
            self._originals.bucket, request.name, data, request.metadata, watch
        )
        original = Original(data, request.metadata, media_type(image.format))
        kept = None if before is None else self._fetch(request.name)
        image = replace(image, etag=self._originals.write(request.name, original))
        watch.lap("write")
        status = AddStatus.ADDED if before is None else AddStatus.REPLACED
        return _Written(Added(image, status, watch.took_ms), vector, before, kept)

    def _put(self, written: Mapping[int, _Written]) -> dict[int, Outcome]:
        if not written:
            return {}
        images = [step.added.image for step in written.values()]
        try:
            self._store.put(images, np.stack([step.vector for step in written.values()]))
        except Exception as failure:
            if isinstance(failure, StoreTimeout):  # the points may be there all the same
                self._forget([step for step in written.values() if step.replaced is None])
            self._undo(written.values())
            if not isinstance(failure, LookalikeError):
                raise
            return dict.fromkeys(written, failure)
        for step in written.values():
            if step.replaced is not None:
                self._originals.remove_thumbnail(step.replaced)
        return {}

    def _undo(self, steps: Iterable[_Written]) -> None:
        for step in steps:
            name = step.added.image.name
            try:
                if step.before is None:
                    self._originals.remove(name)
                else:
                    self._originals.write(name, step.before)
            except LookalikeError as problem:  # the others are to be undone all the same
                log.error("%s could not be taken back: %s", name, problem)

    def _forget(self, steps: Sequence[_Written]) -> None:
        try:
            self._store.remove([step.added.image.id for step in steps])
        except LookalikeError as problem:
            log.error("%d points may be left without an original: %s", len(steps), problem)

    def _heal(self, image: StoredImage, request: _Request) -> None:
        """Put the original of a duplicate back if somebody removed it behind our back."""
        if self._originals.look(image.name) is None:
            data = request.submission.read()
            self._originals.write(
                image.name, Original(data, image.metadata, media_type(image.format))
            )

    def _fetch(self, name: str) -> Original | None:
        try:
            return self._originals.fetch(name)
        except ImageNotFound:  # removed behind our back, and the index does not know yet
            return None
