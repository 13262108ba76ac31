"""The catalogue recipe's own files, run by Node against the real application in all its moods."""

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
from tests.doors.server import free_port, serving
from tests.drawing import jpeg
from tests.recipes.reading import RECIPES, Reader

CATALOGUE = "A product catalogue, from Node.js"
FIELDS = {"product": "keyword", "category": "keyword", "price": "float"}


class Gateway:
    """Stands before the application: notes every call, and may lose the answers of some."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.start_anew()

    def start_anew(self) -> None:
        self.loses = 0
        self.calls: list[tuple[str, str | None, float]] = []
        self.repeated = 0  # answers that were given before

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        call = f"{scope['method']} {scope['path']}"
        self.calls.append((call, headers.get("idempotency-key"), time.monotonic()))

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.repeated += "idempotent-replayed" in Headers(raw=message["headers"])
            await send(message)

        if not self.loses:
            await self._app(scope, receive, note)
            return
        self.loses -= 1

        async def drop(_message: object) -> None:
            """Let nothing through."""

        await self._app(scope, receive, drop)
        await Response("<h1>Gateway Timeout</h1>", 504)(scope, receive, send)


class Shop:
    """A back end in Node, the gallery that it calls, and what stands between them."""

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
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings(lookalike_data=folder / "data", lookalike_filter_fields=FIELDS)
    gallery = build_gallery(settings)
    gateway = Gateway(create_app(gallery, settings))
    with serving(gateway) as address:
        yield Shop(folder, address, gateway)
    gallery.close()


@pytest.fixture
def shop(opened):
    everything = {"filter": {"bytes": {"gte": 0}}}
    httpx.post(f"{opened.address}/v1/images/delete", json=everything).raise_for_status()
    opened.gateway.start_anew()
    return opened


ROW = re.compile(r"^\| ([\d, ]+) \| (.+?) \|", re.MULTILINE)


def documented() -> set[tuple[int, str]]:
    """Give the pairs of status and code in the recipe's table."""
    part = RECIPES.read_text().split(f"## {CATALOGUE}\n")[1].split("\n## ")[0]
    rows = ROW.findall(part)
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
        ("undecodable-picture", 422),
        ("invalid-metadata", 422),
        ("invalid-filter", 422),
        ("invalid-parameters", 422),
    ],
)
def test_what_is_wrong_is_thrown_at_once_as_the_table_says(shop, code, status):
    said = shop.run(code)

    assert (said["ours"], said["status"], said["code"]) == (True, status, code)
    assert said["requestId"]
    assert (status, code) in documented()
    tries = Counter(call for call, _, _ in shop.gateway.calls)
    assert tries.total() == (2 if code == "name-taken" else 1)


def test_what_is_wrong_with_a_field_points_to_it(shop):
    (error,) = shop.run("invalid-metadata")["errors"]

    assert error["pointer"] == "#/metadata/price"


def test_a_picture_that_is_refused_does_not_keep_the_others_out(shop):
    refused = shop.run("refused")["gave"]

    assert {each["name"]: each["code"] for each in refused} == {
        "products/7/text": "unsupported-format",
        "products/7/half": "undecodable-picture",
    }
    assert shop.images() == {"products/7/good": {"product": "7", "price": 1.0}}


def test_facts_that_are_refused_are_no_fault_of_a_picture(shop):
    shop.run("save")

    assert shop.run("save at a price")["code"] == "invalid-metadata"

    assert shop.images() == {"products/7/front": {"product": "7", "price": 1.0}}


def test_saving_again_takes_away_pictures_and_facts_that_are_gone(shop):
    shop.run("steps")

    assert shop.images() == {"products/7/front": {"product": "7", "price": 2.0}}


def test_a_product_without_pictures_has_none(shop):
    shop.run("emptied")

    assert shop.images() == {}


def test_a_product_without_an_id_touches_no_other(shop):
    shop.run("save")

    refused = shop.run("save without id")

    assert "id of a product" in refused["message"]
    assert list(shop.images()) == ["products/7/front"]


def test_the_products_that_are_there_can_be_told(shop):
    assert shop.run("product ids")["gave"] == ["1", "3"]


def test_a_store_that_is_away_for_a_moment_is_waited_for_as_it_asks(shop, monkeypatch):
    put, failures = EdgeStore.put, iter(range(2))

    def away(store, images, vectors):
        if next(failures, None) is not None:
            raise StoreUnavailable("The store is away for a moment", retry_after=1)
        put(store, images, vectors)

    monkeypatch.setattr(EdgeStore, "put", away)

    assert shop.run("save") == {"gave": []}

    adds = [call for call in shop.gateway.calls if call[0] == "POST /v1/images"]
    assert len(adds) == 3
    assert len({key for _, key, _ in adds}) == 1
    pauses = [later[2] - sooner[2] for sooner, later in zip(adds, adds[1:], strict=False)]
    assert min(pauses) >= 1
    assert list(shop.images()) == ["products/7/front"]
    assert (503, StoreUnavailable.code) in documented()


def test_a_store_that_stays_away_is_given_up_with_its_own_words(shop, monkeypatch):
    def away(store, images, vectors):
        raise StoreUnavailable("The store is away", retry_after=1)

    monkeypatch.setattr(EdgeStore, "put", away)

    said = shop.run("save")

    assert (said["status"], said["code"]) == (503, "store-unreachable")
    assert len(shop.gateway.calls) == 5
    assert shop.images() == {}


def test_an_answer_that_was_lost_is_given_again(shop):
    shop.gateway.loses = 1

    assert shop.run("save") == {"gave": []}

    adds = [key for call, key, _ in shop.gateway.calls if call == "POST /v1/images"]
    assert len(adds) == 2
    assert len(set(adds)) == 1
    assert shop.gateway.repeated == 1
    assert list(shop.images()) == ["products/7/front"]


def test_a_server_that_is_not_there_is_given_up_with_the_reason(shop):
    said = shop.run("save", address=f"http://127.0.0.1:{free_port()}")

    assert (said["ours"], said["message"]) == (False, "fetch failed")
