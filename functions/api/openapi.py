"""Describes in OpenAPI what FastAPI cannot see: pictures as bodies, options and problems."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from functions.api.schemas import Problem

_PROBLEM = {
    "description": "A problem; `code` says which",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def query(options: type[BaseModel]) -> dict[str, Any]:
    """Describe options that stand in the query; objects are JSON texts there."""
    described = options.model_json_schema()["properties"]
    return {"openapi_extra": {"parameters": [_parameter(n, s) for n, s in described.items()]}}


def picture_body(options: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """Describe a picture as raw body, form or JSON, with options in the query or beside it."""
    extra = query(options)["openapi_extra"]
    properties = options.model_json_schema()["properties"]
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


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": name, "in": "query", "description": schema.get("description", "")}
    kinds = {schema.get("type"), *(part.get("type") for part in schema.get("anyOf", []))}
    if "object" in kinds:
        return described | {"content": {"application/json": {"schema": schema}}}
    return described | {"schema": schema}
