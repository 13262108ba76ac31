"""Measure every variant on every task of every set. Data that made the model is refused."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.bench.evaluation.comparing import against, fidelity, missed_gates
from scripts.bench.evaluation.metrics import METRICS, Scores, Vectors, score
from scripts.bench.evaluation.sets import Pictures, Task, read_pictures, refuse_seen, tasks_of
from scripts.bench.evaluation.vectors import Seen, Variant, embed_all

FLOAT = ", float"  # a variant `X, float` is the parent of `X`


def rank_sets(
    folders: Sequence[Path], variants: Sequence[Variant], seen: frozenset[str], cache: Path
) -> dict[str, Any]:
    """Give the figures of every task by variant, the fidelity of int8, and gates missed."""
    tasks: dict[str, Any] = {}
    fidelities: dict[str, dict[str, dict[str, float]]] = {}
    drops: dict[str, dict[str, float]] = {}
    for folder in folders:
        pictures = read_pictures(folder)
        asked = tasks_of(pictures)
        if not asked:
            continue
        used = np.unique(np.concatenate([np.r_[task.asks, task.found] for task in asked]))
        refuse_seen(pictures, used.tolist(), seen)
        vectors = vectors_of(pictures, variants, cache)
        for task in asked:
            figures, scores = _figures(pictures, task, variants, vectors)
            tasks[f"{pictures.name}, {task.name}"] = figures
            for name, parent in parents(variants):
                drop = scores[parent].mean("map") - scores[name].mean("map")
                drops.setdefault(name, {})[f"{pictures.name}, {task.name}"] = drop
        for name, parent in parents(variants):
            figures = fidelity(vectors[name], vectors[parent])
            fidelities.setdefault(name, {})[pictures.name] = figures
    missed = [
        f"{name}: {gate}"
        for name, figures in fidelities.items()
        for gate in missed_gates(figures, drops[name])
    ]
    return {"tasks": tasks, "fidelity": fidelities, "map_drop": drops, "missed_gates": missed}


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
    files = [
        (f"{pictures.name}/{file}", pictures.path(place).read_bytes)
        for place, file in enumerate(pictures.files)
    ]
    return embed_all(files, variants, cache, _teller(pictures.name, len(files)))


def _teller(name: str, count: int):
    def tell(done: int) -> None:
        if done % 500 == 0 or done == count:
            print(f"{name}: {done} of {count}", file=sys.stderr)

    return tell


def _figures(
    pictures: Pictures, task: Task, variants: Sequence[Variant], vectors: dict[str, Vectors]
) -> tuple[dict[str, Any], dict[str, Scores]]:
    scores = {each.name: score(task, vectors[each.name]) for each in variants}
    first = scores[variants[0].name]
    told: dict[str, Any] = {}
    for name, of in scores.items():
        told[name] = {metric: round(of.mean(metric), 4) for metric in METRICS}
        if of is not first:
            compared = against({"map": of}, {"map": first})["map"]
            told[name]["against_first"] = {key: round(v, 4) for key, v in compared.items()}
    return {
        "set": pictures.name,
        "pictures": len(pictures.files),
        "queries": first.queries,
        "gallery": len(task.found),
        "variants": told,
    }, scores
