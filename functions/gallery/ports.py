"""What the gallery needs of the outside world. Knows the nouns; adapters match by shape."""

from collections.abc import Sequence
from typing import Protocol

from functions.gallery.pictures import Picture
from functions.gallery.records import (
    Filter,
    Match,
    Metadata,
    ModelCard,
    Page,
    Query,
    StoredImage,
    Vectors,
)


class Embedder(Protocol):
    """Gives pictures their vectors."""

    card: ModelCard

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Give each picture a point on the unit sphere: (len(pictures), dims) float32, in order."""


class VectorStore(Protocol):
    """Remembers images by vector. Any method may raise StoreError; all may run in threads."""

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        """Store or overwrite images by id, searchable at once. Of repeated ids the last wins."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; ids that are not there are left out."""

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id.

        Raises ImageNotFound for an unknown target id.
        """

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

    def optimize(self) -> bool:
        """Make searches fast after many additions; may hold up every other call meanwhile.

        Returns whether there was anything to gain.
        """

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""


class Originals(Protocol):
    """Keeps the bytes of pictures under their names, the truth that the index is made from."""

    bucket: str

    def write(self, name: str, data: bytes) -> str:
        """Keep the bytes, replacing what was there; returns their etag. May raise StoreFull."""

    def read(self, name: str) -> bytes:
        """Give the bytes; raises ImageNotFound."""

    def remove(self, name: str) -> None:
        """Forget the bytes; nothing there is no error."""

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        """Keep a thumbnail for as long as these very bytes are the image."""

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        """Give the thumbnail made of these very bytes, or None."""

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Forget the thumbnail; nothing there is no error."""
