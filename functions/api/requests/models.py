"""What each request can contain, as pydantic models. Depends on the gallery."""

import base64
import hashlib
import json
from dataclasses import replace
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from functions.api.requests.parse import PictureRequest, RequestModel, decode_base64, decode_cursor
from functions.gallery.duplicates.notions import LEAST_SIMILARITY
from functions.gallery.duplicates.pages import DuplicateOptions
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.pictures.picture import Region
from functions.gallery.records import Order
from functions.gallery.search.search import SearchOptions

MAX_LIMIT = 100
MAX_OFFSET = 10_000
MAX_EXAMPLES = 20
MAX_QUERIES = 20  # in one call
MAX_RESULTS = 500  # in one call: with links and metadata 6 MB, the most that Lambda returns
MAX_BATCH = 50
MAX_IDS = 1_000
MAX_HASHES = 1_000

Base64 = Annotated[bytes, BeforeValidator(decode_base64), PlainSerializer(base64.b64encode)]
Image = Annotated[Base64 | None, Field(description="A picture in base64")]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Most results to return")]
Cursor = Annotated[
    str | None, AfterValidator(decode_cursor), Field(description="`next` of the previous page")
]
Numbers = Annotated[
    list[Annotated[float, Field(strict=True)]] | None,
    Field(
        description="A vector of the gallery's model, as many numbers as `dims` in /v1/stats. Its "
        "length does not matter"
    ),
]
Filter = Annotated[
    dict[str, Any] | None,
    Field(description='Conditions on declared fields: {"category": ["dress", "skirt"]}'),
]


# --- Adding, changing and removing images


class AddOptions(PictureRequest):
    """A picture to add, or its URL or bucket key, with name and metadata."""

    in_json_only = frozenset({"image", "url", "key"})

    name: str | None = Field(None, description="Default: sha256/<hex>")
    metadata: dict[str, Any] = Field(
        {}, description="Flat: strings, numbers, booleans, lists of strings"
    )
    overwrite: bool = Field(False, description="Replace a different picture with the same name")
    url: str | None = Field(None, description="URL of a picture, instead of a picture")
    key: str | None = Field(
        None, description="Key of a picture in the bucket, instead of a picture"
    )
    image: Image = None

    def fingerprint(self) -> str:
        """Return a text that is the same for the same picture and options, however sent."""
        options = self.model_dump(exclude={"image"}, exclude_unset=True)
        digest = hashlib.sha256(self.image or b"").hexdigest()
        return f"{digest} {json.dumps(options, sort_keys=True)}"


class BatchItem(AddOptions):
    """One of several pictures to add."""


class BatchRequest(RequestModel):
    """Several pictures to add."""

    has_pictures = True

    items: list[BatchItem] = Field(min_length=1, max_length=MAX_BATCH)


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the bytes, in hex")]


class CheckRequest(RequestModel):
    """Hashes of pictures that may be stored already."""

    sha256: list[Sha256] = Field(min_length=1, max_length=MAX_HASHES)


class DeleteRequest(RequestModel):
    """Which images to remove: by ids, or by a filter that is not empty."""

    ids: list[str] | None = Field(None, min_length=1, max_length=MAX_IDS)
    filter: dict[str, Any] | None = Field(
        None, min_length=1, description="As in a search; not empty"
    )
    dry_run: bool = Field(False, description="Only count; remove nothing")

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("send either ids or filter")
        return self


class Changes(RequestModel):
    """Metadata to merge; null removes a field."""

    metadata: dict[str, Any]


class UploadRequest(RequestModel):
    """A picture that will be uploaded to the bucket."""

    name: str = Field(description="Its key in the bucket")
    media_type: str = Field(
        "application/octet-stream",
        pattern="^(image/[A-Za-z0-9.+-]+|application/octet-stream)$",
        description="Such as image/jpeg; the default is for formats that browsers do not know",
    )
    overwrite: bool = Field(False, description="Whether the form may replace a picture")


# --- Reading images


class ListOptions(RequestModel):
    """Which page of the list."""

    limit: Limit = 50
    cursor: Cursor = None
    filter: Filter = None
    sort: str | None = Field(
        None,
        pattern=r"^-?[^-].*$",
        description="A number or date field, such as added_at; -added_at sorts in descending "
        "order. Images without the field are left out",
    )

    find: str = Field(
        "",
        max_length=200,
        description="Only images in whose name words begin with all of these: `red sho` finds "
        "shoes/red-12.jpg. Case does not count, and of a word the first 8 letters",
    )

    def order(self) -> Order | None:
        """Return the order for the gallery."""
        if self.sort is None:
            return None
        return Order(self.sort.removeprefix("-"), descending=self.sort.startswith("-"))


