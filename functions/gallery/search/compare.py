"""Compares two examples by bytes, perceptual hash and vector. Depends on the ports only."""

from dataclasses import dataclass

from functions.gallery.embedding.bands import Band
from functions.gallery.embedding.fingerprint import PerceptualHash, distances
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec
from functions.gallery.search.example import EmbeddedPicture, Example, ExampleEmbedder


@dataclass(frozen=True, slots=True)
class Comparison:
    """How similar two pictures are, by each notion."""

    score: float
    similarity: float
    same_bytes: bool
    hash_distance: int | None  # bits that differ; None if one of them is too plain for a hash
    model: str
    band: Band | None = None  # if the model has bands


@dataclass(frozen=True, slots=True)
class _Side:
    vector: Vector
    sha256: str
    hash: PerceptualHash | None


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares pictures and stored images; stores nothing."""

    spec: CollectionSpec
    store: VectorStore
    examples: ExampleEmbedder

    def compare(self, one: Example, other: Example) -> Comparison:
        """Compare two examples; raises PictureError, ImageNotFound or StoreError."""
        a, b = self._side(one), self._side(other)
        score = self.spec.distance.score(a.vector, b.vector)
        similarity = self.spec.distance.similarity(score, self.spec.dims)
        bits, mirrored_bits = distances(a.hash, b.hash)
        bands = self.examples.embedder.card.bands if self.spec.distance.has_bands else None
        return Comparison(
            score=score,
            similarity=similarity,
            same_bytes=a.sha256 == b.sha256,
            hash_distance=bits,
            model=self.spec.model,
            band=bands.of(similarity, bits, mirrored_bits) if bands else None,
        )

    def _side(self, example: Example) -> _Side | EmbeddedPicture:
        if not isinstance(example, str):
            return self.examples.embed(example)
        image = self.store.get([example]).get(example)
        vector = self.store.vectors([example]).get(example)
        if image is None or vector is None:
            raise ImageNotFound(f"No image has the id {example}")
        return _Side(vector, image.sha256, image.perceptual_hash)
