"""Read and check filters and metadata from requests, the same for every store.

A filter is a JSON object, all of whose members must hold:
    {"category": "dress"}                  equal
    {"category": ["dress", "skirt"]}       one of these
    {"price": {"gte": 10, "lt": 50}}       in this range (integer, float and datetime fields)
    {"category": {"not": "dress"}}         not (anything of the above)
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from functions.gallery.errors import InvalidFilter, InvalidMetadata
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    Condition,
    Fields,
    FieldType,
    Filter,
    Metadata,
    Order,
    Scalar,
)

MAX_METADATA_FIELDS = 64
MAX_METADATA_CHARACTERS = 8_192
_REASON_CHARACTERS = 200  # a reason quotes the value
MAX_CONDITIONS = 32
MAX_VALUES = 1_000  # of one condition
MAX_NUMBER = 2**53  # JavaScript and float64 change integers beyond it, so JSON does not carry them
_RANGES = {"gt", "gte", "lt", "lte"}
_IN_WORDS: dict[FieldType, str] = {
    "keyword": "a text",
    "integer": "an integer",
    "float": "a number",
    "bool": "true or false",
    "datetime": "an ISO 8601 date",
}


# --- Filters


def field_type(name: str, declared: Fields, *, option: str = "filter") -> FieldType:
    """Return the type of a field that can be filtered; raises InvalidFilter for any other name.

    Qdrant Cloud refuses filters on fields without an index (strict mode), so every store does.
    """
    kind = BUILT_IN_FIELDS.get(name) or declared.get(name)
    if kind is None:
        known = ", ".join(sorted({*BUILT_IN_FIELDS, *declared}))
        raise InvalidFilter(
            f"{name!r} cannot be filtered; declare it in LOOKALIKE_FILTER_FIELDS. Known: {known}",
            field=name,
            option=option,
        )
    return kind


def sortable_type(order: Order, declared: Fields) -> FieldType:
    """Return the type of a field to sort by; raises InvalidFilter for texts and booleans."""
    kind = field_type(order.field, declared, option="sort")
    if kind in ("keyword", "bool"):
        raise InvalidFilter(
            f"{order.field} is {_IN_WORDS[kind]}; sort by a number or a date", option="sort"
        )
    return kind


def typed_conditions(where: Filter, declared: Fields) -> list[tuple[Condition, FieldType]]:
    """Pair each condition with its field's type; raises InvalidFilter if no store can match it."""
    return [(condition, _condition_type(condition, declared)) for condition in where]


def _condition_type(condition: Condition, declared: Fields) -> FieldType:
    kind = field_type(condition.field, declared)
    limits = (condition.gt, condition.gte, condition.lt, condition.lte)
    bounds = [limit for limit in limits if limit is not None]
    wanted = datetime if kind == "datetime" else (int, float)
    if (
        not (bounds or condition.any_of)
        or (condition.any_of and kind in ("float", "datetime"))
        or (bounds and kind in ("keyword", "bool"))
        or not all(isinstance(bound, wanted) for bound in bounds)
    ):
        raise InvalidFilter(
            f"{condition.field} is {_IN_WORDS[kind]}; give it a value or range of that type",
            field=condition.field,
        )
    return kind


def parse_filter(filter: Mapping[str, Any] | None, declared: Fields) -> Filter:
    """Turn the filter of a request into conditions; raises InvalidFilter, naming the field."""
    if filter is None:
        return ()
    if not isinstance(filter, Mapping):
        raise InvalidFilter('A filter must be an object such as {"category": "dress"}')
    if len(filter) > MAX_CONDITIONS:
        raise InvalidFilter(f"A filter can have at most {MAX_CONDITIONS} fields")
    return tuple(_condition(f, value, field_type(f, declared)) for f, value in filter.items())


def _condition(name: str, value: Any, kind: FieldType, *, negated: bool = False) -> Condition:
    if isinstance(value, Mapping):
        if set(value) == {"not"} and not negated:
            return _condition(name, value["not"], kind, negated=True)
        if value and set(value) <= _RANGES and kind in ("integer", "float", "datetime"):
            bounds: dict[str, Any] = {b: _bound(name, v, kind) for b, v in value.items()}
            return Condition(name, negated=negated, **bounds)
        raise InvalidFilter(
            f"{name} must be a value, a list, {{'not': ...}}, or a range of gt, gte, lt, lte for "
            "numbers and dates",
            field=name,
        )
    values = value if isinstance(value, list) else [value]
    most = 1 if kind in ("float", "datetime") else MAX_VALUES
    if not 0 < len(values) <= most:
        raise InvalidFilter(f"{name} can have 1 to {most} values", field=name)
    if most == 1:
        bound = _bound(name, values[0], kind)
        return Condition(name, gte=bound, lte=bound, negated=negated)
    return Condition(name, any_of=tuple(_exact(name, v, kind) for v in values), negated=negated)


