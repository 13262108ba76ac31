"""A busy server: what waits, what does not, and what is refused, over real HTTP.

The model is a fake that can be held up; no test depends on how fast anything is.
"""

import asyncio
import base64
import io
import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from threading import Event, Lock

import httpx
import pytest
from fastapi import FastAPI
from PIL import Image
from starlette.requests import ClientDisconnect

from functions.api.app import create_app
from functions.api.requests.call import AFTER_DECODE_S
from functions.api.requests.capacity import Capacity
from functions.api.routes.images import FileResponse
from functions.gallery.deadline import time_limit
from functions.gallery.gallery import Gallery
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.settings import Settings
from functions.gallery.threads import FairSemaphore
from tests.drawing import jpeg, written
from tests.end_to_end.server import serving
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

LARGE = written(Image.new("RGB", (96, 96), "red"), "PNG")
SMALL = written(Image.new("RGB", (64, 64), "lime"), "PNG")
MAX_BYTES = 200_000
FETCHES_AT_ONCE = 16


class HeldEmbedder(FakeEmbedder):
    """Embeds nothing until it is released, and remembers the widths of the pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.released = Event()
        self.released.set()
        self.widths: list[int] = []

    def embed(self, pictures):
        self.widths += [picture.width for picture in pictures]
        assert self.released.wait(60)
        return super().embed(pictures)


@dataclass
class HeldFetcher:
    """Fetches nothing until it is released, and counts how much it fetches at once."""

    released: Event = field(default_factory=Event)
    at_once: int = 0
    most: int = 0
    lock: Lock = field(default_factory=Lock)

    def fetch(self, url: str, max_bytes: int) -> bytes:
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        assert self.released.wait(60)
        with self.lock:
            self.at_once -= 1
        return SMALL


@dataclass
class Served:
    """A gallery on fakes behind a real server with one decoder, and a client."""

    gallery: Gallery
    app: FastAPI
    embedder: HeldEmbedder
    fetcher: HeldFetcher
    http: httpx.Client
    capacity: Capacity
    pool: ThreadPoolExecutor

    def post(self, path: str, body: object) -> "Future[httpx.Response]":
        return self.pool.submit(self.http.post, path, json=body)

    @contextmanager
    def held(self) -> Iterator["Future[httpx.Response]"]:
        """Hold a search by three large pictures at its first one."""
        self.embedder.released.clear()
        self.embedder.widths.clear()
        searching = self.post("/v1/search", {"positive": [image_of(LARGE)] * 3})
        try:
            wait_until(lambda: self.embedder.widths == [96])
            yield searching
        finally:
            self.embedder.released.set()

    def wait_until_waiting(self, count: int) -> None:
        wait_until(lambda: sum(map(len, self.capacity.decoders._waiting.values())) == count)


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def image_of(data: bytes) -> dict[str, str]:
    return {"image": base64.b64encode(data).decode()}


@pytest.fixture
def limits() -> Limits:
    return Limits(max_bytes=MAX_BYTES, max_pixels=96 * 96 * 2)


@pytest.fixture
def served(limits) -> Iterator[Served]:
    embedder, originals = HeldEmbedder(), FakeOriginals()
    spec = CollectionSpec(embedder.card.id, embedder.card.dims)
    gallery = Gallery(spec, limits, embedder, FakeStore(spec), originals)
    app = create_app(gallery, Settings(lookalike_fetch_urls="https"))
    app.state.fetcher = fetcher = HeldFetcher()
    app.state.capacity = replace(app.state.capacity, decoders=FairSemaphore(1))
    with (
        serving(app) as address,
        httpx.Client(
            base_url=address, timeout=60, limits=httpx.Limits(max_connections=None)
        ) as http,
        ThreadPoolExecutor(40) as pool,
    ):
        yield Served(gallery, app, embedder, fetcher, http, app.state.capacity, pool)


def test_work_that_decodes_nothing_does_not_wait_for_decoders(served):
    http = served.http
    added = http.post("/v1/images?name=a.png", content=SMALL).json()["image"]
    http.get(f"/v1/images/{added['id']}/thumbnail")

    with served.held() as searching:
        answers = {
            "search by id": http.post("/v1/search", json={"id": added["id"]}),
            "several ids": http.post("/v1/search", json={"positive": [{"id": added["id"]}] * 2}),
            "compare": http.post("/v1/compare", json={s: {"id": added["id"]} for s in "ab"}),
            "similar": http.get(f"/v1/images/{added['id']}/similar"),
            "cached thumbnail": http.get(f"/v1/images/{added['id']}/thumbnail"),
            "original": http.get(f"/v1/images/{added['id']}/original"),
            "list": http.get("/v1/images"),
            "duplicate": http.post("/v1/images?name=a.png", content=SMALL),
            "alive": http.get("/healthz"),
            "ready": http.get("/readyz"),
        }
        assert not searching.done()

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(
        answers, 200
    )
    assert searching.result().status_code == 200


def test_a_small_search_waits_for_one_picture_of_a_large_one_only(served):
    with served.held() as large:
        small = served.pool.submit(served.http.post, "/v1/search", content=SMALL)
        served.wait_until_waiting(1)

    assert (small.result().status_code, large.result().status_code) == (200, 200)
    assert served.embedder.widths == [96, 64, 96, 96]


def test_nothing_more_is_decoded_for_a_client_that_has_left(served):
    url = served.http.base_url
    body = json.dumps({"positive": [image_of(LARGE)] * 3}).encode()
    head = f"POST /v1/search HTTP/1.1\r\nHost: {url.host}:{url.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    served.embedder.released.clear()

    with socket.create_connection((url.host, url.port)) as client:
        client.sendall(head.encode() + body)
        wait_until(lambda: served.embedder.widths == [96])
    served.http.get("/healthz")
    served.embedder.released.set()
    served.http.post("/v1/search", content=SMALL)

    assert served.embedder.widths == [96, 64]


def test_a_search_stops_decoding_at_its_deadline(served, monkeypatch):
    monkeypatch.setattr("functions.api.requests.capacity.CALL_S", 0.5 + AFTER_DECODE_S)

    with served.held() as searching:
        time.sleep(0.6)

    assert (searching.result().status_code, searching.result().json()["code"]) == (
        503,
        "not-reached",
    )
    assert searching.result().headers["retry-after"] == "1"
    assert served.embedder.widths == [96]


def test_decoding_ends_with_the_call_that_a_request_is_part_of(served, monkeypatch):
    inner = served.app.middleware_stack

    async def in_a_call(scope, receive, send):
        with time_limit(AFTER_DECODE_S / 2):  # as on Lambda, where the start may have taken most
            await inner(scope, receive, send)

    monkeypatch.setattr(served.app, "middleware_stack", in_a_call)

    response = served.http.post("/v1/search", content=SMALL)

    assert (response.status_code, response.json()["code"]) == (503, "not-reached")
    assert served.embedder.widths == []


def test_the_pixels_of_one_request_are_limited(served):
    most = served.http.get("/v1/limits").json()["max_pixels_per_request"]
    fitting = most // (96 * 96)

    fits = served.http.post("/v1/search", json={"positive": [image_of(LARGE)] * fitting})
    over = served.http.post(
        "/v1/search",
        json={"positive": [image_of(LARGE)] * fitting, "negative": [image_of(SMALL)]},
    )

    assert fits.status_code == 200
    assert (over.status_code, over.json()["code"]) == (413, "too-many-pixels")
    assert f"max_pixels_per_request, {most} px" in over.json()["detail"]


def test_queries_for_which_a_batch_has_no_pixels_left_can_be_sent_again(served):
    fitting = served.http.get("/v1/limits").json()["max_pixels_per_request"] // (96 * 96)
    queries = [
        {"positive": [image_of(LARGE)] * (fitting - 1)},
        {"positive": [image_of(LARGE)] * 2},
    ]

    results = served.http.post("/v1/search/batch", json={"queries": queries}).json()["results"]

    assert [result["status"] for result in results] == [200, 503]
    assert results[1]["problem"]["code"] == "not-reached"


def test_a_query_that_never_fits_is_refused_even_in_a_batch(served):
    fitting = served.http.get("/v1/limits").json()["max_pixels_per_request"] // (96 * 96)
    queries = [{"positive": [image_of(LARGE)] * 20, "negative": [image_of(LARGE)] * (fitting - 19)}]

    results = served.http.post("/v1/search/batch", json={"queries": queries}).json()["results"]

    assert (results[0]["status"], results[0]["problem"]["code"]) == (413, "too-many-pixels")


def test_pictures_for_which_a_batch_has_no_pixels_left_can_be_added_again(served):
    fitting = served.http.get("/v1/limits").json()["max_pixels_per_request"] // (96 * 96)
    colours = [(n, 0, 0) for n in range(fitting + 3)]
    pictures = [written(Image.new("RGB", (96, 96), colour), "PNG") for colour in colours]

    results = served.http.post(
        "/v1/images/batch", json={"items": [image_of(data) for data in pictures]}
    ).json()["results"]

    failed = [result for result in results if result["status"] != 201]
    assert [(each["status"], each["problem"]["code"]) for each in failed] == [
        (503, "not-reached")
    ] * 3
    assert served.gallery.stats().images == fitting


def test_slow_urls_hold_up_neither_health_nor_other_work(served, monkeypatch):
    monkeypatch.setattr("functions.api.requests.call.LAST_FETCH_S", 1)
    fetching = [
        served.post("/v1/search", {"url": f"https://pictures.example/{n}.png"}) for n in range(30)
    ]
    wait_until(lambda: sum(each.done() for each in fetching) == 30 - FETCHES_AT_ONCE)

    others = [
        served.http.get("/healthz"),
        served.http.get("/readyz"),
        served.http.get("/v1/images"),
        served.http.post("/v1/search", content=SMALL),
    ]
    served.fetcher.released.set()

    answers = [each.result() for each in fetching]
    assert [answer.status_code for answer in others] == [200] * 4
    assert sorted(answer.status_code for answer in answers) == [200] * 16 + [503] * 14
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {(a.json()["code"], a.headers["retry-after"]) for a in refused} == {("overloaded", "5")}
    assert served.fetcher.most == FETCHES_AT_ONCE


@pytest.mark.parametrize("limits", [Limits(max_bytes=MAX_BYTES)])
def test_bodies_for_which_there_is_no_memory_are_refused_unread(served, monkeypatch):
    monkeypatch.setattr("functions.api.requests.capacity.BODY_WAIT_S", 0.5)
    id = served.http.post("/v1/images", content=SMALL).json()["image"]["id"]
    host, port = served.http.base_url.host, served.http.base_url.port
    body = jpeg(1) + bytes(MAX_BYTES)
    head = f"POST /v1/search HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {MAX_BYTES}\r\n"
    held = [socket.create_connection((host, port), 60) for _ in range(10)]
    for client in held:
        client.sendall(f"{head}Connection: close\r\n\r\n".encode() + body[: MAX_BYTES - 1])
    wait_until(lambda: served.capacity.bodies._free == 0)

    refused = served.http.post("/v1/search", content=body[:MAX_BYTES])
    small = served.http.post("/v1/search", json={"id": id})
    held[0].sendall(body[MAX_BYTES - 1 : MAX_BYTES])
    answer = held[0].recv(15)
    admitted = served.http.post("/v1/search", content=body[:MAX_BYTES])

    for client in held:
        client.close()
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "5"
    assert small.status_code == 200
    assert answer == b"HTTP/1.1 200 OK"
    assert admitted.status_code == 200


class OnlyInParts(io.BytesIO):
    """A file that is never read whole."""

    def read(self, size=-1):
        assert 0 < size <= 65_536
        return super().read(size)


def test_an_original_is_sent_in_parts(served, monkeypatch):
    data = jpeg(1, 120, 90)
    id = served.http.post("/v1/images", content=data).json()["image"]["id"]
    file = OnlyInParts(data)
    monkeypatch.setattr(FakeOriginals, "open", lambda self, name: (file, len(data)))
    monkeypatch.setattr("functions.api.routes.images.PART_BYTES", 1_000)

    response = served.http.get(f"/v1/images/{id}/original")

    assert response.content == data
    assert response.headers["content-length"] == str(len(data))
    wait_until(lambda: file.closed)


def test_an_original_is_closed_if_the_client_leaves_before_its_first_part():
    file = io.BytesIO(b"picture")

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        raise OSError("The client has left")

    answer = FileResponse(file, {}, "image/jpeg")
    with pytest.raises(ClientDisconnect):
        asyncio.run(answer({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))

    assert file.closed
