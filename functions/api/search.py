"""POST /v1/search, /v1/search/batch and /v1/compare. Knows HTTP and the gallery."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from functions.api.auth import requires
from functions.api.bodies import receive, receive_json
from functions.api.calls import PATIENCE_S, Call, call
from functions.api.errors import InvalidParameters, problem_of
from functions.api.openapi import json_body, picture_body
from functions.api.options import (
    MAX_RESULTS,
    BatchQuery,
    CompareRequest,
    SearchBatch,
    SearchRequest,
)
from functions.api.schemas import BatchSearch, Compared, Problem, Results, SearchResults
from functions.gallery.records import Example, SearchResult

router = APIRouter(prefix="/v1", tags=["search"])
Now = Annotated[Call, Depends(call)]
ForReading = [Depends(requires("read"))]


@router.post(
    "/search",
    dependencies=ForReading,
    **picture_body(SearchRequest, ways=("id", "url", "positive")),
)
async def search(request: Request, response: Response, now: Now) -> Results:
    """Find the stored images that look like a picture, a stored image or several examples.

    Send exactly one of: the picture (as the body, the file `image` or base64 `image`), `id`,
    `url` or `positive`; examples of what not to find in `negative`. Nothing of them is stored.
    """
    received = await receive(request, now.max_body_bytes)
    asked = received.options(SearchRequest)
    found = await _search(now, received.image, asked)
    timing = now.timing(response, found.took_ms)
    return Results.of(found, asked, now.gallery.view.sign, timing)


@router.post("/search/batch", dependencies=ForReading, **json_body(SearchBatch))
async def search_batch(request: Request, now: Now) -> SearchResults:
    """Answer several searches in one call; each has its own status.

    The limits of those that are answered come to at most 500.
    """
    asked = await receive_json(request, SearchBatch, now.max_body_bytes)
    results, left = [], MAX_RESULTS
    for query in asked.queries:
        results.append(await _query(request, now, query, left))
        left -= query.limit if results[-1].found else 0
    return SearchResults(results=results)


async def _query(request: Request, now: Call, query: BatchQuery, left: int) -> BatchSearch:
    try:
        now.require_time(PATIENCE_S)
        if query.limit > left:
            told = f"of the {MAX_RESULTS} of all queries together {left} are left"
            raise InvalidParameters([{"pointer": "#/limit", "detail": told}])
        found = await _search(now, query.image, query)
    except Exception as failure:  # of one query; the others have their answers
        problem = Problem.model_validate(problem_of(request, failure))
        return BatchSearch(status=problem.status, problem=problem)
    took_ms = {stage: round(ms, 2) for stage, ms in found.took_ms.items()}
    return BatchSearch(status=200, found=Results.of(found, query, now.gallery.view.sign, took_ms))


@router.post("/compare", dependencies=ForReading, **json_body(CompareRequest))
async def compare(request: Request, response: Response, now: Now) -> Compared:
    """Tell how alike two pictures are: by their bytes, their perceptual hashes, their vectors."""
    asked = await receive_json(request, CompareRequest, now.max_body_bytes)
    a, b = await now.example(asked.a), await now.example(asked.b)
    now.watch.lap("fetch")
    found = await now.run(lambda: now.gallery.compare(a, b))
    return Compared.of(found, now.timing(response, {}))


async def _search(now: Call, image: bytes | None, asked: SearchRequest) -> SearchResult:
    sent = [each for each in (image, asked.id, asked.url) if each]
    if len(sent) + bool(asked.positive) != 1:
        raise InvalidParameters(
            [{"pointer": "#/image", "detail": "one of image, id, url, positive"}]
        )
    like: list[Example] = [image or asked.id or await now.fetch(asked.url or "")] if sent else []
    like += [await now.example(each) for each in asked.positive]
    unlike = [await now.example(each) for each in asked.negative]
    now.watch.lap("fetch")
    return await now.run(lambda: now.gallery.search(like, unlike, asked.for_gallery()))
