"""The figures of the quality bench, against rankings that were counted by hand."""

from fractions import Fraction

import numpy as np
import pytest

from functions.gallery.embedding.fingerprint import PerceptualHash
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
from model.quality.vectors import hash_signs


def ranking(*ranks: int, length: int) -> np.ndarray:
    """Return one ranking whose relevant pictures stand at these ranks, counted from 1."""
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
    (found_,) = score_rankings(ranking(*ranks, length=length))["map"]

    assert found_ == pytest.approx(float(expected))


def test_the_figures_of_one_ranking_follow_their_definitions():
    # Relevant at 2, 4, 11 and 150: two in ten, four in all, three in a hundred.
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


def test_map_at_100_of_many_relevant_divides_by_a_hundred():
    (at_100,) = score_rankings(ranking(*range(1, 151), length=200))["map_100"]

    assert at_100 == pytest.approx(1.0)


def test_queries_with_nothing_to_find_are_dropped():
    both = np.concatenate([ranking(1, length=4), np.zeros((1, 4), bool)])

    assert len(score_rankings(both)["map"]) == 1


def test_a_picture_is_never_in_its_own_list_and_ties_go_by_place():
    # 0 and 1 are the same point, 2 and 3 as far from them as each other; 3 shares 0's label.
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.6, 0.8]], np.float32)
    labels = np.array(["a", "b", "b", "a"])
    task = Task("leave one out", labels, np.array([0]), np.arange(4))

    scores = score(task, vectors)

    # 1 before 2 before 3: the only relevant picture comes third of three.
    assert scores["map"].tolist() == pytest.approx([1 / 3])


