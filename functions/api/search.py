"""POST /v1/search. Knows HTTP and the gallery."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from functions.api.auth import requires
from functions.api.bodies import receive
from functions.api.calls import Call, call
from functions.api.errors import InvalidParameters
from functions.api.openapi import picture_body
from functions.api.options import SearchRequest
from functions.api.schemas import Results
from functions.gallery.records import Example

router = APIRouter(prefix="/v1", tags=["search"])


@router.post(
    "/search",
    dependencies=[Depends(requires("read"))],
    **picture_body(SearchRequest, required=False),
)
async def search(
    request: Request, response: Response, now: Annotated[Call, Depends(call)]
) -> Results:
    """Find the stored images that look like a picture, a stored image or several examples.

    Send exactly one of: the picture (as the body, the file `image` or base64 `image`), `id`,
    `url` or `positive`; examples of what not to find in `negative`. Nothing of them is stored.
    """
    received = await receive(request, now.max_body_bytes)
    asked = received.options(SearchRequest)
    sent: list[Example] = [each for each in (received.image, asked.id, asked.url) if each]
    like = sent + [example.for_gallery() for example in asked.positive]
    if len(sent) > 1 or (sent and asked.positive) or not like:
        raise InvalidParameters(
            [{"pointer": "#/image", "detail": "one of image, id, url, positive"}]
        )
    if asked.url is not None:
        like = [await now.fetch(asked.url)]
    unlike = [example.for_gallery() for example in asked.negative]
    now.watch.lap("fetch")
    found = await now.run(lambda: now.gallery.search(like, unlike, asked.for_gallery()))
    timing = now.timing(response, found.took_ms)
    return Results.of(found, asked, now.gallery.sign, timing)
