"""One request in progress: the gallery, its clock, its share of the capacity. Depends on HTTP."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from functools import cached_property
from typing import Annotated, TypeVar

import anyio.to_thread
from fastapi import Depends, Request, Response

from functions.api.errors import UNKNOWN, Problem, invalid, problem_of, translate
from functions.api.requests.capacity import Capacity
from functions.api.requests.fetch import UrlFetcher
from functions.api.requests.models import AddOptions, ExampleIn, SearchRequest
from functions.api.requests.parse import query_options
from functions.gallery import deadline
from functions.gallery.duplicates.notions import Duplicate
from functions.gallery.errors import EmptyPicture, NotReached, TooManyPixels, UrlRefused
from functions.gallery.filters import check_metadata
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Added, AddStatus, Submission
from functions.gallery.pictures.budget import DecodeBudget
from functions.gallery.pictures.picture import Region
from functions.gallery.search.example import PictureExample
from functions.gallery.stopwatch import Stopwatch

Result = TypeVar("Result")

LAST_FETCH_S = 12  # after it nothing is fetched: a URL can take 10 s
AFTER_DECODE_S = 1.0  # of a call's time, kept for what follows the last decode


class Call:
    """What a route needs to respond to one request."""

    def __init__(self, request: Request, response: Response) -> None:
        """Keep what routes need."""
        state = request.app.state
        self.request = request
        self.response = response  # its headers and status are sent
        self.gallery: Gallery = state.gallery
        self.max_body_bytes: int = state.max_body_bytes
        self._fetcher: UrlFetcher | None = state.fetcher
        self.capacity: Capacity = state.capacity

    @property
    def watch(self) -> Stopwatch:
        """The clock of this request; it started when the whole of it had arrived."""
        watch: Stopwatch = self.request.state.watch
        return watch

    @cached_property
    def _budget(self) -> DecodeBudget:
        pixels = self.gallery.limits.max_pixels_per_request
        return DecodeBudget(self.capacity.decoders, deadline.end() - AFTER_DECODE_S, pixels)

    @property
    def fetches_urls(self) -> bool:
        """Whether a picture can be sent as a URL."""
        return self._fetcher is not None

    @asynccontextmanager
    async def fetched(self, url: str) -> AsyncIterator[bytes]:
        """Hold the picture at this URL in memory during the block.

        Raises UrlRefused if fetching is off, Overloaded or NotReached, and as UrlFetcher.
        """
        fetcher = self._fetcher
        if fetcher is None:
            raise UrlRefused("This gallery does not fetch URLs; set LOOKALIKE_FETCH_URLS")
        self.require_time(LAST_FETCH_S)
        most, threads = self.gallery.limits.max_bytes, self.capacity.fetch_threads
        async with self.room_to_fetch():
            yield await anyio.to_thread.run_sync(lambda: fetcher.fetch(url, most), limiter=threads)

    def room_to_fetch(self) -> AbstractAsyncContextManager[None]:
        """Hold memory for a picture that is not in the body."""
        left_s = LAST_FETCH_S - self.watch.elapsed_s()
        return self.capacity.fetches.hold(self.gallery.limits.max_bytes, left_s)

    async def example(
        self, example: ExampleIn | SearchRequest, region: Region | None = None
    ) -> PictureExample:
        """Return an example for the gallery; one that is a picture is fetched and embedded."""
        if example.url is not None:
            async with self.fetched(example.url) as data:
                self.watch.lap("fetch")
                return await self._embed(data, region)
        if not example.image and region is None:
            return example.id or ""
        self.watch.lap("fetch")
        if example.image:
            return await self._embed(example.image, region)
        async with self.room_to_fetch():
            return await self._embed(example.id or "", region)

    async def _embed(self, example: bytes | str, region: Region | None) -> PictureExample:
        embedded = await self.run(lambda: self.gallery.embed(example, region))
        self.watch.lap("rest")
        return embedded

    async def add(self, options: AddOptions) -> Added:
        """Add the picture that was sent, or the one at a URL or bucket key.

        Raises EmptyPicture for none, InvalidParameters for more than one, and as `fetched` and
        Gallery.add.
        """
        image = options.image
        if options.url is not None:
            if image:
                raise invalid(url="send either url or a picture")
            async with self.fetched(options.url) as image:
                return await self._add(image, options)
        if options.key is not None:
            if image:
                raise invalid(key="send either key or a picture")
            async with self.room_to_fetch():
                return await self.run(lambda: self._add_original(str(options.key), options))
        if not image:
            raise EmptyPicture("There is no picture; send it as the body, or as `image`")
        return await self._add(image, options)

    async def _add(self, image: bytes, options: AddOptions) -> Added:
        self.watch.lap("fetch")
        sent = Submission(lambda: image, options.name, options.metadata, options.overwrite)
        return await self.run(lambda: self.gallery.add(sent))

    def _add_original(self, key: str, options: AddOptions) -> Added:
        check_metadata(options.metadata, self.gallery.spec.fields)
        is_renamed = options.name not in (None, key)
        if (is_renamed or options.overwrite) and self.gallery.has_original(key):
            if is_renamed:
                raise invalid(name="must equal key or be left out")
            raise invalid(overwrite="cannot be used with key")
        added = self.gallery.add_original(key)
        if not options.metadata:
            return added
        return replace(added, image=self.gallery.update(added.image.id, options.metadata))

    async def near_duplicates(self, added: Added) -> Sequence[Duplicate]:
        """Find what a new image may be a copy of; nothing for a picture stored before."""
        if added.status is AddStatus.DUPLICATE:
            return ()
        return await anyio.to_thread.run_sync(self.gallery.near_duplicates, added)

    async def run(self, work: Callable[[], Result]) -> Result:
        """Do work in a thread that may decode pictures, within the budget of this request.

        Raises NotReached if the client has left, and as `work` does.
        """
        if await self.request.is_disconnected():
            raise NotReached("The client has left")
        with self._budget.in_use():
            return await anyio.to_thread.run_sync(work, limiter=self.capacity.picture_threads)

    def require_time(self, seconds: float) -> None:
        """Return if the request is no older than this; raises NotReached."""
        if self.watch.elapsed_s() > seconds:
            raise NotReached("The time for one request is over; send this item again")

    def problem(self, error: Exception, *, is_first: bool = False) -> Problem:
        """Describe an error of one of several items; the first has had all the pixels."""
        if isinstance(error, TooManyPixels) and not is_first:
            error = NotReached("The pixels for one request are used up; send this item again")
        request_id: str = self.request.state.request_id
        return problem_of(translate(error, request_id), request_id)

    def timing(self, took_ms: Mapping[str, float]) -> dict[str, float]:
        """Return how long each stage took, in ms, and send it in the header Server-Timing."""
        stages = {stage: ms for stage, ms in self.watch.took_ms.items() if stage != "rest"}
        stages |= took_ms
        self.watch.lap("rest")
        stages["total"] = sum(self.watch.took_ms.values())
        rounded = {stage: round(ms, 2) for stage, ms in stages.items()}
        timing = ", ".join(f"{stage};dur={ms}" for stage, ms in rounded.items())
        self.response.headers["Server-Timing"] = timing
        return rounded


async def start_call(request: Request, response: Response) -> Call:
    """Start a call; raises InvalidParameters for unknown or repeated options in the query."""
    if request.query_params:
        counts = Counter(name for name, _ in request.query_params.multi_items())
        known = query_options(request.scope["route"])
        wrong = {name: UNKNOWN for name in counts if name not in known}
        wrong = wrong or {name: "was sent twice" for name, count in counts.items() if count > 1}
        if wrong:
            raise invalid(**wrong)
    return Call(request, response)


CurrentCall = Annotated[Call, Depends(start_call)]
