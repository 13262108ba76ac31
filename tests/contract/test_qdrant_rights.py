"""Keys of a Qdrant server that are limited to some collections, as Cloud's granular keys are.

The wire lane applies the rights that a server 1.18.3 with `jwt_rbac` was seen to apply; with
QDRANT_TEST_JWT set, the same tests run on the server of QDRANT_TEST_URL, which must have it on.
"""

import base64
import hashlib
import hmac
import json
import logging
import os
import uuid
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from functions.gallery.errors import StoreDenied
from functions.gallery.records import Collection, CollectionSpec, Query
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.library import QdrantClient
from functions.gallery.stores.server.store import QdrantStore
from scripts.bench.starting.stand_in import Collections, envelope
from tests.contract.stores import an_image, random_units
from tests.contract.wire_traffic import uncompressed

IMAGE = an_image("a.jpg")


def token(key: str, access: Any) -> str:
    """Return a key with this access: "r", "m", or a list of collections."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"access": access}]
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64(hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest())}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass
class WireLane:
    """A fake server that applies the rights of a key."""

    gallery: str = "lookalike"
    requests: list[str] = field(default_factory=list)
    _kept: Collections = field(default_factory=Collections)
    url = "https://qdrant.test"
    key = "secret"

    def connect(self, key: str) -> QdrantConnection:
        return QdrantConnection.to(self.url, key, transport=httpx.MockTransport(self._respond))

    def clean(self, spec: CollectionSpec) -> None:
        """Nothing outlives the fake."""

    def _respond(self, request: httpx.Request) -> httpx.Response:
        request = uncompressed(request)
        self.requests.append(f"{request.method} {request.url.path}")
        path = [part for part in request.url.path.split("/") if part]
        access = None
        if (key := request.headers["api-key"]) != self.key:
            claims = key.split(".")[1]
            access = json.loads(base64.urlsafe_b64decode(claims + "=="))["access"]
            if refusal := self._refusal(request.method, path, {a["collection"]: a for a in access}):
                return httpx.Response(403, json={"status": {"error": f"Forbidden: {refusal}"}})
        result = self._kept.answer(request.method, path, json.loads(request.content or b"{}"))
        if path == ["aliases"] and access is not None:
            names = {each["collection"] for each in access}
            listed = result["aliases"]
            result = {"aliases": [a for a in listed if {*a.values()} <= names]}
        if result is None:
            missing = f"Not found: Collection `{path[-1]}` doesn't exist!"
            return httpx.Response(404, json={"status": {"error": missing}})
        return httpx.Response(200, json=envelope(path, result))

    @staticmethod
    def _refusal(method: str, path: list[str], access: dict[str, Any]) -> str | None:
        match method, path:
            case "GET", [] | ["aliases"]:
                return None
            case "POST", ["collections", "aliases"]:
                return "Global access is required"
            case "PUT" | "PATCH" | "DELETE", ["collections", _]:
                return "Global access is required"
        name, rest = path[1], path[2:]
        if name not in access:
            return f"Access to collection {name} is required"
        writes = method in ("PUT", "DELETE") or rest[-1:] in (["delete"], ["payload"])
        if writes and access[name]["access"] != "rw":
            return f"Write access to collection {name} is required"
        return None


@dataclass
class ServerLane:
    """A real server."""

    gallery: str = field(default_factory=lambda: f"test-{uuid.uuid4().hex[:12]}")
    url = os.environ.get("QDRANT_TEST_URL", "")
    key = os.environ.get("QDRANT_TEST_API_KEY", "")

    def connect(self, key: str) -> QdrantConnection:
        return QdrantConnection.to(self.url, key)

    def clean(self, spec: CollectionSpec) -> None:
        """Delete the collection and its alias."""
        client = QdrantClient(url=self.url, api_key=self.key, check_compatibility=False)
        client.delete_collection(spec.name)
        client.close()


LANES = {"wire": WireLane} | (
    {"qdrant-server": ServerLane} if "QDRANT_TEST_JWT" in os.environ else {}
)


@pytest.fixture(params=LANES.values(), ids=LANES)
def lane(request):
    return request.param()


@pytest.fixture
def spec(lane):
    spec = CollectionSpec("test@1", 4, gallery=lane.gallery)
    yield spec
    lane.clean(spec)


@pytest.fixture
def made(lane, spec):
    """A collection with one image, made with the server's own key."""
    with closing(open_with(lane, lane.key, spec)) as store:
        store.put([IMAGE], random_units(1, 4))
    return spec


def open_with(lane, key, spec):
    return QdrantStore.open(QdrantCollections(lane.connect(key), spec.gallery), spec)


def limited(lane, access, *names):
    return token(lane.key, [{"collection": name, "access": access} for name in names])


def test_a_key_for_the_collection_is_enough_to_search_and_to_write(lane, made, caplog):
    key = limited(lane, "rw", made.name)

    with caplog.at_level(logging.WARNING), closing(open_with(lane, key, made)) as store:
        store.put([an_image("b.jpg")], random_units(1, 4, seed=1))
        store.set_metadata(IMAGE.id, {"kind": "boot"}, "e2")

        assert len(store.search(Query(random_units(1, 4)[0]))) == 2
        assert len(store.page((), 10).images) == store.count() == 2
        store.remove([IMAGE.id])
        store.check()
    assert caplog.messages == []  # nor is what the key cannot do a warning at every start


def test_a_key_that_only_reads_serves_searches(lane, made):
    with closing(open_with(lane, limited(lane, "r", made.name), made)) as store:
        store.check()

        assert len(store.search(Query(random_units(1, 4)[0]))) == store.count() == 1
        assert store.get([IMAGE.id])[IMAGE.id].name == "a.jpg"
        with pytest.raises(StoreDenied, match="QDRANT_API_KEY"):
            store.put([IMAGE], random_units(1, 4))


def test_a_key_that_names_the_alias_too_sees_it(lane, made):
    connection = lane.connect(limited(lane, "r", made.name, made.gallery))

    with closing(QdrantCollections(connection, made.gallery)) as collections:
        assert collections.current() == made.name


def test_a_key_that_can_write_adds_the_index_of_a_new_field(lane, made):
    more = replace(made, fields={"price": "float"})

    with pytest.raises(StoreDenied, match=r"no index for meta\.price.*key that can write"):
        open_with(lane, limited(lane, "r", made.name), more)
    open_with(lane, limited(lane, "rw", made.name), more).close()
    open_with(lane, limited(lane, "r", made.name), more).close()


def test_a_limited_key_creates_no_collection_and_says_what_would(lane, spec):
    with pytest.raises(StoreDenied, match="does not exist.*start once with a key that can"):
        open_with(lane, limited(lane, "rw", spec.name), spec)


def test_a_key_for_another_collection_is_refused_with_the_name_of_this_one(lane, made):
    with pytest.raises(StoreDenied, match=f"no access to collection {made.name}; allow it"):
        open_with(lane, limited(lane, "rw", "another"), made)


@pytest.mark.parametrize("step", ["create", "mark", "use", "drop"])
def test_reindexing_needs_more_than_the_collection(lane, made, step):
    connection = lane.connect(limited(lane, "rw", made.name, f"{made.name}-new"))
    new = Collection(f"{made.name}-new", made, filling=True)

    with closing(QdrantCollections(connection, made.gallery)) as collections:
        steps = {
            "create": lambda: collections.create(new),
            "mark": lambda: collections.mark(replace(new, name=made.name)),
            "use": lambda: collections.use(made.name),
            "drop": lambda: collections.drop(made.name),
        }
        with pytest.raises(StoreDenied):
            steps[step]()
