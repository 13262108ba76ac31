"""Every response of the API, as pydantic models, built from the gallery's records.

Depends on the gallery, and on the request models for their limits.
"""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from functions.api.errors import Problem
from functions.api.requests.models import MAX_OFFSET
from functions.api.requests.parse import OVERHEAD_BYTES, encode_cursor
from functions.gallery.duplicates.notions import Duplicate
from functions.gallery.duplicates.pages import DuplicateGroup, DuplicatePage
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.intake.add import Added, AddStatus
from functions.gallery.pictures.picture import Flaw
from functions.gallery.records import IndexState, Match, Page, StoredImage
from functions.gallery.search.compare import Comparison
from functions.gallery.search.example import QueryEcho
from functions.gallery.search.search import SearchResult

# What precedes the paths in links: LOOKALIKE_ROOT_PATH of the application, set for each request.
ROOT_PATH: ContextVar[str] = ContextVar("root_path", default="")

# null: not measured for several examples, vectors, Manhattan distances and truncated vectors
Band = Annotated[
    str | None,
    Field(
        description="What the similarity means: same picture, near-duplicate, similar or weak; "
        "null where that was not measured"
    ),
]
Matched = Annotated[
    Likeness | None,
    Field(
        description="The strictest notion by which one is a copy of the other: the same file; the "
        "same picture in another size, format or quality; edited or recoloured; mirrored or "
        "turned; or a lookalike by vector. null: none, several examples, or a vector"
    ),
]
Score = Annotated[float, Field(description="The store's raw score; its range depends on distance")]
Similarity = Annotated[float, Field(description="0 (nothing in common) to 1 (the same)")]
Next = Annotated[str | None, Field(description="`cursor` of the next page; null at the end")]
TookMs = Annotated[dict[str, float], Field(description="Milliseconds of each stage")]


# --- Images


class Signer(Protocol):
    """Signs short-lived links to what is in a bucket; returns None without one."""

    def sign(self, image: StoredImage) -> str | None:
        """Link to an original."""

    def sign_thumbnail(self, image: StoredImage) -> str | None:
        """Link to a thumbnail."""


class Links(BaseModel):
    """Paths of an image's own resources."""

    self: str
    similar: str
    thumbnail: str
    signed_thumbnail: str | None = Field(
        description="The thumbnail in the bucket; works without a key, for half an hour or until "
        "the credentials expire that signed it. If there is none yet (403 or 404), `thumbnail` "
        "makes it. null: without a bucket, and in responses to additions, which are repeated later "
        "for the same Idempotency-Key"
    )
    original: str

    @classmethod
    def of(
        cls, image: StoredImage, thumbnail: str | None = None, original: str | None = None
    ) -> Self:
        """Link to an image; to its thumbnail and original by the signed links if there are any."""
        at = f"{ROOT_PATH.get()}/v1/images/{image.id}"
        version = f"?v={image.sha256[:16]}"  # lets browsers cache it for good
        return cls(
            self=at,
            similar=f"{at}/similar",
            thumbnail=f"{at}/thumbnail{version}",
            signed_thumbnail=thumbnail,
            original=original or f"{at}/original{version}",
        )


class Image(BaseModel):
    """One stored image."""

    id: str
    name: str
    sha256: str
    perceptual_hash: str | None = Field(
        description="PDQ, 256 bits in hex; those of two copies differ in at most 31. null: the "
        "picture has too little detail"
    )
    width: int = Field(description="Pixels, upright")
    height: int
    format: str
    bytes: int
    added_at: datetime
    model: str
    flaws: list[Flaw] = Field(
        description="What is wrong with a file that opens nevertheless: its end is missing, or its "
        "colour profile could not be used"
    )
    metadata: dict[str, Any]
    metadata_left_out: dict[str, str] = Field(
        description="Fields that the object in the bucket has and that cannot be kept, and why"
    )
    links: Links

    @classmethod
    def of(cls, image: StoredImage, signer: Signer | None, **more: Any) -> Self:
        """Describe an image; `more` are the fields of a subclass."""
        return cls(
            id=image.id,
            name=image.name,
            sha256=image.sha256,
            perceptual_hash=_hex(image),
            width=image.width,
            height=image.height,
            format=image.format,
            bytes=image.bytes,
            added_at=image.added_at,
            model=image.model,
            flaws=list(image.flaws),
            metadata=dict(image.metadata),
            metadata_left_out=dict(image.left_out),
            links=Links.of(image, signer.sign_thumbnail(image) if signer else None),
            **more,
        )


def _hex(image: StoredImage) -> str | None:
    return image.fingerprint.hash.hex if image.fingerprint else None


class ImagePage(BaseModel):
    """One page of the list."""

    images: list[Image]
    next: Next

    @classmethod
    def of(cls, page: Page, signer: Signer) -> Self:
        """Describe a page."""
        images = [Image.of(image, signer) for image in page.images]
        return cls(images=images, next=encode_cursor(page.after))


class Named(BaseModel):
    """The id and name of an image."""

    id: str
    name: str


