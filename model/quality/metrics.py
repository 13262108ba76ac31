"""Score rankings, and compare the rankings and vectors of two variants.

Cosine of unit vectors; ties go by position. A query is never in its own ranking; queries with
nothing to find are dropped.
"""

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vectors
from model.quality.sets import Rows, Task

Figures = NDArray[np.float64]  # (queries,), in the same order for every metric

_DRAWS = 2_000
_AT_ONCE = 256  # queries: 256 x 100,000 cosines are 100 MB


def score(task: Task, vectors: Vectors) -> dict[str, Figures]:
    """Rank the gallery for every query and return each query's figures by metric."""
    batches = []
    for first in range(0, len(task.queries), _AT_ONCE):
        queries = task.queries[first : first + _AT_ONCE]
        relevant = _ranked_relevance(task, queries, vectors[queries] @ vectors[task.gallery].T)
        batches.append(score_rankings(relevant))
    return {metric: np.concatenate([each[metric] for each in batches]) for metric in batches[0]}


def _ranked_relevance(task: Task, queries: Rows, cosines: Vectors) -> NDArray[np.bool_]:
    itself = queries[:, None] == task.gallery[None, :]
    order = np.argsort(np.where(itself, np.inf, -cosines), axis=1, kind="stable")
    same_label = task.labels[task.gallery][order] == task.labels[queries][:, None]
    return same_label & ~np.take_along_axis(itself, order, axis=1)


def score_rankings(relevant: NDArray[np.bool_]) -> dict[str, Figures]:
    """Score rankings, (queries, gallery), that are true where the picture is relevant."""
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


def paired_bootstrap(ours: Figures, theirs: Figures) -> dict[str, float]:
    """Return the mean difference, its 95 % range, and the share of draws in which ours is better.

    The same queries are drawn again 2,000 times, with replacement.
    """
    differences = np.asarray(ours, float) - np.asarray(theirs, float)
    count = len(differences)
    # How often each query was drawn: a draw is then one product instead of a copy.
    weights = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_DRAWS)
    means = weights @ differences / count
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "difference": float(differences.mean()),
        "low": float(low),
        "high": float(high),
        "better": float((means > 0).mean()),
    }


def mean_range(figures: Figures) -> tuple[float, float, float]:
    """Return the mean of some queries, and its 95 % range if others had been asked."""
    drawn = paired_bootstrap(figures, np.zeros(len(figures)))
    return drawn["difference"], drawn["low"], drawn["high"]


def fidelity(ours: Vectors, theirs: Vectors) -> dict[str, float]:
    """Compare two vectors of each picture: their cosine, and their ten nearest.

    `top_ten_by_8` is the share of pictures for which at least eight of the ten are the same.
    """
    cosines = (ours * theirs).sum(axis=1)
    own = np.arange(len(ours))
    pairs = zip(nearest(ours, ours, own)[0], nearest(theirs, theirs, own)[0], strict=True)
    shared = [len(np.intersect1d(one, other)) for one, other in pairs]
    return {
        "cosine_mean": float(cosines.mean()),
        "cosine_p5": float(np.percentile(cosines, 5)),
        "cosine_min": float(cosines.min()),
        "top_ten_by_8": float((np.array(shared) >= 8).mean()),
    }


def nearest(
    queries: Vectors, gallery: Vectors, itself: NDArray[np.int64] | None = None
) -> tuple[Rows, Vectors]:
    """Return the ten nearest rows of the gallery for each query, (queries, 10), and the cosines.

    `itself` is each query's own row in the gallery or -1; it comes last, with -infinity.
    """
    rows, cosines = [], []
    for first in range(0, max(1, len(queries)), _AT_ONCE):
        products = queries[first : first + _AT_ONCE] @ gallery.T
        if itself is not None:
            own = itself[first : first + _AT_ONCE]
            products[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
        order = np.argsort(-products, axis=1, kind="stable")[:, :10]
        rows.append(order)
        cosines.append(np.take_along_axis(products, order, axis=1))
    return np.concatenate(rows), np.concatenate(cosines)
