"""Compare views for the served model: how good answers are against what a picture costs.

Only the views differ: the network, the head and the boxes of long pictures stay. Depends on the
bench.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from functions.gallery.embedding.card import View
from model.quality.machine import machine
from model.quality.measure import DOCS, MODEL, SEEN
from model.quality.plots import plot_frontier
from model.quality.ranking import rank_sets
from model.quality.report import put_table, rows_of
from model.quality.scenes import make_scenes
from model.quality.sets import LabelledSet, SetError, find_sets, read_seen, read_set, refuse_seen
from model.quality.vectors import Graph, Variant, embed_set

WRITER = "scripts/bench/frontier"
RESULTS = MODEL / "quality" / "frontier.json"
LIMIT = 2.7  # runs of 224 px a picture
BEFORE = (View(1.0, 224), View(0.75, 224), View(0.5, 224))  # model 2
_WHOLE_PX, _WEIGHTS = (224, 256, 288), (1.0, 1.5, 1.75, 2.0, 3.0)
_SMALLER = (View(0.75, 224), View(0.6, 224), View(0.5, 224))


def main() -> int:
    """Measure and print JSON; returns 2 if something cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("LOOKALIKE_SETS")
    wanted = "?" if default else None
    parser.add_argument("sets", type=Path, nargs=wanted, default=default, help="folder of sets")
    parser.add_argument("--most", type=int, default=600, help="pictures of each set, default 600")
    parser.add_argument("--write", action="store_true", help="write results, table and plot")
    options = parser.parse_args()
    try:
        results = measure(find_sets(options.sets), options.most)
    except SetError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(results, indent=1))
    if options.write:
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        put_table(DOCS / "quality.md", WRITER, "frontier", frontier_table(results))
        plot_frontier(DOCS, results, means(results))
    return 0


def measure(folders: Sequence[Path], most: int) -> dict[str, Any]:
    """Return cost and mAP by views: of the sets, and of their twins in scenes."""
    graph, seen = Graph(MODEL), read_seen(SEEN)
    variants = [Variant(name_of(views), graph, views) for views in candidates()]
    whole = [read_set(folder) for folder in folders]
    with tempfile.TemporaryDirectory() as folder:
        scenes = [read_set(made) for made in make_scenes(whole, Path(folder))]
        for labelled in whole:
            refuse_seen(labelled, seen)
        sets = [sample(labelled, most) for labelled in (*whole, *scenes)]
        embedded = [(labelled, embed_set(labelled, variants)) for labelled in sets]
    tasks = rank_sets(embedded, variants)["tasks"]
    return {
        "machine": machine(),
        "pictures": {labelled.name: len(labelled.files) for labelled in sets},
        "served": name_of(graph.card.views),
        "before": name_of(BEFORE),
        "cost": {each.name: round(cost_of(each.views), 2) for each in variants},
        "map": {
            name: {each.name: of["variants"][each.name]["map"] for each in variants}
            for name, of in tasks.items()
        },
    }


def candidates() -> list[tuple[View, ...]]:
    """Return what is compared: the whole square, alone or with a smaller one, and model 2."""
    wholes = [(View(1.0, px),) for px in _WHOLE_PX]
    pairs = [
        (View(1.0, px, weight), smaller)
        for px in _WHOLE_PX
        for weight in _WEIGHTS
        for smaller in _SMALLER
    ]
    return [*wholes, *pairs, BEFORE]


def cost_of(views: Iterable[View]) -> float:
    """Return what a picture costs, in runs of 224 px; long pictures cost more."""
    return sum((view.px / 224) ** 2 for view in views)


def name_of(views: Sequence[View]) -> str:
    """Describe views in a few words."""
    names = (f"{view.part:g} at {view.px}" for view in views)
    weights = (f" (x {view.weight:g})" if view.weight != 1 else "" for view in views)
    return " + ".join(name + weight for name, weight in zip(names, weights, strict=True))


def sample(labelled: LabelledSet, most: int) -> LabelledSet:
    """Keep so many pictures, chosen by the SHA-1 of their names."""
    keys = [hashlib.sha1(file.encode()).hexdigest() for file in labelled.files]
    rows = np.sort(np.argsort(keys, kind="stable")[:most])
    return replace(
        labelled,
        files=tuple(labelled.files[row] for row in rows),
        **{name: getattr(labelled, name)[rows] for name in ("labels", "roles", "parts")},
    )


def means(results: Mapping[str, Any], without: str = "no set") -> dict[str, tuple[float, float]]:
    """Return the mean mAP of sets and of scenes, by views; every set counts the same."""
    found = {}
    for views in results["cost"]:
        by_set: dict[str, list[float]] = {}
        for task, maps in results["map"].items():
            name = task.partition(",")[0]
            if name.removesuffix("-scenes") != without:
                by_set.setdefault(name, []).append(maps[views])
        of_sets = {name: sum(maps) / len(maps) for name, maps in by_set.items()}
        scenes = [of for name, of in of_sets.items() if name.endswith("-scenes")]
        clean = [of for name, of in of_sets.items() if not name.endswith("-scenes")]
        found[views] = sum(clean) / len(clean), sum(scenes) / len(scenes)
    return found


def frontier(results: Mapping[str, Any], without: str = "no set") -> list[str]:
    """Return the views that no others beat at their cost, by the mean of clean sets and scenes."""
    cost, of = results["cost"], means(results, without)
    best, found = 0.0, []
    for views in sorted(cost, key=lambda views: (cost[views], -sum(of[views]))):
        if sum(of[views]) > best:
            best = sum(of[views])
            found.append(views)
    return found


def frontier_table(results: Mapping[str, Any]) -> list[str]:
    """Show the frontier, what is served and what was."""
    cost, of, edge = results["cost"], means(results), frontier(results)
    shown = sorted({*edge, results["served"], results["before"]}, key=lambda views: cost[views])
    marks = {results["served"]: "served", results["before"]: "model 2"}
    rows = [
        [views, cost[views], *(f"{each:.3f}" for each in of[views]), marks.get(views, "")]
        for views in shown
    ]
    heads = ["views", "runs of 224 px", "mAP", "in scenes", ""]
    return rows_of(heads, rows)
