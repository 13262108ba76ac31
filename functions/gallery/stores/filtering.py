"""Filters as Qdrant's two libraries spell them. Depends on the payload layout."""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from functions.gallery.filters import typed_conditions
from functions.gallery.records import Condition, Fields, FieldType, Filter
from functions.gallery.stores.payload import payload_key, rfc3339, valid_ids
from functions.gallery.stores.rounding import midpoint

_EXACT = 10**15  # a server reads the bounds of a range as decimals: larger ones can be one off
_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


@dataclass(frozen=True, slots=True)
class FilterDialect:
    """How one of the libraries builds a filter; only their names differ."""

    all_of: Callable[[list[Any], list[Any]], Any]  # what must and what must not hold
    any_of: Callable[[list[Any]], Any]
    is_bool: Callable[[str, bool], Any]
    is_one_of: Callable[[str, list[Any]], Any]
    in_range: Callable[[str, dict[str, float]], Any]
    in_period: Callable[[str, dict[str, str]], Any]
    has_id: Callable[[list[str]], Any]


def write_filter(
    where: Filter, without: Iterable[str], fields: Fields, dialect: FilterDialect
) -> Any:
    """Build a filter of conditions and ids to leave out; None if everything passes.

    Raises InvalidFilter for what no store can filter by.
    """
    must: list[Any] = []
    must_not: list[Any] = []
    for condition, kind in typed_conditions(where, fields):
        (must_not if condition.negated else must).append(_condition(condition, kind, dialect))
    if left_out := valid_ids(without):
        must_not.append(dialect.has_id(left_out))
    return dialect.all_of(must, must_not) if must or must_not else None


def _condition(condition: Condition, kind: FieldType, dialect: FilterDialect) -> Any:
    key = payload_key(condition.field)
    parts = []
    if condition.any_of and kind == "bool":  # Qdrant matches one boolean at a time
        parts.append(dialect.any_of([dialect.is_bool(key, bool(v)) for v in condition.any_of]))
    elif condition.any_of:
        parts.append(dialect.is_one_of(key, list(condition.any_of)))
    limits = {bound: getattr(condition, bound) for bound in ("gt", "gte", "lt", "lte")}
    bounds = {bound: limit for bound, limit in limits.items() if limit is not None}
    if bounds and kind == "datetime":
        parts.append(dialect.in_period(key, {b: rfc3339(limit) for b, limit in bounds.items()}))
    elif bounds and kind == "float":
        middles = {b: midpoint(limit, up=b in ("gt", "lte")) for b, limit in bounds.items()}
        parts.append(dialect.in_range(key, middles))
    elif bounds:
        parts.append(_integers(key, bounds, dialect))
    return dialect.all_of(parts, [])


def _integers(key: str, bounds: dict[str, float], dialect: FilterDialect) -> Any:
    """Require a range; a large bound is set two further out, and what lies between is excluded."""
    wider, outside = dict(bounds), []
    for bound, limit in bounds.items():
        if abs(limit) > _EXACT:
            wider[bound] = limit + (2 if bound in ("lt", "lte") else -2)
            near = range(int(limit) - 3, int(limit) + 4)
            outside += [n for n in near if not _COMPARE[bound](n, limit)]
    excluded = [dialect.is_one_of(key, outside)] if outside else []
    return dialect.all_of([dialect.in_range(key, wider)], excluded)
