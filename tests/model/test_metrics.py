"""The quality bench's metrics, checked against values worked out by hand."""

from fractions import Fraction

import numpy as np
import pytest

from model.quality.copies import (
    Hits,
    accepted,
    choose_roles,
    judge,
    judge_either,
    search_copies,
    threshold,
)
from model.quality.metrics import fidelity, nearest, paired_bootstrap, score, score_rankings
from model.quality.sets import SetError, Task


def ranking(*ranks: int, length: int) -> np.ndarray:
    """Return one ranking with relevant pictures at these ranks, counted from 1."""
    row = np.zeros((1, length), bool)
    row[0, np.array(ranks, int) - 1] = True
    return row


@pytest.mark.parametrize(
    ("ranks", "length", "expected"),
    [
        ((1, 2, 3), 5, Fraction(1)),
        ((3,), 5, Fraction(1, 3)),
        ((1, 3, 6), 6, (Fraction(1) + Fraction(2, 3) + Fraction(3, 6)) / 3),
        ((2, 5), 9, (Fraction(1, 2) + Fraction(2, 5)) / 2),
    ],
)
def test_average_precision_matches_a_count_by_hand(ranks, length, expected):
    (value,) = score_rankings(ranking(*ranks, length=length))["map"]

    assert value == pytest.approx(float(expected))


def test_the_metrics_of_one_ranking_follow_their_definitions():
    # Relevant at 2, 4, 11 and 150: two in the top 10, three in the top 100, four in all.
    figures = score_rankings(ranking(2, 4, 11, 150, length=200))

    figures = {metric: value[0] for metric, value in figures.items()}
    assert figures == pytest.approx(
        {
            "map": (1 / 2 + 2 / 4 + 3 / 11 + 4 / 150) / 4,
            "map_100": (1 / 2 + 2 / 4 + 3 / 11) / 4,
            "r1": 0.0,
            "hit_10": 1.0,
            "p10": 2 / 4,
            "recall_10": 2 / 4,
        }
    )


def test_map_at_100_divides_by_100_if_more_are_relevant():
    (at_100,) = score_rankings(ranking(*range(1, 151), length=200))["map_100"]

    assert at_100 == pytest.approx(1.0)


def test_queries_without_relevant_pictures_are_dropped():
    both = np.concatenate([ranking(1, length=4), np.zeros((1, 4), bool)])

    assert len(score_rankings(both)["map"]) == 1


def test_a_picture_is_not_in_its_own_ranking_and_ties_keep_their_order():
    # 0 and 1 are the same point, 2 and 3 are equally far from them; 3 shares 0's label.
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.6, 0.8]], np.float32)
    labels = np.array(["a", "b", "b", "a"])
    task = Task("leave one out", labels, np.array([0]), np.arange(4))

    scores = score(task, vectors)

    # The order is 1, 2, 3, so the only relevant picture is third of three.
    assert scores["map"].tolist() == pytest.approx([1 / 3])


def test_average_precision_matches_a_count_in_a_plain_loop():
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = rng.choice(list("abcd"), 60)
    queries, gallery = np.arange(20), np.arange(20, 60)

    ours = score(Task("category", labels, queries, gallery), vectors)["map"]

    for query, value in zip(queries, ours, strict=True):
        ranked = sorted(gallery, key=lambda g: -float(vectors[g] @ vectors[query]))
        hits, total = 0, Fraction(0)
        for rank, row in enumerate(ranked, start=1):
            if labels[row] == labels[query]:
                hits += 1
                total += Fraction(hits, rank)
        assert value == pytest.approx(float(total / hits))


def test_the_bootstrap_pairs_queries():
    # Each query gains 0.1, so every paired sample differs by 0.1. Unpaired samples would vary.
    rng = np.random.default_rng(0)
    baseline = rng.uniform(0, 0.9, 50)

    figures = paired_bootstrap(baseline + 0.1, baseline)

    assert figures == pytest.approx({"difference": 0.1, "low": 0.1, "high": 0.1, "better": 1.0})


def test_with_many_queries_the_bootstrap_interval_is_close_to_the_normal_one():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.02, 0.3, 1_000)

    figures = paired_bootstrap(differences, np.zeros(1_000))

    standard_error = differences.std() / np.sqrt(1_000)
    assert figures["high"] - figures["low"] == pytest.approx(2 * 1.96 * standard_error, rel=0.1)


def test_fidelity_counts_neighbours_that_stay():
    rng = np.random.default_rng(2)
    ours = rng.normal(size=(40, 8)).astype(np.float32)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)

    assert fidelity(ours, ours) == pytest.approx(
        {"cosine_mean": 1, "cosine_p5": 1, "cosine_min": 1, "top_ten_by_8": 1}, abs=1e-6
    )
    assert fidelity(ours, ours[::-1])["top_ten_by_8"] < 0.1


