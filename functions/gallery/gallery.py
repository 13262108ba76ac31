"""What one can do with a gallery, and the ports it needs. Knows pictures and records; no adapter, no door."""

from collections.abc import Sequence
from typing import Protocol

from functions.gallery.pictures import Picture
from functions.gallery.records import Filter, Match, Metadata, ModelCard, Page, Query, StoredImage, Vectors


class Embedder(Protocol):
    """Gives pictures their vectors."""

    card: ModelCard

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Give each picture one point on the unit sphere, (len(pictures), dims) float32 in the order given."""


class VectorStore(Protocol):
    """Remembers images by their vectors. Every method may raise StoreError; all are safe to call from many threads."""

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        """Store or overwrite images under their ids; searchable when this returns. Of repeated ids the last wins."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; ids that are not there are left out."""

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id. Raises ImageNotFound for an unknown target id."""

    def page(self, where: Filter, limit: int, after: str | None = None) -> Page:
        """List images in the order of their ids, starting with the id `after`."""

    def set_metadata(self, image_id: str, metadata: Metadata) -> None:
        """Replace the metadata of one image, vector untouched. Raises ImageNotFound."""

    def remove(self, ids: Sequence[str]) -> None:
        """Forget these images; ids that are not there are no error."""

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""

    def check(self) -> None:
        """Return if the store can serve now; raise StoreError if not."""

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
