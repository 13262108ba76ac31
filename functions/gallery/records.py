"""The nouns that travel between modules, all frozen. Knows numpy and nothing else of ours."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from functions.gallery.bands import Band, Bands
from functions.gallery.perceptual_hash import HASH_BITS, PerceptualHash

Vectors = NDArray[np.float32]  # (n, dims), rows of length 1
Vector = NDArray[np.float32]  # (dims,), length 1

Scalar = str | int | float | bool
Metadata = Mapping[str, Scalar | Sequence[str]]
FieldType = Literal["keyword", "integer", "float", "bool", "datetime"]
Fields = Mapping[str, FieldType]

# Fields that every image has and that can be filtered beside the declared metadata.
BUILT_IN_FIELDS: Fields = {
    "name": "keyword",
    "sha256": "keyword",
    "format": "keyword",
    "width": "integer",
    "height": "integer",
    "bytes": "integer",
    "added_at": "datetime",
}


def hash_similarity(differing_bits: float) -> float:
    """Translate a distance of perceptual hashes into 0..1: 1 - d / 64."""
    return 1.0 - differing_bits / HASH_BITS


class Distance(StrEnum):
    """How a collection compares vectors; chosen when the collection is made."""

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
        """Tell whether similarities are cosines, which the bands of a model card speak of."""
        return self is not Distance.MANHATTAN

    def similarity(self, score: float, dims: int) -> float:
        """Translate a store's raw score into 0 (nothing alike) .. 1 (the same), for unit vectors.

        Cosine and dot: the score itself, cut at 0. Euclid: 1 - d^2 / 2, which is the cosine again.
        Manhattan: 1 - d / (2 sqrt(dims)), bounded too but on a scale of its own.
        """
        if self is Distance.EUCLID:
            score = 1.0 - score * score / 2.0
        elif self is Distance.MANHATTAN:
            score = 1.0 - score / (2.0 * math.sqrt(dims))
        return min(1.0, max(0.0, score))


@dataclass(frozen=True, slots=True)
class Comparison:
    """How alike two pictures are, by each notion."""

    score: float
    similarity: float
    same_bytes: bool
    hash_distance: int | None  # bits that differ; None if one of them is too plain for a hash
    model: str
    band: Band | None = None  # where the model has bands


@dataclass(frozen=True, slots=True)
class Removal:
    """How many images were meant, and how many of them are gone now."""

    matched: int
    removed: int


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What card.json says of the graph beside it: how pictures enter and what comes out."""

    name: str
    version: str
    file: str
    sha256: str
    input_px: int  # the graph takes (n, input_px, input_px, 3) uint8
    dims: int
    views: tuple[float, ...]  # centre squares, as parts of the short side
    bands: Bands | None = None  # what similarities mean in words, where it was measured

    @property
    def id(self) -> str:
        """Name and version, as stored with every vector."""
        return f"{self.name}@{self.version}"

    @property
    def short_side_px(self) -> int:
        """What a decoder must keep of the short side so that the smallest view is not blown up."""
        return math.ceil(self.input_px / min(self.views))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An object that cannot be in the index, and why; it is not read again until it changes."""

    name: str
    etag: str
    code: str  # of the error
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Stats:
    """What a gallery holds."""

    images: int
    model: str
    dims: int
    distance: Distance
    refused: int = 0  # originals that cannot be in the index; counted up to 1,000
    refusals: Sequence[Refusal] = ()  # some of them
    last_added_at: datetime | None = None
    disk_bytes: int | None = None  # of the index, where it is on a disk of ours


@dataclass(frozen=True, slots=True)
class CollectionSpec:
    """What a collection must be: its model, width and distance, and the fields to index."""

    model: str  # a ModelCard.id
    dims: int
    distance: Distance = Distance.COSINE
    fields: Fields = field(default_factory=dict)  # declared metadata, without the built-in ones

    @property
    def name(self) -> str:
        """One collection per model, width and distance; the usual distance goes without saying."""
        named = f"lookalike--{self.model}--{self.dims}".replace("@", "-")
        return named if self.distance is Distance.COSINE else f"{named}--{self.distance.value}"

    def fits(self, other: "CollectionSpec") -> bool:
        """Tell whether vectors made for one can be searched by vectors made for the other."""
        return replace(self, fields={}) == replace(other, fields={})


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of a store, as it tells of itself."""

    name: str
    spec: CollectionSpec
    filling: bool = False  # it does not hold every image yet, and must not be served
    replaces: str | None = None  # the collection that it was filled from, while that is kept

    def is_beside(self, other: "Collection") -> bool:
        """Tell whether one of the two was filled from the other, and not another one since."""
        return self.replaces == other.name or other.replaces == self.name


