"""JSON schemas of the requests that one gallery accepts. Depends on pydantic and the gallery.

Pydantic describes what the models check themselves. Added here is what the gallery decides (fields,
whether URLs are fetched) and what is checked in code: names, and that a request is of one kind.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from functions.gallery.filters import (
    MAX_CONDITIONS,
    MAX_METADATA_FIELDS,
    MAX_NUMBER,
    MAX_VALUES,
)
from functions.gallery.records import BUILT_IN_FIELDS, Fields, FieldType

Schema = dict[str, Any]

REF = "#/components/schemas/{model}"
# Models whose requests are of exactly one kind, each with the options that only it has.
_KINDS = {
    "AddOptions": ("Add", ("image", "url", "key")),
    "SearchRequest": ("Search", ("image", "id", "url", "vector", "positive")),
    "ExampleIn": ("Example", ("id", "image", "url")),
    "SearchExampleIn": ("SearchExample", ("id", "image", "url", "vector")),
    "DeleteRequest": ("Delete", ("ids", "filter")),
}
# The only further options of a kind, or those that it lacks.
_ONLY, _WITHOUT = {"key": {"metadata"}}, {"vector": {"region"}}
_CHECKED_LATER = {"BatchItem", "BatchQuery"}  # each has its own result, so the batch accepts more
_NULL: Schema = {"type": "null"}
_LIMITS: Schema = {"minimum": -MAX_NUMBER, "maximum": MAX_NUMBER}
_NUMBER: Schema = {"type": "number", **_LIMITS}
_CONTROL = r"\u0000-\u001f\u007f-\u009f"
_PART = f"([^./{_CONTROL}][^/{_CONTROL}]*|[.][^./{_CONTROL}][^/{_CONTROL}]*|[.][.][^/{_CONTROL}]+)"
_NAME: Schema = {"type": "string", "pattern": f"^(?![.]lookalike/){_PART}(/{_PART})*$"}


def ref(name: str) -> Schema:
    """Return a reference to a component."""
    return {"$ref": REF.format(model=name)}


_OPTIONS: dict[str, Schema] = {  # by name, or by model and name
    "id": {"type": "string", "format": "uuid"},
    "name": _NAME,
    "key": _NAME,
    "url": {"type": "string", "format": "uri"},
    "group_by": ref("FieldName"),
    "sort": ref("Order"),
    "filter": ref("Filter"),
    "DeleteRequest.filter": ref("Filter") | {"minProperties": 1},
    "metadata": ref("Metadata"),
    "Changes.metadata": ref("MetadataChanges"),
}
_PICTURE: Schema = {
    "type": "string",
    "format": "picture",
    "contentEncoding": "base64",
    "contentMediaType": "image/*",
}
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_BOOL: Schema = {"type": "boolean"}
_SCALARS: dict[FieldType, Schema] = {
    "keyword": _TEXT,
    "integer": {"type": "integer", **_LIMITS},
    "float": _NUMBER,
    "bool": _BOOL,
    "datetime": {"type": "string", "format": "date-time"},
}
# What a declared field accepts in metadata: its type, or text (from a form) that reads as it.
_DECLARED: dict[FieldType, list[Schema]] = {
    "keyword": [_TEXT, _TEXTS],
    "integer": [_SCALARS["integer"], {"type": "string", "pattern": "^-?[0-9]{1,15}$"}],
    "float": [_NUMBER, {"type": "string", "pattern": r"^[+-]?[0-9]{1,15}(\.[0-9]{1,15})?$"}],
    "bool": [_BOOL, {"enum": ["true", "false"]}],
    "datetime": [_SCALARS["datetime"]],
}


class RequestSchemas:
    """Schemas of request models: whole as `components`, and of their options one by one."""

    def __init__(
        self, models: Iterable[type[BaseModel]], fields: Fields, *, dims: int, urls: str
    ) -> None:
        """Describe these models and those in them; `urls` is LOOKALIKE_FETCH_URLS."""
        scheme = "https" if urls == "https" else "https?"
        known = {
            **_OPTIONS,
            "url": _OPTIONS["url"] | {"pattern": f"^{scheme}://"},
            "vector": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": dims,
                "maxItems": dims,
            },
        }
        self.components = _field_schemas(fields)
        self._options: dict[str, dict[str, Schema]] = {}
        _, whole = models_json_schema([(m, "validation") for m in models], ref_template=REF)
        for name, schema in whole["$defs"].items():
            self._options[name] = {
                option: _describe(known, name, option, written)
                for option, written in schema["properties"].items()
                if urls != "off" or option != "url"
            }
            self.components |= _components(name, schema, self._options[name])

    def options(self, model: type[BaseModel]) -> dict[str, Schema]:
        """Return the schemas of a model's options as in a query or form, where none is null."""
        return {n: _not_null(schema) for n, schema in self._options[model.__name__].items()}


