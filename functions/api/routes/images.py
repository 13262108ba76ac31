"""The routes under /v1/images. Depends on requests, responses and the gallery."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse
from starlette.convertors import StringConvertor, register_url_convertor

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
from functions.api.responses import AddedImage, Image, ImagePage, Results
from functions.gallery.intake.add import AddStatus
from functions.gallery.pictures.formats import media_type


class ImageId(StringConvertor):
    """Anything but the paths next to the ids, so that those refuse other methods with 405."""

    regex = "(?!(?:batch|check|delete)$)[^/]+"


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
        call.response.headers["Location"] = f"/v1/images/{added.image.id}"
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
        options.filter, limit=options.limit, after=options.cursor, order=options.order()
    )
    return ImagePage.of(page)


@router.get("/{id:image}", operation_id="getImage", dependencies=READ)
def get(call: CurrentCall, id: str) -> Image:
    """Get one image."""
    return Image.of(call.gallery.get(id))


@router.patch("/{id:image}", operation_id="updateImage", dependencies=WRITE)
async def update(
    call: CurrentCall, id: str, changes: Annotated[Changes, Depends(Changes.from_json)]
) -> Image:
    """Merge metadata into an image's own (null removes a field), without embedding it again."""
    return Image.of(await run_in_threadpool(call.gallery.update, id, changes.metadata))


@router.delete("/{id:image}", operation_id="deleteImage", status_code=204, dependencies=WRITE)
def remove(call: CurrentCall, id: str) -> None:
    """Remove an image, its original and its thumbnail."""
    call.gallery.remove(id)


@router.get("/{id:image}/similar", operation_id="findSimilar", dependencies=READ)
def similar(
    call: CurrentCall,
    id: str,
    options: Annotated[SimilarOptions, Depends(SimilarOptions.from_query)],
) -> Results:
    """Find images similar to this one, without itself; the model is not run."""
    found = call.gallery.similar_to(id, options.for_gallery())
    return Results.of(found, options.offset, call.gallery.view.sign, call.timing(found.took_ms))


@router.get(
    "/{id:image}/thumbnail",
    operation_id="getThumbnail",
    dependencies=READ,
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}},
)
async def thumbnail(call: CurrentCall, id: str, options: Cached) -> Response:
    """Get a small upright JPEG."""
    image, data = await call.run(lambda: call.gallery.view.thumbnail(id))
    return _picture(call, options, data, "image/jpeg", image.sha256)


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
    image, data = call.gallery.view.original(id)
    return _picture(call, options, data, media_type(image.format), image.sha256)


def _picture(call: Call, options: PictureOptions, data: bytes, kind: str, sha256: str) -> Response:
    """Return an untrusted picture: displayed, never run; cached for good only with its version."""
    etag = f'"{sha256[:32]}"'
    age = "no-cache" if options.v is None else "max-age=31536000, immutable"
    headers = {
        "Cache-Control": f"private, {age}",
        "ETag": etag,
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if etag in call.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=kind, headers=headers)
