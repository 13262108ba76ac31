"""A small reverse proxy over real HTTP that serves one address below a path, as nginx does."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}


@contextmanager
def proxied(upstream: str, path: str, *, removes_path: bool = True) -> Iterator[str]:
    """Serve `upstream` below `path` and yield the proxy's address, without that path.

    nginx removes the path if its `proxy_pass` ends with a slash; CloudFront does not.
    """
    client = httpx.Client(base_url=upstream, timeout=30)

    class Forward(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            if not self.path.startswith(f"{path}/") and (removes_path or self.path != path):
                return self.send_answer(404, [], b"This host has other things too")
            target = self.path.removeprefix(path) if removes_path else self.path
            sent = [pair for pair in self.headers.items() if pair[0].lower() not in HOP_BY_HOP]
            sent += [("Host", self.headers["host"]), ("X-Forwarded-For", self.client_address[0])]
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            response = client.send(
                client.build_request(self.command, target, headers=sent, content=body), stream=True
            )
            data = b"".join(response.iter_raw())  # compressed as it was sent
            kept = [(n, v) for n, v in response.headers.multi_items() if n not in HOP_BY_HOP]
            self.send_answer(response.status_code, kept, data)

        def send_answer(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
            self.send_response_only(status)
            for name, value in headers:
                self.send_header(name, value)
            if status not in (204, 304):
                self.send_header("content-length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                with suppress(ConnectionError):  # a browser no longer waits for what it left
                    self.wfile.write(data)

        do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = do_OPTIONS = forward

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Forward) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
        client.close()
