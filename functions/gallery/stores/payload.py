"""The layout of a stored image in Qdrant, and the checks that every store makes.

Built-in fields are at the top. `metadata` holds the user's metadata as one JSON text, because
Qdrant changes some numbers; `meta` holds copies to filter and sort by, of all fields, because any
can be declared later, and what was left out. A change that older versions cannot read needs another
SCHEMA_VERSION (collection_info.py). Depends on records and numpy.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.fingerprint import HASH_BITS, Fingerprint, PerceptualHash
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.errors import ImageNotFound, StoreRejected
from functions.gallery.pictures.picture import Flaw
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    NAME_WORDS,
    CollectionSpec,
    FieldType,
    Metadata,
    Page,
    Query,
    StoredImage,
)
from functions.gallery.stores.rounding import rounded
from functions.runtime import command

VECTOR = "image"  # the names of a point's two vectors
# The bits of the perceptual hash as +1 and -1; pictures without a hash have no such vector. The dot
# product of two is 256 - 2 x the bits that differ, also of the copies of one bit for each number
# that the stores search: exact, without a graph, and 32 bytes a picture in memory.
HASH = "hash"
_METADATA = "metadata"
_COPIES = "meta"
_LEFT_OUT = ".left-out"  # no field has a dot in its name; earlier versions ignore it
_ID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLAIN = re.compile(r"[\w-]+")
_UNIT_TOLERANCE = 1e-3  # catches wrong vectors, not rounding: float32 lengths err by less than 1e-5


# --- Images to points and back


def write_payload(image: StoredImage) -> dict[str, Any]:
    """Return the JSON object that is stored with an image's vectors."""
    return {
        "name": image.name,
        NAME_WORDS: image.name_words,
        "etag": image.etag,
        "sha256": image.sha256,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "bytes": image.bytes,
        "added_at": rfc3339(image.added_at),
        "model": image.model,
        "fingerprint": image.fingerprint.write() if image.fingerprint else None,
        "flaws": list(image.flaws),
        **write_metadata(image.metadata, image.left_out),
    }


