"""A Qdrant server that accepts and never answers: every start and every call ends in time."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from functions.api.requests import capacity
from functions.api.requests.call import AFTER_DECODE_S
from functions.gallery.deadline import time_limit
from functions.gallery.errors import StoreNotReached, StoreTimeout, StoreUnavailable
from functions.gallery.gallery import Gallery
from functions.gallery.originals.aws import client, map_errors, read_secret
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.settings import Settings
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.store import QdrantStore
from functions.ingest import handler, work
from functions.ingest.work import Ingest
from functions.runtime import ANSWER_S, CALL_S
from scripts.bench.starting.stand_in import Collections, Headers, envelope, serve
from tests.drawing import jpeg
from tests.end_to_end.lambda_emulator import ROOT, event
from tests.end_to_end.server import served
from tests.fakes import FakeEmbedder, FakeOriginals
from tests.unit.test_events import eventbridge_event, sqs_batch

INIT_S, GATEWAY_S = 10, 29  # of Lambda, and of template.yaml
# A function that is started and called once, and how long both took.
START_AND_CALL = """
import json, sys, time
started = time.perf_counter()
from functions.{}.handler import handle
ready = time.perf_counter()
class Context:
    aws_request_id = "r-1"
    get_remaining_time_in_millis = lambda self: 120_000
response = handle(json.load(sys.stdin), Context())
print(json.dumps([ready - started, time.perf_counter() - ready, response]))
"""


@contextmanager
def hanging(reply: bytes) -> Iterator[str]:
    """Accept every connection, send these bytes and nothing more."""
    kept = []

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                kept.append(listener.accept()[0])
            except OSError:  # closed
                return
            kept[-1].sendall(reply)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=accept, args=[listener])
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in kept:
        connection.close()


REPLIES = {
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\ncontent-le",
    "half a body": b'HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"result":',
}


def start_and_call(entry_point: str, qdrant: str, event: Any) -> tuple[float, float, Any]:
    """Start a function in another process and call it; return the seconds of both, the response."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_FUNCTION_NAME": "lookalike",
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "LOOKALIKE_BUCKET": "pictures",
        "QDRANT_URL": qdrant,
    }
    process = subprocess.run(
        [sys.executable, "-c", START_AND_CALL.format(entry_point)],
        cwd=ROOT,
        env=environment,
        input=json.dumps(event),
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    start_s, call_s, response = json.loads(process.stdout.splitlines()[-1])
    return start_s, call_s, response


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES.keys())
def test_the_api_starts_in_time_and_answers_503_before_the_gateway_gives_up(reply):
    with hanging(reply) as address:
        start_s, call_s, response = start_and_call("api", address, event("http-get"))

    assert start_s < INIT_S
    assert start_s + call_s < GATEWAY_S  # Lambda can count the start as part of the first call
    assert response["statusCode"] == 503
    assert response["headers"]["retry-after"] == "1"
    assert json.loads(response["body"])["code"] == "store-unreachable"


@contextmanager
def dripping() -> Iterator[str]:
    """Respond to one request, with a body that begins at once and takes minutes."""
    over = Event()

    def drip(listener: socket.socket) -> None:
        with listener.accept()[0] as connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        thread.submit(drip, listener)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        over.set()


def test_a_body_that_comes_in_drips_ends_with_the_time_of_the_call():
    with dripping() as address:
        connection = QdrantConnection.to(address, None)

        with time_limit(1), pytest.raises(StoreTimeout):
            connection.call(connection.client.get_aliases)

        connection.close()


class Qdrant:
    """A stand-in that works until it hangs."""

    def __init__(self) -> None:
        self.hangs = False
        self.requests = 0
        self._collections = Collections()
        self._over = Event()

    def respond(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, Headers]:
        self.requests += 1
        if self.hangs:
            self._over.wait()
        path = [part for part in request.path.partition("?")[0].split("/") if part]
        result = self._collections.answer(request.command, path, json.loads(body or b"{}"))
        if result is None:
            missing = f"Not found: Collection `{path[-1]}` doesn't exist!"
            return 404, {"status": {"error": missing}, "time": 0.0}, {}
        return 200, envelope(path, result), {}

    @contextmanager
    def gallery(self) -> Iterator[Gallery]:
        """Open a gallery, after which the server hangs."""
        embedder = FakeEmbedder()
        spec = CollectionSpec(embedder.card.id, embedder.card.dims)
        with serve(self.respond) as address:
            with closing(QdrantStore.connect(f"http://{address}", None, spec)) as store:
                self.hangs, self.requests = True, 0
                yield Gallery(spec, Limits(), embedder, store, FakeOriginals())
            self._over.set()


