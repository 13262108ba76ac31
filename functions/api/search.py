"""POST /v1/search. Knows HTTP and the gallery."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from functions.api.auth import requires
from functions.api.bodies import receive
from functions.api.calls import Call, call
from functions.api.errors import InvalidParameters
from functions.api.openapi import picture_body
from functions.api.schemas import Results, SearchRequest
from functions.gallery.records import SearchResult

router = APIRouter(prefix="/v1", tags=["search"])


@router.post(
    "/search",
    dependencies=[Depends(requires("read"))],
    **picture_body(SearchRequest, required=False),
)
async def search(
    request: Request, response: Response, now: Annotated[Call, Depends(call)]
) -> Results:
    """Find the stored images that look like a picture, or like a stored image.

    Send exactly one of: the picture (as the body, the file `image` or base64 `image`), or `id`.
    The picture is not stored.
    """
    gallery = now.gallery
    received = await receive(request, now.max_body_bytes)
    asked = received.options(SearchRequest)
    image, options = received.image or None, asked.for_gallery()
    if (image is None) == (asked.id is None):
        raise InvalidParameters([{"pointer": "#/image", "detail": "send either a picture or id"}])
    now.watch.lap("fetch")

    def find() -> SearchResult:
        if image is not None:
            return gallery.find_similar(image, options)
        return gallery.similar_to(asked.id or "", options)

    found = await now.run(find)
    return Results.of(found, asked, gallery.sign, now.timing(response, found.took_ms))
