"""Which HTTP status each error has, and how it is reported (RFC 9457). No other module sets one.

Depends on FastAPI and the gallery's errors.
"""

import logging
import math
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.routing import Match

from functions.gallery import errors

log = logging.getLogger(__name__)
UNEXPECTED = "An unexpected error occurred; the log has the reason"
UNKNOWN = "is unknown; /docs lists the options"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Messages quote the request, which can have megabytes. With these limits the problems of a batch
# of 50 stay below Lambda's 6 MB, even if each character takes six bytes of JSON.
_MAX_CHARACTERS = 500
_MAX_PARTS = 10


def _shortened(text: str) -> str:
    """Return a long text without its middle: what is wrong comes first, what to do last."""
    half = _MAX_CHARACTERS // 2
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: half - 3]} ... {text[2 - half :]}"


Short = Annotated[str, AfterValidator(_shortened)]


class WrongPart(BaseModel):
    """A part of a request that is wrong, and why."""

    pointer: Short = Field(description="JSON Pointer into the request, such as #/limit")
    detail: Short


class MalformedBody(errors.LookalikeError):
    """The body does not match its content type."""

    code = "malformed-body"


class InvalidParameters(errors.LookalikeError):
    """Options are unknown, missing or out of bounds; `parts` has a pointer and detail for each."""

    code = "invalid-parameters"

    def __init__(self, parts: Sequence[WrongPart]) -> None:
        """Keep the first wrong parts."""
        self.parts = list(parts[:_MAX_PARTS])
        details = [f"{part.pointer}: {part.detail}" for part in self.parts]
        if more := len(parts) - len(self.parts):
            details.append(f"and {more} more")
        super().__init__("; ".join(details))


class BodyTooLarge(errors.LookalikeError):
    """A body without pictures is longer than the limit; `max_json_bytes` in /v1/limits has it."""

    code = "body-too-large"


class KeyMissing(errors.LookalikeError):
    """The request has no key, or one that is not a key of this gallery."""

    code = "key-missing"


class KeyRefused(errors.LookalikeError):
    """The key, or the place that the request comes from, does not allow this."""

    code = "key-refused"


class KeyReused(errors.LookalikeError):
    """The Idempotency-Key was used before, with a different request."""

    code = "idempotency-key-reused"


class Overloaded(errors.LookalikeError):
    """Other requests use all the memory for bodies or fetched pictures; send this one again."""

    code = "overloaded"
    retryable = True
    retry_after = 5.0


class NoBucket(errors.LookalikeError):
    """This gallery keeps its pictures in a folder; signed forms need a bucket."""

    code = "no-bucket"


class NoSuchPath(errors.LookalikeError):
    """The API has no such path; /docs lists them."""

    code = "not-found"


class MethodNotAllowed(errors.LookalikeError):
    """This path does not support the method; the header Allow lists those it does."""

    code = "method-not-allowed"


STATUS: dict[type[errors.LookalikeError], HTTPStatus] = {
    kind: status
    for status, kinds in {
        HTTPStatus.BAD_REQUEST: (MalformedBody, errors.EmptyPicture),
        HTTPStatus.UNAUTHORIZED: (KeyMissing,),
        HTTPStatus.FORBIDDEN: (KeyRefused, errors.ReadOnlyOriginals),
        HTTPStatus.NOT_FOUND: (NoSuchPath, NoBucket, errors.ImageNotFound, errors.InvalidCursor),
        HTTPStatus.METHOD_NOT_ALLOWED: (MethodNotAllowed,),
        HTTPStatus.CONFLICT: (
            KeyReused,
            errors.NameTaken,
            errors.ObjectChanged,
            errors.UnreadableOriginal,
        ),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (
            BodyTooLarge,
            errors.PictureTooLarge,
            errors.TooManyPixels,
        ),
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (errors.UnsupportedFormat,),
        HTTPStatus.UNPROCESSABLE_ENTITY: (
            InvalidParameters,
            errors.PictureError,
            errors.DamagedPicture,
            errors.RequestError,
            errors.InvalidName,
            errors.InvalidMetadata,
            errors.InvalidFilter,
            errors.InvalidExamples,
            errors.UrlRefused,
            errors.UrlUnreachable,
        ),
        HTTPStatus.INTERNAL_SERVER_ERROR: (
            errors.LookalikeError,
            errors.ModelMismatch,
            errors.OtherOriginals,
            errors.SettingsError,
        ),
        HTTPStatus.BAD_GATEWAY: (errors.StoreError, errors.StoreRejected, errors.StoreDenied),
        HTTPStatus.SERVICE_UNAVAILABLE: (
            Overloaded,
            errors.NotReached,
            errors.OutOfMemory,
            errors.StoreUnavailable,
            errors.StoreNotReached,
            errors.StoreBusy,
        ),
        HTTPStatus.GATEWAY_TIMEOUT: (errors.StoreTimeout,),
        HTTPStatus.INSUFFICIENT_STORAGE: (errors.StoreFull,),
    }.items()
    for kind in kinds
}
# From 500 up, yet no fault of this service or its store, so not logged.
_NOT_LOGGED = (Overloaded, errors.NotReached)


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: Short
    code: str = Field(description="Stable; for programs to act on")
    request_id: str
    errors: list[WrongPart] | None = Field(None, description="The wrong parts, if known")


