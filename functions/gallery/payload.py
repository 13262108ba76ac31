"""What a stored image looks like inside a vector store, and the checks every store makes alike.

The one layout that all stores share: built-in fields at the top, the user's metadata under `meta`.
Knows records, errors and numpy; no store.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from functions.gallery.errors import InvalidCursor, ModelMismatch, StoreRejected
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    CollectionSpec,
    Distance,
    FieldType,
    Match,
    Query,
    StoredImage,
    Vectors,
)

VECTOR = "image"  # the name of the vector in every collection
SCHEMA_VERSION = 1  # of this layout, kept beside every collection
_PLAIN = re.compile(r"[A-Za-z0-9_-]+")
_UNIT_TOLERANCE = 1e-3  # catches wrong vectors, not rounding: float32 lengths err by less than 1e-5
_TIES = 16  # asked for beyond the page, so that equal scores at its edge can be put in order
_MOST_TIES = 10_000


def payload_of(image: StoredImage) -> dict[str, Any]:
    """Write an image as the JSON object that is stored beside its vector."""
    return {
        "name": image.name,
        "etag": image.etag,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "bytes": image.bytes,
        "added_at": rfc3339(image.added_at),
        "model": image.model,
        "meta": dict(image.metadata),
    }


def image_of(image_id: str, payload: Mapping[str, Any] | None) -> StoredImage:
    """Read a stored payload back; raises StoreRejected if something else wrote it."""
    try:
        fields = dict(payload or {})
        added_at = datetime.fromisoformat(fields.pop("added_at"))
        metadata = fields.pop("meta")
        return StoredImage(id=image_id, added_at=added_at, metadata=metadata, **fields)
    except (KeyError, TypeError, ValueError) as problem:
        raise StoreRejected(
            f"The stored record {image_id} was not written by Lookalike; use another collection"
        ) from problem


def rfc3339(moment: datetime) -> str:
    """Write a moment as Qdrant's datetime index reads it; without a zone it is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def payload_key(name: str) -> str:
    """Give the place of a field inside a stored payload, quoted as Qdrant's paths need it."""
    if name in BUILT_IN_FIELDS:
        return name
    return f"meta.{name}" if _PLAIN.fullmatch(name) else f'meta."{name}"'


def indexed_fields(spec: CollectionSpec) -> dict[str, FieldType]:
    """Give the payload keys that a collection must have indexes for, with their types."""
    return {payload_key(name): kind for name, kind in {**spec.fields, **BUILT_IN_FIELDS}.items()}


def about_collection(spec: CollectionSpec) -> dict[str, Any]:
    """Give what a collection remembers of its making, to be kept beside it."""
    return {
        "model": spec.model,
        "dims": spec.dims,
        "distance": spec.distance.value,
        "schema": SCHEMA_VERSION,
    }


def check_about(about: Mapping[str, Any], spec: CollectionSpec) -> None:
    """Accept a collection made as `spec` asks; raises ModelMismatch with what to do."""
    setting = {"schema": "the version of Lookalike", "distance": "LOOKALIKE_DISTANCE"}
    for key, wanted in about_collection(spec).items():
        if about.get(key) != wanted:
            raise ModelMismatch(
                f"The stored vectors were made with {key} {about.get(key)}, now it is {wanted}; set "
                f"{setting.get(key, 'LOOKALIKE_MODEL')} back, or import the pictures again "
                "into an empty store"
            )


def is_id(text: str) -> bool:
    """Tell whether this could be an image's id; what is not one is simply not in any store."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def check_cursor(after: str | None) -> None:
    """Accept the beginning or an id; raises InvalidCursor."""
    if after is not None and not is_id(after):
        raise InvalidCursor(f"{after!r} is no place in the list; use the cursor of the last answer")


def check_batch(images: Sequence[StoredImage], vectors: Vectors, dims: int) -> dict[str, int]:
    """Check what is about to be stored and give the row of each id; of repeated ids the last wins.

    Raises StoreRejected for ids that are no UUIDs and for vectors that check_vectors refuses.
    """
    check_vectors(vectors, len(images), dims)
    for image in images:
        if not is_id(image.id):
            raise StoreRejected(f"{image.id!r} is no image id; records.image_id makes them")
    return {image.id: row for row, image in enumerate(images)}


def check_vectors(vectors: Vectors, rows: int, dims: int) -> None:
    """Accept (rows, dims) vectors of length 1; raises StoreRejected, also for NaN, Inf and zeros.

    Qdrant itself stores Inf and zero vectors, and every later score against them is NaN.
    """
    if vectors.shape != (rows, dims):
        raise StoreRejected(f"Vectors of shape {vectors.shape} came; ({rows}, {dims}) was expected")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE)  # the negation catches NaN
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StoreRejected(f"Vector {row} has length {lengths[row]:.4g}; it must be 1")


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a store before it becomes a Match; the payload may be fetched later."""

    id: str
    score: float
    payload: Mapping[str, Any] | None = None


def hits_in_order(
    fetch: Callable[[int], Iterable[Hit]], query: Query, distance: Distance
) -> list[Hit]:
    """Give the page of hits that a query asks for: best first, equal scores by id.

    Qdrant leaves the order of equal scores open (copies of one picture have them), so a page could
    repeat or miss some. More are fetched until the page's last score has ended, up to 10,000.
    """
    wanted = query.offset + query.limit
    asked = wanted + _TIES
    hits = list(fetch(asked))
    while len(hits) == asked and hits[-1].score == hits[wanted - 1].score and asked < _MOST_TIES:
        asked = min(asked * 4, _MOST_TIES)
        hits = list(fetch(asked))
    sign = 1 if distance in (Distance.EUCLID, Distance.MANHATTAN) else -1
    hits.sort(key=lambda hit: (sign * hit.score, hit.id))
    return hits[query.offset : wanted]


def match_of(hit: Hit, spec: CollectionSpec) -> Match:
    """Turn a hit with its payload into a match."""
    similarity = spec.distance.similarity(hit.score, spec.dims)
    return Match(image_of(hit.id, hit.payload), hit.score, similarity)
