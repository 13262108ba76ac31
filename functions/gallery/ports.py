"""What the gallery needs from the outside world, as protocols; adapters match them by shape.

The methods are documented here; an adapter only adds what is special about it. Depends on the
records and on pictures.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, Protocol

from functions.gallery.embedding.card import ModelCard
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.pictures.picture import Picture
from functions.gallery.records import (
    Collection,
    Filter,
    IndexState,
    Listed,
    Match,
    Metadata,
    MetadataRecord,
    ObjectState,
    Order,
    Original,
    Page,
    Query,
    Refusal,
    SignedForm,
    StoredImage,
)


class Embedder(Protocol):
    """Turns pictures into vectors."""

    card: ModelCard

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Return one unit vector per picture: (len(pictures), dims) float32, in order."""


class VectorStore(Protocol):
    """Keeps images by vector. Any method can raise StoreError; all can run in threads."""

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        """Store or overwrite images by id, searchable at once. Of repeated ids the last wins."""

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; unknown ids are left out."""

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Return the vectors of images by id; unknown ids are left out."""

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id.

        By a hash: the score is the number of bits that differ; images without a hash are not found.
        Raises ImageNotFound for an unknown target id.
        """

    def similar(self, query: Query) -> tuple[StoredImage, list[Match]]:
        """Search by the id of a stored image, which the query leaves out; also return that image.

        Raises ImageNotFound for an unknown target id.
        """

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Run several queries in one call, each as in `search`."""

    def page(
        self, where: Filter, limit: int, after: str | None = None, order: Order | None = None
    ) -> Page:
        """List images by id or by a field, from the `after` of the previous page.

        With an order, images without that field are left out and equal values are sorted by id.
        Raises InvalidCursor, and InvalidFilter for a field that is not an indexed number or date.
        """

    def set_metadata(
        self,
        image_id: str,
        metadata: Metadata,
        etag: str,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        """Replace metadata and etag of one image, not its vector. Raises ImageNotFound.

        `left_out` are the fields of the original that are not among them, and why.
        """

    def remove(self, ids: Sequence[str]) -> None:
        """Remove these images; unknown ids are ignored."""

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""

    def check_room(self) -> None:
        """Raise StoreFull if images could not be removed now."""

    def disk_bytes(self) -> int | None:
        """Return how much local disk the index takes; None if it is not on a local disk."""

    def check(self) -> IndexState:
        """Return the state of the index if the store can serve now; raise StoreError if not."""

    def unindexed(self) -> int:
        """Count the images that are not in the index, which every search compares one by one."""

    def optimize(self) -> bool:
        """Make searches fast after many additions; can block every other call.

        Returns whether there was anything to do.
        """

    def close(self) -> None:
        """Release files and connections; a second call does nothing."""


class Collections(Protocol):
    """The collections of one store, one of them in use. Any method can raise StoreError."""

    def current(self) -> str | None:
        """Return the name of the collection in use; None in a new store."""

    def read(self, name: str) -> Collection | None:
        """Describe a collection, or None if there is none. Can raise ModelMismatch."""

    def sample(self, name: str, images: int) -> Sequence[StoredImage]:
        """Return some images of a collection: the first by id, which are as good as random."""

    def create(self, collection: Collection) -> Collection:
        """Create a collection unless it exists; missing indexes are added now or when it opens.

        Returns it with its quantization, which is chosen now if the spec has none.
        """

    def mark(self, collection: Collection) -> None:
        """Record whose it is, whether it is being filled, and what it replaces."""

    def use(self, name: str) -> None:
        """Put a collection into use in place of the previous one, in one step."""

    def drop(self, name: str) -> None:
        """Delete a collection; a missing one is ignored."""

    def close(self) -> None:
        """Release files and connections."""


class Pictures(Protocol):
    """Original pictures by name, from which the index is made, and their thumbnails.

    Any method can raise StoreError.
    """

    bucket: str
    in_place: bool  # they are only read: `create` and `write` raise ReadOnlyOriginals, and
    # `remove` forgets an original until it changes, but leaves it where it is
    left_out: str  # what the last complete listing left out, in words

    def head(self, name: str) -> ObjectState | None:
        """Return the state of an original and its metadata, or None.

        That of one that cannot be read says why; then the metadata can be missing.
        """

    def can_be_read(self, name: str) -> bool:
        """Return whether the bytes of an original can be read now."""

    def exists(self, name: str) -> bool:
        """Return whether there is an original of this name."""

    def has_bytes(self, image: StoredImage) -> bool:
        """Return whether the original of an image still has the bytes that were indexed."""

    def read(self, name: str, etag: str | None = None) -> bytes:
        """Return the bytes; raises ImageNotFound, UnreadableOriginal.

        With an etag, raises ObjectChanged if they are no longer those bytes.
        """

    def open(self, name: str) -> tuple[BinaryIO, int]:
        """Open the original, to be read in parts and closed by the caller; and return its bytes.

        Raises ImageNotFound, UnreadableOriginal.
        """

    def fetch(self, name: str, etag: str | None = None) -> Original:
        """Return the bytes and what is kept with them, from one read.

        Raises ImageNotFound, UnreadableOriginal, or ObjectChanged if it no longer has the given
        etag.
        """

    def create(self, name: str, original: Original) -> ObjectState:
        """Write an original with its metadata; returns its state.

        Raises NameTaken if there is one of this name, which then stays as it is.
        """

    def write(self, name: str, original: Original) -> ObjectState:
        """Write an original with its metadata, replacing any other; returns its state."""

    def write_metadata(self, name: str, metadata: Metadata, state: ObjectState) -> None:
        """Replace the metadata of an original; `state` is what `head` returned.

        Raises ObjectChanged if others have replaced them since.
        """

    def record_etag(self, name: str) -> str | None:
        """Return the etag of the metadata record of a name, or None."""

    def remove_record(self, name: str, etag: str) -> None:
        """Remove a metadata record, unless it no longer has this etag."""

    def records(self, after: str | None = None) -> Iterator[MetadataRecord]:
        """List the metadata records by record id, after the id `after`."""

    def remove(self, name: str) -> None:
        """Remove the original and its metadata; a missing one is ignored."""

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        """Keep a thumbnail for as long as the image has these bytes."""

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        """Return the thumbnail of these bytes, or None."""

    def remove_thumbnail(self, image: StoredImage) -> None:
        """Remove the thumbnail; a missing one is ignored."""

    def remove_thumbnails(self, image_id: str) -> None:
        """Remove the thumbnails of an image, of whatever bytes."""


class Refusals(Protocol):
    """Lists the originals, and remembers which of them cannot be indexed."""

    def names(self, after: str | None = None) -> Iterator[Listed]:
        """List the originals in the order of their names, after `after`, as they are read.

        Our own files, and keys that end in a slash, are left out.
        """

    def refuse(self, refusal: Refusal) -> None:
        """Remember a refusal, replacing an earlier one of the same name."""

    def refusal(self, name: str) -> Refusal | None:
        """Return the refusal of this name, if there is one."""

    def clear_refusal(self, name: str) -> None:
        """Remove a refusal; a missing one is ignored."""

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        """List refusals in the order of their image ids, after the id `after`."""

    def refused_ids(self) -> Iterator[str]:
        """List the image ids of refusals, in order, without reading what they say."""


class Replies(Protocol):
    """Keeps responses for a day, so that a repeated request gets the same one."""

    def write_reply(self, key: str, reply: bytes) -> None:
        """Keep a response under a key of letters and digits."""

    def read_reply(self, key: str) -> bytes | None:
        """Return the response kept under this key within the last day, or None."""


class Originals(Pictures, Refusals, Replies, Protocol):
    """A folder or a bucket, with everything that is kept in it."""


class Signer(Protocol):
    """Signs links that work for a short time without a key; a bucket can, a folder cannot."""

    def sign_link(self, image: StoredImage) -> str:
        """Return a link to an original."""

    def sign_thumbnail(self, image: StoredImage) -> str:
        """Return a link to the thumbnail of an image, which may not be there."""

    def sign_form(self, name: str, media_type: str, max_bytes: int) -> SignedForm:
        """Return a form that takes one file of this name and type, of 1 to `max_bytes` bytes."""


class Lease(Protocol):
    """Lets one comparison run at a time, in parts that different processes work on."""

    def take(self, holder: str, part: int) -> bool:
        """Return whether this comparison may run this part now.

        It may not while another one runs, or if its next part has begun already.
        """

    def release(self, holder: str) -> None:
        """Let others run, if this comparison is the one that runs."""


class Queue(Protocol):
    """Takes messages for later."""

    def send(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Send all messages, or raise StoreError; some may have been sent by then."""
