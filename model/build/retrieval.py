"""Read a labelled set and score how well vectors find the same label. Knows no model."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model.build.tflite_weights import Floats


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Pictures with labels; which of them ask and which of them can be found."""

    files: list[Path]
    labels: NDArray[np.str_]  # (n,); an empty label is a distractor, relevant to nothing
    asks: NDArray[np.bool_]  # (n,)
    found: NDArray[np.bool_]  # (n,)


def read_set(folder: Path, *, leave_one_out: bool) -> LabelledSet:
    """Read labels.csv (file, label, role) beside images/.

    With leave_one_out every labelled picture asks among all others; otherwise role says who asks.
    """
    with (folder / "labels.csv").open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    labels = np.array([row["label"] for row in rows])
    asks = labels != "" if leave_one_out else np.array([row["role"] == "query" for row in rows])
    found = np.ones(len(rows), bool) if leave_one_out else ~asks
    return LabelledSet([folder / "images" / row["file"] for row in rows], labels, asks, found)


def score(pictures: LabelledSet, vectors: Floats) -> dict[str, float]:
    """Give mAP over the full ranking and precision@10 as |relevant in ten| / min(10, relevant)."""
    averages, precisions = [], []
    for query in np.flatnonzero(pictures.asks):
        candidates = pictures.found.copy()
        candidates[query] = False
        places = np.flatnonzero(candidates)
        similarity = vectors[places] @ vectors[query]
        ranked = places[np.argsort(-similarity, kind="stable")]
        relevant = pictures.labels[ranked] == pictures.labels[query]
        total = int(relevant.sum())
        if total == 0:
            continue
        ranks = np.flatnonzero(relevant) + 1
        averages.append((np.arange(1, total + 1) / ranks).mean())
        precisions.append(relevant[:10].sum() / min(10, total))
    return {"map": float(np.mean(averages)), "precision_at_10": float(np.mean(precisions))}
