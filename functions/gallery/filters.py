"""Reads filters and metadata that people wrote; the same refusals for every store. Knows no store.

A filter is a JSON object, all of whose members must hold:
    {"category": "dress"}                  equal
    {"category": ["dress", "skirt"]}       one of these
    {"price": {"gte": 10, "lt": 50}}       in this range (integer, float and datetime fields)
    {"category": {"not": "dress"}}         not (anything of the above)
"""

import math
from collections.abc import Mapping
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
MAX_CONDITIONS = 32
MAX_VALUES = 1_000  # of one condition
_RANGES = {"gt", "gte", "lt", "lte"}


def field_type(name: str, declared: Fields, *, option: str = "filter") -> FieldType:
    """Tell the type of a field that may be filtered; raises InvalidFilter for every other name.

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
    """Tell the type of a field to sort by; raises InvalidFilter for texts and booleans."""
    kind = field_type(order.field, declared, option="sort")
    if kind in ("keyword", "bool"):
        wrong = f"{order.field} is a {kind} field; sort by a number or a date"
        raise InvalidFilter(wrong, option="sort")
    return kind


def condition_type(condition: Condition, declared: Fields) -> FieldType:
    """Tell the type of a condition's field; raises InvalidFilter if no store could answer it."""
    kind = field_type(condition.field, declared)
    limits = (condition.gt, condition.gte, condition.lt, condition.lte)
    bounds = [limit for limit in limits if limit is not None]
    wanted = datetime if kind == "datetime" else (int, float)
    if not bounds and not condition.any_of:
        wrong = "nothing is demanded"
    elif condition.any_of and kind in ("float", "datetime"):
        wrong = f"a {kind} field takes a range"
    elif bounds and kind in ("keyword", "bool"):
        wrong = f"a {kind} field has no range"
    elif not all(isinstance(bound, wanted) for bound in bounds):
        wrong = f"the range does not fit a {kind} field"
    else:
        return kind
    raise InvalidFilter(f"{condition.field}: {wrong}", field=condition.field)


def typed_conditions(where: Filter, declared: Fields) -> list[tuple[Condition, FieldType]]:
    """Pair every condition with the type of its field; raises InvalidFilter as condition_type."""
    return [(condition, condition_type(condition, declared)) for condition in where]


def parse_filter(written: Mapping[str, Any] | None, declared: Fields) -> Filter:
    """Turn a filter as people write it into conditions; raises InvalidFilter, naming the field."""
    if written is None:
        return ()
    if not isinstance(written, Mapping):
        raise InvalidFilter('A filter is an object such as {"category": "dress"}')
    if len(written) > MAX_CONDITIONS:
        raise InvalidFilter(f"A filter has at most {MAX_CONDITIONS} fields")
    return tuple(_condition(f, value, field_type(f, declared)) for f, value in written.items())


def _condition(name: str, value: Any, kind: FieldType, *, negated: bool = False) -> Condition:
    if isinstance(value, Mapping):
        if set(value) == {"not"} and not negated:
            return _condition(name, value["not"], kind, negated=True)
        if value and set(value) <= _RANGES and kind in ("integer", "float", "datetime"):
            bounds: dict[str, Any] = {b: _bound(name, v, kind) for b, v in value.items()}
            return Condition(name, negated=negated, **bounds)
        raise InvalidFilter(
            f"{name}: a value, a list, {{'not': ...}} or, on numbers and dates, gt gte lt lte",
            field=name,
        )
    values = value if isinstance(value, list) else [value]
    if not 0 < len(values) <= MAX_VALUES:
        raise InvalidFilter(f"{name}: a list has 1 to {MAX_VALUES} values", field=name)
    if kind in ("float", "datetime"):
        if len(values) != 1:
            raise InvalidFilter(f"{name}: a {kind} field takes one value or a range", field=name)
        bound = _bound(name, values[0], kind)
        return Condition(name, gte=bound, lte=bound, negated=negated)
    return Condition(name, any_of=tuple(_exact(name, v, kind) for v in values), negated=negated)


def _exact(name: str, value: Any, kind: FieldType) -> Scalar:
    wanted = {"keyword": str, "integer": int, "bool": bool}[kind]
    if wanted is int and isinstance(value, float) and value.is_integer():
        value = int(value)  # 2.0 is an integer to JSON
    if type(value) is not wanted or not _storable(value):
        raise InvalidFilter(f"{name} is a {kind} field; {value!r} is none", field=name)
    return cast(Scalar, value)


def _bound(name: str, value: Any, kind: FieldType) -> float | datetime:
    if kind == "datetime":
        moment = _moment(value)
        if moment is not None:
            return moment
    elif isinstance(value, int | float) and not isinstance(value, bool):
        bound = value if _storable(value) else _as_float(value)
        if bound is not None:
            return bound
    raise InvalidFilter(f"{name} is a {kind} field; {value!r} is none", field=name)


def _as_float(value: float) -> float | None:
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def check_metadata(written: Mapping[str, Any], declared: Fields) -> Metadata:
    """Accept flat metadata (texts, numbers, booleans, lists of texts) within the limits.

    A declared field must have its type; a text that reads as one (from a form or a table) is turned
    into it. Raises InvalidMetadata with the field that is wrong.
    """
    if len(written) > MAX_METADATA_FIELDS:
        raise InvalidMetadata(f"Metadata has at most {MAX_METADATA_FIELDS} fields")
    checked = {name: _value(name, value, declared.get(name)) for name, value in written.items()}
    if sum(len(name) + len(str(v)) for name, v in checked.items()) > MAX_METADATA_CHARACTERS:
        raise InvalidMetadata(f"Metadata has at most {MAX_METADATA_CHARACTERS} characters in all")
    return checked


def _value(name: str, value: Any, kind: FieldType | None) -> Scalar | list[str]:
    if not name or "." in name or any(c in name for c in '[]"\0'):
        raise InvalidMetadata(f'{name!r}: a field name has no . [ ] or "', field=name)
    if not _storable(name) or not _storable(value):
        raise InvalidMetadata(
            f"{name!r}: no NaN, no number over 64 bits, no lone surrogate", field=name
        )
    texts = isinstance(value, list) and all(isinstance(v, str) for v in value)
    if texts and kind in (None, "keyword"):
        return list(value)
    if not isinstance(value, Scalar):
        raise InvalidMetadata(f"{name}: a text, number, boolean or list of texts", field=name)
    if kind is None:
        return value
    typed = _typed(value, kind)
    if typed is None:
        raise InvalidMetadata(f"{name} is a {kind} field; {value!r} is none", field=name)
    return typed


def _storable(value: Any) -> bool:
    """Tell whether JSON and Qdrant hold the value as it is; other types are judged elsewhere."""
    if isinstance(value, list):
        return all(_storable(part) for part in value if isinstance(part, str))
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    return not isinstance(value, int | float) or -(2**63) <= value < 2**63  # nor is NaN


def _typed(value: Scalar, kind: FieldType) -> Scalar | None:
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
    try:
        number = float(value)
        whole = int(value) if kind == "integer" else None
    except (ValueError, OverflowError):
        return None
    if kind == "integer" and not _storable(whole):
        return None
    if kind == "integer":
        return whole if not isinstance(value, float) or whole == number else None
    return number if abs(number) != float("inf") and number == number else None
