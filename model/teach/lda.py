"""Regularised linear discriminant analysis (LDA). Depends on numpy and maps.

LDA turns and stretches the space so that pictures of one label come close together and different
labels move apart. What differs inside labels is estimated from few pictures, so it is shrunk
towards a multiple of the identity (Friedman 1989): shrinkage 0 trusts the estimate, 1 ignores it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vectors
from model.teach.maps import AT_ONCE, Codes, LinearMap

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Whitening:
    """A space in which what differs inside labels is the same in every direction."""

    mean: NDArray[np.float64]  # (inputs,)
    matrix: Matrix  # (inputs, rank): a centred row times this is a row of that space
    turned: Matrix  # (rank, rank): orthonormal columns, those that tell most apart first
    strengths: NDArray[np.float64]  # (rank,): how much pictures vary along each, inside labels 1

    def shifted(self, centred: bool) -> "Whitening":
        """Return the same space with the pictures' mean at its centre, or with zero there."""
        return self if centred else replace(self, mean=np.zeros_like(self.mean))

    def directions(self, width: int, emphasis: float) -> Matrix:
        """Return at most `width` directions of LDA in this space, the most telling first.

        With emphasis 0 they all count the same, with 1 as much as pictures vary along them: for a
        few broad labels, which a few directions tell apart, all others are only noise.
        """
        return self.turned[:, :width] * self.scales(width, emphasis)

    def scales(self, width: int, emphasis: float) -> NDArray[np.float64]:
        """Return what each direction counts; the mean of their squares is 1."""
        weights = np.maximum(self.strengths[:width], 1e-12) ** (emphasis / 2)
        scales: NDArray[np.float64] = weights / np.sqrt((weights**2).mean())
        return scales

    def along(self, directions: Matrix) -> LinearMap:
        """Return the map onto some directions of this space, (rank, width)."""
        matrix = self.matrix @ directions
        return LinearMap(self.mean.astype(np.float32), matrix.astype(np.float32))


@dataclass(frozen=True, slots=True, eq=False)
class Discriminants:
    """Measures pictures once, and finds the space for any shrinkage."""

    mean: NDArray[np.float64]  # (inputs,)
    basis: Matrix  # (inputs, rank), orthonormal: the directions in which labels vary inside
    spread: NDArray[np.float64]  # (rank,): how much they do
    total: Matrix  # (rank, rank): how much all pictures vary, in that basis

    @classmethod
    def of(cls, vectors: Vectors, codes: Codes) -> "Discriminants":
        """Measure the scatter of pictures, one row each, with the code of its label.

        With fewer pictures than numbers the work is done in the space that they span, which has
        all directions that LDA can choose.
        """
        mean = vectors.mean(axis=0, dtype=np.float64)
        span = None
        if len(vectors) <= vectors.shape[1]:
            _, lengths, spanned = np.linalg.svd(
                vectors - mean.astype(np.float32), full_matrices=False
            )
            span = spanned[lengths > 1e-6 * max(lengths.max(), 1e-30)].T
        within, total = _scatter(vectors, codes, mean, span)
        spread, directions = np.linalg.eigh(within)
        basis = directions if span is None else span @ directions
        return cls(mean, basis, np.maximum(spread, 0), directions.T @ total @ directions)

    def whitening(self, shrinkage: float) -> Whitening:
        """Return the space in which the shrunk scatter inside labels is the identity.

        Its directions maximise the total scatter. Without shrinkage the first ones, as many as
        there are labels less one, are exactly those of LDA; the others keep what varies most among
        pictures, by which labels that were never taught can be told apart.
        """
        level = self.spread.sum() / len(self.mean)
        shrunk = np.maximum((1 - shrinkage) * self.spread + shrinkage * level, 1e-12)
        stretched = 1 / np.sqrt(shrunk)
        strengths, turned = np.linalg.eigh(stretched[:, None] * self.total * stretched)
        turned = turned[:, ::-1]
        matrix = self.basis * stretched
        # The sign of an eigenvector is arbitrary: fixed, so that it does not depend on the machine.
        told = matrix @ turned
        signs = np.sign(told[np.abs(told).argmax(axis=0), np.arange(told.shape[1])])
        return Whitening(self.mean, matrix, turned * signs, strengths[::-1])


def _scatter(
    vectors: Vectors, codes: Codes, mean: NDArray[np.float64], span: NDArray[np.float32] | None
) -> tuple[Matrix, Matrix]:
    """Return the covariance inside labels and of all, perhaps in the span.

    Products of some rows are in float32, twice as fast; their sums are in float64.
    """
    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    size = len(mean) if span is None else span.shape[1]
    sums, total = np.zeros((len(counts), size)), np.zeros((size, size))
    for first in range(0, len(vectors), AT_ONCE):
        rows = vectors[first : first + AT_ONCE] - mean.astype(np.float32)
        if span is not None:
            rows = rows @ span
        total += rows.T @ rows
        of = codes[first : first + AT_ONCE]
        order = np.argsort(of, kind="stable")
        labels, starts = np.unique(of[order], return_index=True)
        sums[labels] += np.add.reduceat(rows[order], starts, axis=0)
    centres = sums / np.sqrt(counts)[:, None]
    return (total - centres.T @ centres) / len(vectors), total / len(vectors)
