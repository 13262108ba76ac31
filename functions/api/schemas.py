"""What goes out over HTTP, as pydantic models. Knows the gallery's records."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from functions.api.options import MAX_OFFSET, SimilarOptions
from functions.gallery.duplicates import Duplicate
from functions.gallery.likeness import Likeness
from functions.gallery.perceptual_hash import SAME_PICTURE_BITS
from functions.gallery.records import (
    Added,
    AddStatus,
    Comparison,
    Match,
    QueryEcho,
    SearchResult,
    StoredImage,
)

# null: of several examples, of Manhattan distances and of cut vectors nothing was measured
BAND = "What that means: same picture, near-duplicate, similar or weak; null where not measured"

Sign = Callable[[StoredImage], str | None]  # gives a short-lived link to an original


class Upload(BaseModel):
    """A form to send one picture straight to the bucket."""

    url: Annotated[str, Field(description="POST multipart/form-data to it")]
    fields: Annotated[dict[str, str], Field(description="To be sent as they are, before `file`")]
    expires_at: datetime
    max_bytes: int


class Links(BaseModel):
    """Where to go from an image."""

    self: str
    similar: str
    thumbnail: str
    original: str


class Image(BaseModel):
    """One stored image."""

    id: str
    name: str
    sha256: str
    perceptual_hash: Annotated[
        str | None, Field(description="64 bits in hex; few differ between copies of one picture")
    ]
    width: Annotated[int, Field(description="Pixels, upright")]
    height: int
    format: str
    bytes: int
    added_at: datetime
    model: str
    metadata: dict[str, Any]
    links: Links

    @classmethod
    def of(cls, image: StoredImage) -> Self:
        """Show an image."""
        at = f"/v1/images/{image.id}"
        version = f"?v={image.sha256[:16]}"  # lets a browser keep it for good
        links = Links(
            self=at,
            similar=f"{at}/similar",
            thumbnail=f"{at}/thumbnail{version}",
            original=f"{at}/original{version}",
        )
        return cls(
            id=image.id,
            name=image.name,
            sha256=image.sha256,
            perceptual_hash=str(image.perceptual_hash) if image.perceptual_hash else None,
            width=image.width,
            height=image.height,
            format=image.format,
            bytes=image.bytes,
            added_at=image.added_at,
            model=image.model,
            metadata=dict(image.metadata),
            links=links,
        )


class NearDuplicate(BaseModel):
    """An image that was there before and may be a copy of the one that was added."""

    id: str
    name: str
    matched: Annotated[Likeness, Field(description="The strongest notion that holds")]
    distance: Annotated[int | None, Field(description="Bits of the hashes that differ")]
    similarity: Annotated[float | None, Field(description="Of the vectors, where compared")]


class AddedImage(BaseModel):
    """What became of a picture that was sent."""

    status: AddStatus
    image: Image
    near_duplicates: Annotated[
        list[NearDuplicate],
        Field(description="Copies, perhaps, of what was there already; a hint, nothing more"),
    ]
    took_ms: dict[str, float]

    @classmethod
    def of(cls, added: Added, near: Sequence[Duplicate], took_ms: Mapping[str, float]) -> Self:
        """Show an addition and what is like it."""
        hint = [
            NearDuplicate(
                id=each.image.id,
                name=each.image.name,
                matched=each.matched,
                distance=each.distance,
                similarity=each.similarity,
            )
            for each in near
        ]
        image = Image.of(added.image)
        return cls(status=added.status, image=image, near_duplicates=hint, took_ms=dict(took_ms))


class BatchResult(BaseModel):
    """What became of one item: an addition, or a problem."""

    status: Annotated[int, Field(description="As the call with this item alone would have")]
    added: AddedImage | None = None
    problem: "Problem | None" = None


class BatchResults(BaseModel):
    """One result for each item, in order."""

    results: list[BatchResult]


class Named(BaseModel):
    """An image by id and name."""

    id: str
    name: str


class Checked(BaseModel):
    """Whether pictures of these bytes are here."""

    sha256: str
    known: bool
    images: list[Named]

    @classmethod
    def of(cls, sha256: str, images: Sequence[StoredImage]) -> Self:
        """Show the images of these bytes."""
        named = [Named(id=image.id, name=image.name) for image in images]
        return cls(sha256=sha256, known=bool(named), images=named)


class CheckResults(BaseModel):
    """One result for each hash, in order."""

    results: list[Checked]


class Deleted(BaseModel):
    """What became of a deletion."""

    matched: Annotated[int, Field(description="Images that were meant and there")]
    deleted: int
    remaining: Annotated[int, Field(description="Call again until it is 0")]
    dry_run: bool


class Compared(BaseModel):
    """How alike two pictures are, by each notion."""

    score: Annotated[float, Field(description="As the store's distance gives it")]
    similarity: Annotated[float, Field(description="0 (nothing alike) .. 1 (the same)")]
    same_bytes: bool
    same_picture: Annotated[
        bool | None, Field(description="By perceptual hash; null if one is too plain for it")
    ]
    hash_distance: Annotated[int | None, Field(description="Of 64 bits, how many differ")]
    band: Annotated[str | None, Field(description=BAND)]
    model: str
    took_ms: dict[str, float]

    @classmethod
    def of(cls, found: Comparison, took_ms: Mapping[str, float]) -> Self:
        """Show a comparison."""
        distance = found.hash_distance
        return cls(
            score=found.score,
            similarity=found.similarity,
            same_bytes=found.same_bytes,
            same_picture=None if distance is None else distance <= SAME_PICTURE_BITS,
            hash_distance=distance,
            band=found.band,
            model=found.model,
            took_ms=dict(took_ms),
        )


class Result(BaseModel):
    """One match."""

    rank: int
    score: Annotated[float, Field(description="As the store's distance gives it")]
    similarity: Annotated[float, Field(description="0 (nothing alike) .. 1 (the same)")]
    band: Annotated[str | None, Field(description=BAND)]
    hidden: Annotated[int, Field(description="Further matches of its group, of those read")]
    id: str
    name: str
    perceptual_hash: Annotated[str | None, Field(description="As of an image")]
    metadata: dict[str, Any]
    width: int
    height: int
    links: Links

    @classmethod
    def of(cls, match: Match, rank: int, sign: Sign) -> Self:
        """Show a match, its original by a signed link where there is one."""
        image = Image.of(match.image)
        links = image.links.model_copy(
            update={"original": sign(match.image) or image.links.original}
        )
        return cls(
            rank=rank,
            score=match.score,
            similarity=match.similarity,
            band=match.band,
            hidden=match.hidden,
            id=image.id,
            name=image.name,
            perceptual_hash=image.perceptual_hash,
            metadata=image.metadata,
            width=image.width,
            height=image.height,
            links=links,
        )


class Results(BaseModel):
    """Matches, best first."""

    results: list[Result]
    next_offset: Annotated[int | None, Field(description="`offset` of the next part, if any")]
    model: str
    query: QueryEcho | None
    took_ms: dict[str, float]

    @classmethod
    def of(
        cls,
        found: SearchResult,
        options: SimilarOptions,
        sign: Sign,
        took_ms: Mapping[str, float],
    ) -> Self:
        """Show a search result."""
        first = options.offset
        behind = first + len(found.matches)
        return cls(
            results=[Result.of(m, first + i, sign) for i, m in enumerate(found.matches, start=1)],
            next_offset=behind if found.more and behind <= MAX_OFFSET else None,
            model=found.model,
            query=found.query,
            took_ms=dict(took_ms),
        )


class ImagePage(BaseModel):
    """A part of the list."""

    images: list[Image]
    next: Annotated[str | None, Field(description="`cursor` of the next part, if any")]


class BatchSearch(BaseModel):
    """The answer to one of several searches, or a problem."""

    status: Annotated[int, Field(description="As the call with this query alone would have")]
    found: Results | None = None
    problem: "Problem | None" = None


class SearchResults(BaseModel):
    """One answer for each query, in order."""

    results: list[BatchSearch]


class RefusalOut(BaseModel):
    """An original that is not in the index, and why."""

    name: str
    code: str
    detail: str


class StatsOut(BaseModel):
    """What the gallery holds."""

    images: int
    model: str
    dims: int
    distance: str
    refused: Annotated[int, Field(description="Originals not in the index; at most 1,000 counted")]
    refusals: Annotated[list[RefusalOut], Field(description="Some of them, with the reason")]
    last_added_at: Annotated[datetime | None, Field(description="When the last image came")]
    disk_bytes: Annotated[int | None, Field(description="Of the embedded index; null on a server")]


class LimitsOut(BaseModel):
    """What is accepted."""

    formats: list[str]
    max_bytes: Annotated[int, Field(description="Of one picture, by whatever way it comes")]
    max_body_bytes: Annotated[int, Field(description="Of one picture sent as a body")]
    max_pixels: Annotated[int, Field(description="The largest, for a baseline JPEG")]
    max_pixels_whole: Annotated[int, Field(description="Any promised format; many open larger")]
    max_limit: int
    max_offset: int
    max_name_bytes: int
    max_metadata_fields: int
    max_metadata_characters: int
    max_batch: Annotated[int, Field(description="Items of POST /v1/images/batch")]
    max_queries: Annotated[int, Field(description="Queries of POST /v1/search/batch")]
    max_ids: Annotated[int, Field(description="Ids or hashes in one call")]
    max_examples: Annotated[int, Field(description="Positive or negative examples")]
    filter_fields: dict[str, str]
    scope: Annotated[str, Field(description="What the key in use may: read, write or admin")]
    uploads: Annotated[bool, Field(description="POST /v1/uploads gives signed forms")]
    urls: Annotated[bool, Field(description="Pictures may be given by their URL")]


class Alive(BaseModel):
    """An answer that says only that there is one."""

    status: str


class WrongPart(BaseModel):
    """A part of a request that is wrong, and why."""

    pointer: Annotated[str, Field(description="Into what was sent (RFC 6901), such as #/limit")]
    detail: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable; programs decide by it")]
    request_id: str
    errors: Annotated[list[WrongPart] | None, Field(description="Where, if that is known")] = None
