"""One request in progress: the gallery, its clock, its worker threads. Depends on HTTP."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

import anyio.to_thread
from fastapi import Depends, Request, Response

from functions.api.errors import UNKNOWN, NotReached, Problem, invalid, problem_of, translate
from functions.api.requests.fetch import UrlFetcher
from functions.api.requests.models import AddOptions, ExampleIn
from functions.api.requests.parse import query_options
from functions.gallery.duplicates.notions import Duplicate
from functions.gallery.errors import EmptyPicture, UrlRefused
from functions.gallery.filters import check_metadata
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Added, AddStatus, Submission
from functions.gallery.search.search import Example
from functions.gallery.stopwatch import Stopwatch
from functions.runtime import cores

Result = TypeVar("Result")

# The gateway waits 30 s. After the first of these nothing is fetched (a URL can take 10 s), after
# the second nothing is decoded.
LAST_FETCH_S = 12
LAST_DECODE_S = 23


class Call:
    """What a route needs to respond to one request."""

    def __init__(self, request: Request, response: Response) -> None:
        """Start the clock."""
        state = request.app.state
        self.watch = Stopwatch()
        self.request = request
        self.response = response  # its headers and status are sent
        self.gallery: Gallery = state.gallery
        self.max_body_bytes: int = state.max_body_bytes
        self._fetcher: UrlFetcher | None = state.fetcher
        self._workers: anyio.CapacityLimiter = state.workers

    @property
    def fetches_urls(self) -> bool:
        """Whether a picture can be sent as a URL."""
        return self._fetcher is not None

    async def fetch(self, url: str) -> bytes:
        """Return the picture at this URL; raises UrlRefused if that is off, or as UrlFetcher."""
        fetcher = self._fetcher
        if fetcher is None:
            raise UrlRefused("This gallery does not fetch URLs; set LOOKALIKE_FETCH_URLS")
        self.require_time(LAST_FETCH_S)
        most = self.gallery.limits.max_bytes
        return await anyio.to_thread.run_sync(lambda: fetcher.fetch(url, most))

    async def example(self, example: ExampleIn) -> Example:
        """Return an example for the gallery; a URL is fetched."""
        if example.url is not None:
            return await self.fetch(example.url)
        return example.image or example.id or ""

    async def add(self, options: AddOptions) -> Added:
        """Add the picture that was sent, or the one at a URL or bucket key.

        Raises EmptyPicture for none, InvalidParameters for more than one, and as `fetch` and
        Gallery.add.
        """
        image = options.image
        if options.url is not None:
            if image:
                raise invalid(url="send either url or a picture")
            image = await self.fetch(options.url)
        self.watch.lap("fetch")
        if options.key is not None:
            if image:
                raise invalid(key="send either key or a picture")
            return await self.run(lambda: self._add_original(str(options.key), options))
        if not image:
            raise EmptyPicture("There is no picture; send it as the body, or as `image`")
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
        """Work on a picture in a thread; at most one per core at once, to bound memory."""

        def in_time() -> Result:
            self.require_time(LAST_DECODE_S)
            return work()

        return await anyio.to_thread.run_sync(in_time, limiter=self._workers)

    def require_time(self, seconds: float) -> None:
        """Return if the request is no older than this; raises NotReached."""
        if self.watch.elapsed_s() > seconds:
            raise NotReached("The time for one request is over; send this item again")

    def problem(self, error: Exception) -> Problem:
        """Describe an error of one of several items."""
        request_id: str = self.request.state.request_id
        return problem_of(translate(error, request_id), request_id)

    def timing(self, took_ms: Mapping[str, float]) -> dict[str, float]:
        """Return how long each stage took, in ms, and send it in the header Server-Timing."""
        stages = {**self.watch.took_ms, **took_ms}
        self.watch.lap("rest")
        stages["total"] = sum(self.watch.took_ms.values())
        rounded = {stage: round(ms, 2) for stage, ms in stages.items()}
        timing = ", ".join(f"{stage};dur={ms}" for stage, ms in rounded.items())
        self.response.headers["Server-Timing"] = timing
        return rounded


def picture_workers() -> anyio.CapacityLimiter:
    """Return a limiter that lets threads work on one picture per core at once."""
    return anyio.CapacityLimiter(cores())


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
