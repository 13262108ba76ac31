"""GET /v1/duplicates. Depends on requests, responses and the gallery."""

from typing import Annotated

from fastapi import APIRouter, Depends

from functions.api.requests.auth import READ
from functions.api.requests.call import CurrentCall
from functions.api.requests.models import DuplicatesQuery
from functions.api.responses import GroupPage

router = APIRouter(prefix="/v1", tags=["duplicates"])


@router.get("/duplicates", operation_id="listDuplicates", dependencies=READ)
def duplicates(
    call: CurrentCall, options: Annotated[DuplicatesQuery, Depends(DuplicatesQuery.from_query)]
) -> GroupPage:
    """List the groups of duplicates in the whole gallery, each with an image to keep.

    Every image is in at most one group, and is a duplicate of its keeper, not only of another
    member. A page does a limited amount of work, so it can have few groups or none; go on until
    `next` is null.
    """
    page = call.gallery.duplicates(options.for_gallery(), options.cursor)
    return GroupPage.of(page, call.gallery.view)
