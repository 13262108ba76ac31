"""A fixed run of the server store against a fake server, with all requests and results."""

import gzip
import json
from datetime import UTC, datetime
from typing import Any

import httpx

from functions.gallery.records import CollectionSpec, Condition, Order, Query
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.library import LibraryClient
from functions.gallery.stores.server.store import QdrantStore
from scripts.bench.starting.stand_in import Collections, envelope
from tests.contract.stores import an_image, random_units

SPEC = CollectionSpec("test@1", 4, fields={"price": "float", "kind": "keyword", "on": "bool"})
WHERE = (
    Condition("kind", any_of=("shoe", "boot")),
    Condition("on", any_of=(True,), negated=True),
    Condition("price", gte=10, lt=50),
    Condition("added_at", gt=datetime(2025, 1, 1, tzinfo=UTC)),
)


def uncompressed(request: httpx.Request) -> httpx.Request:
    """Return a request as the server reads it."""
    if request.headers.get("content-encoding") != "gzip":
        return request
    body, headers = gzip.decompress(request.content), httpx.Headers(request.headers)
    headers["content-length"] = str(len(body))
    return httpx.Request(request.method, request.url, headers=headers, content=body)


class Wire:
    """A fake server without a socket, which records its requests."""

    def __init__(self) -> None:
        self.requests: list[list[Any]] = []
        self._collections = Collections()

    def respond(self, request: httpx.Request) -> httpx.Response:
        request = uncompressed(request)
        body = json.loads(request.content or b"{}")
        self.requests.append([request.method, str(request.url), body])
        path = [part for part in request.url.path.split("/") if part]
        result = self._collections.answer(request.method, path, body)
        if result is None:
            missing = f"Not found: Collection `{path[-1]}` doesn't exist!"
            return httpx.Response(404, json={"status": {"error": missing}, "time": 0.0})
        found = envelope(path, result)
        return httpx.Response(200, json=found)

    def store(self, *, with_library: bool) -> QdrantStore:
        transport = httpx.MockTransport(self.respond)
        connection = QdrantConnection.to("https://qdrant.test", "key", transport=transport)
        if with_library:
            connection.client = LibraryClient(connection.library)
        return QdrantStore.open(QdrantCollections(connection), SPEC)


def traffic(*, with_library: bool) -> dict[str, Any]:
    """Use every method of the store, all through the library or not; return what went by."""
    wire = Wire()
    store = wire.store(with_library=with_library)
    images = [an_image(f"{n}.jpg", metadata={"kind": "shoe", "price": n}) for n in range(5)]
    vectors = random_units(5, 4)
    first = images[0].id
    store.put(images, vectors)
    queries = [
        Query(vectors[0], limit=3),
        Query(vectors[1], limit=2, where=WHERE, without=(first,)),
        Query(first, limit=2, without=(first,)),
    ]
    results: list[Any] = [
        store.search_many(queries),
        store.search(queries[0]),
        store.similar(queries[2]),
        sorted(store.get([image.id for image in images]).items()),
        sorted((id_, v.tolist()) for id_, v in store.vectors([first]).items()),
        store.page(WHERE, 3),
        store.page((), 3, order=Order("price", descending=True)),
        store.count(WHERE),
    ]
    store.set_metadata(first, {"kind": "boot"}, "e2")
    store.remove([first])
    store.check()
    store.close()
    return {"requests": wire.requests, "results": repr(results)}