@pytest.mark.parametrize("call", ["by a picture", "without one"])
def test_a_call_ends_with_its_time_when_the_store_hangs_in_between(monkeypatch, call):
    monkeypatch.setattr(capacity, "CALL_S", AFTER_DECODE_S + 1)
    qdrant = Qdrant()
    with qdrant.gallery() as gallery, served(gallery, Settings()) as address:
        if call == "by a picture":
            response = httpx.post(f"{address}/v1/search", content=jpeg(1), timeout=60)
        else:
            response = httpx.get(f"{address}/v1/stats", timeout=60)

    assert (response.status_code, response.json()["code"]) == (504, "store-timeout")
    assert response.headers["retry-after"] == "1"
    assert qdrant.requests == 1  # a second would have begun after the time was over


class Context:
    """Lambda's context of a call with this much time."""

    aws_request_id = "r-1"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return round(self._seconds * 1000)


def test_ingest_starts_in_time_and_hands_back_every_message():
    with hanging(b"") as address:
        start_s, _, response = start_and_call("ingest", address, BATCH)

    assert start_s < INIT_S
    assert response == ALL_FAILED


BATCH = sqs_batch(*[eventbridge_event(f"{n}.jpg") for n in range(3)])
ALL_FAILED = {"batchItemFailures": [{"itemIdentifier": f"m{n}"} for n in range(3)]}


def test_ingest_hands_back_every_message_when_it_cannot_start(monkeypatch):
    monkeypatch.setattr(handler, "START_S", 0.5)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("LOOKALIKE_BUCKET", "pictures")
    handler._ingest.cache_clear()
    with hanging(b"") as address:
        monkeypatch.setenv("QDRANT_URL", address)

        response = handler.handle(BATCH, Context(60))

        assert response == ALL_FAILED
        with pytest.raises(StoreUnavailable):  # without a queue, Lambda calls again
            handler.handle(eventbridge_event("a.jpg"), Context(60))


def test_ingest_hands_back_every_message_before_lambda_ends_the_call(monkeypatch):
    monkeypatch.setattr(work, "SECONDS_TO_SYNC", 0.5)
    qdrant = Qdrant()
    with qdrant.gallery() as gallery:
        monkeypatch.setattr(handler, "_ingest", lambda: Ingest(gallery, None))

        batch = sqs_batch(*[eventbridge_event(f"{n}.jpg") for n in range(work.THREADS + 2)])
        response = handler.handle(batch, Context(ANSWER_S + 1))

    failed = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
    assert failed == [f"m{n}" for n in range(work.THREADS + 2)]
    assert qdrant.requests == work.THREADS  # for the first objects; the others were not started


def test_a_call_whose_time_is_over_sends_nothing_to_the_store():
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"result": {"aliases": []}, "status": "ok", "time": 0})

    connection = QdrantConnection.to("http://a:1", None, transport=httpx.MockTransport(answer))

    with time_limit(0), pytest.raises(StoreNotReached):
        connection.call(connection.client.get_aliases)

    assert requests == []
    connection.client.get_aliases()
    assert len(requests) == 1
    connection.close()


@pytest.fixture
def aws(monkeypatch) -> pytest.MonkeyPatch:
    for name, value in {
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_a_bucket_that_hangs_is_not_asked_again_late_in_a_call(aws):
    sent: list[object] = []
    with hanging(b"") as address:
        aws.setenv("AWS_ENDPOINT_URL_S3", address)
        s3 = client("s3", wait_s=0.5)
        s3.meta.events.register_last("before-send", lambda **_: sent.append("a try"))

        with time_limit(0.6), pytest.raises(StoreTimeout), map_errors("a.jpg"):
            s3.put_object(Bucket="pictures", Key="a.jpg", Body=b"a")  # three tries otherwise
        with time_limit(0.2), pytest.raises(StoreTimeout), map_errors("a.jpg"):
            s3.put_object(Bucket="pictures", Key="a.jpg", Body=b"a")

    assert sent == ["a try"]


def test_what_is_sent_to_a_bucket_last_ends_before_the_gateway_gives_up():
    config = client("s3").meta.config
    longest_pause_s = 2  # in botocore's standard mode, before the third try

    assert CALL_S - config.read_timeout / 2 + config.read_timeout + longest_pause_s < GATEWAY_S


def test_three_tries_at_a_hanging_bucket_fit_into_a_call():
    config = client("s3").meta.config
    pauses_s = 1 + 2  # at most, in botocore's standard mode

    assert config.retries["total_max_attempts"] * config.read_timeout + pauses_s < CALL_S


def test_the_key_of_qdrant_is_read_within_the_time_of_a_start(aws):
    with hanging(b"") as address:
        aws.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", address)

        with time_limit(1), pytest.raises(StoreTimeout):
            read_secret("key")
