"""GET /v1/duplicates. Knows HTTP and the gallery."""

import base64
import binascii
import uuid
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from functions.api.auth import requires
from functions.api.bodies import options_in_query
from functions.api.calls import Call, call
from functions.api.openapi import query
from functions.api.options import Demands, Limit, Strict
from functions.api.schemas import Image
from functions.gallery.duplicates import (
    Duplicate,
    DuplicateGroup,
    DuplicateOptions,
    DuplicatePage,
)
from functions.gallery.errors import InvalidCursor
from functions.gallery.likeness import (
    LEAST_SIMILARITY,
    LOOKALIKE_SIMILARITY,
    MOST_PICTURE_BITS,
    Likeness,
)
from functions.gallery.perceptual_hash import SAME_PICTURE_BITS

router = APIRouter(prefix="/v1", tags=["duplicates"])


class DuplicatesQuery(Strict):
    """What counts as a duplicate, and which part of the groups."""

    kind: Annotated[
        Literal["same-bytes", "same-picture", "lookalike"],
        Field(description="Equal files, equal pictures by perceptual hash, or near vectors"),
    ] = "same-picture"
    limit: Annotated[Limit, Field(description="How many groups at most")] = 20
    cursor: Annotated[str | None, Field(description="`next` of the answer before")] = None
    max_distance: Annotated[
        int,
        Field(ge=0, le=MOST_PICTURE_BITS, description="Of same-picture: bits that may differ"),
    ] = SAME_PICTURE_BITS
    min_similarity: Annotated[
        float,
        Field(ge=LEAST_SIMILARITY, le=1, description="Of lookalike, see similarity"),
    ] = LOOKALIKE_SIMILARITY
    filter: Demands = None

    def for_gallery(self) -> DuplicateOptions:
        """Give these options in the gallery's words."""
        written = self.model_dump(exclude={"cursor", "kind"})
        return DuplicateOptions(Likeness(self.kind), **written)


class GroupedImage(Image):
    """An image of a group, and what it has in common with the keeper."""

    matched: Annotated[
        Likeness | None,
        Field(description="The strongest notion by which it is the keeper's; null: the keeper"),
    ]
    distance: Annotated[
        int | None, Field(description="Bits that differ between the hashes, if both have one")
    ]
    similarity: Annotated[float | None, Field(description="Of the vectors; of lookalike only")]

    @classmethod
    def grouped(cls, duplicate: Duplicate) -> Self:
        """Show an image beside its keeper."""
        return cls(
            **Image.of(duplicate.image).model_dump(),
            matched=duplicate.matched,
            distance=duplicate.distance,
            similarity=duplicate.similarity,
        )


class Group(BaseModel):
    """Images that are duplicates of the keeper; nothing is removed by itself."""

    kind: Likeness
    keeper: Annotated[
        str, Field(description="Id of the proposed one: most pixels, then bytes, then metadata")
    ]
    images: Annotated[list[GroupedImage], Field(description="The keeper first")]

    @classmethod
    def of(cls, group: DuplicateGroup) -> Self:
        """Show a group."""
        keeper = GroupedImage(
            **Image.of(group.keeper).model_dump(), matched=None, distance=None, similarity=None
        )
        others = [GroupedImage.grouped(duplicate) for duplicate in group.others]
        return cls(kind=group.kind, keeper=group.keeper.id, images=[keeper, *others])


class GroupPage(BaseModel):
    """A part of the groups; there may be more although it has none."""

    groups: list[Group]
    next: Annotated[str | None, Field(description="`cursor` of the next part, if any")]
    looked_at: Annotated[int, Field(description="Images that this part looked at")]
    undecided: Annotated[int, Field(description="Of them, those that too many hang together with")]

    @classmethod
    def of(cls, page: DuplicatePage) -> Self:
        """Show a page."""
        return cls(
            groups=[Group.of(group) for group in page.groups],
            next=base64.urlsafe_b64encode(page.after.encode()).decode() if page.after else None,
            looked_at=page.looked_at,
            undecided=page.undecided,
        )


@router.get("/duplicates", dependencies=[Depends(requires("read"))], **query(DuplicatesQuery))
def duplicates(request: Request, now: Annotated[Call, Depends(call)]) -> GroupPage:
    """Page through the groups of duplicates of the whole gallery, each with a proposed keeper.

    Every image is in one group at most, and is a duplicate of its keeper, not only of another one.
    A part is bounded in work, so it may have few groups or none; go on until `next` is null.
    """
    options = options_in_query(request, DuplicatesQuery)
    after = _decode_cursor(options.cursor)
    return GroupPage.of(now.gallery.duplicates(options.for_gallery(), after))


def _decode_cursor(cursor: str | None) -> str | None:
    try:
        if cursor is None:
            return None
        return str(uuid.UUID(base64.b64decode(cursor, b"-_", validate=True).decode("ascii")))
    except (binascii.Error, ValueError):
        raise InvalidCursor("No answer of this call gave this cursor", field="cursor") from None
