"""A server that answers like Qdrant, and like Secrets Manager, over HTTP on loopback.

It keeps what it is given and searches nothing: every search finds the points put first.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

QDRANT_KEY = "a-key-of-the-stand-in"
_HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10_000}
_OPTIMIZER = {
    "deleted_threshold": 0.2,
    "vacuum_min_vector_number": 1_000,
    "default_segment_number": 0,
    "flush_interval_sec": 5,
}


class Collections:
    """What the server keeps, and its answers by method and path."""

    def __init__(self) -> None:
        """Start empty."""
        self._made: dict[str, dict[str, Any]] = {}
        self._indexes: dict[str, dict[str, Any]] = {}
        self._aliases: dict[str, str] = {}
        self._points: list[dict[str, Any]] = []

    def answer(self, method: str, path: list[str], body: dict[str, Any]) -> Any:
        """Give the result of a request; None for what is not there."""
        match method, path:
            case "GET", ["aliases"]:
                return {
                    "aliases": [
                        {"alias_name": alias, "collection_name": name}
                        for alias, name in self._aliases.items()
                    ]
                }
            case "POST", ["collections", "aliases"]:
                for change in body["actions"]:
                    if made := change.get("create_alias"):
                        self._aliases[made["alias_name"]] = made["collection_name"]
                return True
            case "GET", ["collections", name]:
                return self._told(self._aliases.get(name, name))
            case "PUT", ["collections", name]:
                self._made[name], self._indexes[name] = body, {}
                return True
            case "PUT", ["collections", name, "index"]:
                index = {"data_type": body["field_schema"], "points": 0}
                self._indexes[self._aliases.get(name, name)][body["field_name"]] = index
                return {"operation_id": 0, "status": "completed"}
            case "PUT", ["collections", _, "points"]:
                self._points += body["points"]
                return {"operation_id": 0, "status": "completed"}
            case "POST", ["collections", _, "points", "query", "batch"]:
                return [{"points": self._found(asked["limit"])} for asked in body["searches"]]
            case "POST", ["collections", _, "points"]:
                return [point for point in self._points if point["id"] in body["ids"]]
            case "POST", ["collections", _, "points", "scroll"]:
                return {"points": self._points[: body["limit"]], "next_page_offset": None}
            case "POST", ["collections", _, "points", "count"]:
                return {"count": len(self._points)}
            case "POST" | "PUT", ["collections", _, "points", "payload" | "delete"]:
                return {"operation_id": 0, "status": "completed"}
        raise ValueError(f"The stand-in knows no {method} {path}")

    def _told(self, name: str) -> dict[str, Any] | None:
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

    def _found(self, limit: int) -> list[dict[str, Any]]:
        return [
            {"id": p["id"], "version": 0, "score": 0.99 - n / 1000, "payload": p["payload"]}
            for n, p in enumerate(self._points[:limit])
        ]


@contextmanager
def qdrant_stand_in() -> Iterator[str]:
    """Serve until the block ends, and give the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(Collections()))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(kept: Collections) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            sent = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.headers.get("x-amz-target", "").endswith(".GetSecretValue"):
                self._send(200, {"Name": "key", "SecretString": QDRANT_KEY})
                return
            path = [part for part in self.path.partition("?")[0].split("/") if part]
            result = kept.answer(self.command, path, json.loads(sent or "{}"))
            if result is None:
                missing = f"Not found: Collection `{path[-1]}` doesn't exist!"
                self._send(404, {"status": {"error": missing}, "time": 0.0})
                return
            self._send(200, {"result": result, "status": "ok", "time": 0.001})

        do_GET = do_PUT = do_POST = _serve

        def _send(self, status: int, answer: Any) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Handler
