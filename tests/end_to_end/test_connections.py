"""Clients that are too many or too slow, and the real server short of file descriptors."""

import errno
import json
import os
import resource
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request

from functions.cli.connections import Listener
from tests.end_to_end.server import command, environment_of, free_port, serving, wait_for

LARGE = bytes(20_000_000)
served_before: ContextVar[str] = ContextVar("served_before", default="nothing")


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/healthz")
    def healthz() -> str:
        return "alive"

    @app.post("/length")
    async def length(request: Request) -> int:
        return len(await request.body())

    @app.post("/before")
    async def before(request: Request) -> str:
        found = served_before.get()
        served_before.set("a request")
        await request.body()
        return found

    @app.post("/unread")
    async def unread() -> str:
        return "not needed"

    @app.get("/large")
    async def large() -> str:
        return LARGE.decode()

    return app


@pytest.fixture
def port(monkeypatch) -> Iterator[int]:
    """A server that waits for one second, and one more for every 100 bytes."""
    monkeypatch.setattr("functions.cli.connections.GRACE_S", 1.0)
    monkeypatch.setattr("functions.cli.connections.LEAST_BYTES_PER_S", 100)
    monkeypatch.setattr("functions.cli.connections._CHECK_EVERY_S", 0.1)
    with serving(application()) as address:
        yield httpx.URL(address).port


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 30)


def received(client: socket.socket) -> bytes:
    """Return all that the server sends until it closes the connection."""
    parts = []
    try:
        while part := client.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


@contextmanager
def dripping(client: socket.socket, byte: bytes, every_s: float) -> Iterator[None]:
    """Send a byte now and then until the end of the block or of the connection."""
    done = threading.Event()

    def drip() -> None:
        while not done.wait(every_s):
            try:
                client.sendall(byte)
            except OSError:
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


POST = b"POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n"


@pytest.mark.parametrize("start", [b"GET /healthz HTTP/1.1\r\nX: ", POST])
def test_a_client_that_sends_byte_by_byte_is_cut_off_with_a_reason(port, start):
    with connect(port) as client:
        client.sendall(start)
        with dripping(client, b"x", 0.2):
            response = received(client)

    head, _, body = response.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "request-timeout"


def test_a_connection_without_a_request_is_closed(port):
    with connect(port) as client:
        response = received(client)

    assert response == b""


def test_nothing_that_a_request_sets_is_left_for_the_next_one_of_its_connection(port):
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        # So large that the server stops reading, and goes on within the request.
        found = [client.post("/before", content=bytes(3_000_000)).json() for _ in range(3)]

    assert found == ["nothing"] * 3


def test_an_upload_on_a_slow_line_is_received(port):
    with connect(port) as client:
        client.sendall(POST)
        for _ in range(10):  # longer than the grace period, at twice the least rate
            client.sendall(bytes(50))
            time.sleep(0.25)
        response = client.recv(65_536)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert response.endswith(b"500")


def test_the_rest_of_a_body_that_was_answered_is_not_read_for_long(port):
    with connect(port) as client:
        client.sendall(POST.replace(b"/length", b"/unread").replace(b"500", b"1000000"))
        with dripping(client, bytes(100), 0.1):
            response = received(client)

    assert response.startswith(b"HTTP/1.1 200 ")


def test_a_client_that_does_not_read_its_response_is_cut_off(port):
    with connect(port) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(5)
        response = received(client)

    assert response.startswith(b"HTTP/1.1 200 ")
    assert len(response) < len(LARGE)


def test_connections_beyond_the_limit_are_refused_until_others_close(monkeypatch, caplog):
    caplog.set_level("INFO", "functions")
    monkeypatch.setattr("functions.cli.connections.MAX_CONNECTIONS", 3)
    with serving(application()) as address, ExitStack() as stack:
        answers: list[bytes] = []
        while len(answers) < 10 and not (answers and answers[-1].startswith(b"HTTP/1.1 503 ")):
            client = stack.enter_context(connect(httpx.URL(address).port))
            client.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            answers.append(client.recv(65_536))
        stack.close()
        wait_for(address)

    *served, refused = answers
    assert 2 <= len(served) <= 3  # that of `serving` may still be open
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in served)
    assert b"Retry-After: 5" in refused
    problem = json.loads(refused.partition(b"\r\n\r\n")[2])
    assert problem["code"] == "overloaded"
    assert f"status=503 code=overloaded id={problem['request_id']}" in caplog.text


def test_without_a_file_descriptor_callers_are_turned_away_and_the_log_has_one_line(caplog):
    listener = Listener()
    listener.bind(("127.0.0.1", 0))
    listener.listen(10)
    with listener, ExitStack() as stack:
        stack.enter_context(connect(listener.getsockname()[1]))
        listener.accept()[0].close()
        clients = [stack.enter_context(connect(listener.getsockname()[1])) for _ in range(3)]
        with no_descriptor_left():
            for _ in range(3):
                with pytest.raises(BlockingIOError):
                    listener.accept()

        assert [received(client) for client in clients] == [b""] * 3
        late = stack.enter_context(connect(listener.getsockname()[1]))
        accepted, address = listener.accept()
        accepted.close()
        os.close(listener._spare)

        assert address == late.getsockname()
    assert len(caplog.records) == 1


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        while True:
            taken.append(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        assert error.errno == errno.EMFILE
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for descriptor in taken:
            os.close(descriptor)


@contextmanager
def real_server(data: Path) -> Iterator[tuple[int, list[str]]]:
    """Start scripts/serve with few file descriptors; yields its port, and its output at the end."""
    port, output = free_port(), []
    served = shlex.join(command("serve", "--port", port, "--no-demo"))
    process = subprocess.Popen(
        ["bash", "-c", f"ulimit -n 200; exec {served}"],
        env=environment_of(data),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield port, output
    finally:
        process.terminate()
        output += process.communicate(timeout=30)[0].splitlines()


def test_the_server_outlives_more_half_open_requests_than_it_can_have_files(tmp_path):
    with real_server(tmp_path) as (port, output):
        with ExitStack() as stack:
            for _ in range(300):
                client = stack.enter_context(connect(port))
                with suppress(OSError):  # it may be refused already
                    client.sendall(b"GET / HTTP/1.1\r\nX: ")
            refused = received(stack.enter_context(connect(port)))
        wait_for(f"http://127.0.0.1:{port}")

    assert refused.startswith(b"HTTP/1.1 503 ")
    assert len(output) < 10


def test_an_upload_that_is_broken_off_is_one_line_in_the_log(tmp_path):
    with real_server(tmp_path) as (port, output):
        head = f"POST /v1/images HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000"
        for _ in range(3):
            with connect(port) as client:
                client.sendall(f"{head}\r\n\r\nabc".encode())
        wait_for(f"http://127.0.0.1:{port}")

    assert sum("left during its upload" in line for line in output) == 3
    assert not any("Traceback" in line for line in output)
