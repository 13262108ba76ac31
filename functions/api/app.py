"""Build the HTTPS application. Depends on FastAPI and the gallery; not on Lambda or a store."""

import gzip
import uuid
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.errors import report_errors, respond
from functions.api.requests.capacity import BodyAdmission, Capacity
from functions.api.requests.fetch import UrlFetcher
from functions.api.requests.parse import MAX_JSON_BYTES, json_bytes
from functions.api.responses import ROOT_PATH
from functions.api.routes import batch, duplicates, images, page, search, service, uploads
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings

# More than two packets. 48 results with signed links have 168 KB, compressed 13 KB, in 0.5 ms.
MIN_COMPRESSED_BYTES = 4_000
EXPOSED_HEADERS = [  # to pages of other origins, besides what browsers always show them
    "ETag",
    "Idempotent-Replayed",
    "Location",
    "Retry-After",
    "Server-Timing",
    "x-lookalike-store",
    "x-request-id",
]


def create_app(
    gallery: Gallery,
    settings: Settings,
    *,
    max_body_bytes: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> FastAPI:
    """Return the application that serves this gallery.

    A picture in a request body can have `max_body_bytes` if a gateway in front limits that;
    otherwise only the gallery's own limit applies. `headers` are sent with every response.
    """
    modules = (images, batch, search, duplicates, uploads, service, page)
    app = FastAPI(
        # Not include_router: it would build all routes a second time at the first request.
        routes=[route for module in modules for route in module.router.routes],
        title="Lookalike",
        version="1",
        description="Image similarity search.",
        redirect_slashes=False,
        docs_url=None,  # served by routes/page.py, from this origin
        redoc_url=None,
    )
    app.state.gallery = gallery
    app.state.settings = settings
    app.state.capacity = capacity = Capacity.of(gallery.limits)
    most = gallery.limits.max_bytes
    app.state.max_body_bytes = min(max_body_bytes or most, most)
    urls = settings.lookalike_fetch_urls
    app.state.fetcher = None if urls == "off" else UrlFetcher(allow_http=urls == "http")
    longest = max(json_bytes(app.state.max_body_bytes), MAX_JSON_BYTES)
    app.add_middleware(BodyAdmission, bodies=capacity.bodies, max_body_bytes=longest)
    app.add_middleware(Compression)
    wrap(app, settings, headers or {})
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def wrap(app: FastAPI, settings: Settings, headers: Mapping[str, str]) -> None:
    """Report errors as problems, send `headers`, and let pages of the allowed origins call (CORS).

    A preflight needs no key. Cookies are not used, so no credentials are allowed. Below a root path
    requests are accepted with and without it, because proxies differ in whether they remove it.
    """
    # Not X-Forwarded-Prefix: anyone can send it, and would decide where links in a cache lead.
    app.root_path = settings.lookalike_root_path
    report_errors(app)
    app.add_middleware(Envelope, headers=headers)
    if settings.lookalike_allowed_origins:
        from starlette.middleware.cors import CORSMiddleware  # most galleries need none

        app.add_middleware(  # around Envelope, so that errors can be read too
            CORSMiddleware,
            allow_origins=settings.lookalike_allowed_origins,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["x-api-key", "idempotency-key", "if-none-match"],
            expose_headers=EXPOSED_HEADERS,
            allow_private_network=True,  # the operator has listed the origin
            max_age=7200,  # seconds, the most that Chromium accepts
        )


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        from functions.api.openapi.document import document  # not needed for a cold start

        app.openapi_schema = document(app)
    return app.openapi_schema


class Compression:
    """Compresses large JSON for clients that accept it; not pictures, which are small already."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or "gzip" not in Headers(scope=scope).get("accept-encoding", ""):
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_json(message):
                start = message  # until its length is known
                return
            if start is not None:
                message = _compressed(start, message)
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_compressed)


def _is_json(start: Message) -> bool:
    return Headers(raw=start["headers"]).get("content-type", "") == "application/json"


def _compressed(start: Message, message: Message) -> Message:
    headers = MutableHeaders(raw=start["headers"])
    headers.add_vary_header("Accept-Encoding")
    if len(message.get("body", b"")) < MIN_COMPRESSED_BYTES or message.get("more_body"):
        return message
    body = gzip.compress(message["body"], 1, mtime=0)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return {**message, "body": body}


class Envelope:
    """Gives every request an id and every response its headers, and answers HEAD like GET.

    It also responds to errors that no route expects, so that those responses have the headers too,
    and redirects the bare root path to the page.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, str]) -> None:
        """Wrap an application."""
        self._app = app
        always = {
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",  # no <img> of another site
            **headers,
        }
        self._headers = [(name.encode(), value.encode()) for name, value in always.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_head = scope["method"] == "HEAD"  # routes list GET only
        has_started = False
        request_id = uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        root_path = scope.get("root_path", "")
        ROOT_PATH.set(root_path)
        app = self._app
        if root_path and scope["path"] == root_path:  # the page has links relative to "/" after it
            query = scope["query_string"].decode("latin-1")
            app = RedirectResponse(f"{root_path}/{query and '?'}{query}", 308)

        async def send_enveloped(message: Message) -> None:
            nonlocal has_started
            has_started = True
            if message["type"] == "http.response.start":
                own = [(b"x-request-id", request_id.encode()), *self._headers]
                message["headers"] = [*message["headers"], *own]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await app({**scope, "method": "GET"} if is_head else scope, receive, send_enveloped)
        except Exception as error:
            if has_started:
                raise
            response = respond(Request(scope, receive), error)
            await response(scope, receive, send_enveloped)
