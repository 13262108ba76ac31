"""The HTTPS door on Lambda: API Gateway's events in, its answers out. Knows Mangum; no route.

Everything is built at import: a request waits for nothing, and what cannot serve does not start.
"""

import logging
from typing import Any

from fastapi import FastAPI
from mangum import Mangum
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from functions.api import pages
from functions.api.app import RequestId, create_app
from functions.api.errors import answer_with_problems
from functions.gallery.bootstrap import build_gallery, keeps_nothing
from functions.gallery.errors import StoreError
from functions.gallery.place import in_function, settle
from functions.gallery.settings import Settings

log = logging.getLogger(__name__)

# What need not be base64: Mangum's own list has no problems, which are most worth reading in a log.
# Lambda takes 6 MB with the body in base64, which leaves about 4.7 MB of picture and its envelope.
MAX_BODY_BYTES = 4_500_000
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


class Door:
    """The application; as long as its store does not answer, a refusal and one more try per call.

    Failing at import instead would leave the caller with the gateway's 500 and no reason.
    """

    def __init__(self) -> None:
        """Build the application; raises what no later try can mend, such as SettingsError."""
        self._application: Mangum | None = None
        try:
            self._application = _application()
        except StoreError as problem:
            if not problem.retryable:
                raise
            log.error("Not ready: %s", problem)

    def __call__(self, event: Any, context: Any) -> Any:
        """Answer one event of the gateway."""
        if self._application is None:
            try:
                self._application = _application()
            except StoreError as problem:
                return _refusal(problem)(event, context)
        return self._application(event, context)


def _application() -> Mangum:
    settings = Settings.from_environment()
    app = create_app(build_gallery(settings), settings, max_body_bytes=MAX_BODY_BYTES)
    if keeps_nothing(settings):
        log.warning("QDRANT_URL is not set: the index is in memory, empty at every start")
        app.add_middleware(FromMemory)
    return _on_lambda(app)


def _refusal(problem: StoreError) -> Mangum:
    app = FastAPI(openapi_url=None)
    app.add_middleware(RequestId)
    answer_with_problems(app)
    app.include_router(pages.router)  # the page tells people that its gallery is asleep

    def refuse() -> None:
        raise problem

    app.add_api_route("/{path:path}", refuse, methods=["GET", "POST", "PATCH", "DELETE"])
    return _on_lambda(app)


def _on_lambda(app: FastAPI) -> Mangum:
    return Mangum(app, lifespan="off", text_mime_types=TEXTS)


handle = Door()
if in_function():
    settle()
