"""The connection to a Qdrant server: two clients, their errors as ours, time limits and retries.

Importing httpx takes a while: a process that needs no server imports nothing of this room.
"""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from threading import RLock
from time import monotonic
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import httpx

from functions.gallery.deadline import seconds_left
from functions.gallery.errors import (
    LookalikeError,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreNotReached,
)
from functions.gallery.stores.server.errors import for_the_log, store_error
from functions.gallery.stores.server.key import ReadKey, ServerKey
from functions.gallery.stores.server.rest import RestClient
from functions.gallery.stores.server.retry import Retry

if TYPE_CHECKING:
    from functions.gallery.stores.server.library import LibraryClient, QdrantClient

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Send = Callable[[httpx.Request], httpx.Response]

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
# httpx drops idle connections after 5 s; a warm Lambda function waits longer between requests.
_CONNECTIONS = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=60)


class _TimeLeft(dict[str, float]):
    """The time limit of one request; those of httpx start again at each stage of it.

    httpx asks before it connects, writes, and reads the head and the body of the response.
    """

    def __init__(self, seconds: float) -> None:
        """Start the clock; raises StoreNotReached if the time is over already."""
        self._ends_at = monotonic() + seconds
        if seconds <= 0:
            raise StoreNotReached("The time for this call is over; try again")

    def get(self, stage: str, default: object = None) -> float:
        return max(0.001, self._ends_at - monotonic())  # zero would mean not to wait

    def is_over(self) -> bool:
        """Return whether the request should have ended."""
        return monotonic() > self._ends_at


@dataclass(frozen=True)
class _Body(httpx.SyncByteStream):
    """The body of a response, whose parts can each come in time and the whole too late."""

    response: httpx.Response
    stream: httpx.SyncByteStream

    @classmethod
    def limit(cls, response: httpx.Response) -> None:
        """Limit the time to read a response."""
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = cls(response, response.stream)

    def __iter__(self) -> Iterator[bytes]:
        request = self.response.request
        for part in self.stream:
            if request.extensions["timeout"].is_over():
                raise httpx.ReadTimeout("The response was too slow", request=request)
            yield part

    def close(self) -> None:
        self.stream.close()


def _signed(request: httpx.Request, key: str | None) -> httpx.Request:
    if key:
        request.headers["api-key"] = key
    return request


def _parse(url: str) -> httpx.URL:
    """Return the address of a server; https means 443 (Cloud listens there too), http 6333.

    Raises SettingsError for an invalid address.
    """
    try:
        address = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL:
        address = httpx.URL()
    if address.scheme not in ("http", "https") or not address.host:
        raise SettingsError(
            f"QDRANT_URL {url!r} is not an address; use one such as https://host:6333"
        )
    is_http = address.scheme == "http"
    return address.copy_with(port=address.port or (6333 if is_http else None))


class QdrantConnection:
    """Two clients that are safe to share between threads.

    `client` searches, adds and checks; `library` makes and changes collections.
    """

    def __init__(
        self,
        client: "RestClient | LibraryClient",
        open_library: "Callable[[], QdrantClient]",
        retry: Retry,
        *,
        local: bool = False,
    ) -> None:
        """Take over the clients; use `to` or `in_memory` to get a connection."""
        self.client = client
        self._open_library = open_library
        self._opened: QdrantClient | None = None
        self._retry = retry
        # The library's local mode breaks for good when two threads write: one lock around all.
        self.local = local
        self._lock = RLock() if local else nullcontext()
        self._closed = False
        self._was_reached = False
        self._logged: str | None = None

    @classmethod
    def to(
        cls,
        url: str,
        api_key: str | ReadKey | None,
        *,
        timeout_s: float = 5,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> "QdrantConnection":
        """Prepare to reach a server over REST; nothing is sent yet.

        A request ends after `timeout_s`, or with the work in progress. A key that can be read is
        read again when the server refuses it. Raises SettingsError for an invalid address.
        """
        key = ServerKey(api_key)
        address = _parse(url)
        if key.value and address.scheme == "http" and address.host not in _THIS_MACHINE:
            log.warning("The key is sent to QDRANT_URL without encryption; use https")

        def send_in_time(request: httpx.Request, send: Send) -> httpx.Response:
            # Compressed, the server sends parts, and the last one waits 40 ms for a delayed
            # acknowledgement: a search took 53 ms instead of 7.
            request.headers["accept-encoding"] = "identity"
            request.extensions["timeout"] = _TimeLeft(min(timeout_s, seconds_left()))
            return send(request)

        def send_with_key(request: httpx.Request, send: Send) -> httpx.Response:
            sent = key.value
            response = send_in_time(_signed(request, sent), send)
            if response.status_code in (401, 403) and key.renew(sent):
                response = send_in_time(_signed(request, key.value), send)
            return response

        http = httpx.Client(
            base_url=address,
            limits=_CONNECTIONS,
            event_hooks={"response": [_Body.limit]},
            # Certificates take a while to load, and an http address has no use for them.
            verify=address.scheme == "https",
            transport=transport,
        )

        def open_library() -> "QdrantClient":
            from functions.gallery.stores.server.library import QdrantClient

            warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
            library = QdrantClient(
                url=str(address),
                port=address.port,
                api_key=key.value,
                check_compatibility=False,  # else a thread sends one more request
                limits=_CONNECTIONS,
                event_hooks={"response": [_Body.limit]},
                transport=transport,
            )
            library.http.client.add_middleware(send_with_key)
            return library

        client = RestClient(http, lambda request: send_with_key(request, http.send))
        return cls(client, open_library, retry or Retry())

    @classmethod
    def in_memory(cls) -> "QdrantConnection":
        """Do without a server, for tests and trials; everything is lost with the process."""
        from functions.gallery.stores.server.library import LibraryClient, QdrantClient

        library = QdrantClient(":memory:")
        return cls(LibraryClient(library), lambda: library, Retry(tries=1), local=True)

    @property
    def library(self) -> "QdrantClient":
        """The client of the library, which is imported now."""
        if self._opened is None:
            self._opened = self._open_library()
        return self._opened

    def call(self, method: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the client, with retries; raises our errors."""
        return self._retry.call(
            lambda: self._send(lambda: method(*args, **kwargs)), was_reached=self._was_reached
        )

    def allows(self, method: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Do the same if the key allows it; return whether it does."""
        try:
            self._retry.call(lambda: self._send(lambda: method(*args, **kwargs), StoreDenied))
        except StoreDenied:
            return False
        return True

    def _send(self, send: Callable[[], T], *expected: type[StoreError]) -> T:
        try:
            with self._lock:
                self._check_open()
                result = send()
            self._was_reached, self._logged = True, None
            return result
        except LookalikeError:
            raise
        except Exception as error:
            self._check_open()  # what fails because of `close` is not Qdrant's fault
            ours = store_error(error)
            if not isinstance(ours, expected):
                self._log(ours, for_the_log(ours, error))
            raise ours from error

    def _log(self, ours: LookalikeError, details: str | None) -> None:
        """Log a failure, but not again for each retry."""
        if details is not None and str(ours) != self._logged:
            log.warning(details)
        self._logged = str(ours)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError("The connection to Qdrant was closed")

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._closed = True
        self.client.close()
        if self._opened is not None:
            self._opened.close()
