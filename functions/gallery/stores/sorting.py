"""Page through images by id or by a field, with what both of Qdrant's libraries offer.

Qdrant can sort by a field from a value on, but leaves the order of equal values open; it can page
by id; it cannot do both at once. So equal values are read by id, and those after them by the field.
Values are compared in the rounded form in which they are filtered, never as they were sent.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

from functions.gallery.errors import InvalidCursor
from functions.gallery.filters import is_in_range, sortable_type
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    Condition,
    Fields,
    FieldType,
    Filter,
    Order,
    Page,
    StoredImage,
)
from functions.gallery.stores.payload import is_id
from functions.gallery.stores.rounding import rounded

Value = int | float | datetime
_INVALID = "This is not a cursor of this list; send `next` of the previous page"
Scroll = Callable[[Filter, int, str | None, Order | None], Page]  # limit; from an id on, or sorted


def list_page(
    scroll: Scroll,
    fields: Fields,
    where: Filter,
    limit: int,
    after: str | None,
    order: Order | None,
) -> Page:
    """Return a page by id, or by (value, id) of a field, with the cursor of the next page.

    Raises InvalidCursor for a cursor from a list in another order, and InvalidFilter for a field
    that is not an indexed number or date.
    """
    if order is None:
        check_cursor(after)
        return scroll(where, limit, after, None)
    kind = sortable_type(order, fields)
    found: list[StoredImage] = []
    if after is not None:
        value, id = read_cursor(after, order, kind)
        found += scroll((*where, _equal(order, value, kind)), limit + 1, id, None).images
        where = (*where, *_after(order, value))
    if len(found) <= limit:
        found += _sorted(scroll, where, limit + 1 - len(found), order, kind)
    following = None if len(found) <= limit else write_cursor(found[limit], order, kind)
    return Page(tuple(found[:limit]), following)


def _sorted(
    scroll: Scroll, where: Filter, wanted: int, order: Order, kind: FieldType
) -> list[StoredImage]:
    images = list(scroll(where, wanted, None, order).images)
    equal: list[StoredImage] = []
    if len(images) == wanted:  # some values equal to the last one may be missing
        last = value_of(images[-1], order, kind)
        images = [image for image in images if value_of(image, order, kind) != last]
        missing = wanted - len(images)
        equal += scroll((*where, _equal(order, last, kind)), missing, None, None).images
    images.sort(key=lambda image: image.id)
    images.sort(key=lambda image: value_of(image, order, kind), reverse=order.descending)
    return images + equal


def check_cursor(after: str | None) -> None:
    """Raise InvalidCursor unless this is the start or an id."""
    if after is not None and not is_id(after):
        raise InvalidCursor(_INVALID)


def value_of(image: StoredImage, order: Order, kind: FieldType) -> Value:
    """Return what an image is sorted by; it must have the field."""
    built_in = order.field in BUILT_IN_FIELDS
    value = getattr(image, order.field) if built_in else image.metadata[order.field]
    if kind == "datetime" and isinstance(value, str):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    if kind == "float" and isinstance(value, int | float):
        value = rounded(float(value))
    assert isinstance(value, Value)
    return value


def write_cursor(image: StoredImage, order: Order, kind: FieldType) -> str:
    """Return a cursor for the page that starts with this image; it includes the order."""
    value = value_of(image, order, kind)
    text = value.isoformat() if isinstance(value, datetime) else value
    return json.dumps([order.field, order.descending, text, image.id])


def read_cursor(cursor: str, order: Order, kind: FieldType) -> tuple[Value, str]:
    """Read the value and id of the next image; raises InvalidCursor for one of another order."""
    try:
        field, descending, text, id = json.loads(cursor)
        if field != order.field or descending is not order.descending:
            raise ValueError("another order")
        if not isinstance(id, str) or not is_id(id):
            raise ValueError("not an id")
        return _read_value(text, kind), id
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidCursor(_INVALID) from error


def _read_value(value: Any, kind: FieldType) -> Value:
    if kind == "datetime":
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    allowed = (int,) if kind == "integer" else (int, float)
    if type(value) in allowed and is_in_range(value):
        return cast(float, value)
    raise ValueError(f"not a {kind}")


def _equal(order: Order, value: Value, kind: FieldType) -> Condition:
    if kind == "integer" and isinstance(value, int):
        return Condition(order.field, any_of=(value,))
    return Condition(order.field, gte=value, lte=value)


def _after(order: Order, value: Value) -> Filter:
    bounds: dict[str, Any] = {"lt" if order.descending else "gt": value}
    return (Condition(order.field, **bounds),)
