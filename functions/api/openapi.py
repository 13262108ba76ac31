"""Notes beside a route what FastAPI cannot see: options in the query, pictures and other bodies.

Only names are noted here, for a route is made at every cold start; document.py writes them out
when somebody asks for the document.
"""

from typing import Any, get_origin

from pydantic import BaseModel

NOTE = "x-noted"  # under which a note lies in a route's `openapi_extra`
NOTED: dict[str, type[BaseModel]] = {}  # the models that the notes name


def query(options: type[BaseModel]) -> dict[str, Any]:
    """Note options that stand in the query; objects are JSON texts there."""
    return _noted(options, "none", tuple(options.model_fields))


def json_body(options: type[BaseModel], *, idempotent: bool = False) -> dict[str, Any]:
    """Note a JSON body that is read by `receive_json`."""
    return _noted(options, "json", (), idempotent=idempotent)


def picture_body(
    options: type[BaseModel], *, ways: tuple[str, ...] = (), idempotent: bool = False
) -> dict[str, Any]:
    """Note a picture as raw body, form or JSON, with options in the query or beside it.

    `ways` are the options that stand for a picture, so that none is sent; these, and lists, are
    for JSON only.
    """
    fields = options.model_fields.items()
    queried = tuple(
        name
        for name, field in fields
        if name not in ways and get_origin(field.annotation) is not list
    )
    return _noted(options, "picture", queried, ways, idempotent=idempotent)


def _noted(
    options: type[BaseModel],
    body: str,
    queried: tuple[str, ...],
    ways: tuple[str, ...] = (),
    *,
    idempotent: bool = False,
) -> dict[str, Any]:
    NOTED[options.__name__] = options
    note = {
        "options": options.__name__,
        "body": body,
        "ways": ["image", *ways] if body == "picture" else [],
        "idempotent": idempotent,
    }
    parameters = [{"name": name, "in": "query"} for name in queried]
    return {"openapi_extra": {"parameters": parameters, NOTE: note}}
