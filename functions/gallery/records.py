"""The frozen nouns that travel between rooms: images, filters, queries, matches, originals.

Depends on names, and on the types of embedding and pictures.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import numpy as np

from functions.gallery.embedding.fingerprint import Fingerprint, PerceptualHash
from functions.gallery.embedding.likeness import Band, Likeness
from functions.gallery.embedding.vectors import Vector
from functions.gallery.names import beginnings
from functions.gallery.pictures.picture import Flaw

Scalar = str | int | float | bool
Metadata = Mapping[str, Scalar | Sequence[str]]
FieldType = Literal["keyword", "integer", "float", "bool", "datetime"]
Fields = Mapping[str, FieldType]

NAME_WORDS = "name_words"  # how the words of the name begin, see names.py

# Fields that every image has and that can be filtered, in addition to the declared metadata.
BUILT_IN_FIELDS: Fields = {
    "name": "keyword",
    NAME_WORDS: "keyword",
    "sha256": "keyword",
    "format": "keyword",
    "width": "integer",
    "height": "integer",
    "bytes": "integer",
    "added_at": "datetime",
}


# --- Images, and the originals they are made from

LEFT_OUT = "metadata-left-out"  # the code of a refusal of some metadata only


@dataclass(frozen=True, slots=True)
class StoredImage:
    """Everything known about one image in the gallery except its pixels and its vector."""

    id: str
    name: str
    etag: str  # of the original, see originals/objects.py
    sha256: str  # of the bytes, hex
    width: int  # pixels, upright
    height: int
    format: str  # by its name in pictures/formats.py: "JPEG"
    bytes: int
    added_at: datetime
    model: str  # a ModelCard.id
    metadata: Metadata = field(default_factory=dict)
    fingerprint: Fingerprint | None = None  # None: too little detail
    flaws: tuple[Flaw, ...] = ()  # what is wrong with the file, though it opens
    left_out: Mapping[str, str] = field(default_factory=dict)  # fields of the original, and why

    @property
    def name_words(self) -> list[str]:
        """How the words of the name begin, to find it by."""
        return beginnings(self.name)


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What is known about an original without reading it."""

    etag: str  # of bytes and metadata, see originals/objects.py
    bytes: int
    modified_at: datetime  # when the bytes were written
    metadata: Mapping[str, Any] = field(default_factory=dict)  # as they were sent, unchecked
    own_metadata: str = ""  # a hash of those in the object itself, see originals/objects.py
    record: str | None = None  # the etag of the record that is kept next to it, if there is one
    unreadable: str = ""  # why its bytes, and perhaps its metadata, cannot be read


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes of a picture and what is kept with them, all from one read."""

    data: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/octet-stream"
    etag: str = ""  # this and the time as in ObjectState; unknown before it is written
    modified_at: datetime | None = None
    sha256: str = ""  # of the bytes, hex, if it is known


@dataclass(frozen=True, slots=True)
class MetadataRecord:
    """Metadata that are kept next to an original, see originals/objects.py."""

    name: str
    metadata: Metadata
    own_metadata: str  # the hash of the object's own metadata when this was written


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a listing of originals, which does not include metadata."""

    name: str
    etag: str | None  # of the bytes alone; None: not known without reading them
    bytes: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """An original that cannot be indexed, and why; it is not read again until it changes.

    With the code LEFT_OUT it is indexed, but without some of its metadata.
    """

    name: str
    etag: str
    code: str  # of the error, or LEFT_OUT
    detail: str
    at: datetime

    def says_the_same(self, other: "Refusal") -> bool:
        """Return whether both are equal but for their times."""
        return replace(self, at=other.at) == other


@dataclass(frozen=True, slots=True)
class SignedForm:
    """A form with which a browser can send a large picture straight to the bucket."""

    url: str
    fields: Mapping[str, str]  # to be sent as they are, before the file
    expires_at: datetime


# --- Collections

DEFAULT_GALLERY = "lookalike"
SCHEMA_VERSION = 4  # of the layout of a collection: stores/payload.py and its vectors


class Distance(StrEnum):
    """How a collection compares vectors; chosen when the collection is created."""

    COSINE = "cosine"
    DOT = "dot"
    EUCLID = "euclid"
    MANHATTAN = "manhattan"

    def score(self, one: Vector, other: Vector) -> float:
        """Compare two unit vectors as the stores do."""
        if self is Distance.EUCLID:
            return float(np.linalg.norm(one - other))
        if self is Distance.MANHATTAN:
            return float(np.abs(one - other).sum())
        return float(one @ other)

    @property
    def has_bands(self) -> bool:
        """Whether similarities are cosines, to which the bands of a model card apply."""
        return self is not Distance.MANHATTAN

    def similarity(self, score: float, dims: int) -> float:
        """Convert a store's raw score of unit vectors to 0 (nothing in common) .. 1 (the same).

        Cosine and dot: the score itself, at least 0. Euclid: 1 - d^2 / 2, which is the cosine
        again. Manhattan: 1 - d / (2 sqrt(dims)), also in 0..1 but on a scale of its own.
        """
        if self is Distance.EUCLID:
            score = 1.0 - score * score / 2.0
        elif self is Distance.MANHATTAN:
            score = 1.0 - score / (2.0 * math.sqrt(dims))
        return min(1.0, max(0.0, score))


