"""What the requests of one process share: decoders, threads, and memory for bodies and pictures.

Work that decodes or fetches waits here, and never holds up work that does neither: that runs in the
framework's own threads. Depends on HTTP and the gallery's limits.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.errors import Overloaded
from functions.gallery import deadline
from functions.gallery.pictures.limits import Limits
from functions.gallery.stopwatch import Stopwatch
from functions.gallery.threads import FairSemaphore
from functions.runtime import CALL_S, cores

BODIES_AT_ONCE = 10  # of the largest size
FETCHES_AT_ONCE = 16
# Most of these threads wait for a decoder; the bodies they hold are bounded by their bytes.
PICTURE_THREADS = 100
BODY_WAIT_S = 10.0
# Bodies up to this size are not counted: a connection's buffers are as large.
SMALL_BODY_BYTES = 100_000


class Admission:
    """Bytes that requests can hold in memory together; what does not fit waits."""

    def __init__(self, max_bytes: int) -> None:
        """Start with nothing held."""
        self._max_bytes = self._free = max_bytes
        self._waiting: list[tuple[int, anyio.Event]] = []

    @asynccontextmanager
    async def hold(self, size: int, wait_s: float) -> AsyncIterator[None]:
        """Hold so many bytes during the block; raises Overloaded if they do not fit in time.

        One that is larger than all the room there is fits once nothing else is held.
        """
        size = min(size, self._max_bytes)
        admitted = anyio.Event()
        waiting = (size, admitted)
        self._waiting.append(waiting)
        self._admit()
        try:
            with anyio.move_on_after(wait_s):
                await admitted.wait()
            if not admitted.is_set():
                raise Overloaded("Too many large requests are in progress; send this one again")
            yield
        finally:
            if admitted.is_set():
                self._free += size
            else:
                self._waiting.remove(waiting)
            self._admit()

    def _admit(self) -> None:
        for waiting in list(self._waiting):
            size, admitted = waiting
            if size <= self._free:
                self._waiting.remove(waiting)
                self._free -= size
                admitted.set()


@dataclass(frozen=True)
class Capacity:
    """The shared limits of one process."""

    decoders: FairSemaphore
    bodies: Admission
    fetches: Admission
    picture_threads: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(PICTURE_THREADS)
    )
    fetch_threads: anyio.CapacityLimiter = field(
        default_factory=lambda: anyio.CapacityLimiter(FETCHES_AT_ONCE)
    )
    parsers: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(cores()))
    health_threads: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))

    @classmethod
    def of(cls, limits: Limits) -> "Capacity":
        """Decode one picture per core; hold a few bodies and fetched pictures of any size."""
        return cls(
            FairSemaphore(cores()),
            Admission(BODIES_AT_ONCE * limits.max_bytes),
            Admission(FETCHES_AT_ONCE * limits.max_bytes),
        )


class BodyAdmission:
    """Lets a request read its body once that fits in memory next to the others.

    The clock of a request, `state.watch`, and its time limit start when all of it has arrived, so
    that a slow upload has as much time as any other.
    """

    def __init__(self, app: ASGIApp, bodies: Admission, max_body_bytes: int) -> None:
        """Wrap an application whose bodies have at most so many bytes."""
        self._app, self._bodies, self._max_body_bytes = app, bodies, max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; its body counts until it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        end = deadline.end()

        def start_clock() -> None:
            state["watch"] = Stopwatch()
            deadline.restart(CALL_S, end)

        start_clock()
        size = self._size(dict(scope["headers"]))
        async with AsyncExitStack() as held:

            async def receive_admitted() -> Message:
                nonlocal size
                if size > SMALL_BODY_BYTES:
                    await held.enter_async_context(self._bodies.hold(size, BODY_WAIT_S))
                    size = 0
                message = await receive()
                if message["type"] == "http.request" and not message.get("more_body"):
                    start_clock()
                return message

            await self._app(scope, receive_admitted, send)

    def _size(self, headers: dict[bytes, bytes]) -> int:
        if b"transfer-encoding" in headers:  # it does not say
            return self._max_body_bytes
        announced = headers.get(b"content-length", b"")
        return min(int(announced), self._max_body_bytes) if announced.isdigit() else 0
