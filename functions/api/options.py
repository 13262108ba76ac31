"""What comes in over HTTP beside a picture, as pydantic models. Knows the gallery's records."""

import base64
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_validator,
    model_validator,
)

from functions.gallery.records import Order, Region, SearchOptions

MAX_LIMIT = 100
MAX_OFFSET = 10_000
MAX_EXAMPLES = 20
MAX_QUERIES = 20  # of one call
MAX_RESULTS = 500  # of one call: with links and metadata 6 MB, what Lambda lets through
MAX_BATCH = 50
MAX_IDS = 1_000
MAX_HASHES = 1_000


def decoded(value: Any) -> Any:
    """Give the bytes of a picture in base64, also as a data URL; raises ValueError."""
    if not isinstance(value, str):
        return value
    return base64.b64decode(value.partition(";base64,")[2] or value, validate=True)


Base64 = Annotated[bytes, BeforeValidator(decoded), PlainSerializer(base64.b64encode)]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many at most")]
Demands = Annotated[
    dict[str, Any] | None,
    Field(description='Demands on declared fields: {"category": ["dress", "skirt"]}'),
]


class Strict(BaseModel):
    """Input; an unknown parameter is refused, not ignored, and nothing is read as another type.

    A text is read as a number or flag only if the context names it as one of a query or form.
    """

    model_config = ConfigDict(extra="forbid")

    @field_validator("*", mode="before")
    @classmethod
    def _of_its_type(cls, value: Any, info: ValidationInfo) -> Any:
        name = info.field_name or ""
        kind = cls.model_fields[name].annotation
        if kind not in (bool, int, float):
            return value
        if isinstance(value, str):
            fits = name in (info.context or ())
            fits &= kind is not bool or value.lower() in ("true", "false")
        else:
            fits = isinstance(value, bool) is (kind is bool)
        if not fits:
            raise ValueError("true or false" if kind is bool else "a number")
        return value


class AddOptions(Strict):
    """What may stand beside a picture that is added."""

    name: Annotated[str | None, Field(description="Its name; without one, sha256/<hex>")] = None
    metadata: Annotated[dict[str, Any], Field(description="Flat: texts, numbers, booleans")] = {}
    overwrite: Annotated[bool, Field(description="Replace another picture of this name")] = False
    url: Annotated[str | None, Field(description="Of a picture, instead of a picture")] = None
    key: Annotated[
        str | None, Field(description="Of a picture in the bucket already, instead of a picture")
    ] = None


class SimilarOptions(Strict):
    """How a search is to answer."""

    limit: Limit = 10
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET, description="How many to pass over")] = 0
    min_similarity: Annotated[float, Field(ge=0, le=1, description="0..1, see similarity")] = 0.0
    filter: Demands = None
    exclude_self: Annotated[bool, Field(description="Leave out the examples themselves")] = True
    group_by: Annotated[
        str | None, Field(description="A declared field; the best image of each value is shown")
    ] = None
    collapse_duplicates: Annotated[
        bool, Field(description="Of images of the same bytes show one")
    ] = False
    collapse_copies: Annotated[
        bool, Field(description="And of copies, resized or saved again; told by their hashes")
    ] = False

    def for_gallery(self) -> SearchOptions:
        """Give these options in the gallery's words."""
        return SearchOptions(**{name: getattr(self, name) for name in SimilarOptions.model_fields})


class Part(Strict):
    """A part of the upright query picture, in fractions of its width and height.

    What of it reaches beyond the picture is cut off.
    """

    x: Annotated[float, Field(ge=0, lt=1)]
    y: Annotated[float, Field(ge=0, lt=1)]
    width: Annotated[float, Field(gt=0.01, le=1)]
    height: Annotated[float, Field(gt=0.01, le=1)]


class ExampleIn(Strict):
    """A stored image by its id, or a picture in base64 or at a URL."""

    id: Annotated[str | None, Field(description="Of a stored image")] = None
    image: Annotated[Base64 | None, Field(description="A picture in base64")] = None
    url: Annotated[str | None, Field(description="Of a picture")] = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(bool(each) for each in (self.id, self.image, self.url)) != 1:
            raise ValueError("one of id, image and url")
        return self


Examples = Annotated[list[ExampleIn], Field(max_length=MAX_EXAMPLES)]


class SearchRequest(SimilarOptions):
    """A search by a picture, by the id of a stored one, or by several examples."""

    exclude_self: Annotated[bool, Field(description="Leave out the examples themselves")] = False
    id: Annotated[str | None, Field(description="Of a stored image, instead of a picture")] = None
    url: Annotated[str | None, Field(description="Of a picture, instead of a picture")] = None
    region: Annotated[Part | None, Field(description="Look for this part of the query only")] = None
    positive: Annotated[Examples, Field(description="Several examples to be like")] = []
    negative: Annotated[Examples, Field(description="Examples not to be like")] = []

    def for_gallery(self) -> SearchOptions:
        """Give these options in the gallery's words."""
        part = None if self.region is None else Region(**self.region.model_dump())
        return replace(super().for_gallery(), region=part)


class BatchQuery(SearchRequest):
    """One of several searches."""

    image: Annotated[Base64 | None, Field(description="A picture in base64")] = None


class SearchBatch(Strict):
    """Several searches."""

    queries: Annotated[list[BatchQuery], Field(min_length=1, max_length=MAX_QUERIES)]


class CompareRequest(Strict):
    """Two pictures."""

    a: ExampleIn
    b: ExampleIn


class BatchItem(AddOptions):
    """One of several pictures to be added: by URL, by bucket key or in base64."""

    image: Annotated[Base64 | None, Field(description="A picture in base64")] = None


class BatchRequest(Strict):
    """Several pictures to be added."""

    items: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_BATCH)]


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="Of the bytes, in hex")]


class CheckRequest(Strict):
    """Pictures by their bytes."""

    sha256: Annotated[list[Sha256], Field(min_length=1, max_length=MAX_HASHES)]


class DeleteRequest(Strict):
    """Which images to remove: ids, or demands that are not empty."""

    ids: Annotated[list[str] | None, Field(min_length=1, max_length=MAX_IDS)] = None
    filter: Annotated[
        dict[str, Any] | None, Field(min_length=1, description="As in a search; never empty")
    ] = None
    dry_run: Annotated[bool, Field(description="Count, and remove nothing")] = False

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.ids is None) == (self.filter is None):
            raise ValueError("either ids or filter")
        return self


class ListOptions(Strict):
    """Which part of the list."""

    limit: Limit = 50
    cursor: Annotated[str | None, Field(description="`next` of the answer before")] = None
    filter: Demands = None
    sort: Annotated[
        str | None,
        Field(
            pattern=r"^-?[^-].*$",
            description="A number or date, such as added_at; -added_at: last first. Images without "
            "that field are left out",
        ),
    ] = None

    def order(self) -> Order | None:
        """Give the order in the gallery's words."""
        if self.sort is None:
            return None
        return Order(self.sort.removeprefix("-"), descending=self.sort.startswith("-"))


class PictureOptions(Strict):
    """How a picture is to be shown."""

    v: Annotated[str | None, Field(description="Its version; lets a browser keep it")] = None


class UploadRequest(Strict):
    """A picture that is about to be sent to the bucket."""

    name: Annotated[str, Field(description="Its key in the bucket")]
    media_type: Annotated[str, Field(pattern="^image/[A-Za-z0-9.+-]+$", description="image/jpeg")]


class Changes(Strict):
    """Metadata to merge; null removes a field."""

    metadata: dict[str, Any]