def test_average_precision_agrees_with_counting_pair_by_pair():
    dice = np.random.default_rng(7)
    vectors = dice.normal(size=(60, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = dice.choice(list("abcd"), 60)
    asks, gallery = np.arange(20), np.arange(20, 60)

    ours = score(Task("category", labels, asks, gallery), vectors)["map"]

    for query, value in zip(asks, ours, strict=True):
        ranked = sorted(gallery, key=lambda g: -float(vectors[g] @ vectors[query]))
        hits, gained = 0, Fraction(0)
        for rank, place in enumerate(ranked, start=1):
            if labels[place] == labels[query]:
                hits += 1
                gained += Fraction(hits, rank)
        assert value == pytest.approx(float(gained / hits))


def test_the_bootstrap_pairs_queries():
    # Each query gains 0.1: whoever draws, the difference is 0.1. Unpaired draws would spread.
    dice = np.random.default_rng(0)
    theirs = dice.uniform(0, 0.9, 50)

    figures = paired_bootstrap(theirs + 0.1, theirs)

    assert figures == pytest.approx({"difference": 0.1, "low": 0.1, "high": 0.1, "better": 1.0})


def test_the_range_of_the_bootstrap_is_that_of_the_normal_law_for_many_queries():
    dice = np.random.default_rng(1)
    differences = dice.normal(0.02, 0.3, 1_000)

    figures = paired_bootstrap(differences, np.zeros(1_000))

    error = differences.std() / np.sqrt(1_000)
    assert figures["high"] - figures["low"] == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_fidelity_counts_neighbourhoods_that_stay():
    dice = np.random.default_rng(2)
    ours = dice.normal(size=(40, 8)).astype(np.float32)
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)

    assert fidelity(ours, ours) == pytest.approx(
        {"cosine_mean": 1, "cosine_p5": 1, "cosine_min": 1, "top_ten_by_8": 1}, abs=1e-6
    )
    assert fidelity(ours, ours[::-1])["top_ten_by_8"] < 0.1


def spread(count: int, dims: int = 64) -> np.ndarray:
    """Return points far from each other."""
    points = np.random.default_rng(3).normal(size=(count, dims)).astype(np.float32)
    return points / np.linalg.norm(points, axis=1, keepdims=True)


def test_a_picture_with_a_near_neighbour_or_that_made_the_model_is_not_an_original():
    points = spread(30)
    points[7] = points[3]
    names = np.array([f"{'one' if n < 15 else 'two'}/{n}.jpg" for n in range(30)])

    chosen = choose_roles(names, points, seen=np.arange(30) >= 26)

    # The twins and the seen ones stay in the gallery; of the other 24, 18 are originals.
    assert not {3, 7, 26, 27, 28, 29} & {*chosen.originals, *chosen.absent}
    assert {3, 7, 26, 27, 28, 29} <= set(chosen.gallery)
    assert (len(chosen.originals), len(chosen.absent)) == (18, 6)
    assert not set(chosen.absent) & set(chosen.gallery)
    assert set(chosen.originals) <= set(chosen.gallery)
    assert chosen.gallery.tolist() == sorted(chosen.gallery)


def test_altered_copies_need_two_sets():
    with pytest.raises(SetError):
        choose_roles(np.array([f"a/{n}.jpg" for n in range(9)]), spread(9), np.zeros(9, bool))


def test_the_nearest_are_those_of_a_full_sort_without_the_query_itself():
    points = spread(40, dims=4)

    rows, cosines = nearest(points, points, np.arange(40))

    for row, found, of in zip(range(40), rows, cosines, strict=True):
        others = [n for n in np.argsort(-points @ points[row], kind="stable") if n != row]
        assert found.tolist() == others[:10]
        np.testing.assert_allclose(of, points[found] @ points[row], atol=1e-6)


def test_copies_are_judged_by_a_threshold_that_absent_pictures_set():
    gallery = np.eye(4, dtype=np.float32)
    # Two originals (rows 0 and 1 of the gallery), one absent picture, one alteration.
    copies = np.array([[[0.9, 0.1, 0, 0], [0.2, 0.1, 0.5, 0], [0, 0, 0, 0.6]]], np.float32)

    hits = search_copies(copies, gallery, np.arange(2))

    assert hits.right.tolist() == [[True, False]]
    assert threshold(hits.absent) == pytest.approx(0.6)
    assert accepted(hits).tolist() == [[True, False]]
    assert judge(hits, ["x"])["x"] == {"r1": 0.5, "tpr_at_1_percent_fa": 0.5}
    assert judge(hits, ["x"])["all"]["r1"] == 0.5


def test_a_copy_counts_when_either_the_vector_or_the_hash_finds_it():
    gallery, rows = np.eye(3, dtype=np.float32), np.arange(2)
    vector = np.array([[[1, 0, 0], [0, 0, 1], [0, 0, 0.5]]], np.float32)
    hashed = np.array([[[0, 0, 1], [0, 1, 0], [0, 0, 0.5]]], np.float32)
    by_vector, by_hash = (search_copies(each, gallery, rows) for each in (vector, hashed))

    assert judge_either(by_vector, by_hash, ["x"])["x"] == {"tpr_at_1_percent_fa": 1.0}
    assert judge(by_vector, ["x"])["x"]["tpr_at_1_percent_fa"] == 0.5


def test_of_equal_hits_the_first_in_the_gallery_counts_not_the_right_one():
    gallery = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    copies = np.array([[[1, 0], [0, 1], [0, 1]]], np.float32)

    assert search_copies(copies, gallery, np.array([1, 2])).right.tolist() == [[False, True]]


def test_a_copy_without_a_hash_finds_nothing():
    gallery = np.array([[1, -1], [1, 1]], np.float32)

    hits = search_copies(np.zeros((1, 2, 2), np.float32), gallery, np.array([0]))

    assert hits.right.tolist() == [[False]]


def test_vector_and_hash_together_raise_no_more_than_one_false_alarm_in_a_hundred():
    def found_with_992(absent: np.ndarray) -> Hits:
        return Hits(np.array([[True]]), np.array([[992.0]]), absent)

    scores = np.arange(1001.0)[None]
    one, other = found_with_992(scores), found_with_992(np.roll(scores, 500))

    # If both raise the same alarms, each can raise ten; if different ones, five: 992 is too low.
    alarms = round(10 / 1001, 4)
    assert judge_either(one, one, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 1.0,
        "false_alarms": alarms,
    }
    assert judge_either(one, other, ["x"])["all"] == {
        "tpr_at_1_percent_fa": 0.0,
        "false_alarms": alarms,
    }


def test_signs_of_hashes_measure_their_distance():
    one, other = PerceptualHash.parse("00ff00ff00ff00ff"), PerceptualHash.parse("01ff00ff00ff00fe")

    assert hash_signs(one) @ hash_signs(other) == 64 - 2 * one.distance(other) == 60
    assert not hash_signs(None).any()
