"""Batch-hard triplet loss (Hermans 2017) for a linear map, with its own gradient. Only numpy.

Triplet loss pulls a picture towards one of its own label and pushes it away from one of another.
Batch-hard takes, in a small batch, the farthest of the own and the nearest of the others.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from model.teach.maps import Codes, Rows

Floats = NDArray[np.float64]

_MARGIN, _SCALE = 0.1, 10.0  # of cosines
# Of a space whose directions vary by about 1. At 5e-4 labels that are not taught suffered sooner.
_RATE = 2e-4
_BATCH = 192
_MOST_OF_A_LABEL = 6  # pictures in a batch


def loss_and_gradient(
    rows: NDArray[np.floating], codes: Codes, matrix: NDArray[np.floating]
) -> tuple[float, NDArray[np.floating]]:
    """Return the batch-hard loss of the rows, mapped and scaled to length 1, and its gradient.

    Per row softplus of `scale * (cosine to the nearest other - cosine to the farthest own +
    margin)`; rows that are alone with their label count for nothing.
    """
    mapped = rows @ matrix
    lengths = np.maximum(np.linalg.norm(mapped, axis=1, keepdims=True), 1e-12)
    units = mapped / lengths
    cosines = units @ units.T
    same = codes[:, None] == codes[None, :]
    own = same & ~np.eye(len(rows), dtype=bool)
    anchors = np.flatnonzero(own.any(axis=1) & ~same.all(axis=1))
    if not len(anchors):
        return 0.0, np.zeros_like(matrix)
    farthest = np.where(own, cosines, np.inf).argmin(axis=1)[anchors]
    nearest = np.where(same, -np.inf, cosines).argmax(axis=1)[anchors]
    excess = _SCALE * (cosines[anchors, nearest] - cosines[anchors, farthest] + _MARGIN)
    loss = float(np.logaddexp(0, excess).mean())
    slopes = _SCALE / (1 + np.exp(-excess)) / len(anchors)
    weights = np.zeros_like(cosines)
    np.add.at(weights, (anchors, nearest), slopes)
    np.add.at(weights, (anchors, farthest), -slopes)
    pulled = (weights + weights.T) @ units
    pulled -= units * (units * pulled).sum(axis=1, keepdims=True)
    gradient: NDArray[np.floating] = rows.T @ (pulled / lengths)
    return loss, gradient


def batches(codes: Codes, seed: int) -> Iterator[Rows]:
    """Yield batches without end: several pictures each of several labels, drawn by the seed."""
    dice = np.random.default_rng(seed)
    order = np.argsort(codes, kind="stable")
    firsts = np.flatnonzero(np.diff(codes[order], prepend=codes[order[0]] - 1))
    members = [part for part in np.split(order, firsts[1:]) if len(part) > 1]
    labels = min(len(members), max(2, _BATCH // _MOST_OF_A_LABEL))
    each = max(2, _BATCH // labels)
    while members:
        chosen = dice.choice(len(members), labels, replace=False)
        drawn = [dice.permutation(members[label])[:each] for label in chosen]
        yield np.concatenate(drawn)


class Descent:
    """Adam (Kingma 2014) on the matrix of the map, step by step."""

    def __init__(self, matrix: NDArray[np.float32], rate: float = _RATE) -> None:
        """Start from this matrix."""
        self.matrix, self.rate, self.steps = matrix, rate, 0
        self._first = np.zeros_like(matrix)
        self._second = np.zeros_like(matrix)

    def step(self, rows: NDArray[np.float32], codes: Codes) -> float:
        """Improve the matrix on one batch; returns the loss before."""
        loss, gradient = loss_and_gradient(rows, codes, self.matrix)
        self.steps += 1
        self._first += 0.1 * (gradient - self._first)
        self._second += 0.001 * (gradient * gradient - self._second)
        first = self._first / (1 - 0.9**self.steps)
        second = self._second / (1 - 0.999**self.steps)
        self.matrix = self.matrix - self.rate * first / (np.sqrt(second) + 1e-8)
        return loss