class PictureOptions(RequestModel):
    """How a picture is cached."""

    v: str | None = Field(None, description="Its version; browsers can then cache it")


class DuplicatesQuery(RequestModel):
    """What counts as a duplicate, and which page of the groups."""

    kind: Literal["same-bytes", "same-picture", "edited", "turned", "lookalike"] = Field(
        "same-picture",
        description="Equal files; the same picture in another size, format or quality, equal files "
        "included; with edited and recoloured ones; mirrored or turned ones; or close vectors",
    )
    limit: Limit = Field(20, description="Most groups to return")
    cursor: Cursor = None
    min_similarity: float | None = Field(
        None,
        ge=LEAST_SIMILARITY,
        le=1,
        description="For lookalike; see similarity. null: the limits measured for the model, which "
        "leave out pictures whose hashes are far apart",
    )
    filter: Filter = None

    def for_gallery(self) -> DuplicateOptions:
        """Return these options for the gallery."""
        options = self.model_dump(exclude={"cursor", "kind"})
        return DuplicateOptions(Likeness(self.kind), **options)


# --- Searching


class SimilarOptions(RequestModel):
    """Which results a search returns."""

    limit: Limit = 10
    offset: int = Field(0, ge=0, le=MAX_OFFSET, description="Results to skip")
    min_similarity: float = Field(
        0.0, ge=0, le=1, description="Lowest similarity to return; see similarity"
    )
    filter: Filter = None
    exclude_self: bool = Field(True, description="Leave out the examples themselves")
    group_by: str | None = Field(
        None, description="A declared field; only the best image for each value is returned"
    )
    collapse_duplicates: bool = Field(
        False, description="Return one of the images with the same bytes"
    )
    collapse_copies: bool = Field(
        False, description="Return one of the copies, also resized or saved again"
    )

    def for_gallery(self) -> SearchOptions:
        """Return these options for the gallery."""
        return SearchOptions(**{name: getattr(self, name) for name in SimilarOptions.model_fields})


class Part(RequestModel):
    """A part of the upright query picture, in fractions of its width and height.

    It is clipped to the picture.
    """

    x: float = Field(ge=0, lt=1)
    y: float = Field(ge=0, lt=1)
    width: float = Field(gt=0.01, le=1)
    height: float = Field(gt=0.01, le=1)


class ExampleIn(RequestModel):
    """A stored image by its id, or a picture in base64 or at a URL."""

    id: str | None = Field(None, description="Id of a stored image")
    image: Image = None
    url: str | None = Field(None, description="URL of a picture")

    @model_validator(mode="after")
    def _require_one(self) -> Self:
        *names, last = type(self).model_fields
        if sum(bool(getattr(self, name)) for name in (*names, last)) != 1:
            raise ValueError(f"send exactly one of {', '.join(names)} and {last}")
        return self


class SearchExampleIn(ExampleIn):
    """A stored image by its id, a picture in base64 or at a URL, or a vector."""

    vector: Numbers = None


Examples = Annotated[list[SearchExampleIn], Field(max_length=MAX_EXAMPLES)]


class SearchRequest(SimilarOptions, PictureRequest):
    """A search by a picture, by the id of a stored image, by a vector, or by several examples."""

    in_json_only = frozenset({"image", "id", "url", "vector", "positive", "negative"})

    exclude_self: bool = Field(False, description="Leave out the examples themselves")
    id: str | None = Field(None, description="Id of a stored image, instead of a picture")
    url: str | None = Field(None, description="URL of a picture, instead of a picture")
    vector: Numbers = None
    region: Part | None = Field(None, description="Search for this part of the query only")
    positive: Examples = Field([], description="Several examples of what to find")
    negative: Examples = Field([], description="Examples of what not to find")
    image: Image = None

    def for_gallery(self) -> SearchOptions:
        """Return these options for the gallery."""
        region = None if self.region is None else Region(**self.region.model_dump())
        return replace(super().for_gallery(), region=region)


class BatchQuery(SearchRequest):
    """One of several searches."""


class SearchBatch(RequestModel):
    """Several searches."""

    has_pictures = True

    queries: list[BatchQuery] = Field(min_length=1, max_length=MAX_QUERIES)


class CompareRequest(RequestModel):
    """Two pictures."""

    has_pictures = True

    a: ExampleIn
    b: ExampleIn
