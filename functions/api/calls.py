"""One call in progress: the gallery it may use, its clock, its worker threads. Knows HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import anyio.to_thread
from fastapi import Request, Response

from functions.api.errors import InvalidParameters, NotReached
from functions.api.options import AddOptions, ExampleIn
from functions.gallery.cores import cores
from functions.gallery.duplicates import Duplicate
from functions.gallery.errors import EmptyPicture, UrlRefused
from functions.gallery.fetch import UrlFetcher
from functions.gallery.filters import check_metadata
from functions.gallery.gallery import Gallery
from functions.gallery.records import Added, AddStatus, Example, Submission
from functions.gallery.stopwatch import Stopwatch

Answer = TypeVar("Answer")

# The gateway waits 30 s. No part of a call is fetched after the first of these (a URL may take 10),
# none is decoded after the second.
PATIENCE_S = 12
LAST_START_S = 23


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

    @property
    def fetches_urls(self) -> bool:
        """Whether pictures may be given by their URL."""
        return self._fetcher is not None

    async def fetch(self, url: str) -> bytes:
        """Get the picture at this URL; raises UrlRefused where that is off, else as UrlFetcher."""
        fetcher = self._fetcher
        if fetcher is None:
            raise UrlRefused("URLs are not fetched here; see LOOKALIKE_FETCH_URLS", field="url")
        self.require_time(PATIENCE_S)
        most = self.gallery.limits.max_bytes
        return await anyio.to_thread.run_sync(lambda: fetcher.fetch(url, most))

    async def example(self, example: ExampleIn) -> Example:
        """Give one example in the gallery's words; its URL is fetched."""
        if example.url is not None:
            return await self.fetch(example.url)
        return example.image or example.id or ""

    async def take(self, image: bytes | None, options: AddOptions) -> Added:
        """Add the picture that came, or the one that the options name.

        Raises InvalidParameters for more than one, and what fetching and adding raise.
        """
        if options.url is not None:
            if image:
                raise InvalidParameters([{"pointer": "#/url", "detail": "either url or a picture"}])
            image = await self.fetch(options.url)
        self.watch.lap("fetch")
        if options.key is not None:
            if image:
                raise InvalidParameters([{"pointer": "#/key", "detail": "either key or a picture"}])
            return await self.run(lambda: self._take_original(str(options.key), options))
        if not image:
            raise EmptyPicture("No picture came; send it as the body, the file or base64 `image`")
        sent = Submission(lambda: image, options.name, options.metadata, options.overwrite)
        return await self.run(lambda: self.gallery.add(sent))

    def _take_original(self, key: str, options: AddOptions) -> Added:
        check_metadata(options.metadata, self.gallery.spec.fields)
        renamed = options.name not in (None, key)
        if (renamed or options.overwrite) and self.gallery.has_original(key):
            wrong = ("#/name", "the key is the name") if renamed else ("#/overwrite", "not by key")
            raise InvalidParameters([{"pointer": wrong[0], "detail": wrong[1]}])
        added = self.gallery.add_original(key)
        if not options.metadata:
            return added
        return replace(added, image=self.gallery.update(added.image.id, options.metadata))

    async def hint(self, added: Added) -> Sequence[Duplicate]:
        """Find what a new image may be a copy of; its own bytes again need no hint."""
        if added.status is AddStatus.DUPLICATE:
            return ()
        return await anyio.to_thread.run_sync(self.gallery.near_duplicates, added.image)

    async def run(self, work: Callable[[], Answer]) -> Answer:
        """Work on a picture in a thread; no more at once than cores, to bound memory."""

        def in_time() -> Answer:
            self.require_time(LAST_START_S)
            return work()

        return await anyio.to_thread.run_sync(in_time, limiter=self._pictures)

    def require_time(self, seconds: float) -> None:
        """Return if the call is no older than this; raises NotReached."""
        if self.watch.elapsed_s() > seconds:
            raise NotReached("The time for one call was over before this; send it again")

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
    known = {parameter["name"] for parameter in named if parameter["in"] == "query"}
    if unknown := request.query_params.keys() - known:
        raise InvalidParameters([{"pointer": f"#/{n}", "detail": "unknown"} for n in unknown])
    state = request.app.state
    return Call(state.gallery, state.max_body_bytes, state.pictures, state.fetcher)