def statuses() -> dict[str, HTTPStatus]:
    """Return the status of every code that a problem can have."""
    return {error.code: status for error, status in STATUS.items()}


def retryable() -> frozenset[str]:
    """Return the codes of problems that may pass; their responses have a Retry-After header."""
    return frozenset(error.code for error in STATUS if error.retryable)


def invalid(**details: str) -> InvalidParameters:
    """Return the error for wrong options, by name: what is wrong with each."""
    return InvalidParameters([_wrong((name,), detail) for name, detail in details.items()])


def invalid_at(path: Sequence[str | int], detail: str) -> InvalidParameters:
    """Return the error for a part of the options."""
    return InvalidParameters([_wrong(path, detail)])


def invalid_model(error: ValidationError) -> InvalidParameters:
    """Return the error for values that do not fit a model."""
    return InvalidParameters([_wrong(each["loc"], _detail(each)) for each in error.errors()])


def _detail(problem: ErrorDetails) -> str:
    if problem["type"] == "value_error":
        return str(problem["ctx"]["error"])  # raised by our models
    return UNKNOWN if problem["type"] == "extra_forbidden" else problem["msg"]


def _wrong(path: Sequence[str | int], detail: str) -> WrongPart:
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)  # RFC 6901
    return WrongPart(pointer="#" + "".join(f"/{step}" for step in steps), detail=detail)


def report_errors(app: FastAPI) -> None:
    """Make failures that a route reports application/problem+json; Envelope does the others."""
    app.add_exception_handler(errors.LookalikeError, respond)
    app.add_exception_handler(HTTPException, respond)


def problem_of(error: errors.LookalikeError, request_id: str) -> Problem:
    """Describe an error."""
    return Problem(
        type=f"urn:lookalike:problem:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=STATUS[type(error)],
        detail=str(error),
        code=error.code,
        request_id=request_id,
        errors=_parts_of(error),
    )


def translate(error: Exception, request_id: str) -> errors.LookalikeError:
    """Return the error to report for any error; log it if this service or its store is at fault."""
    known = _lookalike_error(error)
    status = STATUS[type(known)]
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(known, _NOT_LOGGED):
        unexpected = None if known is error else error
        log.error("%s %s: %s", request_id, known.code, _shortened(str(known)), exc_info=unexpected)
    return known


def _lookalike_error(error: Exception) -> errors.LookalikeError:
    if isinstance(error, errors.LookalikeError):
        return error
    if isinstance(error, HTTPException):  # from the router
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return MethodNotAllowed("This path does not support this method; see the header Allow")
        return NoSuchPath("The API has no such path; see /docs")
    if isinstance(error, MemoryError):
        return errors.OutOfMemory("Memory ran out; try again")
    return errors.LookalikeError(UNEXPECTED)


def _parts_of(error: errors.LookalikeError) -> list[WrongPart] | None:
    if isinstance(error, InvalidParameters):
        return error.parts
    if isinstance(error, errors.RequestError) and error.path:
        return [_wrong(error.path, str(error))]
    return None


def respond(request: Request, error: Exception) -> JSONResponse:
    """Return the response to an error."""
    error = translate(error, request.state.request_id)
    problem = problem_of(error, request.state.request_id)
    headers = {}
    if isinstance(error, KeyMissing):
        headers["WWW-Authenticate"] = 'ApiKey header="x-api-key"'
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(_allowed_methods(request))
    if error.retryable:
        headers["Retry-After"] = str(math.ceil(getattr(error, "retry_after", None) or 1))
    content = problem.model_dump(exclude_none=True)
    return JSONResponse(content, problem.status, headers, "application/problem+json")


def _allowed_methods(request: Request) -> list[str]:
    """List the methods of all routes with this path; the framework lists the first route's only."""
    routes = request.app.routes
    allowed = [
        method
        for method in _METHODS
        if any(r.matches({**request.scope, "method": method})[0] is Match.FULL for r in routes)
    ]
    return ["HEAD", *allowed] if "GET" in allowed else allowed
