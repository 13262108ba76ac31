"""What views cost and bring: which are worth their cost, and the table in docs/quality.md."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from functions.gallery.embedding.card import View, read_card
from model.quality.frontier import (
    BEFORE,
    RESULTS,
    WRITER,
    candidates,
    cost_of,
    frontier,
    frontier_table,
    means,
    name_of,
    sample,
)
from model.quality.measure import DOCS, MODEL
from model.quality.report import put_table
from model.quality.sets import LabelledSet

FIGURES = {
    "cost": {"cheap": 1.0, "worse": 2.0, "good": 2.5, "dear": 3.0},
    "map": {
        "one, view": {"cheap": 0.5, "worse": 0.5, "good": 0.6, "dear": 0.5},
        "one, colourway": {"cheap": 0.7, "worse": 0.5, "good": 0.8, "dear": 0.9},
        "one-scenes, view": {"cheap": 0.1, "worse": 0.1, "good": 0.2, "dear": 0.2},
        "two, leave one out": {"cheap": 0.4, "worse": 0.4, "good": 0.5, "dear": 0.5},
        "two-scenes, leave one out": {"cheap": 0.3, "worse": 0.3, "good": 0.4, "dear": 0.4},
    },
    "served": "good",
    "before": "dear",
}


def test_the_cost_of_views_is_counted_in_runs_of_224_pixels():
    assert cost_of([View(1.0, 288, 2.0), View(0.5, 224)]) == pytest.approx(288**2 / 224**2 + 1)
    assert name_of([View(1.0, 288, 1.5), View(0.5, 224)]) == "1 at 288 (x 1.5) + 0.5 at 224"


def test_what_is_served_and_what_was_are_among_what_is_compared():
    compared = candidates()

    assert {read_card(MODEL).views, BEFORE} <= set(compared)
    assert len({name_of(views) for views in compared}) == len(compared)


def test_every_set_counts_the_same_however_many_tasks_it_has():
    assert means(FIGURES)["good"] == pytest.approx(((0.7 + 0.5) / 2, 0.3))
    assert means(FIGURES, without="two")["good"] == pytest.approx((0.7, 0.2))


def test_the_frontier_has_what_nothing_cheaper_reaches():
    assert frontier(FIGURES) == ["cheap", "good"]
    assert [row.split(" | ")[0] for row in frontier_table(FIGURES)[2:]] == [
        "| cheap",
        "| good",
        "| dear",
    ]


def test_a_sample_is_the_same_every_time_and_keeps_labels_with_their_files():
    files = tuple(f"{number}.jpg" for number in range(50))
    labels = np.array([file.removesuffix(".jpg") for file in files])
    whole = LabelledSet("one", Path("one"), files, labels, labels, labels)

    some = sample(whole, 20)

    assert some.files == sample(whole, 20).files
    assert [file.removesuffix(".jpg") for file in some.files] == some.labels.tolist()
    assert len(some.files) == 20
    assert sample(whole, 60).files == files


def test_the_table_matches_the_results(tmp_path):
    copy = Path(shutil.copy(DOCS / "quality.md", tmp_path))

    put_table(copy, WRITER, "frontier", frontier_table(json.loads(RESULTS.read_text())))

    assert copy.read_text() == (DOCS / "quality.md").read_text()
