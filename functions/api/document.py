"""Writes the OpenAPI document of an application: what FastAPI sees, and all that it cannot see.

Read only when somebody asks for the document; nothing of it is paid for at a cold start.
"""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from functions.api.errors import statuses
from functions.api.inputs import Inputs, Schema
from functions.api.openapi import NOTE, NOTED
from functions.api.operations import OPERATIONS, TAGS, Operation
from functions.api.responses import HEADERS, add_responses, example_of

EXAMPLES = Path(__file__).with_name("examples.json")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Made up by the caller, the same in every retry: the answer is repeated",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_API_KEY = {
    "type": "apiKey",
    "in": "header",
    "name": "x-api-key",
    "description": "A key of this gallery; its scope is read, write or admin, each includes those "
    "before it. A gallery without keys answers its own machine only, and needs none",
}
_BINARY = {"type": "string", "format": "binary", "minLength": 1}


def document(app: FastAPI) -> dict[str, Any]:
    """Write the document of this application and its gallery."""
    state = app.state
    inputs = Inputs(state.gallery.spec.fields, urls=state.fetcher is not None)
    examples = json.loads(EXAMPLES.read_text())
    whole = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": told} for name, told in TAGS.items()],
        servers=[{"url": "/", "description": "The gallery that gave this document"}],
    )
    for path, operations in whole["paths"].items():
        for method, written in operations.items():
            known = OPERATIONS[method, path]
            _name(written, known, keys=bool(state.settings.lookalike_api_keys))
            _describe_input(written, inputs, examples["requests"].get(known.id, {}))
            add_responses(written, known, examples["answers"].get(known.id, {}))
    components = whole["components"]
    components["schemas"] = _schemas(components["schemas"]) | inputs.components
    components["securitySchemes"] = {"ApiKey": _API_KEY}
    components["headers"] = HEADERS
    components["examples"] = {
        code: {"summary": told["title"], "value": told}
        for code, told in sorted(examples["problems"].items())
        if code in statuses()
    }
    return whole


def _name(written: dict[str, Any], known: Operation, *, keys: bool) -> None:
    written["operationId"] = known.id
    written["summary"] = written["description"].partition("\n")[0].rstrip(".")
    written.pop("security", None)
    if known.scope:
        needed = {"ApiKey": [known.scope]}
        written["security"] = [needed] if keys else [{}, needed]


def _describe_input(written: dict[str, Any], inputs: Inputs, examples: Schema) -> None:
    queried = [each["name"] for each in written.get("parameters", []) if each["in"] == "query"]
    parameters = [each for each in written.pop("parameters", []) if each["in"] == "path"]
    for parameter in parameters:
        parameter["schema"] = {"type": "string", "format": "uuid"}
        parameter["description"] = "Of the image, as every answer gives it"
    note = written.pop(NOTE, None)
    if note:
        model = NOTED[note["options"]]
        properties = inputs.properties(model)
        parameters += [_parameter(n, properties[n], inputs.components) for n in queried]
        if note["idempotent"]:
            parameters.append(_IDEMPOTENCY_KEY)
        if note["body"] != "none":
            content = {"application/json": {"schema": inputs.of(model)} | example_of(examples)}
            if note["body"] == "picture":
                content = _pictures({name: properties[name] for name in queried}) | content
            written["requestBody"] = {"required": True, "content": content}
    if parameters:
        written["parameters"] = parameters


def _parameter(name: str, schema: Schema, known: dict[str, Schema]) -> dict[str, Any]:
    """Describe an option in the query; an object is JSON text there."""
    schema = dict(schema)
    described = {"name": name, "in": "query", "description": schema.pop("description", "")}
    if known.get(schema.get("$ref", "").rpartition("/")[2], {}).get("type") == "object":
        return described | {"content": {"application/json": {"schema": schema}}}
    return described | {"schema": schema}


def _pictures(options: dict[str, Schema]) -> dict[str, Any]:
    form = {
        "type": "object",
        "properties": {"image": _BINARY, **options},
        "required": ["image"],
        "additionalProperties": False,
    }
    encoding = {"image": {"contentType": "image/*"}}
    return {
        "image/*": {"schema": _BINARY},
        "multipart/form-data": {"schema": form, "encoding": encoding},
    }


def _schemas(plain: dict[str, Schema]) -> dict[str, Schema]:
    """Make FastAPI's schemas of answers say what ids and problems are."""
    for name in ("HTTPValidationError", "ValidationError"):
        plain.pop(name, None)
    for schema in plain.values():
        for name, field in schema.get("properties", {}).items():
            field.pop("title", None)
            if name in ("id", "keeper"):
                field["format"] = "uuid"
    return plain
