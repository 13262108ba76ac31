"""Rank every variant on every task of every set."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from model.quality.metrics import Figures, fidelity, paired_bootstrap, score
from model.quality.sets import LabelledSet, Task, tasks_of
from model.quality.vectors import FLOAT, Embedded, Variant


def rank_sets(
    sets: Sequence[tuple[LabelledSet, Embedded]], variants: Sequence[Variant]
) -> dict[str, Any]:
    """Return the figures of every task by variant, and how faithful int8 is to float by set."""
    tasks: dict[str, Any] = {}
    faithful: dict[str, Any] = {}
    for labelled, embedded in sets:
        vectors = embedded.vectors
        for task in tasks_of(labelled):
            where = f"{labelled.name}, {task.name}"
            scores = {each.name: score(task, vectors[each.name]) for each in variants}
            if len(scores[variants[0].name]["map"]):
                tasks[where] = _figures(labelled, task, variants, scores)
            else:
                print(f"skipped {where}: no query has anything to find", file=sys.stderr)
        for name in vectors:
            if name + FLOAT in vectors and tasks_of(labelled):
                of_sets = faithful.setdefault(name, {})
                of_sets[labelled.name] = fidelity(vectors[name], vectors[name + FLOAT])
    return {"tasks": tasks, "fidelity": faithful}


def _figures(
    labelled: LabelledSet,
    task: Task,
    variants: Sequence[Variant],
    scores: Mapping[str, Mapping[str, Figures]],
) -> dict[str, Any]:
    by_variant: dict[str, Any] = {}
    for each in variants:
        ours = scores[each.name]
        figures: dict[str, Any] = {name: round(float(of.mean()), 4) for name, of in ours.items()}
        if each.against is not None:
            compared = paired_bootstrap(ours["map"], scores[each.against]["map"])
            rounded = {key: round(value, 4) for key, value in compared.items()}
            figures["against"] = {"variant": each.against, **rounded}
        by_variant[each.name] = figures
    return {
        "set": labelled.name,
        "pictures": len(labelled.files),
        "queries": len(scores[variants[0].name]["map"]),
        "gallery": len(task.gallery),
        "variants": by_variant,
    }
