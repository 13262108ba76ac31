"""What a stored image looks like inside a vector store, and the checks every store makes alike.

The one layout that all stores share: built-in fields at the top, the user's metadata under `meta`.
A change that older versions cannot read needs another SCHEMA_VERSION (about.py).
Knows records, errors and numpy; no store.
"""

import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from functions.gallery.errors import ImageNotFound, InvalidCursor, StoreRejected
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    CollectionSpec,
    Condition,
    FieldType,
    Page,
    Query,
    StoredImage,
    Vector,
    Vectors,
)

VECTOR = "image"  # the name of the vector in every collection
METADATA = "meta"  # the part of a payload that belongs to the user
HASH = "hash"  # the name of the vector that holds the bits of a perceptual hash
_PLAIN = re.compile(r"[\w-]+")
_UNIT_TOLERANCE = 1e-3  # catches wrong vectors, not rounding: float32 lengths err by less than 1e-5


def payload_of(image: StoredImage) -> dict[str, Any]:
    """Write an image as the JSON object that is stored beside its vector."""
    copied = {"copied": image.copied} if image.copied else {}
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
        "perceptual_hash": str(image.perceptual_hash or ""),
        METADATA: dict(image.metadata),
        **copied,
    }


def image_of(image_id: str, payload: Mapping[str, Any] | None) -> StoredImage:
    """Read a stored payload back; raises StoreRejected if something else wrote it."""
    try:
        fields = dict(payload or {})
        added_at = datetime.fromisoformat(fields.pop("added_at"))
        metadata = fields.pop(METADATA)
        hash = fields.pop("perceptual_hash")
        return StoredImage(
            id=image_id,
            added_at=added_at,
            metadata=metadata,
            perceptual_hash=PerceptualHash.parse(hash) if hash else None,
            **fields,
        )
    except (KeyError, TypeError, ValueError) as problem:
        raise StoreRejected(
            f"The stored record {image_id} was not written by Lookalike; use another collection"
        ) from problem


def page_of(points: Iterable[Any], following: Any) -> Page:
    """Turn scrolled points, which have id and payload in both libraries, into a page."""
    images = tuple(image_of(str(point.id), point.payload) for point in points)
    return Page(images, None if following is None else str(following))


def rfc3339(moment: datetime) -> str:
    """Write a moment as Qdrant's datetime index reads it; without a zone it is taken as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def payload_key(name: str) -> str:
    """Give the place of a field inside a stored payload, quoted as Qdrant's paths need it."""
    if name in BUILT_IN_FIELDS:
        return name
    return f"{METADATA}.{name}" if _PLAIN.fullmatch(name) else f'{METADATA}."{name}"'


def indexed_fields(spec: CollectionSpec) -> dict[str, FieldType]:
    """Give the payload keys that a collection must have indexes for, with their types."""
    return {payload_key(name): kind for name, kind in {**spec.fields, **BUILT_IN_FIELDS}.items()}


def vectors_of(image: StoredImage, vector: Vector) -> dict[str, Any]:
    """Give the vectors of a point by their names; a picture too plain for a hash has but one."""
    vectors = {VECTOR: vector.tolist()}
    if image.perceptual_hash is not None:
        vectors[HASH] = image.perceptual_hash.vector().tolist()
    return vectors


def vector_name(query: Query) -> str:
    """Tell which of a point's vectors a query is about."""
    return HASH if isinstance(query.target, PerceptualHash) else VECTOR


def is_id(text: str) -> bool:
    """Tell whether this could be an image's id; what is not one is simply not in any store."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def known_ids(ids: Iterable[str]) -> list[Any]:
    """Keep the ids that a store could know; it would fail over others."""
    return [id_ for id_ in ids if is_id(id_)]


def check_target(target: Vector | PerceptualHash | str, dims: int) -> None:
    """Accept what a search is for; raises StoreRejected, or ImageNotFound for what is no id."""
    if isinstance(target, PerceptualHash):
        return
    if not isinstance(target, str):
        check_vectors(target[None], 1, dims)
    elif not is_id(target):
        raise unknown_image(target)


def unknown_image(image_id: str) -> ImageNotFound:
    """Say that no image has this id."""
    return ImageNotFound(f"No image has the id {image_id}")


def check_cursor(after: str | None) -> None:
    """Accept the beginning or an id; raises InvalidCursor."""
    if after is not None and not is_id(after):
        raise InvalidCursor(f"{after!r} is no place in the list; use the cursor of the last answer")


def check_batch(images: Sequence[StoredImage], vectors: Vectors, dims: int) -> list[int]:
    """Check what is about to be stored and give the rows to write; of repeated ids the last wins.

    Raises StoreRejected for ids that are no UUIDs and for vectors that check_vectors refuses.
    """
    check_vectors(vectors, len(images), dims)
    for image in images:
        if not is_id(image.id):
            raise StoreRejected(f"{image.id!r} is no image id; names.image_id makes them")
    return list({image.id: row for row, image in enumerate(images)}.values())


def parts(rows: list[int], size: int) -> Iterator[list[int]]:
    """Cut rows into parts of at most this size."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


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
class FilterWords:
    """How one of Qdrant's two libraries spells a filter; they differ in names alone."""

    all_of: Callable[[list[Any], list[Any]], Any]  # what must and what must not hold
    one_of: Callable[[list[Any]], Any]
    truth: Callable[[str, bool], Any]
    among: Callable[[str, list[Any]], Any]
    numbers: Callable[[str, dict[str, float]], Any]
    moments: Callable[[str, dict[str, str]], Any]
    ids: Callable[[list[str]], Any]


def write_filter(
    where: Iterable[tuple[Condition, FieldType]], without: Iterable[str], words: FilterWords
) -> Any:
    """Spell conditions and ids to leave out as a filter; None if everything passes."""
    must: list[Any] = []
    must_not: list[Any] = []
    for condition, kind in where:
        (must_not if condition.negated else must).append(_write_condition(condition, kind, words))
    if left_out := known_ids(without):
        must_not.append(words.ids(left_out))
    return words.all_of(must, must_not) if must or must_not else None


def _write_condition(condition: Condition, kind: FieldType, words: FilterWords) -> Any:
    key = payload_key(condition.field)
    parts = []
    if condition.any_of and kind == "bool":  # Qdrant has no "among" for booleans
        parts.append(words.one_of([words.truth(key, bool(value)) for value in condition.any_of]))
    elif condition.any_of:
        parts.append(words.among(key, list(condition.any_of)))
    written = {bound: getattr(condition, bound) for bound in ("gt", "gte", "lt", "lte")}
    bounds = {bound: limit for bound, limit in written.items() if limit is not None}
    if bounds and kind == "datetime":
        parts.append(words.moments(key, {b: rfc3339(limit) for b, limit in bounds.items()}))
    elif bounds:
        parts.append(words.numbers(key, bounds))
    return words.all_of(parts, [])
