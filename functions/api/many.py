"""Many images in one call: add, check, delete. Knows HTTP and the gallery."""

from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends, Request, Response

from functions.api.auth import requires
from functions.api.bodies import receive_json
from functions.api.calls import PATIENCE_S, Call, call
from functions.api.errors import InvalidParameters, problem_of
from functions.api.idempotency import once
from functions.api.openapi import json_body
from functions.api.options import BatchItem, BatchRequest, CheckRequest, DeleteRequest
from functions.api.schemas import (
    AddedImage,
    BatchResult,
    BatchResults,
    Checked,
    CheckResults,
    Deleted,
    Problem,
)
from functions.gallery.records import AddStatus, Removal

router = APIRouter(prefix="/v1/images", tags=["images"])
Now = Annotated[Call, Depends(call)]
ForReading = [Depends(requires("read"))]
ForWriting = [Depends(requires("write"))]
_AT_ONCE = 8  # items in work; most of the time goes into waiting for other servers


@router.post(
    "/batch",
    dependencies=ForWriting,
    response_model=BatchResults,
    **json_body(BatchRequest, idempotent=True),
)
async def add_batch(request: Request, response: Response, now: Now) -> Any:
    """Add several pictures by URL, bucket key or in base64; each has its own status.

    An item that is refused does not stop the others. After some seconds those that were not yet
    begun get 503 `not-reached`: send them again.
    """
    asked = await receive_json(request, BatchRequest, now.max_body_bytes)
    return await once(
        request,
        response,
        now,
        asked.model_dump_json,
        lambda: _batch(request, now, asked.items),
        # What may succeed the next time is not to be repeated as a failure for a day.
        is_final=lambda answer: all(result.status < 500 for result in answer.results),
    )


async def _batch(request: Request, now: Call, items: list[BatchItem]) -> BatchResults:
    results: dict[int, BatchResult] = {}
    turns = anyio.Semaphore(_AT_ONCE)
    names: set[str] = set()

    async def add(position: int, item: BatchItem) -> None:
        name = item.key or item.name
        again = name in names  # which of two came first would be left to chance
        names.update({name} if name else ())
        async with turns:
            results[position] = await _item(request, now, item, again=again)

    async with anyio.create_task_group() as group:
        for position, item in enumerate(items):
            group.start_soon(add, position, item)
    return BatchResults(results=[results[position] for position in range(len(items))])


async def _item(request: Request, now: Call, item: BatchItem, *, again: bool) -> BatchResult:
    try:
        if again:
            raise InvalidParameters([{"pointer": "#/name", "detail": "an item before has it too"}])
        now.require_time(PATIENCE_S)
        added = await now.take(item.image, item)
        near = await now.hint(added)
    except Exception as failure:  # of one item, whatever it is: the others may have succeeded
        problem = Problem.model_validate(problem_of(request, failure))
        return BatchResult(status=problem.status, problem=problem)
    status = 201 if added.status is AddStatus.ADDED else 200
    return BatchResult(status=status, added=AddedImage.of(added, near, added.took_ms))


@router.post("/check", dependencies=ForReading, **json_body(CheckRequest))
async def check(request: Request, now: Now) -> CheckResults:
    """Ask by SHA-256 which pictures are here already, before sending them."""
    asked = await receive_json(request, CheckRequest)
    found = await anyio.to_thread.run_sync(now.gallery.of_bytes, asked.sha256)
    return CheckResults(results=[Checked.of(each, found.get(each, ())) for each in asked.sha256])


@router.post(
    "/delete",
    dependencies=ForWriting,
    response_model=Deleted,
    **json_body(DeleteRequest, idempotent=True),
)
async def delete(request: Request, response: Response, now: Now) -> Any:
    """Remove images by ids or by filter, with originals and thumbnails, or count them first.

    A large deletion ends after some seconds; call again until `remaining` is 0. By filter it takes
    a key that may `admin`, for it may empty the gallery.
    """
    asked = await receive_json(request, DeleteRequest)
    if asked.filter is not None and not asked.dry_run:
        requires("admin")(request, request.headers.get("x-api-key"))

    async def work() -> Deleted:
        removal = await anyio.to_thread.run_sync(_delete, now, asked)
        return Deleted(
            matched=removal.matched,
            deleted=removal.removed,
            remaining=removal.matched - removal.removed,
            dry_run=asked.dry_run,
        )

    return await once(
        request,
        response,
        now,
        asked.model_dump_json,
        work,
        is_final=lambda answer: asked.dry_run or answer.remaining == 0,
    )


def _delete(now: Call, asked: DeleteRequest) -> Removal:
    if asked.ids is not None:
        return now.gallery.remove_ids(asked.ids, dry_run=asked.dry_run, patience_s=PATIENCE_S)
    where = asked.filter or {}
    return now.gallery.remove_where(where, dry_run=asked.dry_run, patience_s=PATIENCE_S)
