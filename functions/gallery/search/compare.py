"""Compares two examples by bytes, fingerprint and vector. Depends on the ports only."""

from dataclasses import dataclass

from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.embedding.likeness import Verdict, judge
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec
from functions.gallery.search.example import EmbeddedPicture, ExampleEmbedder, PictureExample


@dataclass(frozen=True, slots=True)
class Comparison:
    """How similar two pictures are, and what they have in common."""

    score: float
    similarity: float
    verdict: Verdict
    model: str


@dataclass(frozen=True, slots=True)
class _Side:
    vector: Vector
    sha256: str
    fingerprint: Fingerprint | None


@dataclass(frozen=True, slots=True)
class Comparer:
    """Compares pictures and stored images; stores nothing."""

    spec: CollectionSpec
    store: VectorStore
    examples: ExampleEmbedder

    def compare(self, one: PictureExample, other: PictureExample) -> Comparison:
        """Compare two examples; raises PictureError, ImageNotFound or StoreError."""
        a, b = self._side(one), self._side(other)
        score = self.spec.distance.score(a.vector, b.vector)
        similarity = self.spec.distance.similarity(score, self.spec.dims)
        bands = self.examples.bands(self.spec)
        return Comparison(score, similarity, judge(a, b, similarity, bands), self.spec.model)

    def _side(self, example: PictureExample) -> _Side | EmbeddedPicture:
        if not isinstance(example, str):
            return self.examples.embed(example)
        image = self.store.get([example]).get(example)
        vector = self.store.vectors([example]).get(example)
        if image is None or vector is None:
            raise ImageNotFound(f"No image has the id {example}")
        return _Side(vector, image.sha256, image.fingerprint)
