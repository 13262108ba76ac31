"""POST /v1/uploads: large pictures past the gateway, straight to the bucket. Depends on HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.concurrency import run_in_threadpool

from functions.api.errors import NoBucket
from functions.api.requests.auth import WRITE
from functions.api.requests.call import CurrentCall
from functions.api.requests.models import UploadRequest
from functions.api.responses import Upload
from functions.gallery.errors import NameTaken, ReadOnlyOriginals

router = APIRouter(prefix="/v1", tags=["images"])


@router.post("/uploads", operation_id="createUpload", status_code=201, dependencies=WRITE)
async def create_upload(
    call: CurrentCall, upload: Annotated[UploadRequest, Depends(UploadRequest.from_json)]
) -> Upload:
    """Get a signed form that uploads one picture; soon after that it can be searched.

    POST the fields and then the picture as `file`, multipart/form-data, to the URL returned. The
    form accepts only this name and type, and at most `max_bytes`. A name in use is refused unless
    `overwrite` is set; the bucket itself does not check that again while the form is valid.
    """
    if call.gallery.in_place:
        raise ReadOnlyOriginals()
    name = upload.name
    form = call.gallery.view.form(name, upload.media_type)
    if form is None:
        raise NoBucket("This gallery keeps its pictures in a folder; POST them to /v1/images")
    if not upload.overwrite and await run_in_threadpool(call.gallery.has_original, name):
        raise NameTaken(f"Another picture is named {name!r}; set overwrite to replace it")
    return Upload(
        url=form.url,
        fields=dict(form.fields),
        expires_at=form.expires_at,
        max_bytes=call.gallery.limits.max_bytes,
    )
