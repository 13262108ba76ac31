"""The types of vectors, and shorter vectors made of longer ones. Depends on numpy and errors."""

import numpy as np
from numpy.typing import NDArray

from functions.gallery.errors import SettingsError

Vectors = NDArray[np.float32]  # (n, dims), rows of length 1
Vector = NDArray[np.float32]  # (dims,), length 1


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
