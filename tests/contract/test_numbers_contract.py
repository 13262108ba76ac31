"""How every store keeps numbers and times: as they were sent, and in a form to filter and sort."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions.gallery.records import CollectionSpec, Condition, Order
from functions.gallery.stores import payload
from tests.contract.stores import BACK_ENDS, an_image, random_units

COUNT = 300
MOST = 2**53
SPEC = CollectionSpec(
    "test@1", 4, fields={"price": "float", "stock": "integer", "taken": "datetime", "sale": "bool"}
)
AWKWARD = [0.1 + 0.2, 1 / 3, 5e-324, 1e-22, 1.5e-9, 9_007_199_254_740_989.5, -0.0, 1.0, 1 - 2**-53]
FLOATS = st.lists(st.floats(-MOST, MOST, allow_nan=False), min_size=1, max_size=20)
INTEGERS = st.lists(st.integers(-MOST, MOST), min_size=1, max_size=20)
TIMES = st.lists(st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)), min_size=1, max_size=20)
SEEDS = st.integers(0, 2**32)
few = settings(
    max_examples=2,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(params=BACK_ENDS.values(), ids=BACK_ENDS.keys())
def store(request, tmp_path):
    with request.param(SPEC, tmp_path) as store:
        yield store


def fill(store, field, values):
    """Put one image for each value in place of all others."""
    images = [an_image(f"{n}.jpg", metadata={field: value}) for n, value in enumerate(values)]
    store.remove([an_image(f"{n}.jpg").id for n in range(COUNT)])
    store.put(images, random_units(len(images), 4))
    return images


def listed(store, order, limit=7):
    """Return the names on all pages, or on the first hundred if they do not end."""
    names, after = [], None
    for _ in range(100):
        page = store.page((), limit, after, order)
        names += [image.name for image in page.images]
        if (after := page.after) is None:
            break
    return names


def all_orders(field):
    return [Order(field), Order(field, descending=True)]


def assert_sorted(values, order, same):
    for one, other in zip(values, values[1:], strict=False):
        first, last = (other, one) if order.descending else (one, other)
        assert first <= last or same(first, last)


def same_decimal(one, other):
    """Whether two numbers may count as equal: they agree in 15 digits or 22 decimal places."""
    return math.isclose(one, other, rel_tol=1e-14, abs_tol=1e-22)


def many_floats(values, seed):
    draw = Random(seed)
    kinds = [
        lambda: draw.random() * 10.0 ** draw.randint(-25, 15),
        lambda: round(draw.random() * 100, 2),
        lambda: draw.choice(values),
        lambda: max(-MOST, min(MOST, math.nextafter(draw.choice(values), math.inf))),
    ]
    return values + [float(draw.choice(kinds)()) for _ in range(COUNT - len(values))]


def many_integers(values, seed):
    draw = Random(seed)
    kinds = [
        lambda: MOST - draw.randint(0, 20),
        lambda: draw.randint(0, 20) - MOST,
        lambda: 2 ** draw.randint(40, 52) + draw.randint(-2, 2),
        lambda: draw.choice(values),
    ]
    return values + [draw.choice(kinds)() for _ in range(COUNT - len(values))]


@few
@given(FLOATS, SEEDS)
@example(AWKWARD, 1)
def test_a_list_sorted_by_a_float_has_every_image_once_in_order(store, values, seed):
    prices = many_floats(values, seed)
    fill(store, "price", prices)

    for order in all_orders("price"):
        names = listed(store, order)

        assert Counter(names) == Counter(f"{n}.jpg" for n in range(COUNT))
        found = [prices[int(name.removesuffix(".jpg"))] for name in names]
        assert_sorted(found, order, same_decimal)


@few
@given(INTEGERS, SEEDS)
@example([MOST, -MOST, 0], 1)
def test_a_list_sorted_by_an_integer_has_every_image_once_in_order(store, values, seed):
    stocks = many_integers(values, seed)
    fill(store, "stock", stocks)

    for order in all_orders("stock"):
        names = listed(store, order)

        assert Counter(names) == Counter(f"{n}.jpg" for n in range(COUNT))
        found = [stocks[int(name.removesuffix(".jpg"))] for name in names]
        assert found == sorted(stocks, reverse=order.descending)


@few
@given(TIMES, SEEDS)
def test_a_list_sorted_by_a_time_has_every_image_once_in_order(store, values, seed):
    draw = Random(seed)
    times = [value.replace(tzinfo=UTC) for value in values]
    times += [
        draw.choice(times) + timedelta(microseconds=draw.randint(-3, 3))
        for _ in range(COUNT - len(times))
    ]
    fill(store, "taken", [time.isoformat() for time in times])

    for order in all_orders("taken"):
        names = listed(store, order)

        assert Counter(names) == Counter(f"{n}.jpg" for n in range(COUNT))
        found = [times[int(name.removesuffix(".jpg"))] for name in names]
        assert found == sorted(times, reverse=order.descending)


@few
@given(FLOATS, SEEDS)
@example(AWKWARD, 2)
def test_a_float_is_found_by_its_value_and_splits_the_others_in_two(store, values, seed):
    prices = many_floats(values, seed)
    fill(store, "price", prices)

    for price in prices[:12]:
        below = store.count((Condition("price", lt=price),))
        equal = store.count((Condition("price", gte=price, lte=price),))
        above = store.count((Condition("price", gt=price),))

        assert below + equal + above == COUNT
        assert prices.count(price) <= equal <= sum(same_decimal(price, p) for p in prices)
        assert store.count((Condition("price", gte=price),)) == equal + above
        assert store.count((Condition("price", lte=price),)) == equal + below


@few
@given(INTEGERS, SEEDS)
@example([MOST, -MOST, 0], 2)
def test_a_range_of_integers_is_exact(store, values, seed):
    stocks = many_integers(values, seed)
    fill(store, "stock", stocks)

    for limit in stocks[:12]:
        assert store.count((Condition("stock", gt=limit),)) == sum(s > limit for s in stocks)
        assert store.count((Condition("stock", gte=limit),)) == sum(s >= limit for s in stocks)
        assert store.count((Condition("stock", lt=limit),)) == sum(s < limit for s in stocks)
        assert store.count((Condition("stock", lte=limit),)) == sum(s <= limit for s in stocks)
        both = (Condition("stock", gte=limit, lte=limit),)
        assert store.count(both) == stocks.count(limit)
        assert store.count((Condition("stock", any_of=(limit,)),)) == stocks.count(limit)


def test_a_range_of_integers_may_have_limits_between_them(store):
    fill(store, "stock", [1, 2, 3])

    assert store.count((Condition("stock", gt=1.5, lt=2.5),)) == 1
    assert store.count((Condition("stock", gte=1.5),)) == 2
    assert store.count((Condition("stock", lte=1.5),)) == 1


def test_a_time_is_found_to_the_microsecond(store):
    first = datetime(2025, 1, 1, 12, 0, 0, 123_456, tzinfo=UTC)
    times = [first + timedelta(microseconds=n) for n in range(3)]
    fill(store, "taken", [time.isoformat() for time in times])

    assert store.count((Condition("taken", gte=times[1], lte=times[1]),)) == 1
    assert store.count((Condition("taken", gt=times[0]),)) == 2


@few
@given(FLOATS)
@example(AWKWARD)
def test_metadata_come_back_exactly_as_they_were_sent(store, values):
    sent = {f"undeclared {n}": value for n, value in enumerate(values)}
    sent |= {"price": values[0], "stock": -MOST, "sale": False, "b": 2, "a": "1.0", "list": ["ñ"]}
    [image] = fill(store, "price", [0.5])

    store.set_metadata(image.id, sent, "e2")

    assert repr(store.get([image.id])[image.id].metadata) == repr(sent)
    [page] = store.page((Condition("stock", any_of=(-MOST,)),), 9).images
    assert repr(page.metadata) == repr(sent)


def test_a_new_value_takes_the_place_of_the_old_one_in_filters_too(store):
    [image] = fill(store, "price", [0.1])

    store.set_metadata(image.id, {"price": 0.3, "sale": True}, "e2")

    assert store.count((Condition("price", gte=0.1, lte=0.1),)) == 0
    assert store.count((Condition("price", gte=0.3, lte=0.3),)) == 1
    assert store.count((Condition("sale", any_of=(True,)),)) == 1
    assert store.get([image.id])[image.id].metadata == {"price": 0.3, "sale": True}


def test_images_stored_before_the_copies_are_read_found_sorted_and_changed(store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(
            payload, "write_metadata", lambda metadata, left_out: {"meta": dict(metadata)}
        )
        images = fill(store, "price", [2.5, 19.99, 0.1 + 0.2, 7])
    ids = [image.id for image in images]

    assert [store.get(ids)[id].metadata["price"] for id in ids] == pytest.approx(
        [2.5, 19.99, 0.1 + 0.2, 7]
    )
    assert listed(store, Order("price"), limit=1) == ["2.jpg", "0.jpg", "3.jpg", "1.jpg"]
    assert store.count((Condition("price", gte=0.3, lte=0.3),)) == 1

    store.set_metadata(ids[2], {"price": 1 / 3}, "e2")

    assert store.get(ids)[ids[2]].metadata == {"price": 1 / 3}
    assert store.count((Condition("price", gte=1 / 3, lte=1 / 3),)) == 1