class NearDuplicate(Named):
    """An image stored before that the added one may be a copy of."""

    matched: Likeness = Field(description="The strictest notion that applies")
    distance: int | None = Field(description="Bits that differ between the hashes")
    similarity: float | None = Field(description="Of the vectors, if compared")


def _relation(duplicate: Duplicate) -> dict[str, Any]:
    return {
        "matched": duplicate.matched,
        "distance": duplicate.distance,
        "similarity": duplicate.similarity,
    }


class AddedImage(BaseModel):
    """The result of adding a picture."""

    status: AddStatus
    image: Image
    near_duplicates: list[NearDuplicate] = Field(
        description="Possible copies that were stored before; only a hint"
    )
    took_ms: TookMs

    @classmethod
    def of(cls, added: Added, near: Sequence[Duplicate], took_ms: Mapping[str, float]) -> Self:
        """Describe an added image and its possible copies."""
        hints = [
            NearDuplicate(id=each.image.id, name=each.image.name, **_relation(each))
            for each in near
        ]
        image = Image.of(added.image, None)
        return cls(status=added.status, image=image, near_duplicates=hints, took_ms=dict(took_ms))


class BatchResult(BaseModel):
    """The result of one item: an added image or a problem."""

    status: int = Field(description="The status that this item alone would have had")
    added: AddedImage | None = None
    problem: Problem | None = None


class BatchResults(BaseModel):
    """One result for each item, in order."""

    results: list[BatchResult]


class Checked(BaseModel):
    """Whether a picture with this hash is stored."""

    sha256: str
    known: bool
    images: list[Named]

    @classmethod
    def of(cls, sha256: str, images: Sequence[StoredImage]) -> Self:
        """Describe the images with this hash."""
        named = [Named(id=image.id, name=image.name) for image in images]
        return cls(sha256=sha256, known=bool(named), images=named)


class CheckResults(BaseModel):
    """One result for each hash, in order."""

    results: list[Checked]


class Deleted(BaseModel):
    """The result of a deletion."""

    matched: int = Field(description="Stored images that ids or filter match")
    deleted: int
    remaining: int = Field(description="Repeat the request until this is 0")
    dry_run: bool


class Upload(BaseModel):
    """A form that uploads one picture straight to the bucket."""

    url: str = Field(description="Send the form here: POST, multipart/form-data")
    fields: dict[str, str] = Field(description="Send these unchanged, before `file`")
    expires_at: datetime
    max_bytes: int


# --- Searching


class Result(BaseModel):
    """One match."""

    rank: int
    score: Score
    similarity: Similarity
    matched: Matched
    band: Band
    hidden: int = Field(description="More matches in its group, among those examined")
    id: str
    name: str
    perceptual_hash: str | None = Field(description="As in an image")
    metadata: dict[str, Any]
    width: int
    height: int
    links: Links

    @classmethod
    def of(cls, match: Match, rank: int, signer: Signer) -> Self:
        """Describe a match."""
        image = match.image
        return cls(
            rank=rank,
            score=match.score,
            similarity=match.similarity,
            matched=match.matched,
            band=match.band,
            hidden=match.hidden,
            id=image.id,
            name=image.name,
            perceptual_hash=_hex(image),
            metadata=dict(image.metadata),
            width=image.width,
            height=image.height,
            links=Links.of(image, signer.sign_thumbnail(image), signer.sign(image)),
        )


class Results(BaseModel):
    """Matches, best first."""

    results: list[Result]
    next_offset: int | None = Field(description="`offset` of the next page, if any")
    model: str
    query: QueryEcho | None
    took_ms: TookMs

    @classmethod
    def of(
        cls, found: SearchResult, offset: int, signer: Signer, took_ms: Mapping[str, float]
    ) -> Self:
        """Describe the result of a search that skipped `offset` matches."""
        end = offset + len(found.matches)
        return cls(
            results=[
                Result.of(match, rank, signer)
                for rank, match in enumerate(found.matches, offset + 1)
            ],
            next_offset=end if found.more and end <= MAX_OFFSET else None,
            model=found.model,
            query=found.query,
            took_ms=dict(took_ms),
        )


class BatchSearch(BaseModel):
    """The result of one of several searches: matches or a problem."""

    status: int = Field(description="The status that this query alone would have had")
    found: Results | None = None
    problem: Problem | None = None


class SearchResults(BaseModel):
    """One result for each query, in order."""

    results: list[BatchSearch]


class Compared(BaseModel):
    """How similar two pictures are, by each notion."""

    score: Score
    similarity: Similarity
    matched: Matched
    hash_distance: int | None = Field(
        description="Bits of 256 that differ; null if one has too little detail for a hash"
    )
    band: Band
    model: str
    took_ms: TookMs

    @classmethod
    def of(cls, found: Comparison, took_ms: Mapping[str, float]) -> Self:
        """Describe a comparison."""
        return cls(
            score=found.score,
            similarity=found.similarity,
            matched=found.verdict.likeness,
            hash_distance=found.verdict.distance,
            band=found.verdict.band,
            model=found.model,
            took_ms=dict(took_ms),
        )


# --- Duplicates


