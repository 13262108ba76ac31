"""Metrics at /metrics and a line in the log per request, for a server of one's own; not on Lambda.

Depends on the Prometheus client, FastAPI and the gallery. Only `serve` imports it.
"""

import logging
import re
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import anyio.to_thread
from fastapi import FastAPI, Request, Response
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily, Metric
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions import __version__
from functions.api.requests.auth import READ
from functions.gallery.errors import StoreError
from functions.gallery.gallery import Gallery
from functions.gallery.records import IndexState

log = logging.getLogger(__name__)

# A search takes some 20 ms, and an upload of 20 MB over a slow line minutes.
BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# Anyone can send other ones, and each would be a series of its own.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_UNUSUAL = re.compile(r"[^!#-<>-~]")  # would break the line into more fields, or lines


def monitor(app: FastAPI, gallery: Gallery) -> None:
    """Measure and log every request to an application, and serve /metrics to keys that can read."""
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    registry.register(_GalleryCollector(gallery))
    threads = app.state.capacity.health_threads

    async def metrics(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        content = await anyio.to_thread.run_sync(encode, registry, limiter=threads)
        return Response(content, headers={"content-type": media_type, "cache-control": "no-store"})

    app.add_api_route("/metrics", metrics, dependencies=READ, include_in_schema=False)
    app.add_middleware(_Observation, routes=app.routes, registry=registry)


class _GalleryCollector:
    """Asks the gallery when metrics are read; what the store cannot answer is left out."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery

    def collect(self) -> Iterator[Metric]:
        labels = {"version": __version__, "model": self._gallery.spec.model}
        yield InfoMetricFamily("lookalike_build", "Version and model.", labels)
        try:
            state, pictures = self._gallery.check(), self._gallery.count()
        except StoreError as error:
            log.warning("Metrics without the store: %s", error)
            yield GaugeMetricFamily("lookalike_store_up", "Whether the store answers.", 0)
            return
        yield GaugeMetricFamily("lookalike_store_up", "Whether the store answers.", 1)
        yield GaugeMetricFamily("lookalike_pictures", "Pictures in the gallery.", pictures)
        states = GaugeMetricFamily(
            "lookalike_index_state", "1 for the state of the index, 0 for others.", labels=["state"]
        )
        for each in IndexState:
            states.add_metric([each], each is state)
        yield states


class _Observation:
    """Wraps everything, so that also errors are counted, and with their final status."""

    def __init__(self, app: ASGIApp, routes: list[Any], registry: CollectorRegistry) -> None:
        self._app = app
        self._routes = routes
        self._durations = Histogram(
            "lookalike_http_request_duration_seconds",
            "From the head of a request to the end of its response.",
            ["method", "route", "status"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self._in_progress = Gauge(
            "lookalike_http_requests_in_progress", "Requests being served.", registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status, sent_bytes = perf_counter(), 0, 0

        async def send_counted(message: Message) -> None:
            nonlocal status, sent_bytes
            status = message.get("status", status)
            sent_bytes += len(message.get("body", b""))
            await send(message)

        self._in_progress.inc()
        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._in_progress.dec()
            took_s = perf_counter() - start
            method = scope["method"] if scope["method"] in _METHODS else "other"
            shown = str(status or "none")  # none: the client left, or the server stopped
            self._durations.labels(method, self._route_of(scope), shown).observe(took_s)
            _log_request(scope, shown, took_s, sent_bytes)

    def _route_of(self, scope: Scope) -> str:
        """Return the path of the route as it is written, without ids or names.

        What no route has set is matched again: HEAD is answered by a copy of the scope.
        """
        found = scope.get("route")
        if found is None:
            asked = {**scope, "method": "GET" if scope["method"] == "HEAD" else scope["method"]}
            matches = (r for r in self._routes if r.matches(asked)[0] is not Match.NONE)
            found = next(matches, None)
        return getattr(found, "path_format", "none")


def _log_request(scope: Scope, status: str, took_s: float, sent_bytes: int) -> None:
    """Write one line, without headers and query, which can hold keys and signatures."""
    if not log.isEnabledFor(logging.INFO):
        return
    fields = {
        "client": (scope.get("client") or ["none"])[0],
        "method": scope["method"],
        "path": scope.get("raw_path", b"").decode("latin-1"),
        "status": status,
        "ms": f"{took_s * 1000:.1f}",
        "bytes": sent_bytes,
        "id": scope.get("state", {}).get("request_id", "none"),
    }
    line = " ".join(f"{name}={_UNUSUAL.sub('?', str(value))}" for name, value in fields.items())
    log.info("request %s", line)
