"""Keeps the first numbers of a vector only, for smaller collections. Knows the embedder's port."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from functions.gallery.errors import SettingsError
from functions.gallery.pictures import Picture
from functions.gallery.ports import Embedder
from functions.gallery.records import Vectors


class NarrowEmbedder:
    """An embedder of which the first numbers are kept, made unit again."""

    def __init__(self, embedder: Embedder, dims: int) -> None:
        """Wrap a wider embedder; raises SettingsError if it is not as wide as this."""
        if dims > embedder.card.dims:
            raise SettingsError(
                f"LOOKALIKE_DIMS: {dims} is more than the {embedder.card.dims} numbers that "
                f"{embedder.card.id} gives"
            )
        self._embedder = embedder
        # Fewer numbers give other similarities: the bands were measured on all of them.
        bands = embedder.card.bands if dims == embedder.card.dims else None
        self.card = replace(embedder.card, dims=dims, bands=bands)

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Give each picture a point on the unit sphere: (len(pictures), dims) float32, in order."""
        return cut(self._embedder.embed(pictures), self.card.dims)


def cut(vectors: Vectors, dims: int) -> Vectors:
    """Keep the first `dims` numbers of each row and make it unit again.

    Cutting twice gives what cutting once gives, so a narrow collection can be made of a wide one.
    Raises SettingsError where nothing but zeros would be left.
    """
    if vectors.shape[1] == dims:
        return vectors
    kept = vectors[:, :dims]
    lengths = np.linalg.norm(kept, axis=1, keepdims=True)
    if not lengths.all():
        raise SettingsError(f"LOOKALIKE_DIMS: {dims} is too few to tell this picture by; set more")
    narrow: Vectors = kept / lengths
    return narrow