def spread(count: int, dims: int = 64) -> np.ndarray:
    """Return points far from each other."""
    points = np.random.default_rng(3).normal(size=(count, dims)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_pictures_with_near_neighbours_or_used_to_build_the_model_are_not_originals():
    points = spread(30)
    points[7] = points[3]
    names = np.array([f"{'one' if n < 15 else 'two'}/{n}.jpg" for n in range(30)])

    chosen = choose_roles(names, points, seen=np.arange(30) >= 26)

    # Near neighbours and seen pictures stay in the gallery; of the other 24, 18 are originals.
    assert not {3, 7, 26, 27, 28, 29} & {*chosen.originals, *chosen.absent}
    assert {3, 7, 26, 27, 28, 29} <= set(chosen.gallery)
    assert (len(chosen.originals), len(chosen.absent)) == (18, 6)
    assert not set(chosen.absent) & set(chosen.gallery)
    assert set(chosen.originals) <= set(chosen.gallery)
    assert chosen.gallery.tolist() == sorted(chosen.gallery)


def test_altered_copies_need_two_sets():
    with pytest.raises(SetError):
        choose_roles(np.array([f"a/{n}.jpg" for n in range(9)]), spread(9), np.zeros(9, bool))


def test_the_nearest_are_those_of_a_full_sort_without_the_query():
    points = spread(40, dims=4)

    rows, cosines = nearest(points, points, np.arange(40))

    for row, found, of_found in zip(range(40), rows, cosines, strict=True):
        others = [n for n in np.argsort(-points @ points[row], kind="stable") if n != row]
        assert found.tolist() == others[:10]
        np.testing.assert_allclose(of_found, points[found] @ points[row], atol=1e-6)


def test_absent_pictures_set_the_threshold_for_copies():
    gallery = np.eye(4, dtype=np.float32)
    # Two originals (rows 0 and 1 of the gallery), one absent picture, one alteration.
    copies = np.array([[[0.9, 0.1, 0, 0], [0.2, 0.1, 0.5, 0], [0, 0, 0, 0.6]]], np.float32)

    hits = search_copies(copies, gallery, np.arange(2))

    assert hits.right.tolist() == [[True, False]]
    assert threshold(hits.absent) == pytest.approx(0.6)
    assert accepted(hits).tolist() == [[True, False]]
    assert judge(hits, ["x"])["x"] == {"r1": 0.5, "tpr_at_1_percent_fa": 0.5}
    assert judge(hits, ["x"])["all"]["r1"] == 0.5


def test_a_copy_counts_if_either_the_vector_or_the_hash_finds_it():
    gallery, rows = np.eye(3, dtype=np.float32), np.arange(2)
    vector = np.array([[[1, 0, 0], [0, 0, 1], [0, 0, 0.5]]], np.float32)
    hashed = np.array([[[0, 0, 1], [0, 1, 0], [0, 0, 0.5]]], np.float32)
    by_vector, by_hash = (search_copies(each, gallery, rows) for each in (vector, hashed))

    assert judge_either(by_vector, by_hash, ["x"])["x"] == {"tpr_at_1_percent_fa": 1.0}
    assert judge(by_vector, ["x"])["x"]["tpr_at_1_percent_fa"] == 0.5


def test_of_equal_hits_the_first_in_the_gallery_counts_even_if_it_is_wrong():
    gallery = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    copies = np.array([[[1, 0], [0, 1], [0, 1]]], np.float32)

    assert search_copies(copies, gallery, np.array([1, 2])).right.tolist() == [[False, True]]


def test_a_copy_without_a_hash_finds_nothing():
    gallery = np.array([[1, -1], [1, 1]], np.float32)

    hits = search_copies(np.zeros((1, 2, 2), np.float32), gallery, np.array([0]))

    assert hits.right.tolist() == [[False]]


def test_vector_and_hash_together_raise_at_most_one_false_alarm_in_100():
    def hits_at_992(absent: np.ndarray) -> Hits:
        return Hits(np.array([[True]]), np.array([[992.0]]), absent)

    scores = np.arange(1001.0)[None]
    one, other = hits_at_992(scores), hits_at_992(np.roll(scores, 500))

    # If both raise the same alarms, each can raise ten; otherwise only five, and 992 is too low.
    alarms = round(10 / 1001, 4)
    assert judge_either(one, one, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 1.0,
        "false_alarms": alarms,
    }
    assert judge_either(one, other, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 0.0,
        "false_alarms": alarms,
    }