class Quantization(StrEnum):
    """In which form the vectors are in memory; the full ones, on disk, score the best again."""

    NONE = "none"  # the full vectors, in memory
    INT8 = "int8"  # 8 bits for each number
    TURBO4 = "turbo4"  # Qdrant's TurboQuant, 4 bits


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection must be: its model, width and distance, and the fields to index."""

    model: str  # a ModelCard.id
    dims: int
    distance: Distance = Distance.COSINE
    fields: Fields = field(default_factory=dict)  # declared metadata, without the built-in ones
    gallery: str = field(default=DEFAULT_GALLERY, compare=False)
    quantization: Quantization | None = None  # None: that of the collection, or the store's best

    @property
    def name(self) -> str:
        """One per gallery, model, width, distance, asked quantization and layout.

        Cosine, the default, is left out. Names without a layout are those of schema 2 and 3.
        """
        name = f"{self.gallery}--{self.model}--{self.dims}".replace("@", "-")
        if self.distance is not Distance.COSINE:
            name += f"--{self.distance.value}"
        if self.quantization is not None:
            name += f"--{self.quantization.value}"
        return f"{name}--schema-{SCHEMA_VERSION}"

    def fits(self, other: "CollectionSpec") -> bool:
        """Whether a collection made for one serves a process of the other; None fits any."""
        alike = replace(self, fields={}, quantization=other.quantization)
        is_any = None in (self.quantization, other.quantization)
        return alike == replace(other, fields={}) and (
            is_any or self.quantization == other.quantization
        )


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of a store, as described by its own metadata."""

    name: str
    spec: CollectionSpec
    filling: bool = False  # it does not hold every image yet and must not be served
    replaces: str | None = None  # the collection it was filled from, while that is kept
    originals: str = ""  # whose pictures it indexes (originals/identity.py); none: not known yet
    schema: int = SCHEMA_VERSION

    @property
    def is_outdated(self) -> bool:
        """Whether an earlier version of Lookalike made it; only reindexing reads it."""
        return self.schema != SCHEMA_VERSION

    def fits(self, spec: CollectionSpec) -> bool:
        """Whether a process with this spec can serve it."""
        return not self.is_outdated and self.spec.fits(spec)

    def quantized(self, quantization: Quantization | None) -> "Collection":
        """Return the same with this quantization."""
        return replace(self, spec=replace(self.spec, quantization=quantization))

    def is_paired_with(self, other: "Collection") -> bool:
        """Whether one of the two was filled from the other, and from no third one since."""
        return self.replaces == other.name or other.replaces == self.name


class IndexState(StrEnum):
    """Whether searches have an index; without one they work, and read every vector."""

    READY = "ready"
    BUILDING = "building"  # in the background
    MISSING = "missing"  # and nothing builds it: no room, or an embedded store that was not told to


# --- Questions to a store, and its answers


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one field; every bound that is set must hold, `negated` inverts the whole."""

    field: str
    any_of: tuple[Scalar, ...] = ()
    gt: float | datetime | None = None
    gte: float | datetime | None = None
    lt: float | datetime | None = None
    lte: float | datetime | None = None
    negated: bool = False


Filter = tuple[Condition, ...]  # all must hold; the empty filter matches everything


@dataclass(frozen=True, slots=True)
class Query:
    """A search for the images nearest to a vector, to a stored image's vector, or to a hash."""

    target: Vector | PerceptualHash | str  # a vector of length 1, a hash, or an image id
    limit: int = 10
    offset: int = 0
    where: Filter = ()
    without: tuple[str, ...] = ()  # ids to leave out
    ties: bool = True  # order equal scores at the page's edge by id; False: any order, but faster
    most_bits: int | None = None  # for a hash: leave out images whose hash differs in more bits


@dataclass(frozen=True, slots=True)
class Match:
    """One result: an image, the store's raw score and the similarity between 0 and 1."""

    image: StoredImage
    score: float  # of a hash: how many bits differ
    similarity: float
    hidden: int = 0  # further matches of its group, among those that were read
    matched: Likeness | None = None  # what it shares with a single example, if anything
    band: Band | None = None  # if the model has bands, for a single example


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by: a number or a date, because every store can do that."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing; `after` asks for the next part and is None at the end."""

    images: tuple[StoredImage, ...]
    after: str | None = None
