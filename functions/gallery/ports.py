"""What the gallery needs of the outside world. Knows the nouns; adapters match by shape."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from functions.gallery.objects import Listed, ObjectState, Original, SignedForm
from functions.gallery.pictures import Picture
from functions.gallery.records import (
    Collection,
    Filter,
    Match,
    Metadata,
    ModelCard,
    Order,
    Page,
    Query,
    Refusal,
    StoredImage,
    Vector,
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

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Give the vectors of images by id; ids that are not there are left out."""

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id.

        By a hash: score is the number of bits that differ, images without a hash are not found.
        Raises ImageNotFound for an unknown target id.
        """

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Answer several queries in one call, each as `search` does."""

    def page(
        self, where: Filter, limit: int, after: str | None = None, order: Order | None = None
    ) -> Page:
        """List images in the order of their ids, or of a field; `after` as the page before said.

        With an order, images without that field are left out and equal values go by id. Raises
        InvalidCursor, and InvalidFilter for a field that is no indexed number or date.
        """

    def set_metadata(self, image_id: str, metadata: Metadata) -> None:
        """Replace the metadata of one image, vector untouched. Raises ImageNotFound."""

    def remove(self, ids: Sequence[str]) -> None:
        """Forget these images; ids that are not there are no error."""

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""

    def disk_bytes(self) -> int | None:
        """Tell how much disk the index takes; None if it is not on a disk of ours."""

    def check(self) -> None:
        """Return if the store can serve now; raise StoreError if not."""

    def optimize(self) -> bool:
        """Make searches fast after many additions; may hold up every other call meanwhile.

        Returns whether there was anything to gain.
        """

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""


class Collections(Protocol):
    """The collections of one store, of which one is in use. Any method may raise StoreError."""

    def current(self) -> str | None:
        """Name the collection in use; None in a new store."""

    def read(self, name: str) -> Collection | None:
        """Tell of a collection, or None if there is none of this name. May raise ModelMismatch."""

    def make(self, collection: Collection) -> None:
        """Make a collection unless it is there; indexes that it lacks come now or at opening."""

    def mark(self, collection: Collection) -> None:
        """Write down whether it is being filled, and what it replaces."""

    def use(self, name: str) -> None:
        """Put a collection to use in place of the one before, in one step."""

    def drop(self, name: str) -> None:
        """Delete a collection; nothing there is no error."""

    def close(self) -> None:
        """Let go of files and connections."""


class Originals(Protocol):
    """Keeps pictures under their names, the truth that the index is made from.

    Any method may raise StoreError.
    """

    bucket: str

    def look(self, name: str) -> ObjectState | None:
        """Tell what is there now without reading it, or None."""

    def read(self, name: str) -> bytes:
        """Give the bytes; raises ImageNotFound."""

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Give the bytes with what is kept beside them, of one moment.

        Raises ImageNotFound, or ObjectChanged if an etag is given and the bytes are others now.
        """

    def write(self, name: str, original: Original) -> str:
        """Keep an original, replacing what was there; returns its etag. May raise StoreFull."""

    def remove(self, name: str) -> None:
        """Forget the original; nothing there is no error."""

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        """Keep a thumbnail for as long as these very bytes are the image."""

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        """Give the thumbnail made of these very bytes, or None."""

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Forget the thumbnail; nothing there is no error."""


class Ledger(Protocol):
    """Tells which originals there are, and remembers which of them cannot be in the index."""

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the originals in the order of their names, those behind `after`, as they are read.

        What is ours, and keys that end in a slash, are left out.
        """

    def refuse(self, refusal: Refusal) -> None:
        """Remember a refusal, in place of an earlier one of the same name."""

    def refusal(self, name: str) -> Refusal | None:
        """Give the refusal of this name, if there is one."""

    def forgive(self, name: str) -> None:
        """Forget a refusal; none there is no error."""

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        """List refusals in the order of their image ids, those behind the id `after`."""

    def count_refusals(self, most: int) -> int:
        """Count refusals, but no further than `most`."""


class Replies(Protocol):
    """Remembers for a day what was answered, so that a repeated request gets the same."""

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a reply under a key of letters and digits."""

    def read_reply(self, key: str) -> bytes | None:
        """Give the reply kept under this key within the last day, or None."""


class Place(Originals, Ledger, Replies, Protocol):
    """A folder or a bucket, whole."""


class Signer(Protocol):
    """Gives links that work for a short while without a key of ours; a bucket can, a folder not."""

    def sign_link(self, image: StoredImage, *, thumbnail: bool = False) -> str:
        """Give a link to an original, or to a thumbnail that was made before."""

    def sign_form(self, name: str, media_type: str, max_bytes: int) -> SignedForm:
        """Give a form that takes one file of this name and type, of 1 to `max_bytes` bytes."""


class Queue(Protocol):
    """Takes messages for later."""

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send all of them, or raise StoreError; some may have gone out then."""
