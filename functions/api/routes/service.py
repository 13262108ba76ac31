"""Limits, counts and health. Depends on requests, responses and the gallery."""

import anyio.to_thread
from fastapi import APIRouter

from functions.api.requests import models, parse
from functions.api.requests.auth import READ, granted_scope
from functions.api.requests.call import CurrentCall
from functions.api.responses import Alive, FormatOut, LimitsOut, Ready, StatsOut
from functions.gallery import filters, names
from functions.gallery.pictures import formats

router = APIRouter(tags=["service"])


@router.get("/v1/limits", operation_id="getLimits", dependencies=READ)
def limits(call: CurrentCall) -> LimitsOut:
    """Get what the API accepts."""
    gallery = call.gallery
    return LimitsOut(
        formats=formats.accepted(),
        file_types=[
            FormatOut(
                name=each.name,
                media_type=each.media_type,
                suffixes=list(each.suffixes),
                max_pixels=gallery.limits.max_pixels_of(each.name),
            )
            for each in formats.FORMATS
        ],
        skipped_suffixes=list(names.COMPANION_SUFFIXES),
        max_bytes=gallery.limits.max_bytes,
        max_body_bytes=call.max_body_bytes,
        max_json_bytes=parse.MAX_JSON_BYTES,
        max_pixels=gallery.limits.max_pixels,
        max_pixels_whole=gallery.limits.max_pixels_whole,
        max_pixels_per_request=gallery.limits.max_pixels_per_request,
        max_limit=models.MAX_LIMIT,
        max_offset=models.MAX_OFFSET,
        max_name_bytes=names.MAX_NAME_BYTES,
        max_metadata_fields=filters.MAX_METADATA_FIELDS,
        max_metadata_characters=filters.MAX_METADATA_CHARACTERS,
        max_batch=models.MAX_BATCH,
        max_queries=models.MAX_QUERIES,
        max_ids=models.MAX_IDS,
        max_examples=models.MAX_EXAMPLES,
        filter_fields=dict(gallery.spec.fields),
        scope=granted_scope(call.request),
        in_place=gallery.in_place,
        uploads=gallery.view.can_sign,
        urls=call.fetches_urls,
    )


@router.get("/v1/stats", operation_id="getStats", dependencies=READ)
def stats(call: CurrentCall) -> StatsOut:
    """Count the images and name the model."""
    return StatsOut.model_validate(call.gallery.stats())


@router.get("/healthz", operation_id="getHealth")
async def healthz(call: CurrentCall) -> Alive:
    """Check that this process responds; the store is not asked."""
    return Alive(status="alive")


@router.get("/readyz", operation_id="getReadiness")
async def readyz(call: CurrentCall) -> Ready:
    """Check that model and store can serve; otherwise return the store's problem."""
    threads = call.capacity.health_threads
    return Ready(index=await anyio.to_thread.run_sync(call.gallery.check, limiter=threads))
