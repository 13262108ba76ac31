"""Puts the HTTPS door together. Knows FastAPI and the gallery; no Lambda, no store."""

import uuid
from collections.abc import MutableMapping
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api import duplicates, images, many, pages, search, service, uploads
from functions.api.calls import picture_workers
from functions.api.errors import answer_with_problems
from functions.gallery.fetch import UrlFetcher
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings


def create_app(
    gallery: Gallery, settings: Settings, *, max_body_bytes: int | None = None
) -> FastAPI:
    """Make the application that serves this gallery.

    A picture sent as a body has at most `max_body_bytes` where the way here lets no more through;
    else, and by any other way, only the gallery's own limit counts.
    """
    parts = (images, many, search, duplicates, uploads, service, pages)
    app = FastAPI(
        # As they are: an included router builds all of its routes once more at the first call.
        routes=[route for part in parts for route in part.router.routes],
        title="Lookalike",
        version="1",
        description="A picture in, its lookalikes out.",
        redirect_slashes=False,
        redoc_url=None,
    )
    app.state.gallery = gallery
    app.state.settings = settings
    app.state.pictures = picture_workers()
    most = gallery.limits.max_bytes
    app.state.max_body_bytes = min(max_body_bytes or most, most)
    urls = settings.lookalike_fetch_urls
    app.state.fetcher = None if urls == "off" else UrlFetcher(allow_http=urls == "http")
    app.add_middleware(HeadAsGet)
    app.add_middleware(RequestId)
    answer_with_problems(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        from functions.api.document import document  # no cold start needs it

        app.openapi_schema = document(app)
    return app.openapi_schema


class HeadAsGet:
    """Answers HEAD as GET, without the body; the routes name GET alone."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self._app({**scope, "method": "GET"}, receive, send_head)


class RequestId:
    """Gives every request an id, in its state and in the answer, and forbids guessing at types."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state["request_id"] = uuid.uuid4().hex

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", state["request_id"].encode()),
                    (b"x-content-type-options", b"nosniff"),
                ]
            await send(message)

        await self._app(scope, receive, send_with_id)
