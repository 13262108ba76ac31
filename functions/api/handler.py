"""The HTTPS entry point on Lambda, for API Gateway's events. Depends on Mangum; not on a route.

In a function everything is built at import, when the processor is fastest, and what can never serve
fails there; what took too long is built by a later call, as it is elsewhere by the first.
"""

import logging
from functools import cache
from typing import Any

from fastapi import FastAPI
from mangum import Mangum

from functions.api.app import create_app, wrap
from functions.api.routes import page
from functions.gallery.bootstrap import build_gallery, is_index_in_memory
from functions.gallery.deadline import time_limit
from functions.gallery.errors import StoreUnavailable
from functions.gallery.settings import Settings
from functions.runtime import CALL_S, START_S, finish_start, in_function

log = logging.getLogger(__name__)

# Lambda accepts 6 MB with the body in base64, which leaves about 4.7 MB for picture and envelope.
MAX_BODY_BYTES = 4_500_000
# Responses that Mangum need not encode in base64. Its own list lacks problems, which are the most
# useful to read in a log.
TEXTS = ["text/", "application/json", "application/problem+json", "application/javascript"]


def handle(event: Any, context: Any) -> Any:
    """Respond to one event of the gateway, before it stops waiting.

    Other events only keep the function warm: a schedule's, a plug-in's, or a call by hand.
    """
    with time_limit(CALL_S):
        application = _ready()
        is_request = isinstance(event, dict) and "requestContext" in event
        return application(event, context) if is_request else None


def _ready() -> Mangum:
    """Return the application, or one that reports why there is none yet; each call tries again.

    If the import failed instead, the caller would get the gateway's 500 without a reason.
    """
    try:
        with time_limit(START_S):
            return _application()
    except StoreUnavailable as error:
        log.error("Not ready: %s", error)
        reason = f"The gallery is not ready: {error}"
        return _refusal(StoreUnavailable(reason, retry_after=error.retry_after))


@cache
def _application() -> Mangum:
    settings = Settings.from_environment()
    gallery = build_gallery(settings)
    headers = {}
    if is_index_in_memory(settings):
        log.warning("QDRANT_URL is not set: the index is in memory, empty at every start")
        headers["x-lookalike-store"] = "memory"
    return _on_lambda(create_app(gallery, settings, max_body_bytes=MAX_BODY_BYTES, headers=headers))


def _refusal(error: StoreUnavailable) -> Mangum:
    app = FastAPI(openapi_url=None, routes=[*page.router.routes])  # the page reports the problem
    wrap(app, Settings.from_environment(), {})

    def refuse() -> None:
        raise error

    app.add_api_route("/{path:path}", refuse, methods=["GET", "POST", "PATCH", "DELETE"])
    return _on_lambda(app)


def _on_lambda(app: FastAPI) -> Mangum:
    return Mangum(app, lifespan="off", text_mime_types=TEXTS)


if in_function():
    _ready()
    finish_start()
