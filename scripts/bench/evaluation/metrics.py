"""Score rankings of vectors; one row of figures a query, so that queries can be drawn again.

Cosine over unit vectors, ties by place. R is the number of relevant pictures that can be found;
queries with R = 0 are dropped. The query itself is never in its own list.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.bench.evaluation.sets import Task

Vectors = NDArray[np.float32]  # (n, dims), rows of length 1
Figures = NDArray[np.float64]  # (queries,)

METRICS = ("map", "map_100", "r1", "hit_10", "p10", "recall_10")
_AT_ONCE = 256  # queries ranked together: 256 x 100,000 cosines are 100 MB


@dataclass(frozen=True, slots=True)
class Scores:
    """Figures by metric, aligned: the same place is the same query."""

    by_query: dict[str, Figures]

    @property
    def queries(self) -> int:
        """How many queries have something to find."""
        return len(self.by_query["map"])

    def mean(self, metric: str) -> float:
        """Give the figure of the whole task."""
        return float(self.by_query[metric].mean())


def score(task: Task, vectors: Vectors, stored: Vectors | None = None) -> Scores:
    """Rank the gallery for every query and give each its figures.

    `stored` are the vectors of what can be found where they are others than those that ask.
    """
    found: dict[str, list[Figures]] = {metric: [] for metric in METRICS}
    gallery = (vectors if stored is None else stored)[task.found]
    for first in range(0, len(task.asks), _AT_ONCE):
        asks = task.asks[first : first + _AT_ONCE]
        relevant = _ranked_relevance(task, asks, vectors[asks] @ gallery.T)
        for metric, figures in of_rankings(relevant).items():
            found[metric].append(figures)
    return Scores({metric: np.concatenate(parts) for metric, parts in found.items()})


def _ranked_relevance(task: Task, asks: NDArray[np.int64], cosines: Vectors) -> NDArray[np.bool_]:
    itself = asks[:, None] == task.found[None, :]
    order = np.argsort(np.where(itself, np.inf, -cosines), axis=1, kind="stable")
    alike = task.labels[task.found][order] == task.labels[asks][:, None]
    relevant: NDArray[np.bool_] = alike & ~np.take_along_axis(itself, order, axis=1)
    return relevant


def of_rankings(relevant: NDArray[np.bool_]) -> dict[str, Figures]:
    """Give the figures of rankings, (queries, gallery), true where the picture is relevant."""
    total = relevant.sum(axis=1)
    relevant, total = relevant[total > 0], total[total > 0]
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    gained = precision * relevant
    in_ten = relevant[:, :10].sum(axis=1)
    return {
        "map": gained.sum(axis=1) / total,
        "map_100": gained[:, :100].sum(axis=1) / np.minimum(total, 100),
        "r1": relevant[:, 0].astype(float),
        "hit_10": (in_ten > 0).astype(float),
        "p10": in_ten / np.minimum(total, 10),
        "recall_10": in_ten / total,
    }