@dataclass(frozen=True, slots=True)
class Condition:
    """One demand on one field; all bounds that are set must hold, `negated` turns it around."""

    field: str
    any_of: tuple[Scalar, ...] = ()
    gt: float | datetime | None = None
    gte: float | datetime | None = None
    lt: float | datetime | None = None
    lte: float | datetime | None = None
    negated: bool = False


Filter = tuple[Condition, ...]  # all must hold; the empty filter lets everything through


@dataclass(frozen=True, slots=True)
class StoredImage:
    """All that is known of one image in the gallery, but its pixels and its vector."""

    id: str
    name: str
    etag: str  # of the original, as its bucket or folder gave it
    sha256: str  # of the bytes, hex
    width: int  # pixels, upright
    height: int
    format: str  # as Pillow calls it: "JPEG"
    bytes: int
    added_at: datetime
    model: str  # a ModelCard.id
    metadata: Metadata = field(default_factory=dict)
    perceptual_hash: PerceptualHash | None = None  # None: too plain to be told by it
    copied: str = ""  # of one that reindexing wrote: a hash of the metadata that it had then


@dataclass(frozen=True, slots=True)
class Query:
    """What a store is asked: the images nearest to a vector, a stored image's, or a hash."""

    target: Vector | PerceptualHash | str  # a vector of length 1, a hash, or an image id
    limit: int = 10
    offset: int = 0
    where: Filter = ()
    without: tuple[str, ...] = ()  # ids that are left out
    ties: bool = True  # put equal scores at the page's edge by id; else any of them, sooner


@dataclass(frozen=True, slots=True)
class Match:
    """One answer: an image, the store's raw score and what it means between 0 and 1."""

    image: StoredImage
    score: float  # of a hash: how many bits differ
    similarity: float
    hidden: int = 0  # further matches of its group among those that were read
    band: Band | None = None  # where the model has bands, for a single example


@dataclass(frozen=True, slots=True)
class Order:
    """What a list is sorted by: a number or a date, so that every store can."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing; `after` asks for the next part and is None at the end."""

    images: tuple[StoredImage, ...]
    after: str | None = None


@dataclass(frozen=True, slots=True)
class QueryEcho:
    """What was understood of the query picture."""

    width: int
    height: int
    format: str
    turned: bool  # an EXIF orientation was undone


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches, best first, with where the time went."""

    matches: tuple[Match, ...]
    model: str
    more: bool  # there are further matches behind these
    query: QueryEcho | None = None
    took_ms: Mapping[str, float] = field(default_factory=dict)  # decode, embed, search


Example = bytes | str  # a picture (its bytes) or a stored image (its id)


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an upright picture, in fractions of its width and height, from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How a search is to answer; the limits are those of the doors."""

    limit: int = 10
    offset: int = 0
    min_similarity: float = 0.0
    filter: Mapping[str, Any] | None = None  # as people write it, see filters.py
    exclude_self: bool = False  # leave out the examples: their ids, and images of the same bytes
    region: Region | None = None  # of a single example, what to look for
    group_by: str | None = None  # a declared field: of each value show the best image only
    collapse_duplicates: bool = False  # of images of the same bytes show one
    collapse_copies: bool = False  # and of images whose perceptual hashes nearly agree


@dataclass(frozen=True, slots=True)
class Submission:
    """A picture on its way in; without a name it is named after its bytes."""

    read: Callable[[], bytes]
    name: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    overwrite: bool = False


class AddStatus(StrEnum):
    """What became of an image that was sent."""

    ADDED = "added"
    REPLACED = "replaced"
    DUPLICATE = "duplicate"  # the same bytes were there already; nothing was changed


@dataclass(frozen=True, slots=True)
class Added:
    """An image that is in the gallery now, and whether it was before."""

    image: StoredImage
    status: AddStatus
    took_ms: Mapping[str, float] = field(default_factory=dict)
