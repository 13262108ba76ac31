"""The types of vectors, and how numbers become vectors. Depends on numpy and errors."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from functions.gallery.errors import SettingsError

Vectors = NDArray[np.float32]  # (n, dims), rows of length 1
Vector = NDArray[np.float32]  # (dims,), length 1


def unit_vector(numbers: ArrayLike, dims: int) -> Vector:
    """Scale numbers to length 1; raises ValueError unless they are `dims`, finite, not all 0."""
    vector = np.asarray(numbers, np.float64)
    if vector.shape != (dims,):
        count = len(vector) if vector.ndim == 1 else f"an array of {vector.shape}"
        raise ValueError(f"must have {dims} numbers, as the vectors of this gallery, not {count}")
    largest = np.abs(vector).max()
    if not 0 < largest < np.inf:  # false for NaN too
        raise ValueError("must have finite numbers, some of which are not 0")
    vector = vector / largest  # whose squares are finite
    unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
    return unit


def truncate(vectors: Vectors, dims: int) -> Vectors:
    """Keep the first `dims` numbers of each row and scale it back to length 1.

    Truncating twice equals truncating once, so a narrow collection can be made from a wide one.
    Raises SettingsError if only zeros would be left.
    """
    if vectors.shape[1] == dims:
        return vectors
    kept = vectors[:, :dims]
    lengths = np.linalg.norm(kept, axis=1, keepdims=True)
    if not lengths.all():
        raise SettingsError(f"LOOKALIKE_DIMS: {dims} is too few for this picture; use more")
    narrow: Vectors = kept / lengths
    return narrow
