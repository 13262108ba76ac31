"""Turns what the Qdrant client raises into our errors; told apart by shape, so that nothing loads.

status_code    an answer that says no (UnexpectedResponse)
retry_after_s  429 with a pause (ResourceExhaustedResponse, which is no UnexpectedResponse)
source         no answer, or one of the wrong shape (ResponseHandlingException)
ValueError     200 with a body that is no JSON, as proxies send; also the local mode's refusals
"""

from typing import Any

import httpx

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    StoreDenied,
    StoreFull,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
)

_TIMEOUTS = {408, 504}
_MOMENTARY = {429, 500, 502, 503}
_LONGEST_TEXT = 300  # of an answer inside our message; a proxy's page is long


def store_error(problem: Exception) -> LookalikeError:
    """Say what a failed call means for us; the caller raises it `from` the problem."""
    status = getattr(problem, "status_code", None)
    if status is not None:
        return _refusal(status, _text(problem))
    if hasattr(problem, "retry_after_s"):
        return StoreUnavailable(
            "Qdrant is asked too much (429)", retry_after=float(problem.retry_after_s)
        )
    if "Retry-After" in str(problem):  # a date, which the client cannot read
        return StoreUnavailable("Qdrant is asked too much (429)")
    source = getattr(problem, "source", None)
    if isinstance(source, httpx.TimeoutException):
        return StoreTimeout("Qdrant did not answer in time")
    if isinstance(source, httpx.TransportError):
        return StoreUnavailable(f"Qdrant cannot be reached: {source}; is QDRANT_URL right?")
    if _names_no_point(str(problem)):
        return ImageNotFound("No image has this id")
    return StoreRejected(
        f"What answers at QDRANT_URL does not answer like Qdrant: {str(problem)[:_LONGEST_TEXT]}"
    )


def is_missing_collection(error: LookalikeError) -> bool:
    """Tell whether the call failed only because there is no such collection or alias."""
    problem: Any = error.__cause__
    status = getattr(problem, "status_code", None)
    return status == 404 or (status is None and str(problem).startswith("Collection "))


def _refusal(status: int, text: str) -> LookalikeError:
    if status in (401, 403):
        return StoreDenied(f"Qdrant refused the key ({status}); check QDRANT_API_KEY. {text}")
    if status == 404 and _names_no_point(text):
        return ImageNotFound("No image has this id")
    if status == 404:
        return StoreRejected(f"The collection is not there; start again to make it. {text}")
    if status == 507 or "No space left" in text:
        return StoreFull(f"Qdrant has no room left ({status}); {text}")
    if status in _TIMEOUTS:
        return StoreTimeout(f"Qdrant did not finish in time ({status}). {text}")
    if status in _MOMENTARY:
        return StoreUnavailable(f"Qdrant cannot serve now ({status}). {text}")
    return StoreRejected(f"Qdrant refused the request ({status}). {text}")


def _names_no_point(text: str) -> bool:
    """Server: "No point with id ... found"; local mode: "Point ... is not found"."""
    return "No point with id" in text or ("Point " in text and "is not found" in text)


def _text(problem: Any) -> str:
    content = problem.content or b""
    return str(content.decode("utf-8", "replace"))[:_LONGEST_TEXT]
