"""POST /v1/uploads: large pictures past the gateway, straight to the bucket. Knows HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from functions.api.auth import requires
from functions.api.bodies import receive_json
from functions.api.calls import Call, call
from functions.api.errors import NoBucket
from functions.api.openapi import json_body
from functions.api.options import UploadRequest
from functions.api.schemas import Upload

router = APIRouter(prefix="/v1", tags=["images"])


@router.post(
    "/uploads",
    status_code=201,
    dependencies=[Depends(requires("write"))],
    **json_body(UploadRequest),
)
async def create_upload(request: Request, now: Annotated[Call, Depends(call)]) -> Upload:
    """Give a signed form for one picture; it is searchable soon after it was sent.

    POST the fields and then the picture as `file`, multipart/form-data, to the address given. The
    form takes this name and type only, and no more than `max_bytes`.
    """
    asked = await receive_json(request, UploadRequest)
    form = now.gallery.view.form(asked.name, asked.media_type)
    if form is None:
        raise NoBucket("This gallery keeps its pictures in a folder; POST them to /v1/images")
    return Upload(
        url=form.url,
        fields=dict(form.fields),
        expires_at=form.expires_at,
        max_bytes=now.gallery.limits.max_bytes,
    )
