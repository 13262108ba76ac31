"""A stand-in for API Gateway in front of a function that can run ten times at once."""

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

FUNCTIONS = 10  # at once, in a new AWS account
REFUSALS = [  # without a function to run, and beyond the rate of the stage
    (503, [], b'{"message":"Service Unavailable"}'),
    (429, [], b'{"message":"Too Many Requests"}'),
]
CALL_S = 0.2  # at least; with fewer functions busy, nobody would be turned away


@dataclass
class Gateway:
    """Passes calls on, at most FUNCTIONS at once; more are turned away as the real one does."""

    behind: str
    address: str = ""
    calls: list[str] = field(default_factory=list)  # paths that reached a function
    turned_away: list[str] = field(default_factory=list)
    _busy: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(FUNCTIONS)
    )

    def count(self, part: str) -> int:
        """Return how many calls reached a function whose path has this part."""
        return sum(part in path for path in self.calls)

    @contextmanager
    def busy(self, functions: int) -> Iterator[None]:
        """Keep functions busy with the calls of others."""
        taken = [self._busy.acquire() for _ in range(functions)]
        yield
        for _ in taken:
            self._busy.release()

    def respond(self, call: BaseHTTPRequestHandler) -> None:
        """Respond to one call."""
        body = call.rfile.read(int(call.headers.get("content-length", 0)))
        if not self._busy.acquire(blocking=False):
            self.turned_away.append(call.path)
            _send(call, *REFUSALS[len(self.turned_away) % 2])
            return
        try:
            self.calls.append(call.path)
            ends_at = time.monotonic() + CALL_S
            status, headers, data = self._pass_on(call, body)
            time.sleep(max(0, ends_at - time.monotonic()))
        finally:
            self._busy.release()
        _send(call, status, headers, data)

    def _pass_on(
        self, call: BaseHTTPRequestHandler, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(urlsplit(self.behind).netloc, timeout=60)
        try:
            connection.request(call.command, call.path, body, dict(call.headers))
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


def _send(
    call: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], data: bytes
) -> None:
    call.send_response(status)
    for name, value in headers:
        if name.lower() not in ("content-length", "connection", "date", "server"):
            call.send_header(name, value)
    call.send_header("content-length", str(len(data)))
    call.end_headers()
    call.wfile.write(data)


@contextmanager
def gateway_to(address: str) -> Iterator[Gateway]:
    """Start a gateway to an application on this machine."""
    gateway = Gateway(address)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            gateway.respond(self)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        gateway.address = f"http://127.0.0.1:{server.server_port}"
        yield gateway
        server.shutdown()
        thread.join()
