"""The search benchmark knows the exact results and measures the real store and API."""

import numpy as np
import pytest

from scripts.bench.measuring import Timer
from scripts.bench.speeding import searches
from scripts.bench.speeding.made_gallery import KINDS, MadeGallery, id_of


def test_a_benchmark_gallery_is_the_same_every_time():
    made = MadeGallery(2_500, 32)

    first, again = ([vectors for _, vectors in made.blocks()] for _ in range(2))

    assert [len(vectors) for vectors in first] == [1_000, 1_000, 500]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_neighbours_are_nearer_than_the_rest():
    made = MadeGallery(2_500, 320)
    vectors = np.vstack([vectors for _, vectors in made.blocks()])

    cosines = np.sort(made.queries(20) @ vectors.T, axis=1)

    assert (cosines[:, -1] > 0.5).all()
    assert (abs(np.median(cosines, axis=1)) < 0.1).all()


@pytest.mark.parametrize("kind", [None, 3])
def test_the_exact_ten_nearest_match_a_full_sort(kind):
    made = MadeGallery(2_500, 32)
    queries = made.queries(5)
    vectors = np.vstack([vectors for _, vectors in made.blocks()])
    numbers = [n for n in range(len(vectors)) if kind is None or n % KINDS == kind]

    found = made.nearest(queries, [kind] * 5)

    best = np.argsort(-queries @ vectors[numbers].T, axis=1)[:, :10]
    assert found == [{id_of(numbers[place]) for place in row} for row in best]


def test_fewer_than_ten_images_are_all_among_the_nearest():
    made = MadeGallery(150, 32)

    assert made.nearest(made.queries(1), [7]) == [{id_of(7), id_of(107)}]


def test_the_real_store_and_the_real_api_are_measured(tmp_path):
    size = searches.measure_store(tmp_path / "index", 200, 1280, 2)
    calls = searches.measure_calls(tmp_path, 200, 2)

    assert set(size["recall at 10"].values()) == {1.0}
    assert size["disk, MB"] > 200 * 1280 * 4 / 1e6
    assert calls["points"] == 200
    assert set(calls["ms"]) == {"search with a picture", "search by id", "no search: /healthz"}


def test_a_search_that_misses_half_of_the_ten_nearest_has_half_the_recall(monkeypatch, tmp_path):
    search = searches.EdgeStore.search
    monkeypatch.setattr(searches.EdgeStore, "search", lambda *args: search(*args)[:5])

    size = searches.measure_store(tmp_path / "index", 2_000, 32, 2)

    assert size["recall at 10"] == {"embedded": 0.5, "embedded, filter 1 %": 0.5}


def test_a_timer_ignores_the_warm_up():
    timer = Timer(warm_up=2)

    for steps in (1_000_000, 1_000_000, 0, 0, 0):
        with timer.measure("work"):
            sum(range(steps))

    assert timer.processor_ms()["work"] < 1
    assert timer.summary()["work"]["p95"] < 5
