"""The requests that searching, adding and checking need, as JSON over HTTP.

qdrant_client has them too, but its import and the building of its models took 290 of the 1,020 ms
of processor of a cold start. So it is used for what makes and changes collections only, and loaded
for that (library.py). A test sends all requests both ways and compares them. Depends on httpx.
"""

import gzip
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from pydantic_core import from_json, to_json

Json = Mapping[str, Any]

# A vector of 1,280 numbers takes 5 KB instead of 12, in 0.1 ms.
_WORTH_COMPRESSING = 2_000  # bytes of a request


@dataclass(frozen=True, slots=True)
class Point:
    """A stored point, as far as it was asked for; `score` is that of a search."""

    id: str
    payload: dict[str, Any] | None
    vector: Any
    score: float


class Refused(Exception):
    """The server responded with an error."""

    def __init__(self, status_code: int, content: bytes) -> None:
        """Keep status and body."""
        super().__init__(f"HTTP {status_code}")
        self.status_code, self.content = status_code, content


class TooManyRequests(Exception):
    """The server asks for a pause; None if it is a date instead of seconds."""

    def __init__(self, retry_after_s: float | None) -> None:
        """Keep the pause."""
        super().__init__("HTTP 429")
        self.retry_after_s = retry_after_s


class NoAnswer(Exception):
    """No response came."""

    def __init__(self, source: Exception) -> None:
        """Keep what httpx raised."""
        super().__init__(str(source))
        self.source = source


class OddAnswer(Exception):
    """A response is not of the shape that Qdrant's have."""


class RestClient:
    """One server; safe to share between threads.

    Every method raises Refused, TooManyRequests, NoAnswer or OddAnswer.
    """

    def __init__(self, http: httpx.Client, send: Callable[[httpx.Request], httpx.Response]) -> None:
        """Build requests with `http`, which has the address, and send them so."""
        self._http, self._send = http, send

    def get_aliases(self) -> dict[str, str]:
        """Return the name of the collection for each alias."""
        with _shape():
            listed = self._call("GET", "/aliases")["aliases"]
            return {each["alias_name"]: each["collection_name"] for each in listed}

    def get_collection(self, name: str) -> dict[str, Any]:
        """Return what the server knows of a collection."""
        with _shape():
            return dict(self._call("GET", _collection(name)))

    def retrieve(
        self,
        name: str,
        ids: Sequence[str],
        with_payload: bool = True,
        with_vectors: bool | Sequence[str] = False,
    ) -> list[Point]:
        """Return the points that there are of these ids."""
        wanted = {"ids": ids, "with_payload": with_payload, "with_vector": with_vectors}
        return self._points(self._call("POST", f"{_collection(name)}/points", wanted))

    def query_batch_points(self, name: str, requests: Sequence[Json]) -> list[list[Point]]:
        """Return the points that each request finds, best first."""
        found = self._call(
            "POST", f"{_collection(name)}/points/query/batch", {"searches": requests}
        )
        with _shape():
            return [self._points(each["points"]) for each in found]

    def scroll(
        self,
        name: str,
        scroll_filter: Json | None = None,
        limit: int = 10,
        order_by: Json | None = None,
        offset: str | None = None,
    ) -> tuple[list[Point], str | None]:
        """Return one page of points, and the id that the next one begins with."""
        wanted: dict[str, Any] = {"limit": limit, "with_payload": True, "with_vector": False}
        more = {"filter": scroll_filter, "order_by": order_by, "offset": offset}
        wanted |= {key: value for key, value in more.items() if value is not None}
        page = self._call("POST", f"{_collection(name)}/points/scroll", wanted)
        with _shape():
            return self._points(page["points"]), page["next_page_offset"]

    def count(self, name: str, count_filter: Json | None = None) -> int:
        """Return how many points pass a filter."""
        wanted = {"exact": True} | ({} if count_filter is None else {"filter": count_filter})
        with _shape():
            count = self._call("POST", f"{_collection(name)}/points/count", wanted)["count"]
            if not isinstance(count, int):
                raise TypeError
            return count

    def upsert(self, name: str, points: Sequence[Json]) -> None:
        """Write points, each with id, vector and payload."""
        self._call("PUT", f"{_collection(name)}/points?wait=true", {"points": points})

    def set_payload(self, name: str, payload: Json, ids: Sequence[str]) -> None:
        """Replace these keys of the payload of some points."""
        changes = {"payload": payload, "points": ids}
        self._call("POST", f"{_collection(name)}/points/payload?wait=true", changes)

    def delete(self, name: str, ids: Sequence[str]) -> None:
        """Delete points."""
        self._call("POST", f"{_collection(name)}/points/delete?wait=true", {"points": ids})

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _points(self, found: Any) -> list[Point]:
        with _shape():
            return [
                Point(str(p["id"]), p.get("payload"), p.get("vector"), p.get("score", 0.0))
                for p in found
            ]

    def _call(self, method: str, path: str, body: Json | None = None) -> Any:
        content, headers = None, {}
        if body is not None:
            content, headers = to_json(body), {"content-type": "application/json"}
            if len(content) >= _WORTH_COMPRESSING:
                content = gzip.compress(content, 1, mtime=0)
                headers["content-encoding"] = "gzip"
        request = self._http.build_request(method, path, content=content, headers=headers)
        try:
            response = self._send(request)
        except httpx.HTTPError as error:
            raise NoAnswer(error) from error
        if response.status_code == 429 and (pause := response.headers.get("retry-after")):
            raise TooManyRequests(float(pause) if pause.isdigit() else None)
        if response.status_code not in (200, 201, 202):
            raise Refused(response.status_code, response.content)
        with _shape():
            result = from_json(response.content)["result"]
            if result is None:
                raise TypeError
            return result


def _collection(name: str) -> str:
    return f"/collections/{quote(name, safe='')}"


@contextmanager
def _shape() -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise OddAnswer("The response has another shape") from error
