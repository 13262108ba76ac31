"""The routes under /v1/images. Depends on requests, responses and the gallery."""

from functools import partial
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, StreamingResponse
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.types import Receive, Scope, Send

from functions.api.requests.auth import READ, WRITE
from functions.api.requests.call import Call, CurrentCall
from functions.api.requests.idempotency import once
from functions.api.requests.models import (
    AddOptions,
    Changes,
    ListOptions,
    PictureOptions,
    SimilarOptions,
)
from functions.api.responses import AddedImage, Image, ImagePage, Links, Results
from functions.gallery.intake.add import AddStatus
from functions.gallery.pictures.formats import media_type
from functions.gallery.records import StoredImage

PART_BYTES = 65_536  # of an original, in memory while it is sent


class ImageId(StringConvertor):
    """Anything but the paths next to the ids, so that those refuse other methods with 405."""

    regex = "(?!(?:batch|check|delete)$)[^/]+"


class FileResponse(StreamingResponse):
    """Sends an open file in parts, and closes it even if the client left before the first one."""

    def __init__(self, file: BinaryIO, headers: dict[str, str], media_type: str) -> None:
        """Send this file, from where it is."""
        parts = iter(partial(file.read, PART_BYTES), b"")
        super().__init__(parts, headers=headers, media_type=media_type)
        self.file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response (ASGI)."""
        with self.file:
            await super().__call__(scope, receive, send)


register_url_convertor("image", ImageId())
router = APIRouter(prefix="/v1/images", tags=["images"])
Cached = Annotated[PictureOptions, Depends(PictureOptions.from_query)]


@router.post(
    "",
    operation_id="addImage",
    status_code=201,
    dependencies=WRITE,
    response_model=AddedImage,
    responses={200: {"model": AddedImage, "description": "Already stored, or replaced"}},
)
async def add(
    call: CurrentCall, options: Annotated[AddOptions, Depends(AddOptions.from_picture)]
) -> Any:
    """Add one picture; the next search finds it.

    Sending the same bytes again returns 200 and `duplicate`; other bytes under a name in use
    return 409, unless `overwrite` is set.
    """

    async def work() -> AddedImage:
        added = await call.add(options)
        call.response.headers["Location"] = Links.of(added.image).self
        call.response.status_code = 201 if added.status is AddStatus.ADDED else 200
        near = await call.near_duplicates(added)
        return AddedImage.of(added, near, call.timing(added.took_ms))

    return await once(call, options.fingerprint, work)


@router.get("", operation_id="listImages", dependencies=READ)
def list_images(
    call: CurrentCall, options: Annotated[ListOptions, Depends(ListOptions.from_query)]
) -> ImagePage:
    """List images page by page, in a stable order."""
    page = call.gallery.list(
        options.filter,
        limit=options.limit,
        after=options.cursor,
        order=options.order(),
        find=options.find,
    )
    return ImagePage.of(page, call.gallery.view)


@router.get("/{id:image}", operation_id="getImage", dependencies=READ)
def get(call: CurrentCall, id: str) -> Image:
    """Get one image."""
    return Image.of(call.gallery.get(id), call.gallery.view)


@router.patch("/{id:image}", operation_id="updateImage", dependencies=WRITE)
async def update(
    call: CurrentCall, id: str, changes: Annotated[Changes, Depends(Changes.from_json)]
) -> Image:
    """Merge metadata into an image's own (null removes a field), without embedding it again."""
    image = await run_in_threadpool(call.gallery.update, id, changes.metadata)
    return Image.of(image, call.gallery.view)


@router.delete("/{id:image}", operation_id="deleteImage", status_code=204, dependencies=WRITE)
def remove(call: CurrentCall, id: str) -> None:
    """Remove an image, its original and its thumbnail.

    In a gallery in place (`in_place` of `/v1/limits`) the file stays, and is not indexed again
    until it changes.
    """
    call.gallery.remove(id)


@router.get("/{id:image}/similar", operation_id="findSimilar", dependencies=READ)
async def similar(
    call: CurrentCall,
    id: str,
    options: Annotated[SimilarOptions, Depends(SimilarOptions.from_query)],
) -> Results:
    """Find images similar to this one, without itself; the model is not run."""
    found = await run_in_threadpool(call.gallery.similar_to, id, options.for_gallery())
    return Results.of(found, options.offset, call.gallery.view, call.timing(found.took_ms))


@router.get(
    "/{id:image}/thumbnail",
    operation_id="getThumbnail",
    dependencies=READ,
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def thumbnail(call: CurrentCall, id: str, options: Cached) -> Response:
    """Get a small upright JPEG."""
    image, data = await run_in_threadpool(call.gallery.view.kept_thumbnail, id)
    if data is None:
        async with call.room_to_fetch():
            data = await call.run(lambda: call.gallery.view.make_thumbnail(image))
    headers = _headers(image, options)
    if _is_cached(call, headers):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type="image/jpeg", headers=headers)


@router.get(
    "/{id:image}/original",
    operation_id="getOriginal",
    dependencies=READ,
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, 302: {"description": "A signed link"}},
)
def original(call: CurrentCall, id: str, options: Cached) -> Response:
    """Get the bytes that were sent, or a redirect to them in the bucket."""
    if link := call.gallery.view.link(id):
        return RedirectResponse(link, 302, {"Cache-Control": "no-store"})
    image = call.gallery.get(id)
    headers = _headers(image, options)
    if _is_cached(call, headers):
        return Response(status_code=304, headers=headers)
    file, size = call.gallery.view.original(image)
    headers["Content-Length"] = str(size)
    return FileResponse(file, headers, media_type(image.format))


def _headers(image: StoredImage, options: PictureOptions) -> dict[str, str]:
    """Headers of an untrusted picture: displayed, never run; cached for good with its version."""
    age = "no-cache" if options.v is None else "max-age=31536000, immutable"
    return {
        "Cache-Control": f"private, {age}",
        "ETag": f'"{image.sha256[:32]}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _is_cached(call: Call, headers: dict[str, str]) -> bool:
    return headers["ETag"] in call.request.headers.get("if-none-match", "")
