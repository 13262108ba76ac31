"""The figures of the quality bench, against rankings that were counted by hand."""

from fractions import Fraction

import numpy as np
import pytest

from scripts.bench.evaluation.comparing import fidelity, missed_gates, paired_bootstrap
from scripts.bench.evaluation.metrics import of_rankings, score
from scripts.bench.evaluation.near_duplicates import (
    Answers,
    answers,
    as_signs,
    cast,
    found,
    judge,
    judge_both,
    micro_ap,
    threshold,
)
from scripts.bench.evaluation.sets import SetError, Task


def ranking(*ranks: int, length: int) -> np.ndarray:
    """Give one ranking whose relevant pictures stand at these ranks, counted from 1."""
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
def test_average_precision_is_what_one_counts_by_hand(ranks, length, expected):
    (found_,) = of_rankings(ranking(*ranks, length=length))["map"]

    assert found_ == pytest.approx(float(expected))


def test_the_figures_of_one_ranking_follow_their_definitions():
    # Relevant at 2, 4, 11 and 150: two in ten, four in all, three in a hundred.
    figures = of_rankings(ranking(2, 4, 11, 150, length=200))

    told = {metric: value[0] for metric, value in figures.items()}
    assert told == pytest.approx(
        {
            "map": (1 / 2 + 2 / 4 + 3 / 11 + 4 / 150) / 4,
            "map_100": (1 / 2 + 2 / 4 + 3 / 11) / 4,
            "r1": 0.0,
            "hit_10": 1.0,
            "p10": 2 / 4,
            "recall_10": 2 / 4,
        }
    )


def test_map_at_100_of_many_relevant_divides_by_a_hundred():
    (at_100,) = of_rankings(ranking(*range(1, 151), length=200))["map_100"]

    assert at_100 == pytest.approx(1.0)


def test_queries_with_nothing_to_find_are_dropped():
    both = np.concatenate([ranking(1, length=4), np.zeros((1, 4), bool)])

    assert len(of_rankings(both)["map"]) == 1


def test_a_picture_is_never_in_its_own_list_and_ties_go_by_place():
    # 0 and 1 are the same point, 2 and 3 as far from them as each other; 3 shares 0's label.
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.6, 0.8]], np.float32)
    labels = np.array(["a", "b", "b", "a"])
    task = Task("leave one out", labels, np.array([0]), np.arange(4))

    scores = score(task, vectors)

    # 1 before 2 before 3: the only relevant picture comes third of three.
    assert scores.by_query["map"].tolist() == pytest.approx([1 / 3])


def test_average_precision_agrees_with_counting_pair_by_pair():
    dice = np.random.default_rng(7)
    vectors = dice.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = dice.choice(list("abcd"), 60)
    asks, gallery = np.arange(20), np.arange(20, 60)

    ours = score(Task("category", labels, asks, gallery), vectors).by_query["map"]

    for query, value in zip(asks, ours, strict=True):
        ranked = sorted(gallery, key=lambda g: -float(vectors[g] @ vectors[query]))
        hits, gained = 0, Fraction(0)
        for rank, place in enumerate(ranked, start=1):
            if labels[place] == labels[query]:
                hits += 1
                gained += Fraction(hits, rank)
        assert value == pytest.approx(float(gained / hits))


def test_queries_of_one_model_can_look_among_vectors_of_another():
    ours = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    stored = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    task = Task("category", np.array(["a", "a", "b"]), np.array([0]), np.array([1, 2]))

    assert score(task, ours).mean("map") == 0.5
    assert score(task, ours, stored).mean("map") == 1.0


def test_the_bootstrap_pairs_queries():
    # Each query gains 0.1: whoever draws, the difference is 0.1. Unpaired draws would spread.
    dice = np.random.default_rng(0)
    theirs = dice.uniform(0, 0.9, 50)

    told = paired_bootstrap(theirs + 0.1, theirs)

    assert told == pytest.approx({"difference": 0.1, "low": 0.1, "high": 0.1, "better": 1.0})


def test_the_range_of_the_bootstrap_is_that_of_the_normal_law_for_many_queries():
    dice = np.random.default_rng(1)
    differences = dice.normal(0.02, 0.3, 1_000)

    told = paired_bootstrap(differences, np.zeros(1_000))

    error = differences.std() / np.sqrt(1_000)
    assert told["high"] - told["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_fidelity_counts_neighbourhoods_that_stay():
    dice = np.random.default_rng(2)
    ours = dice.normal(size=(40, 8)).astype(np.float32)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)

    assert fidelity(ours, ours) == pytest.approx(
        {"cosine_mean": 1, "cosine_p5": 1, "cosine_min": 1, "top_ten_by_8": 1}, abs=1e-6
    )
    assert fidelity(ours, ours[::-1])["top_ten_by_8"] < 0.1


def test_each_gate_of_fidelity_can_be_missed():
    good = {"cosine_mean": 0.99, "cosine_p5": 0.97}

    assert missed_gates({"one": good}, {"one": 0.004}) == []
    assert missed_gates({"one": good | {"cosine_mean": 0.979}}, {}) != []
    assert missed_gates({"one": good | {"cosine_p5": 0.949}}, {}) != []
    assert len(missed_gates({"one": good}, {"one": 0.011, "two": -0.01})) == 1
    assert len(missed_gates({"one": good}, {"one": 0.009, "two": 0.009})) == 1


