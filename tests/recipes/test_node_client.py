"""The catalogue recipe's own files, run by Node against the real application and its failures."""

import json
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.app import create_app
from functions.gallery.bootstrap import build_gallery
from functions.gallery.errors import StoreUnavailable
from functions.gallery.settings import Settings
from functions.gallery.stores.embedded.store import EdgeStore
from tests.drawing import jpeg
from tests.end_to_end.server import free_port, serving
from tests.recipes.reading import RECIPES, Reader

CATALOGUE = "A product catalogue, from Node.js"
FIELDS = {"product": "keyword", "category": "keyword", "price": "float"}


class Gateway:
    """Sits in front of the application: records every call and can lose responses."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.reset()

    def reset(self) -> None:
        self.responses_to_lose = 0
        self.calls: list[tuple[str, str | None, float]] = []
        self.replayed = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        call = f"{scope['method']} {scope['path']}"
        self.calls.append((call, headers.get("idempotency-key"), time.monotonic()))

        async def record(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.replayed += "idempotent-replayed" in Headers(raw=message["headers"])
            await send(message)

        if not self.responses_to_lose:
            await self._app(scope, receive, record)
            return
        self.responses_to_lose -= 1

        async def drop(_message: object) -> None:
            """Discard the response."""

        await self._app(scope, receive, drop)
        await Response("<h1>Gateway Timeout</h1>", 504)(scope, receive, send)


class Shop:
    """A back end in Node, the gallery that it calls, and the gateway between them."""

    def __init__(self, folder: Path, address: str, gateway: Gateway) -> None:
        reader = Reader(folder / "clone")
        reader.save(CATALOGUE)
        for number in (1, 2):
            (reader.clone / f"{number}.jpg").write_bytes(jpeg(number))
        self.folder = reader.clone
        self.address = address
        self.gateway = gateway

    def run(self, case: str, address: str = "") -> dict:
        pictures = [str(self.folder / f"{number}.jpg") for number in (1, 2)]
        script = str(Path(__file__).parent / "calls.mjs")
        command = ["node", script, str(self.folder), address or self.address, case, *pictures]
        process = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert process.returncode == 0, process.stderr
        return json.loads(process.stdout)

    def images(self) -> dict[str, dict]:
        found = httpx.get(f"{self.address}/v1/images").json()["images"]
        return {image["name"]: image["metadata"] for image in found}


@pytest.fixture(scope="module")
def shared_shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings(lookalike_data=folder / "data", lookalike_filter_fields=FIELDS)
    gallery = build_gallery(settings)
    gateway = Gateway(create_app(gallery, settings))
    with serving(gateway) as address:
        yield Shop(folder, address, gateway)
    gallery.close()


@pytest.fixture
def shop(shared_shop):
    everything = {"filter": {"bytes": {"gte": 0}}}
    httpx.post(f"{shared_shop.address}/v1/images/delete", json=everything).raise_for_status()
    shared_shop.gateway.reset()
    return shared_shop


ROW = re.compile(r"^\| ([\d, ]+) \| (.+?) \|", re.MULTILINE)


def documented() -> set[tuple[int, str]]:
    """Return the (status, code) pairs in the recipe's table."""
    section = RECIPES.read_text().split(f"## {CATALOGUE}\n")[1].split("\n## ")[0]
    rows = ROW.findall(section)
    assert rows
    return {
        (int(status), code)
        for statuses, codes in rows
        for status in statuses.split(",")
        for code in re.findall(r"`([\w-]+)`", codes)
    }


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("name-taken", 409),
        ("picture-too-large", 413),
        ("unsupported-format", 415),
        ("damaged-picture", 422),
        ("invalid-metadata", 422),
        ("invalid-filter", 422),
        ("invalid-parameters", 422),
    ],
)
def test_client_errors_are_thrown_at_once_as_documented(shop, code, status):
    error = shop.run(code)

    assert (error["ours"], error["status"], error["code"]) == (True, status, code)
    assert error["requestId"]
    assert (status, code) in documented()
    calls = Counter(call for call, _, _ in shop.gateway.calls)
    assert calls.total() == (2 if code == "name-taken" else 1)


def test_an_error_in_a_field_points_to_it(shop):
    (error,) = shop.run("invalid-metadata")["errors"]

    assert error["pointer"] == "#/metadata/price"


def test_a_refused_picture_does_not_block_the_others(shop):
    refused = shop.run("refused")["result"]

    assert {each["name"]: each["code"] for each in refused} == {
        "products/7/text": "unsupported-format",
        "products/7/half": "damaged-picture",
    }
    assert shop.images() == {"products/7/good": {"product": "7", "price": 1.0}}


def test_refused_facts_are_not_reported_as_refused_pictures(shop):
    shop.run("save")

    assert shop.run("save with a bad price")["code"] == "invalid-metadata"

    assert shop.images() == {"products/7/front": {"product": "7", "price": 1.0}}


def test_saving_again_removes_dropped_pictures_and_facts(shop):
    shop.run("steps")

    assert shop.images() == {"products/7/front": {"product": "7", "price": 2.0}}


def test_a_product_saved_without_pictures_has_no_images(shop):
    shop.run("emptied")

    assert shop.images() == {}


def test_a_product_without_an_id_is_refused_and_changes_no_other(shop):
    shop.run("save")

    refused = shop.run("save without id")

    assert "id of a product" in refused["message"]
    assert list(shop.images()) == ["products/7/front"]


def test_the_stored_products_can_be_listed(shop):
    assert shop.run("product ids")["result"] == ["1", "3"]


def test_a_short_store_outage_is_retried_after_the_requested_pause(shop, monkeypatch):
    put, failures = EdgeStore.put, iter(range(2))

    def fail_twice(store, images, vectors):
        if next(failures, None) is not None:
            raise StoreUnavailable("The store is away for a moment", retry_after=1)
        put(store, images, vectors)

    monkeypatch.setattr(EdgeStore, "put", fail_twice)

    assert shop.run("save") == {"result": []}

    adds = [call for call in shop.gateway.calls if call[0] == "POST /v1/images"]
    assert len(adds) == 3
    assert len({key for _, key, _ in adds}) == 1
    pauses = [later[2] - earlier[2] for earlier, later in zip(adds, adds[1:], strict=False)]
    assert min(pauses) >= 1
    assert list(shop.images()) == ["products/7/front"]
    assert (503, StoreUnavailable.code) in documented()


def test_a_long_store_outage_ends_with_the_stores_error(shop, monkeypatch):
    def fail(store, images, vectors):
        raise StoreUnavailable("The store is away", retry_after=1)

    monkeypatch.setattr(EdgeStore, "put", fail)

    error = shop.run("save")

    assert (error["status"], error["code"]) == (503, "store-unreachable")
    assert len(shop.gateway.calls) == 5
    assert shop.images() == {}


def test_a_lost_response_is_replayed(shop):
    shop.gateway.responses_to_lose = 1

    assert shop.run("save") == {"result": []}

    adds = [key for call, key, _ in shop.gateway.calls if call == "POST /v1/images"]
    assert len(adds) == 2
    assert len(set(adds)) == 1
    assert shop.gateway.replayed == 1
    assert list(shop.images()) == ["products/7/front"]


def test_an_unreachable_server_ends_with_the_reason(shop):
    error = shop.run("save", address=f"http://127.0.0.1:{free_port()}")

    assert (error["ours"], error["message"]) == (False, "fetch failed")
