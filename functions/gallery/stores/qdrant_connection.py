"""The way to a Qdrant server: one client, its errors as ours, and patience. Knows no collection.

Importing qdrant_client is slow: who needs no server imports neither this nor what stands on it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from typing import Any, ParamSpec, TypeVar

import httpx

from functions.gallery.errors import SettingsError, StoreError
from functions.gallery.stores.patience import Patience
from functions.gallery.stores.qdrant_errors import store_error
from functions.gallery.stores.qdrant_import import QdrantClient

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

# httpx drops idle connections after 5 s; a warm Lambda function waits longer between requests.
_CONNECTIONS = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=60)


class QdrantConnection:
    """A client that is safe to share between threads."""

    def __init__(self, client: QdrantClient, patience: Patience) -> None:
        """Take over a client; `to` and `in_memory` are the ways to get a connection."""
        self.client = client
        self._patience = patience
        # The client's local mode breaks for good when two threads write: one lock around all.
        self.local = client.init_options["location"] == ":memory:"
        self._turn: AbstractContextManager[Any] = RLock() if self.local else nullcontext()
        self._closed = False

    @classmethod
    def to(
        cls,
        url: str,
        api_key: str | None,
        *,
        timeout_s: int = 5,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> "QdrantConnection":
        """Get ready to reach a server over REST; nothing is sent yet.

        Without a port, https means 443 (Cloud answers there too) and http means 6333. A request
        waits `timeout_s` whole seconds. Raises SettingsError for an address that is none.
        """
        try:
            client = QdrantClient(
                url=url,
                port=None if url.startswith("https:") else 6333,
                api_key=api_key,
                timeout=timeout_s,
                check_compatibility=False,  # else a thread sends one more request
                limits=_CONNECTIONS,
                transport=transport,
            )
        except ValueError as problem:
            raise SettingsError(f"QDRANT_URL {url!r} is no address: {problem}") from problem
        return cls(client, patience or Patience())

    @classmethod
    def in_memory(cls) -> "QdrantConnection":
        """Do without a server, for tests and trials; everything is gone with the process."""
        return cls(QdrantClient(":memory:"), Patience(tries=1))

    def ask(
        self, request: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs
    ) -> Answer:
        """Call a method of the client, again if waiting may help; raises our errors."""

        def once() -> Answer:
            if self._closed:
                raise StoreError("The connection to Qdrant was closed")
            try:
                with self._turn:
                    return request(*given, **named)
            except Exception as problem:
                raise store_error(problem) from problem

        return self._patience.call(once)

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._closed = True
        self.client.close()
