"""Undoes adds that the store refused, and finds out which ones it did not refuse.

Depends on the ports.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto

from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import LookalikeError, StoreNotReached, StoreUnavailable
from functions.gallery.ports import Pictures, VectorStore
from functions.gallery.records import Original, StoredImage

log = logging.getLogger(__name__)


class Kind(Enum):
    """What was done to an original."""

    CREATED = auto()
    REPLACED = auto()
    ADOPTED = auto()  # it was there already, and not indexed


@dataclass(frozen=True, slots=True)
class Written:
    """An original that is written, and what to do if its point cannot be."""

    image: StoredImage
    vector: Vector
    kind: Kind
    replaced: StoredImage | None
    before: Original | None  # what was replaced; restored if the store refuses the image
    thumbnail: bytes | None = None  # kept next to the original


@dataclass(frozen=True, slots=True)
class Undo:
    """Takes back originals, each of another name."""

    store: VectorStore
    originals: Pictures

    def settle(self, error: StoreUnavailable, written: Mapping[int, Written]) -> set[int]:
        """Find out what a failed put did all the same, and undo the rest; returns its positions.

        If the store does not say, the originals stay: one without a point is indexed when the call
        is repeated, or by the next comparison, but a point without an original would be wrong.
        """
        ids = [step.image.id for step in written.values()]
        lost = written
        if not isinstance(error, StoreNotReached):
            try:
                stored = self.store.get(ids)
                lost = {at: s for at, s in written.items() if not _is_in(stored, s.image)}
                # A put may also still be waiting in the store; what comes after it wins.
                new = [s.image.id for s in lost.values() if s.replaced is None]
                self.store.remove(new)
            except LookalikeError as failure:
                log.error("%d originals may be left without a point: %s", len(ids), failure)
                return set(written)
        self.undo(lost.values())
        return set(lost)

    def undo(self, steps: Iterable[Written]) -> None:
        """Take back what was written, except what others have replaced since."""
        for step in steps:
            name = step.image.name
            if step.thumbnail is not None:
                with suppress(LookalikeError):  # it is not shown
                    self.originals.remove_thumbnail(step.image)
            try:
                state = None if step.kind is Kind.ADOPTED else self.originals.head(name)
                if state is None or state.etag != step.image.etag:
                    continue  # not written by this call, or replaced by others since
                if step.before is None:
                    self.originals.remove(name)
                else:
                    self.originals.write(name, step.before)
            except LookalikeError as error:  # the others must be undone all the same
                log.error("adding %s could not be undone: %s", name, error)

    def write_back(self, name: str, before: Original) -> None:
        """Write what was replaced again, if it was."""
        try:
            state = self.originals.head(name)
            if state is None or state.etag != before.etag:
                self.originals.write(name, before)
        except LookalikeError as error:
            log.error("replacing %s could not be undone: %s", name, error)


def _is_in(stored: Mapping[str, StoredImage], image: StoredImage) -> bool:
    found = stored.get(image.id)
    return found is not None and (found.etag, found.sha256) == (image.etag, image.sha256)
