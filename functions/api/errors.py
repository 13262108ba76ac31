"""Which status every error has over HTTP (RFC 9457). The only place with status codes."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from functions.gallery import errors

log = logging.getLogger(__name__)


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


class NoBucket(errors.LookalikeError):
    """Signed forms need a bucket, and this gallery keeps its pictures in a folder."""

    code = "no-bucket"


STATUS: dict[type[errors.LookalikeError], HTTPStatus] = {
    MalformedBody: HTTPStatus.BAD_REQUEST,
    InvalidParameters: HTTPStatus.UNPROCESSABLE_ENTITY,
    KeyMissing: HTTPStatus.UNAUTHORIZED,
    KeyRefused: HTTPStatus.FORBIDDEN,
    NoBucket: HTTPStatus.NOT_IMPLEMENTED,
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
    errors.InvalidCursor: HTTPStatus.UNPROCESSABLE_ENTITY,
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
    content: dict[str, Any] = {
        "type": f"urn:lookalike:problem:{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request.state.request_id,
    }
    if found:
        content["errors"] = list(found)
    return JSONResponse(content, status, media_type="application/problem+json")


def pointed(problems: Sequence[Any]) -> list[dict[str, str]]:
    """Turn pydantic's errors into pointers (RFC 6901) and plain words."""
    return [
        {"pointer": "#/" + "/".join(str(part) for part in e["loc"]), "detail": e["msg"]}
        for e in problems
    ]


def _ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.LookalikeError)
    status = STATUS[type(error)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NoBucket):
        log.error("%s %s: %s", request.state.request_id, error.code, error)
    found: list[dict[str, str]] = []
    if isinstance(error, InvalidParameters):
        found = error.found
    elif isinstance(error, errors.RequestError) and error.field:
        found = [{"pointer": f"#/{error.field}", "detail": str(error)}]
    answer = problem(request, status, error.code, str(error), found)
    if status == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'ApiKey header="x-api-key"'
    if error.retryable:
        answer.headers["Retry-After"] = str(round(getattr(error, "retry_after", None) or 1))
    return answer


def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = pointed([{**e, "loc": e["loc"][1:] or e["loc"]} for e in error.errors()])
    return _ours(request, InvalidParameters(found))


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    answer = problem(request, error.status_code, code, str(error.detail))
    answer.headers.update(error.headers or {})
    return answer


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("unexpected", exc_info=error)
    answer = problem(request, 500, "internal", "Something went wrong here; the log has the reason")
    # Starlette answers this one outside all middleware.
    answer.headers["x-request-id"] = request.state.request_id
    return answer
