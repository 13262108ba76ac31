"""One call in progress: the gallery it may use, its clock, its worker threads. Knows HTTP."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import anyio.to_thread
from fastapi import Request, Response

from functions.api.errors import InvalidParameters
from functions.gallery.cores import cores
from functions.gallery.errors import UrlRefused
from functions.gallery.fetch import UrlFetcher
from functions.gallery.gallery import Gallery
from functions.gallery.stopwatch import Stopwatch

Answer = TypeVar("Answer")


class Call:
    """What a route needs to answer one request."""

    def __init__(
        self,
        gallery: Gallery,
        max_body_bytes: int,
        pictures: anyio.CapacityLimiter,
        fetcher: UrlFetcher | None,
    ) -> None:
        """Start the clock."""
        self._fetcher = fetcher
        self.gallery = gallery
        self.max_body_bytes = max_body_bytes
        self.watch = Stopwatch()
        self._pictures = pictures

    async def fetch(self, url: str) -> bytes:
        """Get the picture at this URL; raises UrlRefused where that is off, else as UrlFetcher."""
        fetcher = self._fetcher
        if fetcher is None:
            raise UrlRefused("URLs are not fetched here; see LOOKALIKE_FETCH_URLS", field="url")
        most = self.gallery.limits.max_bytes
        return await anyio.to_thread.run_sync(lambda: fetcher.fetch(url, most))

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Work on a picture in a thread; no more at once than cores, to bound memory."""
        return await anyio.to_thread.run_sync(work, limiter=self._pictures)

    def timing(self, response: Response, took_ms: Mapping[str, float]) -> dict[str, float]:
        """Put how long each stage took, in ms, into the header Server-Timing; return it too."""
        stages = {**self.watch.took_ms, **took_ms}
        self.watch.lap("rest")
        stages["total"] = sum(self.watch.took_ms.values())
        rounded = {stage: round(ms, 2) for stage, ms in stages.items()}
        response.headers["Server-Timing"] = ", ".join(f"{s};dur={ms}" for s, ms in rounded.items())
        return rounded


def picture_workers() -> anyio.CapacityLimiter:
    """Allow as many pictures in work at once as this process may use cores."""
    return anyio.CapacityLimiter(cores())


def call(request: Request) -> Call:
    """Begin a call; raises InvalidParameters for query parameters that the route does not name."""
    named = (request.scope["route"].openapi_extra or {}).get("parameters", [])
    known = {parameter["name"] for parameter in named}
    if unknown := request.query_params.keys() - known:
        raise InvalidParameters([{"pointer": f"#/{n}", "detail": "unknown"} for n in unknown])
    state = request.app.state
    return Call(state.gallery, state.max_body_bytes, state.pictures, state.fetcher)
