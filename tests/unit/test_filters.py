"""Parsing filters and metadata."""

from datetime import UTC, datetime

import pytest

from functions.gallery.errors import InvalidFilter, InvalidMetadata
from functions.gallery.filters import check_metadata, parse_filter
from functions.gallery.records import Condition

FIELDS = {
    "category": "keyword",
    "price": "float",
    "stock": "integer",
    "sold": "bool",
    "day": "datetime",
}
DAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "condition"),
    [
        ({"category": "dress"}, Condition("category", any_of=("dress",))),
        ({"category": ["dress", "hat"]}, Condition("category", any_of=("dress", "hat"))),
        ({"category": {"not": "hat"}}, Condition("category", any_of=("hat",), negated=True)),
        ({"price": {"gte": 1, "lt": 2.5}}, Condition("price", gte=1, lt=2.5)),
        ({"price": 3}, Condition("price", gte=3, lte=3)),
        ({"stock": 0}, Condition("stock", any_of=(0,))),
        ({"sold": False}, Condition("sold", any_of=(False,))),
        ({"day": {"gt": "2026-05-01"}}, Condition("day", gt=DAY)),
        ({"width": {"gt": 100}}, Condition("width", gt=100)),
        ({"price": {"not": {"gt": 9}}}, Condition("price", gt=9, negated=True)),
    ],
)
def test_a_filter_becomes_a_condition(written, condition):
    assert parse_filter(written, FIELDS) == (condition,)


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"category": 3}, "category"),
        ({"category": []}, "category"),
        ({"category": {"gt": "a"}}, "category"),
        ({"category": None}, "category"),
        ({"stock": True}, "stock"),
        ({"stock": 1.5}, "stock"),
        ({"price": "cheap"}, "price"),
        ({"price": {"above": 3}}, "price"),
        ({"price": {}}, "price"),
        ({"price": {"gt": True}}, "price"),
        ({"sold": 1}, "sold"),
        ({"day": "yesterday"}, "day"),
        ({"category": {"not": {"not": "hat"}}}, "category"),
        ({"stock": 2**53 + 1}, "stock"),
        ({"stock": {"gt": -(2**53) - 1}}, "stock"),
        ({"price": 2**63}, "price"),
        ({"price": float("nan")}, "price"),
    ],
)
def test_an_invalid_filter_is_refused_with_its_field(written, field):
    with pytest.raises(InvalidFilter) as refusal:
        parse_filter(written, FIELDS)

    assert refusal.value.field == field


def test_a_value_of_the_wrong_type_is_refused_with_the_type_needed():
    with pytest.raises(InvalidFilter, match="price must be a number, not 'cheap'"):
        parse_filter({"price": "cheap"}, FIELDS)


def test_no_filter_matches_everything():
    assert parse_filter(None, FIELDS) == ()
    assert parse_filter({}, FIELDS) == ()


@pytest.mark.parametrize("written", [[], "category", 7])
def test_a_filter_must_be_an_object(written):
    with pytest.raises(InvalidFilter):
        parse_filter(written, FIELDS)


@pytest.mark.parametrize("sent", [10, 10.0, 0.5, 2**53])
def test_a_number_in_a_float_field_stays_as_it_was_sent(sent):
    checked = check_metadata({"price": sent}, FIELDS)

    assert repr(checked["price"]) == repr(sent)


def test_text_is_converted_to_the_declared_type():
    written = {"price": "12.50", "stock": "3", "sold": "TRUE", "day": "2026-05-01", "note": "7"}

    assert check_metadata(written, FIELDS) == {
        "price": 12.5,
        "stock": 3,
        "sold": True,
        "day": "2026-05-01T00:00:00+00:00",
        "note": "7",
    }


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"price": "cheap"}, "price"),
        ({"price": "nan"}, "price"),
        ({"price": float("inf")}, "price"),
        ({"stock": 1.5}, "stock"),
        ({"stock": 2**53 + 1}, "stock"),
        ({"stock": "9007199254740993"}, "stock"),
        ({"price": 2**63}, "price"),
        ({"price": 2**53 + 1}, "price"),
        ({"price": "9007199254740993"}, "price"),
        ({"price": "1e300"}, "price"),
        ({"note": -(2**53) - 1}, "note"),
        ({"note": float(2**63)}, "note"),
        ({"note": 2**70}, "note"),
        ({"note": float("nan")}, "note"),
        ({"note": float("inf")}, "note"),
        ({"sold": "perhaps"}, "sold"),
        ({"category": 5}, "category"),
        ({"note": {"nested": 1}}, "note"),
        ({"note": [1, 2]}, "note"),
        ({"a.b": 1}, "a.b"),
        ({"": 1}, ""),
    ],
)
def test_invalid_metadata_is_refused_with_its_field(metadata, field):
    with pytest.raises(InvalidMetadata) as refusal:
        check_metadata(metadata, FIELDS)

    assert refusal.value.field == field


@pytest.mark.parametrize("metadata", [{str(n): 1 for n in range(65)}, {"note": "x" * 9_000}])
def test_too_much_metadata_is_refused(metadata):
    with pytest.raises(InvalidMetadata, match="at most"):
        check_metadata(metadata, FIELDS)


def test_a_number_that_json_would_change_is_refused_with_the_limit_and_what_to_do():
    with pytest.raises(InvalidMetadata, match="note must be .* to 2.53; keep larger"):
        check_metadata({"note": 2**53 + 1}, FIELDS)
    with pytest.raises(InvalidFilter, match="stock must be .* to 2.53"):
        parse_filter({"stock": 2**53 + 1}, FIELDS)


def test_the_largest_integers_that_json_keeps_are_accepted():
    metadata = {"note": 2**53, "stock": -(2**53)}

    assert check_metadata(metadata, FIELDS) == metadata
    assert parse_filter({"stock": 2**53}, FIELDS) == (Condition("stock", any_of=(2**53,)),)
