"""The routes under /v1/images. Knows HTTP and the gallery."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.convertors import StringConvertor, register_url_convertor

from functions.api.auth import requires
from functions.api.bodies import options_in_query, receive, receive_json
from functions.api.calls import Call, call
from functions.api.idempotency import once
from functions.api.openapi import json_body, picture_body, query
from functions.api.options import AddOptions, Changes, ListOptions, PictureOptions, SimilarOptions
from functions.api.schemas import AddedImage, Image, ImagePage, Results
from functions.gallery.errors import InvalidCursor
from functions.gallery.formats import media_type
from functions.gallery.records import AddStatus


class ImageId(StringConvertor):
    """Anything but the calls that stand beside the ids, so that these refuse other methods."""

    regex = "(?!(?:batch|check|delete)$)[^/]+"


register_url_convertor("image", ImageId())
router = APIRouter(prefix="/v1/images", tags=["images"])
Now = Annotated[Call, Depends(call)]
ForReading = [Depends(requires("read"))]
ForWriting = [Depends(requires("write"))]


@router.post(
    "",
    status_code=201,
    dependencies=ForWriting,
    response_model=AddedImage,
    responses={200: {"model": AddedImage, "description": "There already, or replaced"}},
    **picture_body(AddOptions, ways=("url", "key"), idempotent=True),
)
async def add(request: Request, response: Response, now: Now) -> Any:
    """Add one picture; it is found by the next search.

    The same bytes again are answered with 200 and `duplicate`; other bytes under a name in use
    with 409, unless `overwrite` is set.
    """
    received = await receive(request, now.max_body_bytes)
    options = received.options(AddOptions)

    async def work() -> AddedImage:
        added = await now.take(received.image, options)
        response.headers["Location"] = f"/v1/images/{added.image.id}"
        response.status_code = 201 if added.status is AddStatus.ADDED else 200
        near = await now.hint(added)
        return AddedImage.of(added, near, now.timing(response, added.took_ms))

    return await once(request, response, now, received.fingerprint, work)


@router.get("", dependencies=ForReading, **query(ListOptions))
def list_images(request: Request, now: Now) -> ImagePage:
    """List images in an order that stays, part by part."""
    options = options_in_query(request, ListOptions)
    after = _decode_cursor(options.cursor)
    page = now.gallery.list(options.filter, limit=options.limit, after=after, order=options.order())
    following = base64.urlsafe_b64encode(page.after.encode()).decode() if page.after else None
    return ImagePage(images=[Image.of(image) for image in page.images], next=following)


@router.get("/{id:image}", dependencies=ForReading)
def get(id: str, now: Now) -> Image:
    """Show one image."""
    return Image.of(now.gallery.get(id))


@router.patch("/{id:image}", dependencies=ForWriting, **json_body(Changes))
async def update(id: str, request: Request, now: Now) -> Image:
    """Merge metadata into an image's own (null removes a field); it is not embedded again."""
    changes = await receive_json(request, Changes)
    return Image.of(await run_in_threadpool(now.gallery.update, id, changes.metadata))


@router.delete("/{id:image}", status_code=204, dependencies=ForWriting)
def remove(id: str, now: Now) -> None:
    """Remove an image, its original and its thumbnail."""
    now.gallery.remove(id)


@router.get("/{id:image}/similar", dependencies=ForReading, **query(SimilarOptions))
def similar(id: str, request: Request, response: Response, now: Now) -> Results:
    """Find more like this one, without itself; the model is not run."""
    options = options_in_query(request, SimilarOptions)
    found = now.gallery.similar_to(id, options.for_gallery())
    return Results.of(found, options, now.gallery.view.sign, now.timing(response, found.took_ms))


@router.get(
    "/{id:image}/thumbnail",
    dependencies=ForReading,
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
    **query(PictureOptions),
)
async def thumbnail(id: str, request: Request, now: Now) -> Response:
    """Show a small upright JPEG."""
    options_in_query(request, PictureOptions)
    image, data = await now.run(lambda: now.gallery.view.thumbnail(id))
    return _picture(request, data, "image/jpeg", image.sha256)


@router.get(
    "/{id:image}/original",
    dependencies=ForReading,
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, 302: {"description": "A signed link"}},
    **query(PictureOptions),
)
def original(id: str, request: Request, now: Now) -> Response:
    """Give the bytes that were sent, or lead to them in the bucket."""
    options_in_query(request, PictureOptions)
    if link := now.gallery.view.link(id):
        return RedirectResponse(link, 302, {"Cache-Control": "no-store"})
    image, data = now.gallery.view.original(id)
    return _picture(request, data, media_type(image.format), image.sha256)


def _picture(request: Request, data: bytes, kind: str, sha256: str) -> Response:
    """Answer with a stranger's picture: shown, never run; kept for good only by its version."""
    versioned = "v" in request.query_params
    etag = f'"{sha256[:32]}"'
    headers = {
        "Cache-Control": f"private, {'max-age=31536000, immutable' if versioned else 'no-cache'}",
        "ETag": etag,
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)


def _decode_cursor(cursor: str | None) -> str | None:
    try:
        return None if cursor is None else base64.urlsafe_b64decode(cursor).decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidCursor("No list answer gave this cursor", field="cursor") from None
