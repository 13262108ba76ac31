"""Our errors for what the two clients raise, recognised by attributes to import nothing more.

status_code    an error response (Refused; UnexpectedResponse of the library)
retry_after_s  429 with a pause (TooManyRequests; ResourceExhaustedResponse of the library)
source         no response (NoAnswer; ResponseHandlingException of the library, which also raises
               it for one of the wrong shape)
others         200 with a body that is not Qdrant's, as proxies send; also what local mode refuses
"""

import httpx

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreNotReached,
    StoreRejected,
    StoreTimeout,
    StoreUnavailable,
)

_TIMEOUTS = {408, 504}
_UNAVAILABLE = {429, 500, 502, 503}
_TOO_LARGE = 413
_LOGGED_CHARACTERS = 300  # a proxy's error page is long


def store_error(error: Exception) -> LookalikeError:
    """Return our error for a failed call, to be raised `from` it; it never has Qdrant's text."""
    status, text = _status_and_text(error)
    return _without_status(error, text) if status is None else _from_status(status, text)


def for_the_log(ours: LookalikeError, error: Exception) -> str | None:
    """Return what to log of a failed call, with Qdrant's text; None for what is expected."""
    status, text = _status_and_text(error)
    if not isinstance(ours, StoreError) or _names_no_collection(error) or status == _TOO_LARGE:
        return None
    return f"{ours}: {text[:_LOGGED_CHARACTERS]}"


def _status_and_text(error: Exception) -> tuple[int | None, str]:
    status: int | None = getattr(error, "status_code", None)
    content = getattr(error, "content", None) or b""
    return status, str(error) if status is None else content.decode("utf-8", "replace")


def is_missing_collection(error: LookalikeError) -> bool:
    """Return whether a call failed only because there is no such collection or alias."""
    return _names_no_collection(error.__cause__)


def is_away(error: StoreUnavailable) -> bool:
    """Return whether the server seems to be down or starting, not slow or busy."""
    if not isinstance(error, StoreTimeout):
        return error.retry_after is None
    return isinstance(getattr(error.__cause__, "source", None), httpx.ConnectTimeout)


def is_too_large(error: LookalikeError) -> bool:
    """Return whether a call failed only because the request was too large for a proxy."""
    return getattr(error.__cause__, "status_code", None) == _TOO_LARGE


def _names_no_collection(error: BaseException | None) -> bool:
    status = getattr(error, "status_code", None)
    return status == 404 or (status is None and str(error).startswith("Collection "))


def _from_status(status: int, text: str) -> LookalikeError:
    if status in (401, 403):
        return StoreDenied(
            f"Qdrant refused the API key ({status}); check QDRANT_API_KEY and its rights"
        )
    if status == 404 and _names_no_point(text):
        return ImageNotFound("No image has this id")
    if status == 404:
        return StoreRejected("The collection does not exist; restart to create it")
    if status == 507 or "No space left" in text:
        return StoreFull(f"Qdrant has no room left ({status}); give it more disk, or remove images")
    if status == _TOO_LARGE:
        return StoreRejected(
            "A proxy in front of Qdrant refuses a request of this size (413); raise its limit, in "
            "nginx client_max_body_size"
        )
    if status in _TIMEOUTS:
        return StoreTimeout(f"Qdrant did not finish in time ({status}); try again")
    if status in _UNAVAILABLE:
        return StoreUnavailable(f"Qdrant is unavailable ({status}); try again")
    return StoreRejected(f"Qdrant rejected the request ({status}); the log has its reason")


def _without_status(error: Exception, text: str) -> LookalikeError:
    if hasattr(error, "retry_after_s"):
        pause: float | str | None = error.retry_after_s
        return _too_many_requests(None if pause is None else float(pause))
    if "Retry-After" in text:  # a date, which the client cannot read
        return _too_many_requests(None)
    source = getattr(error, "source", None)
    if isinstance(source, httpx.TimeoutException):
        return StoreTimeout("Qdrant did not answer in time; try again")
    if isinstance(source, httpx.ConnectError):
        return StoreNotReached("Qdrant cannot be reached; check QDRANT_URL")
    if isinstance(source, httpx.TransportError):
        return StoreUnavailable("Qdrant cannot be reached; check QDRANT_URL")
    if _names_no_point(text):
        return ImageNotFound("No image has this id")
    return StoreRejected("The server at QDRANT_URL does not answer like Qdrant; check the address")


def _too_many_requests(pause_s: float | None) -> StoreUnavailable:
    return StoreUnavailable("Qdrant gets too many requests (429)", retry_after=pause_s)


def _names_no_point(text: str) -> bool:
    """Server: "No point with id ... found"; local mode: "Point ... is not found"."""
    return "No point with id" in text or ("Point " in text and "is not found" in text)