def spread(count: int, dims: int = 64) -> np.ndarray:
    """Give points far from each other."""
    points = np.random.default_rng(3).normal(size=(count, dims)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_picture_with_a_near_neighbour_or_that_made_the_model_is_no_original():
    points = spread(30)
    points[7] = points[3]
    names, sets = [f"{n}.jpg" for n in range(30)], ["one"] * 15 + ["two"] * 15

    chosen = cast(names, sets, points, barred=np.arange(30) >= 26)

    # The twins and the barred stay in the gallery; 24 are left: 18 originals and 6 absent.
    assert not {3, 7, 26, 27, 28, 29} & {*chosen.originals, *chosen.absent}
    assert {3, 7, 26, 27, 28, 29} <= set(chosen.gallery)
    assert (len(chosen.originals), len(chosen.absent)) == (18, 6)
    assert not set(chosen.absent) & set(chosen.gallery)
    assert chosen.gallery.tolist() == sorted(chosen.gallery)
    assert chosen.gallery[chosen.rows].tolist() == chosen.originals.tolist()


def test_near_duplicates_need_two_sets():
    with pytest.raises(SetError):
        cast([f"{n}.jpg" for n in range(9)], ["a"] * 9, spread(9), np.zeros(9, bool))


def test_copies_are_judged_by_a_threshold_that_absent_pictures_set():
    gallery = np.eye(4, dtype=np.float32)
    # Two originals (rows 0 and 1 of the gallery), one absent picture, one alteration.
    copies = np.array([[[0.9, 0.1, 0, 0], [0.2, 0.1, 0.5, 0], [0, 0, 0, 0.6]]], np.float32)

    given = answers(copies, gallery, np.arange(2))

    assert given.first.tolist() == [[True, False]]
    assert given.of_original.tolist() == [pytest.approx([0.9, 0.1])]
    assert threshold(given.absent) == pytest.approx(0.6)
    assert found(given).tolist() == [[True, False]]
    assert judge(given, ["x"])["x"]["r1"] == 0.5
    # Ranked by score: 0.9 right, 0.6 absent, 0.5 wrong; one of two is ever found: 1 / 2.
    assert micro_ap(given) == pytest.approx(0.5)


def test_a_pair_counts_when_either_the_vector_or_the_hash_finds_it():
    gallery, rows = np.eye(3, dtype=np.float32), np.arange(2)
    sees = answers(np.array([[[1, 0, 0], [0, 0, 1], [0, 0, 0.5]]], np.float32), gallery, rows)
    hashes = answers(np.array([[[0, 0, 1], [0, 1, 0], [0, 0, 0.5]]], np.float32), gallery, rows)

    assert judge_both(sees, hashes, ["x"])["x"] == {"tpr_at_1_percent_fa": 1.0}
    assert judge(sees, ["x"])["x"]["tpr_at_1_percent_fa"] == 0.5


def test_of_equal_answers_the_first_in_the_gallery_counts_not_the_right_one():
    gallery = np.array([[1, 0], [1, 0], [0, 1]], np.float32)

    given = answers(np.array([[[1, 0], [0, 1], [0, 1]]], np.float32), gallery, np.array([1, 2]))

    assert given.first.tolist() == [[False, True]]


def test_a_copy_without_a_hash_finds_nothing():
    gallery = np.array([[1, -1], [1, 1]], np.float32)

    given = answers(np.zeros((1, 2, 2), np.float32), gallery, np.array([0]))

    assert given.first.tolist() == [[False]]


def test_among_equal_scores_the_wrong_ones_count_first():
    gallery = np.eye(2, dtype=np.float32)
    # The copy of the original, right, and that of the absent picture score alike.
    given = answers(np.array([[[0.5, 0], [0, 0.5]]], np.float32), gallery, np.array([0]))

    assert micro_ap(given) == pytest.approx(1 / 2)


def answered(absent: np.ndarray) -> Answers:
    """Give what absent pictures scored, and an original that was found with 992."""
    return Answers(np.array([[True]]), np.array([[992.0]]), absent, np.array([[992.0]]))


def test_vector_and_hash_together_raise_no_more_than_one_false_alarm_in_a_hundred():
    scores = np.arange(1001.0)[None]
    one, other = answered(scores), answered(np.roll(scores, 500))

    # Where both raise the same alarms, each may raise ten; where others, five: 992 is too little.
    assert judge_both(one, one, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 1.0,
        "false_alarms": pytest.approx(10 / 1001),
    }
    assert judge_both(one, other, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 0.0,
        "false_alarms": pytest.approx(10 / 1001),
    }


def test_signs_of_hashes_measure_their_distance():
    dice = np.random.default_rng(4)
    bits = dice.integers(0, 2, (5, 64)).astype(bool)

    signs = as_signs(bits, np.array([True] * 4 + [False]))

    assert signs[0] @ signs[1] == 64 - 2 * (bits[0] != bits[1]).sum()
    assert not signs[4].any()
