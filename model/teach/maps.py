"""The linear map that is taught: served vectors in, fewer numbers out. Depends on numpy."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vectors
from model.quality.vectors import unit

Codes = NDArray[np.int64]  # the label of each row, as a number
Rows = NDArray[np.int64]

AT_ONCE = 8_192  # rows: 42 MB of 1,280 numbers


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """Subtract a mean, multiply by a matrix, scale to length 1."""

    mean: NDArray[np.float32]  # (inputs,)
    matrix: NDArray[np.float32]  # (inputs, width)

    @property
    def width(self) -> int:
        """How many numbers come out."""
        return self.matrix.shape[1]

    def apply(self, vectors: Vectors) -> Vectors:
        """Map unit rows, (n, inputs), to unit rows, (n, width)."""
        mapped = np.empty((len(vectors), self.width), np.float32)
        for first in range(0, len(vectors), AT_ONCE):
            rows = vectors[first : first + AT_ONCE]
            mapped[first : first + AT_ONCE] = unit((rows - self.mean) @ self.matrix)
        return mapped
