"""Many images in one request: add, check, delete. Depends on requests, responses, the gallery."""

from typing import Annotated, Any

import anyio
import anyio.to_thread
from fastapi import APIRouter, Depends

from functions.api.errors import invalid
from functions.api.requests.auth import READ, WRITE, require_scope
from functions.api.requests.call import LAST_FETCH_S, Call, CurrentCall
from functions.api.requests.idempotency import once
from functions.api.requests.models import BatchItem, BatchRequest, CheckRequest, DeleteRequest
from functions.api.responses import (
    AddedImage,
    BatchResult,
    BatchResults,
    Checked,
    CheckResults,
    Deleted,
)
from functions.gallery.intake.add import AddStatus

router = APIRouter(prefix="/v1/images", tags=["images"])
_AT_ONCE = 8  # items in work; most of the time is spent waiting for other servers


@router.post("/batch", operation_id="addImages", dependencies=WRITE, response_model=BatchResults)
async def add_batch(
    call: CurrentCall, batch: Annotated[BatchRequest, Depends(BatchRequest.from_json)]
) -> Any:
    """Add several pictures by URL, bucket key or in base64; each has its own status.

    An item that is refused does not stop the others. After some seconds, items not started yet get
    503 `not-reached`: send them again.
    """
    return await once(
        call,
        batch.model_dump_json,
        lambda: _add_all(call, batch.items),
        # A retry may succeed where this failed, so the failure must not be repeated for a day.
        is_final=lambda added: all(result.status < 400 for result in added.results),
    )


async def _add_all(call: Call, items: list[BatchItem]) -> BatchResults:
    results: dict[int, BatchResult] = {}
    slots = anyio.Semaphore(_AT_ONCE)
    names: set[str] = set()

    async def add(position: int, item: BatchItem) -> None:
        name = item.key or item.name
        is_repeated = name in names  # which of the two would win is a matter of chance
        names.update({name} if name else ())
        async with slots:
            results[position] = await _add_one(call, item, is_repeated=is_repeated)

    async with anyio.create_task_group() as group:
        for position, item in enumerate(items):
            group.start_soon(add, position, item)
    return BatchResults(results=[results[position] for position in range(len(items))])


async def _add_one(call: Call, item: BatchItem, *, is_repeated: bool) -> BatchResult:
    try:
        if is_repeated:
            raise invalid(name="is also the name of an earlier item")
        call.require_time(LAST_FETCH_S)
        added = await call.add(item)
        near = await call.near_duplicates(added)
    except Exception as error:  # whatever it is, the other items may have succeeded
        problem = call.problem(error)
        return BatchResult(status=problem.status, problem=problem)
    status = 201 if added.status is AddStatus.ADDED else 200
    return BatchResult(status=status, added=AddedImage.of(added, near, added.took_ms))


@router.post("/check", operation_id="checkImages", dependencies=READ)
async def check(
    call: CurrentCall, hashes: Annotated[CheckRequest, Depends(CheckRequest.from_json)]
) -> CheckResults:
    """Check by SHA-256 which pictures are stored already, before sending them."""
    found = await anyio.to_thread.run_sync(call.gallery.of_bytes, hashes.sha256)
    return CheckResults(results=[Checked.of(each, found.get(each, ())) for each in hashes.sha256])


@router.post("/delete", operation_id="deleteImages", dependencies=WRITE, response_model=Deleted)
async def delete(
    call: CurrentCall, wanted: Annotated[DeleteRequest, Depends(DeleteRequest.from_json)]
) -> Any:
    """Remove images by ids or by filter, with originals and thumbnails, or count them first.

    A large deletion stops after some seconds; repeat it until `remaining` is 0. By filter it needs
    a key with the scope `admin`, because it can empty the gallery.
    """
    if wanted.filter is not None and not wanted.dry_run:
        require_scope(call.request, "admin")

    async def work() -> Deleted:
        return await anyio.to_thread.run_sync(_delete, call, wanted)

    return await once(
        call,
        wanted.model_dump_json,
        work,
        is_final=lambda deleted: wanted.dry_run or deleted.remaining == 0,
    )


def _delete(call: Call, wanted: DeleteRequest) -> Deleted:
    options: dict[str, Any] = {"dry_run": wanted.dry_run, "time_limit_s": LAST_FETCH_S}
    if wanted.ids is not None:
        removal = call.gallery.remove_ids(wanted.ids, **options)
    else:
        removal = call.gallery.remove_where(wanted.filter or {}, **options)
    return Deleted(
        matched=removal.matched,
        deleted=removal.removed,
        remaining=removal.matched - removal.removed,
        dry_run=wanted.dry_run,
    )
