"""Limits, counts and health. Knows HTTP and the gallery."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from functions.api import options
from functions.api.auth import granted_scope, requires
from functions.api.calls import Call, call
from functions.api.schemas import Alive, LimitsOut, RefusalOut, StatsOut
from functions.gallery import filters, formats, names

router = APIRouter(tags=["service"])
Now = Annotated[Call, Depends(call)]
ForReading = [Depends(requires("read"))]


@router.get("/v1/limits", dependencies=ForReading)
def limits(request: Request, now: Now) -> LimitsOut:
    """Say what is accepted."""
    gallery = now.gallery
    return LimitsOut(
        formats=formats.accepted(),
        max_bytes=gallery.limits.max_bytes,
        max_body_bytes=now.max_body_bytes,
        max_pixels=gallery.limits.max_pixels,
        max_pixels_whole=gallery.limits.max_pixels_whole,
        max_limit=options.MAX_LIMIT,
        max_offset=options.MAX_OFFSET,
        max_name_bytes=names.MAX_NAME_BYTES,
        max_metadata_fields=filters.MAX_METADATA_FIELDS,
        max_metadata_characters=filters.MAX_METADATA_CHARACTERS,
        max_batch=options.MAX_BATCH,
        max_queries=options.MAX_QUERIES,
        max_ids=options.MAX_IDS,
        max_examples=options.MAX_EXAMPLES,
        filter_fields=dict(gallery.spec.fields),
        scope=granted_scope(request),
        uploads=gallery.view.gives_forms,
        urls=now.fetches_urls,
    )


@router.get("/v1/stats", dependencies=ForReading)
def stats(now: Now) -> StatsOut:
    """Count the images and name the model."""
    found = now.gallery.stats()
    return StatsOut(
        images=found.images,
        model=found.model,
        dims=found.dims,
        distance=found.distance,
        refused=found.refused,
        last_added_at=found.last_added_at,
        disk_bytes=found.disk_bytes,
        refusals=[RefusalOut(name=r.name, code=r.code, detail=r.detail) for r in found.refusals],
    )


@router.get("/healthz")
def healthz(now: Now) -> Alive:
    """Say that this process answers; the store is not asked."""
    return Alive(status="alive")


@router.get("/readyz")
def readyz(now: Now) -> Alive:
    """Say that model and store can serve; a problem with its code if the store cannot."""
    now.gallery.check()
    return Alive(status="ready")
