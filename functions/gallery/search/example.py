"""Examples of a search or comparison, and embedding those that are pictures.

Depends on the ports only.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.embedding.likeness import Bands
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound
from functions.gallery.pictures.budget import decode_slot
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Flaw, Picture, Region
from functions.gallery.ports import Embedder, Pictures, VectorStore
from functions.gallery.records import CollectionSpec
from functions.gallery.stopwatch import Stopwatch


@dataclass(frozen=True, slots=True)
class QueryEcho:
    """What was understood of the query picture."""

    width: int
    height: int
    format: str
    turned: bool  # an EXIF orientation was undone
    flaws: tuple[Flaw, ...] = ()


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    """What a search needs of a picture; its bytes and pixels are no longer in memory."""

    vector: Vector
    sha256: str
    fingerprint: Fingerprint | None
    echo: QueryEcho
    id: str | None = None  # of a stored image
    took_ms: Mapping[str, float] = field(default_factory=dict)  # fetch, decode, embed


PictureExample = bytes | str | EmbeddedPicture  # a picture (its bytes) or a stored image (its id)
Example = PictureExample | Vector  # or a vector of the gallery's model, (dims,)


@dataclass(frozen=True, slots=True)
class ExampleEmbedder:
    """Decodes and embeds one example at a time."""

    limits: Limits
    embedder: Embedder
    store: VectorStore
    originals: Pictures

    def bands(self, spec: CollectionSpec) -> Bands | None:
        """Return the limits that apply to similarities in this collection, if there are any."""
        return self.embedder.card.bands if spec.distance.has_bands else None

    def embed(self, example: PictureExample, region: Region | None = None) -> EmbeddedPicture:
        """Embed a picture or a stored image's original, or a part of it, unless that is done.

        Raises PictureError, ImageNotFound or StoreError, and in a request what `decode_slot`
        raises.
        """
        if isinstance(example, EmbeddedPicture):
            return example
        fetching = Stopwatch()
        if isinstance(example, bytes):
            data = example
        else:  # before the slot: others can decode while a bucket is slow
            data = self._read(example)
            fetching.lap("fetch")
        with decode_slot():
            watch = Stopwatch()  # without the wait
            picture = self._decode(data, region)
            watch.lap("decode")
            vector = self.embedder.embed([picture])[0]
            watch.lap("embed")
            return EmbeddedPicture(
                vector,
                hashlib.sha256(data).hexdigest(),
                Fingerprint.of(picture),
                QueryEcho(
                    picture.width, picture.height, picture.format, picture.turned, picture.flaws
                ),
                example if isinstance(example, str) else None,
                fetching.took_ms | watch.took_ms,
            )

    def _read(self, id: str) -> bytes:
        image = self.store.get([id]).get(id)
        if image is None:
            raise ImageNotFound(f"No image has the id {id}")
        return self.originals.read(image.name)

    def _decode(self, data: bytes, region: Region | None) -> Picture:
        needed = self.embedder.card.short_side_px
        if region is None:
            return decode(data, self.limits, short_side_px=needed)
        # For a smaller part more of the whole must be kept; twice, because its edges are rounded.
        whole = round(2 * needed / min(region.width, region.height))
        return decode(data, self.limits, short_side_px=whole).cropped(region)