def write_metadata(metadata: Metadata, left_out: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return the part of a payload that holds the metadata."""
    copies: dict[str, Any] = {
        n: rounded(v) if isinstance(v, float) else v for n, v in metadata.items()
    }
    if left_out:
        copies[_LEFT_OUT] = json.dumps(dict(left_out), ensure_ascii=False)
    return {_METADATA: json.dumps(dict(metadata), ensure_ascii=False), _COPIES: copies}


def write_vectors(image: StoredImage, vector: NDArray[np.floating[Any]]) -> dict[str, Any]:
    """Return the vectors of an image's point by name."""
    vectors = {VECTOR: vector.tolist()}
    if image.fingerprint is not None:
        vectors[HASH] = image.fingerprint.hash.signs().tolist()
    return vectors


def read_images(points: Iterable[Any]) -> dict[str, StoredImage]:
    """Read the images of points, which have `id` and `payload` in both libraries, by id.

    Raises StoreRejected for a payload that Lookalike did not write.
    """
    return {str(point.id): _read_image(str(point.id), point.payload) for point in points}


def _read_image(image_id: str, payload: Mapping[str, Any] | None) -> StoredImage:
    try:
        fields = dict(payload or {})
        fingerprint = fields.pop("fingerprint", None)
        fields.pop(NAME_WORDS, None)  # they follow from the name
        fields.pop("perceptual_hash", None)  # of an earlier version
        fields.pop("copied", None)  # of an earlier version
        flaws = fields.pop("flaws", ())  # none in an earlier version
        copies, text = dict(fields.pop(_COPIES)), fields.pop(_METADATA, None)
        left_out = copies.pop(_LEFT_OUT, None)
        return StoredImage(
            id=image_id,
            added_at=datetime.fromisoformat(fields.pop("added_at")),
            metadata=copies if text is None else json.loads(text),  # None: written by schema 2
            fingerprint=Fingerprint.read(fingerprint) if fingerprint else None,
            flaws=tuple(map(Flaw, flaws)),
            left_out=json.loads(left_out) if left_out else {},
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreRejected(
            f"The stored record {image_id} was not written by Lookalike; use another collection"
        ) from error


def read_page(points: Iterable[Any], following: Any) -> Page:
    """Turn scrolled points and the id after them into a page."""
    images = tuple(read_images(points).values())
    return Page(images, None if following is None else str(following))


def read_vectors(points: Iterable[Any]) -> dict[str, Vector]:
    """Read the image vectors of points by id; raises StoreRejected for a point without one."""
    try:
        return {str(point.id): np.asarray(point.vector[VECTOR], np.float32) for point in points}
    except (KeyError, TypeError) as error:
        raise StoreRejected(
            f"A stored record has no vector of an image; run {command('reconcile')}"
        ) from error


def rfc3339(moment: datetime) -> str:
    """Write a moment for Qdrant's datetime index; without a time zone it counts as UTC."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def unindexed(images: int, hashes: int, indexed_vectors: int) -> int:
    """Return how many images are not in the index yet.

    The cores count both vectors of a point as indexed; they enter the index together.
    """
    return max(0, round(images * (1 - indexed_vectors / max(1, images + hashes))))


# --- Fields


def payload_key(name: str) -> str:
    """Return the path of a field inside a payload, quoted where Qdrant needs it."""
    if name in BUILT_IN_FIELDS:
        return name
    return f"{_COPIES}.{name}" if _PLAIN.fullmatch(name) else f'{_COPIES}."{name}"'


def indexed_fields(spec: CollectionSpec) -> dict[str, FieldType]:
    """Return the payload keys that need an index in a collection, with their types."""
    return {payload_key(name): kind for name, kind in {**spec.fields, **BUILT_IN_FIELDS}.items()}


# --- Checks


def is_id(text: str) -> bool:
    """Return whether this can be the id of an image; stores fail on anything else."""
    return _ID.fullmatch(text) is not None


def valid_ids(ids: Iterable[str]) -> list[Any]:
    """Return the ids that can be in a store."""
    return [id_ for id_ in ids if is_id(id_)]


def vector_name(query: Query) -> str:
    """Return which of a point's vectors a query searches."""
    return HASH if isinstance(query.target, PerceptualHash) else VECTOR


def score_threshold(query: Query) -> float | None:
    """Return the score that the hits of a query must exceed, if there is one."""
    return None if query.most_bits is None else HASH_BITS - 2.0 * query.most_bits - 1.0


def target_vector(
    query: Query, dims: int, read: Callable[[Sequence[str]], Mapping[str, Vector]]
) -> Vector:
    """Return the vector to search with; that of a stored image comes from `read`.

    Raises ImageNotFound for an unknown id, StoreRejected for a vector as in `check_vectors`.
    """
    target = query.target
    if isinstance(target, PerceptualHash):
        return target.signs()
    if not isinstance(target, str):
        check_vectors(target[None], 1, dims)
        return target
    found = read([target])
    if target not in found:
        raise unknown_image(target)
    return found[target]


def target_image(images: Mapping[str, StoredImage], query: Query) -> StoredImage:
    """Return the image that a query searches by; raises ImageNotFound."""
    target = str(query.target)
    if target not in images:
        raise unknown_image(target)
    return images[target]


def unknown_image(image_id: str) -> ImageNotFound:
    """Return the error for an id that no image has."""
    return ImageNotFound(f"No image has the id {image_id}")


def check_batch(
    images: Sequence[StoredImage], vectors: Vectors, dims: int
) -> list[tuple[StoredImage, Vector]]:
    """Pair images with their vectors; of repeated ids the last wins.

    Raises StoreRejected for ids that are not UUIDs, and for vectors as in `check_vectors`.
    """
    check_vectors(vectors, len(images), dims)
    for image in images:
        if not is_id(image.id):
            raise StoreRejected(f"{image.id!r} is not an image id; names.image_id makes them")
    return list({row[0].id: row for row in zip(images, vectors, strict=True)}.values())


def check_vectors(vectors: Vectors, rows: int, dims: int) -> None:
    """Raise StoreRejected unless there are (rows, dims) vectors of length 1, without NaN or Inf.

    Qdrant itself stores Inf and zero vectors, and every later score against them is NaN.
    """
    if vectors.shape != (rows, dims):
        raise StoreRejected(f"The vectors have shape {vectors.shape}; expected ({rows}, {dims})")
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1)
    wrong = ~(np.abs(lengths - 1.0) <= _UNIT_TOLERANCE)  # the negation catches NaN
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise StoreRejected(f"Vector {row} has length {lengths[row]:.4g}; it must be 1")