def _describe(options: Mapping[str, Schema], model: str, name: str, schema: Schema) -> Schema:
    """Return the schema of an option, with what pydantic does not know of it."""
    schema = {k: v for k, v in schema.items() if k != "title" and (k, v) != ("default", None)}
    known = _PICTURE if name == "image" else None
    if model not in _CHECKED_LATER:
        known = known or options.get(f"{model}.{name}") or options.get(name)
    if known is None:
        return schema
    if _NULL in schema.get("anyOf", []):
        known = {"anyOf": [known, _NULL]}
    return known | {k: schema[k] for k in ("description", "default") if k in schema}


def _components(name: str, schema: Schema, options: Mapping[str, Schema]) -> dict[str, Schema]:
    description = schema.get("description", "")
    if name not in _KINDS:
        return {name: _object(options, description, schema.get("required", []))}
    stem, ways = _KINDS[name]
    kinds = {}
    for way in ways:
        if way in options:
            own = {k: v for k, v in _not_null(options[way]).items() if k != "default"}
            if own.get("type") == "array":
                own.setdefault("minItems", 1)
            others = _ONLY.get(way, options.keys() - ways) - _WITHOUT.get(way, set())
            more = {n: s for n, s in options.items() if n in others}
            kinds[f"{stem}By{way.title()}"] = _object({way: own, **more}, description, [way])
    return {**kinds, name: {"oneOf": [ref(kind) for kind in kinds]}}


def _not_null(schema: Schema) -> Schema:
    if _NULL not in schema.get("anyOf", []):
        return schema
    rest = {k: v for k, v in schema.items() if k != "anyOf"}
    return {**schema["anyOf"][0], **rest}


def _field_schemas(fields: Fields) -> dict[str, Schema]:
    """Describe the fields of a gallery: in a filter, in an order and in metadata."""
    known = {**BUILT_IN_FIELDS, **fields}
    sortable = [name for name, kind in known.items() if kind not in ("keyword", "bool")]
    declared = {name: _DECLARED[kind] for name, kind in sorted(fields.items())}
    schemas = {
        "FieldName": {"type": "string", "enum": sorted(known)},
        "Order": {"type": "string", "enum": sorted([*sortable, *(f"-{n}" for n in sortable)])},
        "NumberRange": _range(_SCALARS["float"]),
        "DatetimeRange": _range(_SCALARS["datetime"]),
        "Filter": _object(
            {name: ref(f"{kind.title()}Demand") for name, kind in sorted(known.items())},
            "Conditions on fields of this gallery, all of which must hold: a value, a list of "
            'values of which one must match, a range, or {"not": any of these}',
        )
        | {"maxProperties": MAX_CONDITIONS},
        "MetadataValue": {"anyOf": [_TEXT, _NUMBER, _BOOL, _TEXTS]},
        "Metadata": _metadata({n: {"anyOf": choices} for n, choices in declared.items()})
        | {"additionalProperties": ref("MetadataValue"), "maxProperties": MAX_METADATA_FIELDS},
        "MetadataChanges": _metadata({n: {"anyOf": [*c, _NULL]} for n, c in declared.items()})
        | {"additionalProperties": {"anyOf": [ref("MetadataValue"), _NULL]}},
    }
    for kind in get_args(FieldType):
        schemas |= _conditions(kind)
    return schemas


def _conditions(kind: FieldType) -> dict[str, Schema]:
    """Describe the conditions that a filter can have on a field of this type."""
    most = 1 if kind in ("float", "datetime") else MAX_VALUES
    one = _SCALARS[kind]
    choices = [one, {"type": "array", "items": one, "minItems": 1, "maxItems": most}]
    if kind not in ("keyword", "bool"):
        choices.append(ref("DatetimeRange" if kind == "datetime" else "NumberRange"))
    name = kind.title()
    negated = _object({"not": {"anyOf": choices}}, "Anything but this", ["not"])
    return {f"Not{name}": negated, f"{name}Demand": {"anyOf": [*choices, ref(f"Not{name}")]}}


def _range(bound: Schema) -> Schema:
    bounds = dict.fromkeys(("gt", "gte", "lt", "lte"), bound)
    return _object(bounds, "A range") | {"minProperties": 1}


def _metadata(declared: Mapping[str, Schema]) -> Schema:
    described = _object(declared, "A flat object; declared fields have their type")
    return described | {"propertyNames": {"pattern": r'^[^.\[\]"\u0000]+$'}}


def _object(
    properties: Mapping[str, Schema], description: str, required: Sequence[str] = ()
) -> Schema:
    return {
        "type": "object",
        "description": description,
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
