"""The bench of searches knows the exact answer, and measures the real store and the real door."""

import numpy as np
import pytest

from scripts.bench.speeding import door, stores, tables
from scripts.bench.speeding.clusters import KINDS, Clusters, id_of


def test_a_gallery_is_the_same_at_each_reading():
    made = Clusters(2_500, 32)

    first, again = ([vectors for _, vectors in made.blocks()] for _ in range(2))

    assert [len(vectors) for vectors in first] == [1_000, 1_000, 500]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_neighbours_are_nearer_than_strangers():
    made = Clusters(2_500, 320)
    vectors = np.vstack([vectors for _, vectors in made.blocks()])

    cosines = np.sort(made.queries(20) @ vectors.T, axis=1)

    assert (cosines[:, -1] > 0.5).all()
    assert (abs(np.median(cosines, axis=1)) < 0.1).all()


@pytest.mark.parametrize("kind", [None, 3])
def test_the_exact_top_ten_is_found_block_by_block(kind):
    made = Clusters(2_500, 32)
    queries = made.queries(5)
    vectors = np.vstack([vectors for _, vectors in made.blocks()])
    numbers = [n for n in range(len(vectors)) if kind is None or n % KINDS == kind]

    found = made.nearest(queries, [kind] * 5)

    best = np.argsort(-queries @ vectors[numbers].T, axis=1)[:, :10]
    assert found == [{id_of(numbers[place]) for place in row} for row in best]


def test_of_fewer_than_ten_all_are_the_nearest():
    made = Clusters(150, 32)

    assert made.nearest(made.queries(1), [7]) == [{id_of(7), id_of(107)}]


def test_a_store_that_finds_half_of_the_top_ten_has_half_the_recall():
    made = Clusters(2_000, 32)

    def search(vector, kind):
        number = None if kind is None else int(kind.removeprefix("kind-"))
        return [*sorted(made.nearest(vector[None], [number])[0])[:5], id_of(-1)]

    told = stores.in_turn({"half": search}, made, 3)

    assert told["recall at 10"] == {"half": 0.5, "half, filter 1 %": 0.5}


def test_the_real_store_and_the_real_door_are_measured_and_told(tmp_path):
    size = stores.measure(str(tmp_path / "index"), 200, 1280, 2, True)
    through_door = door.measure(str(tmp_path), 200, 2)

    machine = {"cores": 2, "flags": [], "processor": "A", "python": "3", "onnxruntime": "1"}
    told = {"machine": machine, "load before and after": [0, 0]}
    told |= {"search": [size], "whole door": through_door}
    assert set(size["recall at 10"].values()) == {1.0}
    assert size["disk, MB"] > 200 * 1280 * 4 / 1e6
    assert "200 x 1,280" in tables.searches(told)[2]
    written = "\n".join(tables.searches(told) + tables.whole_door(told))
    assert "1.000, 1.000" in written
    assert "not run" not in written
