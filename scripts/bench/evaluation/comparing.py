"""Compare two variants: which ranks better and how surely, and how alike their vectors are."""

import numpy as np

from scripts.bench.evaluation.metrics import Figures, Vectors

DRAWS = 2_000
FLOAT = ", float"  # a variant `X, float` is the parent of `X`
# int8 against its own float parent: the least mean cosine and 5th percentile, the most that mAP
# may fall on one set and on average.
GATES = {"cosine_mean": 0.98, "cosine_p5": 0.95, "map_drop_one": 0.010, "map_drop_mean": 0.005}


def paired_bootstrap(ours: Figures, theirs: Figures, seed: int = 0) -> dict[str, float]:
    """Draw the same queries again 2,000 times; give the difference, its 95 % range and a share.

    `better` is the share of draws in which ours scores higher.
    """
    differences = np.asarray(ours, float) - np.asarray(theirs, float)
    dice = np.random.default_rng(seed)
    count = len(differences)
    # multinomial gives how often each query was drawn: a draw is one product instead of a copy
    weights = dice.multinomial(count, np.full(count, 1 / count), size=DRAWS)
    means = weights @ differences / count
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "difference": float(differences.mean()),
        "low": float(low),
        "high": float(high),
        "better": float((means > 0).mean()),
    }


def fidelity(ours: Vectors, theirs: Vectors) -> dict[str, float]:
    """Tell how alike two vectors of each picture are, and how alike their neighbourhoods.

    `top_ten_by_8` is the share of pictures of whose ten nearest at least eight are the same.
    """
    cosines = (ours * theirs).sum(axis=1)
    shared = [len(set(a) & set(b)) for a, b in zip(_ten(ours), _ten(theirs), strict=True)]
    return {
        "cosine_mean": float(cosines.mean()),
        "cosine_p5": float(np.percentile(cosines, 5)),
        "cosine_min": float(cosines.min()),
        "top_ten_by_8": float((np.array(shared) >= 8).mean()),
    }


def _ten(vectors: Vectors) -> list[list[int]]:
    nearest = []
    for first in range(0, len(vectors), 256):
        cosines = vectors[first : first + 256] @ vectors.T
        cosines[np.arange(len(cosines)), first + np.arange(len(cosines))] = -np.inf
        nearest += np.argsort(-cosines, axis=1, kind="stable")[:, :10].tolist()
    return nearest


def missed_gates(fidelities: dict[str, dict[str, float]], drops: dict[str, float]) -> list[str]:
    """Say which gates an int8 variant misses; `fidelities` by set, `drops` of mAP by task."""
    missed = [
        f"{name}: {gate} {figures[gate]:.4f} < {GATES[gate]}"
        for name, figures in fidelities.items()
        for gate in ("cosine_mean", "cosine_p5")
        if figures[gate] < GATES[gate]
    ]
    missed += [
        f"{name}: mAP falls by {drop:.4f}"
        for name, drop in drops.items()
        if drop > GATES["map_drop_one"]
    ]
    if drops and (mean := float(np.mean(list(drops.values())))) > GATES["map_drop_mean"]:
        missed.append(f"mAP falls by {mean:.4f} on average")
    return missed
