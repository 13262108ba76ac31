"""Measure every variant on every task of every set. Data that made the model is refused."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.evaluation.comparing import FLOAT, fidelity, missed_gates, paired_bootstrap
from scripts.bench.evaluation.metrics import METRICS, Scores, Vectors, score
from scripts.bench.evaluation.sets import Pictures, Task, read_pictures, refuse_seen, tasks_of
from scripts.bench.evaluation.vectors import Seen, Variant, embed_all


def rank_sets(
    folders: Sequence[Path], variants: Sequence[Variant], seen: frozenset[str], cache: Path
) -> dict[str, Any]:
    """Give the figures of every task by variant, the fidelity of int8, and gates missed.

    `mixed` is the mAP of int8 queries in a float gallery.
    """
    tasks: dict[str, Any] = {}
    skipped: list[str] = []
    mixed: dict[str, dict[str, float]] = {}
    fidelities: dict[str, dict[str, dict[str, float]]] = {}
    drops: dict[str, dict[str, float]] = {}
    for pictures in [read_pictures(folder) for folder in folders]:
        asked = _asked(pictures, skipped)
        if not asked:
            continue
        used = np.unique(np.concatenate([np.r_[task.asks, task.found] for task in asked]))
        refuse_seen(pictures, used.tolist(), seen)
        vectors = vectors_of(pictures, variants, cache)
        for task in asked:
            where = f"{pictures.name}, {task.name}"
            tasks[where], scores = _figures(pictures, task, variants, vectors)
            for name, parent in parents(variants):
                drop = scores[parent].mean("map") - scores[name].mean("map")
                drops.setdefault(name, {})[where] = drop
                of_both = score(task, vectors[name], vectors[parent]).mean("map")
                mixed.setdefault(name, {})[where] = round(of_both, 4)
        for name, parent in parents(variants):
            figures = fidelity(vectors[name], vectors[parent])
            fidelities.setdefault(name, {})[pictures.name] = figures
    missed = [
        f"{name}: {gate}"
        for name, figures in fidelities.items()
        for gate in missed_gates(figures, drops[name])
    ]
    return {
        "tasks": tasks,
        "skipped": skipped,
        "fidelity": fidelities,
        "mixed": mixed,
        "map_drop": drops,
        "missed_gates": missed,
    }


def _asked(pictures: Pictures, skipped: list[str]) -> list[Task]:
    """Give the tasks in which a query has something to find; the others are named and skipped."""
    asked = tasks_of(pictures)
    for task in asked:
        if not task.answerable:
            skipped.append(f"{pictures.name}, {task.name}: no query has anything to find")
            print(f"skipped: {skipped[-1]}", file=sys.stderr)
    return [task for task in asked if task.answerable]


def parents(variants: Sequence[Variant]) -> list[tuple[str, str]]:
    """Pair each variant with the float one that it must be true to, where both are there."""
    names = {each.name for each in variants}
    return [(name, name + FLOAT) for name in sorted(names) if name + FLOAT in names]


def vectors_of(pictures: Pictures, variants: Sequence[Variant], cache: Path) -> dict[str, Vectors]:
    """Give the vectors of a whole set by variant."""
    seen = seen_of(pictures, variants, cache)
    return {each.name: each.narrowed(seen.vectors[each.key]) for each in variants}


def seen_of(pictures: Pictures, variants: Sequence[Variant], cache: Path) -> Seen:
    """Embed and hash a whole set, or read it from the cache."""
    sources = [pictures.source(place) for place in range(len(pictures.files))]
    return embed_all(sources, variants, cache, _teller(pictures.name, len(sources)))


def _teller(name: str, count: int):
    def tell(done: int) -> None:
        if done % 500 == 0 or done == count:
            print(f"{name}: {done} of {count}", file=sys.stderr)

    return tell


def _figures(
    pictures: Pictures, task: Task, variants: Sequence[Variant], vectors: dict[str, Vectors]
) -> tuple[dict[str, Any], dict[str, Scores]]:
    scores = {each.name: score(task, vectors[each.name]) for each in variants}
    told: dict[str, Any] = {}
    for each in variants:
        ours = scores[each.name]
        told[each.name] = {metric: round(ours.mean(metric), 4) for metric in METRICS}
        if each.against is not None:
            theirs = scores[each.against]
            compared = paired_bootstrap(ours.by_query["map"], theirs.by_query["map"])
            rounded = {key: round(figure, 4) for key, figure in compared.items()}
            told[each.name]["against"] = {"variant": each.against, **rounded}
    return {
        "set": pictures.name,
        "pictures": len(pictures.files),
        "queries": scores[variants[0].name].queries,
        "gallery": len(task.found),
        "variants": told,
    }, scores
