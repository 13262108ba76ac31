"""The connection to a Qdrant server: one client, its errors as ours, time limits and retries.

Importing qdrant_client is slow: a process that needs no server imports nothing of this room.
"""

import gzip
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from threading import RLock
from time import monotonic
from typing import ParamSpec, TypeVar
from urllib.parse import urlsplit

import httpx

from functions.gallery.deadline import seconds_left
from functions.gallery.errors import (
    LookalikeError,
    SettingsError,
    StoreDenied,
    StoreError,
    StoreNotReached,
)
from functions.gallery.stores.server.client import QdrantClient
from functions.gallery.stores.server.errors import for_the_log, store_error
from functions.gallery.stores.server.key import ReadKey, ServerKey
from functions.gallery.stores.server.retry import Retry

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
Send = Callable[[httpx.Request], httpx.Response]

# httpx drops idle connections after 5 s; a warm Lambda function waits longer between requests.
_CONNECTIONS = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=60)


_WORTH_COMPRESSING = 2_000  # bytes of a request


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


def _compressed(request: httpx.Request) -> httpx.Request:
    """Compress a long request: a vector of 1,280 numbers takes 5 KB instead of 12, in 0.1 ms."""
    body = request.read()
    if len(body) < _WORTH_COMPRESSING:
        return request
    body = gzip.compress(body, 1, mtime=0)
    headers = {**request.headers, "content-encoding": "gzip", "content-length": str(len(body))}
    return httpx.Request(
        request.method, request.url, headers=headers, content=body, extensions=request.extensions
    )


def _is_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("localhost", "127.0.0.1", "::1")


class QdrantConnection:
    """A client that is safe to share between threads."""

    def __init__(self, client: QdrantClient, retry: Retry) -> None:
        """Take over a client; use `to` or `in_memory` to get a connection."""
        self.client = client
        self._retry = retry
        # The client's local mode breaks for good when two threads write: one lock around all.
        self.local = client.init_options["location"] == ":memory:"
        self._lock = RLock() if self.local else nullcontext()
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

        Without a port, https means 443 (Cloud listens there too) and http means 6333. A request
        ends after `timeout_s`, or with the work in progress. A key that can be read is read again
        when the server refuses it. Raises SettingsError for an invalid address.
        """
        key = ServerKey(api_key)
        if key.value and urlsplit(url).scheme == "http" and not _is_this_machine(url):
            log.warning("The key is sent to QDRANT_URL without encryption; use https")
        try:
            warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
            client = QdrantClient(
                url=url,
                port=None if url.startswith("https:") else 6333,
                api_key=key.value,
                check_compatibility=False,  # else a thread sends one more request
                limits=_CONNECTIONS,
                event_hooks={"response": [_Body.limit]},
                transport=transport,
            )
        except ValueError as error:
            raise SettingsError(
                f"QDRANT_URL {url!r} is not an address; use one such as https://host:6333"
            ) from error

        def send_in_time(request: httpx.Request, send: Send) -> httpx.Response:
            # Compressed, the server sends parts, and the last one waits 40 ms for a delayed
            # acknowledgement: a search took 53 ms instead of 7.
            request.headers["accept-encoding"] = "identity"
            request.extensions["timeout"] = _TimeLeft(min(timeout_s, seconds_left()))
            return send(request)

        def send_with_key(request: httpx.Request, send: Send) -> httpx.Response:
            sent, request = key.value, _compressed(request)
            response = send_in_time(_signed(request, sent), send)
            if response.status_code in (401, 403) and key.renew(sent):
                response = send_in_time(_signed(request, key.value), send)
            return response

        client.http.client.add_middleware(send_with_key)
        return cls(client, retry or Retry())

    @classmethod
    def in_memory(cls) -> "QdrantConnection":
        """Do without a server, for tests and trials; everything is lost with the process."""
        return cls(QdrantClient(":memory:"), Retry(tries=1))

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
