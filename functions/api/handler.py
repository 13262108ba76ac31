"""The HTTPS door on Lambda: API Gateway's events in, its answers out. Knows Mangum; no route.

Everything is built at import: a request waits for nothing, and what cannot serve does not start.
"""

import logging

from mangum import Mangum
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api.app import create_app
from functions.gallery.bootstrap import build_gallery, keeps_nothing
from functions.gallery.settings import Settings

log = logging.getLogger(__name__)

# What need not be base64: Mangum's own list has no problems, which are most worth reading in a log.
TEXTS = ["text/", "application/json", "application/problem+json", "application/javascript"]


class FromMemory:
    """Says in every answer that the index is in memory and gone with the process."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""

        async def send_with_store(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-lookalike-store", b"memory")]
            await send(message)

        await self._app(scope, receive, send_with_store)


def _build() -> Mangum:
    settings = Settings.from_environment()
    app = create_app(build_gallery(settings), settings)
    if keeps_nothing(settings):
        log.warning("QDRANT_URL is not set: the index is in memory, empty at every start")
        app.add_middleware(FromMemory)
    return Mangum(app, lifespan="off", text_mime_types=TEXTS)


handle = _build()
