"""Lists images by a field, page by page, over what both of Qdrant's libraries offer. No store.

They sort by a field from a value on, but leave the order of equal values open; they page by id, but
not in both ways at once. So equal values are read by id, and what is behind them by the field.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

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

Value = int | float | datetime
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

    Raises InvalidCursor for what `sorted_page` did not give with this kind of field.
    """
    found: list[StoredImage] = []
    if after is not None:
        value, id = read_cursor(after, kind)
        found += by_id((*where, _equal(order, value)), limit + 1, id).images
        where = (*where, _behind(order, value))
    if len(found) <= limit:
        wanted = limit + 1 - len(found)
        rest = list(by_field(where, wanted, order).images)
        if len(rest) == wanted:  # equal values may have been cut off at the end
            last = value_of(rest[-1], order, kind)
            before = [image for image in rest if value_of(image, order, kind) != last]
            equal = by_id((*where, _equal(order, last)), wanted - len(before), None).images
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
    assert isinstance(value, Value)
    return value


def cursor_of(image: StoredImage, order: Order, kind: FieldType) -> str:
    """Write the place of an image in a sorted list."""
    value = value_of(image, order, kind)
    written = value.isoformat() if isinstance(value, datetime) else value
    return json.dumps([written, image.id])


def read_cursor(cursor: str, kind: FieldType) -> tuple[Value, str]:
    """Read a value and an id back; raises InvalidCursor."""
    try:
        written, id = json.loads(cursor)
        value = datetime.fromisoformat(written) if kind == "datetime" else written
        if not isinstance(value, Value) or not isinstance(id, str):
            raise ValueError("a value and an id")
    except (TypeError, ValueError) as problem:
        raise InvalidCursor(
            "No list sorted like this gave this cursor", field="cursor"
        ) from problem
    return value, id


def _equal(order: Order, value: Value) -> Condition:
    return Condition(order.field, gte=value, lte=value)


def _behind(order: Order, value: Value) -> Condition:
    if order.descending:
        return Condition(order.field, lt=value)
    return Condition(order.field, gt=value)


def _in_order(images: list[StoredImage], order: Order, kind: FieldType) -> list[StoredImage]:
    by_id = sorted(images, key=lambda image: image.id)
    return sorted(by_id, key=lambda i: value_of(i, order, kind), reverse=order.descending)
