"""A stand-in for Qdrant and Secrets Manager: HTTP on loopback, as much as the store needs.

It keeps what it is sent but does not search: every search finds the points that were put first.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

QDRANT_KEY = "key-of-the-stand-in"
_HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
_OPTIMIZER = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1_000,
    "default_segment_number": 0,
    "flush_interval_sec": 5,
}
_COMPLETED = {"operation_id": 0, "status": "completed"}

Headers = dict[str, str]
# A request and its body in; status, what to send as JSON, and further headers out.
Respond = Callable[[BaseHTTPRequestHandler, bytes], tuple[int, Any, Headers]]


def envelope(path: list[str], result: Any) -> Any:
    """Return the body of a response; only that of the root, the version, is not wrapped."""
    return {"result": result, "status": "ok", "time": 0.001} if path else result


class Collections:
    """What the server keeps, and its results by method and path."""

    def __init__(self) -> None:
        """Start empty."""
        self._made: dict[str, dict[str, Any]] = {}
        self._indexes: dict[str, dict[str, Any]] = {}
        self._aliases: dict[str, str] = {}
        self._points: list[dict[str, Any]] = []

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> Any:
        """Return the result of a request; None if the collection does not exist."""
        match method, path:
            case "GET", []:
                return {"title": "stand-in", "version": "1.18.3"}
            case "GET", ["aliases"]:
                aliases = self._aliases.items()
                return {"aliases": [{"alias_name": a, "collection_name": c} for a, c in aliases]}
            case "POST", ["collections", "aliases"]:
                for change in body["actions"]:
                    if made := change.get("create_alias"):
                        self._aliases[made["alias_name"]] = made["collection_name"]
                return True
            case "GET", ["collections", name]:
                return self._info(self._aliases.get(name, name))
            case "PUT", ["collections", name]:
                self._made[name], self._indexes[name] = body, {}
                return True
            case "PUT", ["collections", name, "index"]:
                index = {"data_type": body["field_schema"]["type"], "points": 0}
                self._indexes[self._aliases.get(name, name)][body["field_name"]] = index
                return _COMPLETED
            case "PUT", ["collections", _, "points"]:
                self._points += body["points"]
                return _COMPLETED
            case "POST", ["collections", _, "points", "query", "batch"]:
                return [{"points": self._found(search)} for search in body["searches"]]
            case "POST", ["collections", _, "points"]:
                return [point for point in self._points if point["id"] in body["ids"]]
            case "POST", ["collections", _, "points", "scroll"]:
                return {"points": self._points[: body["limit"]], "next_page_offset": None}
            case "POST", ["collections", _, "points", "count"]:
                return {"count": len(self._points)}
            case "POST" | "PUT", ["collections", _, "points", "payload" | "delete"]:
                return _COMPLETED
        raise ValueError(f"{method} {path} is not supported by the stand-in")

    def _info(self, name: str) -> dict[str, Any] | None:
        if name not in self._made:
            return None
        made = self._made[name]
        return {
            "status": "green",
            "optimizer_status": "ok",
            "segments_count": 1,
            "points_count": len(self._points),
            "payload_schema": self._indexes[name],
            "config": {
                "params": {"vectors": made["vectors"]},
                "hnsw_config": _HNSW,
                "optimizer_config": _OPTIMIZER,
                "metadata": made.get("metadata"),
            },
        }

    def _found(self, search: dict[str, Any]) -> list[dict[str, Any]]:
        points = self._points
        if search.get("query") is None:  # not a search: an image by its id
            [wanted] = search["filter"]["must"]
            points = [point for point in points if point["id"] in wanted["has_id"]]
        return [
            {"id": p["id"], "version": 0, "score": 0.99 - n / 1000, "payload": p["payload"]}
            for n, p in enumerate(points[: search["limit"]])
        ]


@contextmanager
def qdrant_stand_in() -> Iterator[str]:
    """Serve until the block ends; yields the address."""
    collections = Collections()

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, Headers]:
        if request.headers.get("x-amz-target", "").endswith(".GetSecretValue"):
            return 200, {"Name": "key", "SecretString": QDRANT_KEY}, {}
        path = [part for part in request.path.partition("?")[0].split("/") if part]
        result = collections.answer(request.command, path, json.loads(body or b"{}"))
        if result is None:
            missing = f"Not found: Collection `{path[-1]}` doesn't exist!"
            return 404, {"status": {"error": missing}, "time": 0.0}, {}
        return 200, envelope(path, result), {}

    with serve(respond) as address:
        yield f"http://{address}"


@contextmanager
def serve(respond: Respond) -> Iterator[str]:
    """Serve JSON on a free port of loopback until the block ends; yields host and port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("content-encoding") == "gzip":
                sent = gzip.decompress(sent)
            status, value, headers = respond(self, sent)
            body = json.dumps(value).encode()
            self.send_response(status)
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
            for name, header in headers.items():
                self.send_header(name, header)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_PUT = do_POST = _handle

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda *_: None  # a function that is killed resets its connection
        Thread(target=server.serve_forever).start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
