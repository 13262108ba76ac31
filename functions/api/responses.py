"""Writes out every answer of an operation: each status with headers, schema and example.

Read only when somebody asks for the OpenAPI document.
"""

from http import HTTPStatus
from typing import Any

from functions.api.errors import retryable, statuses
from functions.api.operations import Operation

_TEXT = {"type": "string"}
HEADERS: dict[str, dict[str, Any]] = {
    "x-request-id": {"description": "For the log; also in every problem", "schema": _TEXT},
    "Location": {"description": "Where the image is", "schema": _TEXT},
    "Server-Timing": {"description": "Milliseconds of each stage", "schema": _TEXT},
    "ETag": {"description": "Of the picture; send it as If-None-Match", "schema": _TEXT},
    "Cache-Control": {"description": "How long to keep it", "schema": _TEXT},
    "WWW-Authenticate": {"description": "Which header takes the key", "schema": _TEXT},
    "Retry-After": {
        "description": "Seconds to wait",
        "schema": {"type": "integer", "minimum": 0},
    },
}
_OF_SUCCESS = {
    "addImage": ("Location", "Server-Timing"),
    "search": ("Server-Timing",),
    "findSimilar": ("Server-Timing",),
    "compare": ("Server-Timing",),
    "getThumbnail": ("ETag", "Cache-Control"),
    "getOriginal": ("ETag", "Cache-Control"),
}
_DESCRIPTIONS = {"200": "Done", "201": "Added", "204": "Removed"}


def add_responses(written: dict[str, Any], known: Operation, examples: dict[str, Any]) -> None:
    """Write the answers of an operation, good and bad, into what FastAPI wrote of it."""
    answers = written["responses"]
    answers.pop("422", None)
    for status, answer in answers.items():
        if answer["description"] == "Successful Response":
            answer["description"] = _DESCRIPTIONS[status]
        answer["headers"] = _headers(*_OF_SUCCESS.get(known.id, ()))
        for media_type, content in answer.get("content", {}).items():
            if media_type == "application/json":
                content.update(example_of(examples.get(status, {})))
    if known.id in ("getThumbnail", "getOriginal"):
        answers["304"] = {"description": "Not changed since, as If-None-Match says"}
    for status in sorted({statuses()[code] for code in known.codes}):
        codes = sorted(code for code in known.codes if statuses()[code] == status)
        answers[str(int(status))] = _problem(status, codes)
    for answer in answers.values():
        answer["headers"] = _headers("x-request-id") | answer.get("headers", {})
    written["responses"] = dict(sorted(answers.items()))


def example_of(examples: dict[str, Any]) -> dict[str, Any]:
    """Give named examples as the document holds them; nothing if there are none."""
    if not examples:
        return {}
    return {"examples": {name: {"value": value} for name, value in examples.items()}}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _problem(status: HTTPStatus, codes: list[str]) -> dict[str, Any]:
    names = ["WWW-Authenticate"] if status == HTTPStatus.UNAUTHORIZED else []
    if retryable() & set(codes):
        names.append("Retry-After")
    return {
        "description": f"{status.phrase}: {' or '.join(codes)}",
        "headers": _headers(*names),
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }
