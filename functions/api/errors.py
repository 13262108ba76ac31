"""Which status every error has over HTTP (RFC 9457). The only place with status codes."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from functions.gallery import errors

log = logging.getLogger(__name__)
_UNEXPECTED = "Something went wrong here; the log has the reason"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class MalformedBody(errors.LookalikeError):
    """The body is not what its content type says."""

    code = "malformed-body"


class InvalidParameters(errors.LookalikeError):
    """Parameters that are unknown, missing or out of bounds; `found` lists pointer and detail."""

    code = "invalid-parameters"

    def __init__(self, found: Sequence[dict[str, str]]) -> None:
        """Keep one entry per parameter."""
        super().__init__("; ".join(f"{each['pointer']}: {each['detail']}" for each in found))
        self.found = list(found)


class KeyMissing(errors.LookalikeError):
    """No key came, or one that nobody was given."""

    code = "key-missing"


class KeyRefused(errors.LookalikeError):
    """The key, or the place that the call comes from, does not allow this."""

    code = "key-refused"


class KeyReused(errors.LookalikeError):
    """The Idempotency-Key came before, with another request."""

    code = "idempotency-key-reused"


class NotReached(errors.LookalikeError):
    """The time for one call was over before this item's turn; send it again."""

    code = "not-reached"
    retryable = True


class NoBucket(errors.LookalikeError):
    """Signed forms need a bucket, and this gallery keeps its pictures in a folder."""

    code = "no-bucket"


STATUS: dict[type[errors.LookalikeError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    InvalidParameters: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyMissing: HTTPStatus.UNAUTHORIZED,
    KeyRefused: HTTPStatus.FORBIDDEN,
    KeyReused: HTTPStatus.CONFLICT,
    NotReached: HTTPStatus.SERVICE_UNAVAILABLE,
    NoBucket: HTTPStatus.NOT_FOUND,
    errors.PictureError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EmptyPicture: HTTPStatus.BAD_REQUEST,
    errors.PictureTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.UnsupportedFormat: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UndecodablePicture: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.RequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidName: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidMetadata: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidFilter: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidExamples: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidCursor: HTTPStatus.NOT_FOUND,
    errors.UrlRefused: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UrlUnreachable: HTTPStatus.BAD_GATEWAY,
    errors.ImageNotFound: HTTPStatus.NOT_FOUND,
    errors.NameTaken: HTTPStatus.CONFLICT,
    errors.ObjectChanged: HTTPStatus.CONFLICT,
    errors.StoreError: HTTPStatus.BAD_GATEWAY,
    errors.StoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreTimeout: HTTPStatus.GATEWAY_TIMEOUT,
    errors.StoreRejected: HTTPStatus.BAD_GATEWAY,
    errors.StoreDenied: HTTPStatus.BAD_GATEWAY,
    errors.StoreFull: HTTPStatus.INSUFFICIENT_STORAGE,
    errors.StoreBusy: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ModelMismatch: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.LookalikeError: HTTPStatus.INTERNAL_SERVER_ERROR,
}


def statuses() -> dict[str, HTTPStatus]:
    """Give the status of every code that a problem can carry."""
    ours = {error.code: status for error, status in STATUS.items()}
    missed = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)  # no route, not that method
    return ours | {_code_of(status): status for status in missed}


def retryable() -> frozenset[str]:
    """Give the codes that waiting may help; their answers tell how long, in Retry-After."""
    return frozenset(error.code for error in STATUS if error.retryable)


def _code_of(status: HTTPStatus) -> str:
    return status.phrase.lower().replace(" ", "-")


def answer_with_problems(app: FastAPI) -> None:
    """Make every failure of this application an application/problem+json answer."""
    app.add_exception_handler(errors.LookalikeError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    request: Request, status: int, code: str, detail: str, found: Sequence[dict[str, str]] = ()
) -> JSONResponse:
    """Build one RFC 9457 answer."""
    content = _content(request, status, code, detail, found)
    return JSONResponse(content, status, media_type="application/problem+json")


def problem_of(request: Request, error: Exception) -> dict[str, Any]:
    """Say what went wrong with one item of several as the whole call would say it."""
    if not isinstance(error, errors.LookalikeError):
        log.error("unexpected", exc_info=error)
        error = errors.LookalikeError(_UNEXPECTED)
    return _content(request, _status_of(request, error), error.code, str(error), _found_in(error))


def _content(
    request: Request, status: int, code: str, detail: str, found: Sequence[dict[str, str]]
) -> dict[str, Any]:
    content: dict[str, Any] = {
        "type": f"urn:lookalike:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": int(status),
        "detail": detail,
        "code": code,
        "request_id": request.state.request_id,
    }
    if found:
        content["errors"] = list(found)
    return content


def pointer(*path: str) -> str:
    """Point to a part of what was sent (RFC 6901)."""
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)


def pointed(problems: Sequence[Any]) -> list[dict[str, str]]:
    """Turn pydantic's errors into pointers (RFC 6901) and plain words."""
    return [
        {"pointer": pointer(*(str(part) for part in e["loc"])), "detail": e["msg"]}
        for e in problems
    ]


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.LookalikeError)
    status = _status_of(request, error)
    answer = problem(request, status, error.code, str(error), _found_in(error))
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'ApiKey header="x-api-key"'
    if error.retryable:
        answer.headers["Retry-After"] = str(round(getattr(error, "retry_after", None) or 1))
    return answer


# Answers of 500 and more for which nobody here has to look at the log.
_NO_FAULT = (NotReached, errors.UrlUnreachable)


def _status_of(request: Request, error: errors.LookalikeError) -> HTTPStatus:
    """Look the status up, and log what is a fault of ours or of the store."""
    status = STATUS[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, _NO_FAULT):
        log.error("%s %s: %s", request.state.request_id, error.code, error)
    return status


def _found_in(error: errors.LookalikeError) -> list[dict[str, str]]:
    if isinstance(error, InvalidParameters):
        return error.found
    if isinstance(error, errors.RequestError) and error.path:
        return [{"pointer": pointer(*error.path), "detail": str(error)}]
    return []


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = pointed([{**e, "loc": e["loc"][1:] or e["loc"]} for e in error.errors()])
    return _ours(request, InvalidParameters(found))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _code_of(HTTPStatus(error.status_code))
    answer = problem(request, error.status_code, code, str(error.detail))
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(_allowed(request))
    return answer


def _allowed(request: Request) -> list[str]:
    """Give the methods of all routes of this path; the framework tells of the first one only."""
    asked = [dict(request.scope) | {"method": method} for method in _METHODS]
    routes = request.app.routes
    allowed = [
        scope["method"]
        for scope in asked
        if any(route.matches(scope)[0] is Match.FULL for route in routes)
    ]
    return ["HEAD", *allowed] if "GET" in allowed else allowed


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected", exc_info=error)
    answer = problem(request, 500, "internal", _UNEXPECTED)
    # Starlette answers this one outside all middleware.
    answer.headers["x-request-id"] = request.state.request_id
    return answer
