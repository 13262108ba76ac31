"""Lists images by a field, page by page, over what both of Qdrant's libraries offer. No store.

They sort by a field from a value on, but leave the order of equal values open; they page by id, but
not in both ways at once. So equal values are read by id, and what is behind them by the field.
Ranges are told in float64, which has not every integer beyond 2**53; there single values are named.
"""

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from functions.gallery.errors import InvalidCursor
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    Condition,
    FieldType,
    Filter,
    Order,
    Page,
    StoredImage,
)
from functions.gallery.stores.payload import is_id

Value = int | float | datetime
_EXACT = 2**53  # float64 has every integer up to here
ById = Callable[[Filter, int, str | None], Page]  # demands, how many, from which id on
ByField = Callable[[Filter, int, Order], Page]  # demands, how many, sorted by what


def sorted_page(
    order: Order,
    kind: FieldType,
    where: Filter,
    limit: int,
    after: str | None,
    by_id: ById,
    by_field: ByField,
) -> Page:
    """Give a page in the order of (value, id), and the cursor of the next one.

    Raises InvalidCursor for what `sorted_page` did not give in this order.
    """
    found: list[StoredImage] = []
    if after is not None:
        value, id = read_cursor(after, order, kind)
        found += by_id((*where, _equal(order, value, kind)), limit + 1, id).images
        where = (*where, *_behind(order, value))
    if len(found) <= limit:
        wanted = limit + 1 - len(found)
        rest = list(by_field(where, wanted, order).images)
        if len(rest) == wanted:  # equal values may have been cut off at the end
            last = value_of(rest[-1], order, kind)
            before = [image for image in rest if value_of(image, order, kind) != last]
            equal = by_id((*where, _equal(order, last, kind)), wanted - len(before), None).images
            rest = [*_in_order(before, order, kind), *equal]
        else:
            rest = _in_order(rest, order, kind)
        found += rest
    following = None if len(found) <= limit else cursor_of(found[limit], order, kind)
    return Page(tuple(found[:limit]), following)


def value_of(image: StoredImage, order: Order, kind: FieldType) -> Value:
    """Give what an image is sorted by; it must have the field."""
    built_in = order.field in BUILT_IN_FIELDS
    value = getattr(image, order.field) if built_in else image.metadata[order.field]
    if kind == "datetime" and isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if kind == "float" and isinstance(value, int):
        value = float(value)
    assert isinstance(value, Value)
    return value


def cursor_of(image: StoredImage, order: Order, kind: FieldType) -> str:
    """Write the place of an image in a sorted list, and how that is sorted."""
    value = value_of(image, order, kind)
    written = value.isoformat() if isinstance(value, datetime) else value
    return json.dumps([order.field, order.descending, written, image.id])


def read_cursor(cursor: str, order: Order, kind: FieldType) -> tuple[Value, str]:
    """Read a value and an id back; raises InvalidCursor for what no list in this order gave."""
    try:
        field, descending, written, id = json.loads(cursor)
        if field != order.field or descending is not order.descending:
            raise ValueError("another order")
        if not isinstance(id, str) or not is_id(id):
            raise ValueError("no id")
        return _value(written, kind), id
    except (TypeError, ValueError, OverflowError, RecursionError) as problem:
        raise InvalidCursor(
            "No list sorted like this gave this cursor", field="cursor"
        ) from problem


def _value(written: Any, kind: FieldType) -> Value:
    if kind == "datetime":
        moment = datetime.fromisoformat(written)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    whole = type(written) is int and -(2**63) <= written < 2**63
    if kind == "integer" and whole:
        return int(written)
    if kind == "float" and (whole or (type(written) is float and math.isfinite(written))):
        return float(written)
    raise ValueError(f"no {kind}")


def _equal(order: Order, value: Value, kind: FieldType) -> Condition:
    if kind == "integer" and isinstance(value, int):
        return Condition(order.field, any_of=(value,))
    return Condition(order.field, gte=value, lte=value)


def _behind(order: Order, value: Value) -> Filter:
    if isinstance(value, int) and abs(value) > _EXACT:
        return _behind_large(order, value)
    if order.descending:
        return (Condition(order.field, lt=value),)
    return (Condition(order.field, gt=value),)


def _behind_large(order: Order, value: int) -> Filter:
    """Demand the float64 before the value, or what is behind it, and nothing up to the value.

    Integers less than a float64 may be rounded up to it when they are compared: hence one more.
    """
    sign = -1 if order.descending else 1
    bound = float(value)
    if sign * int(bound) > sign * value:
        bound = math.nextafter(bound, -sign * math.inf)
    before = int(math.nextafter(bound, -sign * math.inf))
    shown = range(min(before, value), max(before, value) + 1)  # at most 3,072
    passed = Condition(order.field, any_of=tuple(_in_64_bits(shown)), negated=True)
    if order.descending:
        return (Condition(order.field, lte=bound), passed)
    return (Condition(order.field, gte=bound), passed)


def _in_64_bits(numbers: range) -> range:
    return range(max(numbers.start, -(2**63)), min(numbers.stop, 2**63))


def _in_order(images: list[StoredImage], order: Order, kind: FieldType) -> list[StoredImage]:
    by_id = sorted(images, key=lambda image: image.id)
    return sorted(by_id, key=lambda i: value_of(i, order, kind), reverse=order.descending)