class GroupedImage(Image):
    """An image of a group, and what it has in common with the keeper."""

    matched: Likeness | None = Field(
        description="The strictest notion shared with the keeper; null for the keeper"
    )
    distance: int | None = Field(
        description="Bits that differ between the hashes, if both have one"
    )
    similarity: float | None = Field(description="Of the vectors; for lookalike only")
    removable: bool = Field(
        description="Whether an image of the group that stays replaces it: it has the same bytes "
        "or is the same picture. A raw file and the best picture made from it both stay"
    )


class Group(BaseModel):
    """Images that are duplicates of the keeper; nothing is removed automatically."""

    kind: Likeness
    keeper: str = Field(
        description="Id of the image to keep: a raw file, then by most pixels, bytes, metadata"
    )
    images: list[GroupedImage] = Field(description="The keeper first")

    @classmethod
    def of(cls, group: DuplicateGroup, signer: Signer) -> Self:
        """Describe a group."""
        alone = {"matched": None, "distance": None, "similarity": None, "removable": False}
        keeper = GroupedImage.of(group.keeper, signer, **alone)
        others = [
            GroupedImage.of(
                each.image,
                signer,
                **_relation(each),
                removable=each.image.id in group.removable,
            )
            for each in group.others
        ]
        return cls(kind=group.kind, keeper=group.keeper.id, images=[keeper, *others])


class GroupPage(BaseModel):
    """One page of the groups; a page without groups is not always the last."""

    groups: list[Group]
    next: Next
    looked_at: int = Field(description="Images examined for this page")
    undecided: int = Field(description="Of them, those with too many similar images")

    @classmethod
    def of(cls, page: DuplicatePage, signer: Signer) -> Self:
        """Describe a page."""
        return cls(
            groups=[Group.of(group, signer) for group in page.groups],
            next=encode_cursor(page.after),
            looked_at=page.looked_at,
            undecided=page.undecided,
        )


# --- The service


class RefusalOut(BaseModel):
    """An original that is not indexed, or without some of its metadata, and why."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    code: str
    detail: str


INDEX_STATES = (
    "`ready`; `building`: in the background; `missing`: nothing builds it, because Qdrant lacks "
    "room on its disk, or because the embedded store was filled without an import. Without an "
    "index searches work, and read every vector"
)


class StatsOut(BaseModel):
    """What the gallery contains; built from its Stats."""

    model_config = ConfigDict(from_attributes=True)

    images: int
    model: str
    dims: int
    distance: str
    refused: int = Field(
        description="Originals that are not indexed, or indexed without some of their metadata "
        "(`metadata-left-out`); counted up to 1,000"
    )
    refusals: list[RefusalOut] = Field(description="Some of them, with the reason")
    last_added_at: datetime | None = Field(description="When the last image was added")
    disk_bytes: int | None = Field(description="Of the embedded index; null for a Qdrant server")
    index: IndexState = Field(description=INDEX_STATES)
    unindexed: int = Field(description="Images that are not in the index yet")


class FormatOut(BaseModel):
    """A format that opens."""

    name: str
    media_type: str
    suffixes: list[str] = Field(description="In lower case. Names decide nothing, the bytes do")
    max_pixels: int = Field(description="Some kinds of it have less: docs/formats.md")


class LimitsOut(BaseModel):
    """What the API accepts."""

    formats: list[str] = Field(description="The names of `file_types`")
    file_types: list[FormatOut]
    skipped_suffixes: list[str] = Field(
        description="How the names of files end, in lower case, that are left out of folders and "
        "the bucket: videos, sidecars and other files next to pictures"
    )
    max_bytes: int = Field(description="Of one picture, however it is sent")
    max_body_bytes: int = Field(
        description="Of the pictures in one request body, before base64; the rest of the body can "
        f"have {OVERHEAD_BYTES:,} bytes more"
    )
    max_json_bytes: int = Field(description="Of a JSON body that cannot contain a picture")
    max_pixels: int = Field(description="Of a baseline JPEG, the format with most")
    max_pixels_whole: int = Field(description="Of any format listed; many files can be larger")
    max_pixels_per_request: int = Field(description="Of all pictures that one request decodes")
    max_limit: int
    max_offset: int
    max_name_bytes: int
    max_metadata_fields: int
    max_metadata_characters: int
    max_batch: int = Field(description="Items of POST /v1/images/batch")
    max_queries: int = Field(description="Queries of POST /v1/search/batch")
    max_ids: int = Field(description="Ids or hashes in one request")
    max_examples: int = Field(description="Positive, or negative, examples")
    filter_fields: dict[str, str]
    scope: str = Field(description="Of the key used: read, write or admin")
    in_place: bool = Field(
        description="Whether the pictures are read where they are: none can be added, and deleting "
        "one only removes it from the gallery"
    )
    uploads: bool = Field(description="Whether POST /v1/uploads returns signed forms")
    urls: bool = Field(description="Whether a picture can be sent as a URL")


class Alive(BaseModel):
    """A response whose status says it all."""

    status: str


class Ready(BaseModel):
    """The service can answer; how fast depends on the index."""

    status: Literal["ready"] = "ready"
    index: IndexState = Field(description=INDEX_STATES)