def _exact(name: str, value: Any, kind: FieldType) -> Scalar:
    wanted = {"keyword": str, "integer": int, "bool": bool}[kind]
    if wanted is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # 2.0 is an integer to JSON
    if type(value) is not wanted or not _storable(value):
        raise InvalidFilter(_wrong_type(name, kind, value), field=name)
    if not is_in_range(value):
        raise InvalidFilter(_too_large(name), field=name)
    return cast(Scalar, value)


def _bound(name: str, value: Any, kind: FieldType) -> float | datetime:
    bound: float | datetime | None = None
    if kind == "datetime":
        bound = _moment(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        bound = value
    if bound is None:
        raise InvalidFilter(_wrong_type(name, kind, value), field=name)
    if not is_in_range(bound):
        raise InvalidFilter(_too_large(name), field=name)
    return bound


def _wrong_type(name: str, kind: FieldType, value: Any) -> str:
    return f"{name} must be {_IN_WORDS[kind]}, not {value!r}"


def _too_large(name: str) -> str:
    return f"{name} must be a number from -2^53 to 2^53; keep larger ones as a text"


def is_in_range(value: Any) -> bool:
    """Return whether a number comes back from JSON as it was; NaN does not, other types do."""
    return not isinstance(value, int | float) or abs(value) <= MAX_NUMBER


def _number(text: str) -> float | None:
    for read in (int, float):  # a float could round an integer that is out of range
        with suppress(ValueError):
            return read(text)
    return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


# --- Metadata


def check_metadata(metadata: Mapping[str, Any], declared: Fields) -> Metadata:
    """Return flat metadata (texts, numbers, booleans, lists of texts) if it is within the limits.

    A declared field must have its type; a text that reads like one (from a form or a table) is
    converted to it. Raises InvalidMetadata, naming the field.
    """
    if len(metadata) > MAX_METADATA_FIELDS:
        raise InvalidMetadata(f"Metadata can have at most {MAX_METADATA_FIELDS} fields")
    checked = {name: _value(name, value, declared.get(name)) for name, value in metadata.items()}
    if sum(len(name) + len(str(v)) for name, v in checked.items()) > MAX_METADATA_CHARACTERS:
        raise InvalidMetadata(f"Metadata can have at most {MAX_METADATA_CHARACTERS} characters")
    return checked


def keep_fitting(
    metadata: Mapping[str, Any], declared: Fields
) -> tuple[Metadata, Mapping[str, str]]:
    """Return the fields that `check_metadata` accepts, and why each of the others is left out.

    For metadata that another tool wrote: one field that does not fit does not cost the picture.
    Where there is no room for all, declared fields come first, then the others by name.
    """
    kept: dict[str, Scalar | list[str]] = {}
    left_out: dict[str, str] = {}
    room = MAX_METADATA_CHARACTERS
    for name in sorted(metadata, key=lambda name: (name not in declared, name)):
        try:
            value = _value(name, metadata[name], declared.get(name))
        except InvalidMetadata as error:
            left_out[_printable(name)] = _printable(str(error))[:_REASON_CHARACTERS]
            continue
        size = len(name) + len(str(value))
        if len(kept) == MAX_METADATA_FIELDS:
            left_out[name] = f"there are more than {MAX_METADATA_FIELDS} fields"
        elif size > room:
            left_out[name] = f"there are more than {MAX_METADATA_CHARACTERS} characters"
        else:
            kept[name] = value
            room -= size
    return {name: kept[name] for name in metadata if name in kept}, left_out


def _printable(text: str) -> str:
    return text.encode(errors="replace").decode()  # without lone surrogates


def _value(name: str, value: Any, kind: FieldType | None) -> Scalar | list[str]:
    if not name or "." in name or any(c in name for c in '[]"\0'):
        raise InvalidMetadata(
            f'{name!r} cannot be a field name; use one without . [ ] and "', field=name
        )
    if not _storable(name) or not _storable(value):
        raise InvalidMetadata(f"{name!r} must not have a lone surrogate", field=name)
    texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
    if texts and kind in (None, "keyword"):
        return list(value)
    if not isinstance(value, Scalar):
        raise InvalidMetadata(
            f"{name} must be a text, number, boolean or list of texts", field=name
        )
    converted = value if kind is None else _convert(value, kind)
    if converted is None:
        raise InvalidMetadata(_wrong_type(name, cast(FieldType, kind), value), field=name)
    if not is_in_range(converted):
        raise InvalidMetadata(_too_large(name), field=name)
    return converted


def _storable(value: Any) -> bool:
    """Return whether texts have no lone surrogates, which JSON and Qdrant do not hold."""
    if isinstance(value, list):
        return all(_storable(part) for part in value if isinstance(part, str))
    return not isinstance(value, str) or not any("\ud800" <= c <= "\udfff" for c in value)


def _convert(value: Scalar, kind: FieldType) -> Scalar | None:
    if kind == "keyword":
        return value if isinstance(value, str) else None
    if kind == "datetime":
        moment = _moment(value)
        return moment.isoformat() if moment else None
    if kind == "bool":
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value.lower())
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if kind == "float":
        return _number(value) if isinstance(value, str) else value
    try:
        whole = int(value)
    except (ValueError, OverflowError):
        return None
    return whole if isinstance(value, str) or whole == value else None
