"""Two examples side by side: how alike they are, by each notion. Knows the ports only."""

import hashlib
from dataclasses import dataclass

from functions.gallery.errors import ImageNotFound
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.pictures import Limits, decode
from functions.gallery.ports import Embedder, VectorStore
from functions.gallery.records import CollectionSpec, Comparison, Example, Vector


@dataclass(frozen=True, slots=True)
class _Side:
    vector: Vector
    sha256: str
    hash: PerceptualHash | None


class Comparer:
    """Compares pictures and stored images; nothing is stored."""

    def __init__(
        self, spec: CollectionSpec, limits: Limits, embedder: Embedder, store: VectorStore
    ) -> None:
        """Join the ports to the limits and the distance in use."""
        self._spec = spec
        self._limits = limits
        self._embedder = embedder
        self._store = store

    def compare(self, one: Example, other: Example) -> Comparison:
        """Tell how alike two examples are; raises PictureError, ImageNotFound or StoreError."""
        a, b = self._side(one), self._side(other)
        score = self._spec.distance.score(a.vector, b.vector)
        similarity = self._spec.distance.similarity(score, self._spec.dims)
        bits = a.hash.distance(b.hash) if a.hash and b.hash else None
        bands = self._embedder.card.bands if self._spec.distance.has_bands else None
        return Comparison(
            score=score,
            similarity=similarity,
            same_bytes=a.sha256 == b.sha256,
            hash_distance=bits,
            model=self._spec.model,
            band=bands.of(similarity, bits) if bands else None,
        )

    def _side(self, example: Example) -> _Side:
        if isinstance(example, str):
            image = self._store.get([example]).get(example)
            vector = self._store.vectors([example]).get(example)
            if image is None or vector is None:
                raise ImageNotFound(f"No image has the id {example}")
            return _Side(vector, image.sha256, image.perceptual_hash)
        needed = self._embedder.card.short_side_px
        picture = decode(example, self._limits, short_side_px=needed)
        vector = self._embedder.embed([picture])[0]
        return _Side(vector, hashlib.sha256(example).hexdigest(), picture.perceptual_hash())
