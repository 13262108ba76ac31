"""Write the OpenAPI document of an application: what FastAPI writes, and what it cannot know.

Depends on FastAPI, the request models and the gallery.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from functions.api.errors import retryable, statuses
from functions.api.openapi.examples import OBJECTS_IN_QUERY, REQUESTS, problems
from functions.api.openapi.operations import IDEMPOTENCY_KEY_REUSED, OPERATIONS, TAGS, Operation
from functions.api.openapi.schemas import RequestSchemas, Schema, ref
from functions.api.requests.parse import OBJECTS, input_of, query_options

_HEADERS = {
    "x-request-id": "Also in the log and in every problem",
    "Location": "Path of the image",
    "Server-Timing": "Milliseconds of each stage",
    "ETag": "Of the picture; send it as If-None-Match",
    "Cache-Control": "How long to cache it",
    "WWW-Authenticate": "The header that takes the key",
    "Retry-After": "Seconds to wait",
}
_HEADER_SCHEMAS = {"Retry-After": {"type": "integer", "minimum": 1}}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Made up by the client and sent with every retry, which gets the same response",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "x-api-key",
    "description": "A key of this gallery, with scope read, write or admin; each includes those "
    "before it. A gallery without keys needs none and accepts requests from its own machine only",
}
_BINARY = {"type": "string", "format": "binary", "minLength": 1}
_DESCRIPTIONS = {"200": "Success", "201": "Created", "204": "Removed"}


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document of this application and its gallery."""
    state = app.state
    routes = [r for r in app.routes if isinstance(r, APIRoute) and r.include_in_schema]
    inputs = [read for route in routes if (read := input_of(route))]
    urls = state.settings.lookalike_fetch_urls
    spec = state.gallery.spec
    schemas = RequestSchemas([model for model, _ in inputs], spec.fields, dims=spec.dims, urls=urls)
    in_queries = {model.__name__ for model, method in inputs if method == "from_query"}
    whole = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[
            {"url": app.root_path or "/", "description": "The gallery that served this document"}
        ],
    )
    by_id = {route.operation_id: route for route in routes}
    for operation in (each for path in whole["paths"].values() for each in path.values()):
        route = by_id[operation["operationId"]]
        known = OPERATIONS[operation["operationId"]]
        operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
        operation["security"] = []
        if known.scope:
            needed = {"ApiKey": [known.scope]}
            operation["security"] = [needed] if state.settings.lookalike_api_keys else [{}, needed]
        _describe_input(operation, route, schemas)
        _describe_responses(operation, known)
    whole["components"] = {
        "schemas": _cleaned(whole["components"]["schemas"])
        | {n: schema for n, schema in schemas.components.items() if n not in in_queries},
        "securitySchemes": {"ApiKey": _API_KEY},
        "headers": {
            name: {"description": text, "schema": _HEADER_SCHEMAS.get(name, {"type": "string"})}
            for name, text in _HEADERS.items()
        },
        "examples": problems(),
    }
    return whole


def _describe_input(operation: dict[str, Any], route: APIRoute, schemas: RequestSchemas) -> None:
    parameters = operation.pop("parameters", [])  # those in the path
    for parameter in parameters:
        parameter["schema"] = {"type": "string", "format": "uuid"}
        parameter["description"] = "Id of the image"
    if read := input_of(route):
        model, method = read
        options = schemas.options(model)
        options = {name: options[name] for name in query_options(route)}
        parameters += [_parameter(name, schema) for name, schema in options.items()]
        if method != "from_query":
            examples = _named(REQUESTS[operation["operationId"]])
            content = {"application/json": {"schema": ref(model.__name__), "examples": examples}}
            if method == "from_picture":
                content = _picture_bodies(options) | content
            operation["requestBody"] = {"required": True, "content": content}
    if IDEMPOTENCY_KEY_REUSED in OPERATIONS[operation["operationId"]].codes:
        parameters.append(_IDEMPOTENCY_KEY)
    if parameters:
        operation["parameters"] = parameters


def _parameter(name: str, schema: Schema) -> dict[str, Any]:
    """Describe an option in the query, where an object is JSON text."""
    described = {"name": name, "in": "query", "description": schema.get("description", "")}
    schema = {key: value for key, value in schema.items() if key != "description"}
    if name in OBJECTS:
        content = {"schema": schema, "example": OBJECTS_IN_QUERY[name]}
        return described | {"content": {"application/json": content}}
    return described | {"schema": schema}


def _picture_bodies(options: dict[str, Schema]) -> dict[str, Any]:
    form = {
        "type": "object",
        "properties": {"image": _BINARY, **options},
        "required": ["image"],
        "additionalProperties": False,
    }
    encoding = {"image": {"contentType": "image/*"}}
    return {
        "image/*": {"schema": _BINARY},
        "application/octet-stream": {"schema": _BINARY},
        "multipart/form-data": {"schema": form, "encoding": encoding},
    }


def _describe_responses(operation: dict[str, Any], known: Operation) -> None:
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own
    for status, response in responses.items():
        if response["description"] == "Successful Response":
            response["description"] = _DESCRIPTIONS[status]
        response["headers"] = _headers(*known.headers)
    if "ETag" in known.headers:
        responses["304"] = {"description": "Not modified, judging by If-None-Match"}
    for status in {statuses()[code] for code in known.codes}:
        codes = sorted(code for code in known.codes if statuses()[code] == status)
        responses[str(int(status))] = _problem(status, codes)
    for response in responses.values():
        response["headers"] = _headers("x-request-id") | response.get("headers", {})
    operation["responses"] = dict(sorted(responses.items()))


def _problem(status: HTTPStatus, codes: list[str]) -> dict[str, Any]:
    names = ["WWW-Authenticate"] if status == HTTPStatus.UNAUTHORIZED else []
    names += ["Retry-After"] if retryable() & {*codes} else []
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    content = {"schema": ref("Problem"), "examples": examples}
    return {
        "description": f"{status.phrase}: {' or '.join(codes)}",
        "headers": _headers(*names),
        "content": {"application/problem+json": content},
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _named(examples: Mapping[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in examples.items()}


def _cleaned(schemas: dict[str, Schema]) -> dict[str, Schema]:
    """Return FastAPI's schemas of responses, with ids, and without titles that repeat names."""
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for schema in schemas.values():
        for name, field in schema.get("properties", {}).items():
            field.pop("title", None)
            if name in ("id", "keeper"):
                field["format"] = "uuid"
    return schemas
