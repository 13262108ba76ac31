"""Search and compare. Depends on requests, responses and the gallery."""

from collections.abc import Sequence
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends

from functions.api.errors import invalid, invalid_at
from functions.api.requests.auth import READ
from functions.api.requests.call import LAST_FETCH_S, Call, CurrentCall
from functions.api.requests.models import (
    MAX_RESULTS,
    BatchQuery,
    CompareRequest,
    SearchBatch,
    SearchExampleIn,
    SearchRequest,
)
from functions.api.responses import BatchSearch, Compared, Results, SearchResults
from functions.gallery.embedding.vectors import unit_vector
from functions.gallery.pictures.picture import Region
from functions.gallery.search.example import Example
from functions.gallery.search.search import SearchResult

router = APIRouter(prefix="/v1", tags=["search"])


@router.post("/search", operation_id="search", dependencies=READ)
async def search(
    call: CurrentCall, query: Annotated[SearchRequest, Depends(SearchRequest.from_picture)]
) -> Results:
    """Find the stored images most similar to a picture, a stored image or several examples.

    Send exactly one of: the picture (as the body, the file `image` or base64 `image`), `id`,
    `url`, `vector` or `positive`; `negative` are examples of what not to find. None of them is
    stored.
    """
    found = await _search(call, query)
    return Results.of(found, query.offset, call.gallery.view, call.timing(found.took_ms))


@router.post("/search/batch", operation_id="searchBatch", dependencies=READ)
async def search_batch(
    call: CurrentCall, batch: Annotated[SearchBatch, Depends(SearchBatch.from_json)]
) -> SearchResults:
    """Run several searches in one request; each has its own status.

    The limits of those that succeed add up to at most 500.
    """
    results: list[BatchSearch] = []
    left = MAX_RESULTS
    for query in batch.queries:
        results.append(await _search_one(call, query, left, is_first=not results))
        left -= query.limit if results[-1].found else 0
    return SearchResults(results=results)


async def _search_one(call: Call, query: BatchQuery, left: int, *, is_first: bool) -> BatchSearch:
    try:
        call.require_time(LAST_FETCH_S)
        if query.limit > left:
            raise invalid(limit=f"must be at most {left}, what is left of {MAX_RESULTS} in all")
        found = await _search(call, query)
    except Exception as error:  # whatever it is, the other queries have their results
        problem = call.problem(error, is_first=is_first)
        return BatchSearch(status=problem.status, problem=problem)
    took_ms = {stage: round(ms, 2) for stage, ms in found.took_ms.items()}
    results = Results.of(found, query.offset, call.gallery.view, took_ms)
    return BatchSearch(status=200, found=results)


@router.post("/compare", operation_id="compare", dependencies=READ)
async def compare(
    call: CurrentCall, pair: Annotated[CompareRequest, Depends(CompareRequest.from_json)]
) -> Compared:
    """Compare two pictures: by their bytes, their perceptual hashes and their vectors."""
    a, b = await call.example(pair.a), await call.example(pair.b)
    call.watch.lap("fetch")
    found = await anyio.to_thread.run_sync(call.gallery.compare, a, b)
    return Compared.of(found, call.timing({}))


async def _search(call: Call, query: SearchRequest) -> SearchResult:
    sent = [each for each in (query.image, query.id, query.url, query.vector) if each]
    if len(sent) + bool(query.positive) != 1:
        raise invalid(image="send exactly one of image, id, url, vector and positive")
    options = query.for_gallery()
    region = options.region
    if sent:
        like = [await _example(call, query, region)]
    else:
        regions = [region, *[None] * len(query.positive)]
        like = [
            await _example(call, each, regions[n], ("positive", n))
            for n, each in enumerate(query.positive)
        ]
    unlike = [
        await _example(call, each, None, ("negative", n)) for n, each in enumerate(query.negative)
    ]
    call.watch.lap("fetch")
    return await anyio.to_thread.run_sync(call.gallery.search, like, unlike, options)


async def _example(
    call: Call,
    example: SearchExampleIn | SearchRequest,
    region: Region | None,
    path: Sequence[str | int] = (),
) -> Example:
    """Return an example at this path of the request."""
    if not example.vector:
        return await call.example(example, region)
    if region is not None:
        raise invalid(region="is a part of a picture, which a vector is not")
    try:
        return unit_vector(example.vector, call.gallery.spec.dims)
    except ValueError as error:
        raise invalid_at((*path, "vector"), str(error)) from None
