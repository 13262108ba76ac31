"""Writes out as JSON schemas what a gallery takes: options, bodies, its fields. Knows no route.

What depends on the gallery stands here too: which fields it filters by, whether it fetches URLs.
Read only when somebody asks for the OpenAPI document.
"""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from functions.gallery.filters import MAX_CONDITIONS, MAX_METADATA_FIELDS, MAX_VALUES
from functions.gallery.records import BUILT_IN_FIELDS, Fields, FieldType

Schema = dict[str, Any]

_SPLIT = {  # models of which exactly one way is taken, and what the parts are called
    "AddOptions": ("Add", ("image", "url", "key")),
    "SearchRequest": ("Search", ("image", "id", "url", "positive")),
    "ExampleIn": ("Example", ("id", "image", "url")),
    "DeleteRequest": ("Delete", ("ids", "filter")),
}
_BESIDE = {"key": {"metadata"}}  # what stands beside a way, if not everything
_EACH_JUDGED = {"BatchItem", "BatchQuery"}  # what is wrong with one of these is told in its answer
_NULL = {"type": "null"}
_64_BITS = {"minimum": -(2**63), "maximum": 2**63 - 1}
_NUMBER_AS_TEXT = {"type": "string", "pattern": r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$"}
_PICTURE = {
    "type": "string",
    "format": "picture",
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
}
_PART_OF_NAME = "([^./C][^/C]*|[.][^./C][^/C]*|[.][.][^/C]+)"
_NAME = f"^(?![.]lookalike/){_PART_OF_NAME}(/{_PART_OF_NAME})*$".replace(
    "C", r"\u0000-\u001f\u007f-\u009f"
)
_PATTERNS: dict[str, Schema] = {
    "id": {"format": "uuid"},
    "name": {"pattern": _NAME},
    "key": {"pattern": _NAME},
    "url": {"format": "uri", "pattern": "^https?://"},
}


class Inputs:
    """The schemas of everything that one gallery takes; each model is written once."""

    def __init__(self, fields: Fields, *, urls: bool) -> None:
        """Begin with what depends on the declared fields."""
        self._fields = fields
        self._urls = urls
        self.components: dict[str, Schema] = {
            "FieldName": self._named(numbers_only=False),
            "Order": self._named(numbers_only=True),
            **_demands(),
            "Filter": _filter(fields),
            "MetadataValue": _metadata_value(),
            "Metadata": _metadata(fields),
            "MetadataChanges": _metadata(fields, removing=True),
        }

    def of(self, model: type[BaseModel]) -> Schema:
        """Write a model into the components, and give a reference to it."""
        whole = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, schema in whole.pop("$defs", {}).items():
            self._write(name, schema)
        return self._write(model.__name__, whole)

    def properties(self, model: type[BaseModel]) -> dict[str, Schema]:
        """Give the schema of each option as it stands in a query or form: never null."""
        whole = model.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, schema in whole.pop("$defs", {}).items():
            self._write(name, schema)
        return {n: _without_null(s) for n, s in self._plain(model.__name__, whole).items()}

    def _write(self, name: str, schema: Schema) -> Schema:
        if "properties" not in schema:
            self.components[name] = schema
            return _to(name)
        required = schema.get("required", [])
        properties = self._plain(name, schema)
        described = schema.get("description", "")
        if name not in _SPLIT:
            self.components[name] = _object(properties, required, described)
            return _to(name)
        stem, ways = _SPLIT[name]
        parts = []
        for way in ways:
            if way in properties:
                part = _one_way(way, ways, properties, required)
                self.components[f"{stem}By{way.title()}"] = part | {"description": described}
                parts.append(_to(f"{stem}By{way.title()}"))
        self.components[name] = {"oneOf": parts}
        return _to(name)

    def _plain(self, model: str, schema: Schema) -> dict[str, Schema]:
        given = dict(schema["properties"])
        if model in ("AddOptions", "SearchRequest"):
            given["image"] = {"description": "A picture in base64"}
        if not self._urls:
            given.pop("url", None)
        return {name: self._option(model, name, s) for name, s in given.items()}

    def _option(self, model: str, name: str, schema: Schema) -> Schema:
        schema = {k: v for k, v in schema.items() if k != "title" and (k, v) != ("default", None)}
        nullable = _NULL in schema.get("anyOf", [])
        told = {k: schema[k] for k in ("description", "default", "minProperties") if k in schema}
        written: Schema | None = None
        if name == "image":
            written = _PICTURE
        elif name in ("filter", "metadata") and model not in _EACH_JUDGED:
            kind = "MetadataChanges" if model == "Changes" else name.title()
            written = _to(kind) | ({"minProperties": 1} if model == "DeleteRequest" else {})
        elif name in ("group_by", "sort") and model not in _EACH_JUDGED:
            written = _to("Order" if name == "sort" else "FieldName")
        elif name in _PATTERNS and model not in _EACH_JUDGED:
            written = {"type": "string", **_PATTERNS[name]}
        if written is None:
            return schema
        return (_or_null(written) if nullable else written) | told

    def _named(self, *, numbers_only: bool) -> Schema:
        known = {**BUILT_IN_FIELDS, **self._fields}
        if not numbers_only:
            return {"type": "string", "enum": sorted(known)}
        numbers = [name for name, kind in known.items() if kind not in ("keyword", "bool")]
        return {"type": "string", "enum": sorted([*numbers, *(f"-{name}" for name in numbers)])}


def _to(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(properties: Mapping[str, Schema], required: list[str], description: str) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def _one_way(
    way: str, ways: tuple[str, ...], properties: Mapping[str, Schema], required: list[str]
) -> Schema:
    """Describe the object that takes this way: all options but the other ways."""
    own = _without_null(properties[way])
    own.pop("default", None)
    if own.get("type") == "array":
        own = own | {"minItems": 1}
    others = properties.keys() - ways
    beside = {n: s for n, s in properties.items() if n in _BESIDE.get(way, others) - {*ways}}
    return _object({way: own, **beside}, [way, *(r for r in required if r in beside)], "")


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


def _without_null(schema: Schema) -> Schema:
    choices = [each for each in schema.get("anyOf", []) if each != _NULL]
    if not choices or len(choices) == len(schema["anyOf"]):
        return {k: v for k, v in schema.items() if (k, v) != ("default", None)}
    rest = {k: v for k, v in schema.items() if k != "anyOf" and (k, v) != ("default", None)}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}


def _filter(fields: Fields) -> Schema:
    known = {**BUILT_IN_FIELDS, **fields}
    return {
        "type": "object",
        "description": "Demands on fields of this gallery; all must hold. A value, a list of "
        'values of which one must be, a range, or {"not": any of these}',
        "properties": {n: _to(f"{kind.title()}Demand") for n, kind in sorted(known.items())},
        "additionalProperties": False,
        "maxProperties": MAX_CONDITIONS,
    }


def _demands() -> dict[str, Schema]:
    """Describe what may be demanded of a field, for each kind of field."""
    written = {
        "NumberRange": _range({"type": "number"}),
        "DatetimeRange": _range(_scalar("datetime")),
    }
    for kind in get_args(FieldType):
        most = 1 if kind in ("float", "datetime") else MAX_VALUES
        one = _scalar(kind)
        choices = [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]
        if kind in ("integer", "float", "datetime"):
            choices.append(_to("DatetimeRange" if kind == "datetime" else "NumberRange"))
        name = kind.title()
        written[f"Not{name}"] = _object({"not": {"anyOf": choices}}, ["not"], "Anything but this")
        written[f"{name}Demand"] = {"anyOf": [*choices, _to(f"Not{name}")]}
    return written


def _range(bound: Schema) -> Schema:
    bounds = {name: bound for name in ("gt", "gte", "lt", "lte")}
    return _object(bounds, [], "A range") | {"minProperties": 1}


def _scalar(kind: FieldType) -> Schema:
    scalars: dict[FieldType, Schema] = {
        "keyword": {"type": "string"},
        "integer": {"type": "integer", **_64_BITS},
        "float": {"type": "number"},
        "bool": {"type": "boolean"},
        "datetime": {"type": "string", "format": "date-time"},
    }
    return scalars[kind]


def _metadata(fields: Fields, *, removing: bool = False) -> Schema:
    def value(schema: Schema) -> Schema:
        return {"anyOf": [*schema["anyOf"], _NULL]} if removing else schema

    return {
        "type": "object",
        "description": "A flat object; declared fields have their type"
        + (", null removes a field" if removing else ""),
        "properties": {name: value(_declared(kind)) for name, kind in sorted(fields.items())},
        "propertyNames": {"pattern": r'^[^.\[\]"\u0000]+$'},
        "additionalProperties": value({"anyOf": [_to("MetadataValue")]})
        if removing
        else _to("MetadataValue"),
        **({} if removing else {"maxProperties": MAX_METADATA_FIELDS}),
    }


def _declared(kind: FieldType) -> Schema:
    """Describe metadata of a declared type; a text that reads as one is taken for one."""
    if kind == "keyword":
        return {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    if kind == "bool":
        return {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]}
    if kind == "datetime":
        return {"anyOf": [_scalar(kind)]}
    number = {"type": "integer" if kind == "integer" else "number", **_64_BITS}
    text = _NUMBER_AS_TEXT if kind == "float" else {"type": "string", "pattern": "^-?[0-9]{1,15}$"}
    return {"anyOf": [number, text]}


def _metadata_value() -> Schema:
    return {
        "anyOf": [
            {"type": "string"},
            {"type": "number", **_64_BITS},
            {"type": "boolean"},
            {"type": "array", "items": {"type": "string"}},
        ]
    }
