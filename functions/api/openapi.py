"""Describes in OpenAPI what FastAPI cannot see: pictures as bodies, options and problems."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from functions.api.schemas import Problem

_PROBLEM = {
    "description": "A problem; `code` says which",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Made up by the caller, the same in every retry: the answer is repeated",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def query(options: type[BaseModel]) -> dict[str, Any]:
    """Describe options that stand in the query; objects are JSON texts there."""
    described = _properties(options)
    parameters = [_parameter(n, s) for n, s in described.items() if s.get("type") != "array"]
    return {"openapi_extra": {"parameters": parameters}}


def json_body(options: type[BaseModel], *, idempotent: bool = False) -> dict[str, Any]:
    """Describe a small JSON body that is read by `receive_json`."""
    schema = {
        "type": "object",
        "properties": _properties(options),
        "required": [name for name, field in options.model_fields.items() if field.is_required()],
        "additionalProperties": False,
    }
    content = {"application/json": {"schema": schema}}
    extra: dict[str, Any] = {"requestBody": {"required": True, "content": content}}
    if idempotent:
        extra["parameters"] = [_IDEMPOTENCY_KEY]
    return {"openapi_extra": extra}


def picture_body(
    options: type[BaseModel], *, required: bool = True, idempotent: bool = False
) -> dict[str, Any]:
    """Describe a picture as raw body, form or JSON, with options in the query or beside it."""
    extra = query(options)["openapi_extra"]
    if idempotent:
        extra["parameters"].append(_IDEMPOTENCY_KEY)
    properties = _properties(options)
    binary = {"type": "string", "format": "binary"}
    base64 = {"type": "string", "contentEncoding": "base64"}
    needed = {"required": ["image"]} if required else {}
    form = {"type": "object", "properties": {"image": binary, **properties}, **needed}
    written = {"type": "object", "properties": {"image": base64, **properties}, **needed}
    extra["requestBody"] = {
        "required": True,
        "content": {
            "image/*": {"schema": binary},
            "multipart/form-data": {"schema": form},
            "application/json": {"schema": {**written, "additionalProperties": False}},
        },
    }
    return {"openapi_extra": extra}


def describe_problems(app: FastAPI) -> None:
    """Let the OpenAPI document tell the shape of every failure."""
    plain = app.openapi

    def with_problems() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            schemas = document["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema()
            for path in document["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    operation["responses"]["default"] = _PROBLEM
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = with_problems  # type: ignore[method-assign]


def _properties(options: type[BaseModel]) -> dict[str, Any]:
    """Give the JSON schema of each option, with what it refers to written out in its place."""
    schema = options.model_json_schema()
    named = schema.get("$defs", {})

    def resolved(part: Any) -> Any:
        if isinstance(part, list):
            return [resolved(each) for each in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return resolved(named[part["$ref"].rpartition("/")[2]])
        return {key: resolved(value) for key, value in part.items()}

    properties: dict[str, Any] = resolved(schema["properties"])
    return properties


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": name, "in": "query", "description": schema.get("description", "")}
    kinds = {schema.get("type"), *(part.get("type") for part in schema.get("anyOf", []))}
    if "object" in kinds:
        return described | {"content": {"application/json": {"schema": schema}}}
    return described | {"schema": schema}
