"""Bytes to what is kept of a picture: vector, fingerprint, thumbnail. Depends on the ports."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import LookalikeError
from functions.gallery.pictures.budget import decode_slot
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import THUMBNAIL_PX, THUMBNAIL_QUALITY
from functions.gallery.ports import Embedder, Pictures
from functions.gallery.records import Metadata, StoredImage
from functions.gallery.stopwatch import Stopwatch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Indexed:
    """A picture as the index keeps it; its etag is still empty."""

    image: StoredImage
    vector: Vector
    took_ms: Mapping[str, float]  # decode, embed
    thumbnail: bytes | None = None


@dataclass(frozen=True, slots=True)
class Indexer:
    """Decodes and embeds pictures, within the limits for one picture."""

    embedder: Embedder
    limits: Limits
    makes_thumbnails: bool = False

    @property
    def model(self) -> str:
        """The ModelCard.id of the vectors that this indexer makes."""
        return self.embedder.card.id

    def index(
        self, id: str, name: str, data: bytes, metadata: Metadata, *, sha256: str | None = None
    ) -> Indexed:
        """Decode and embed the bytes of an image; `sha256` is theirs, in hex, if it is known.

        Raises PictureError, and in a request what `decode_slot` raises.
        """
        now = datetime.now(UTC)
        card = self.embedder.card
        with decode_slot():
            watch = Stopwatch()
            picture = decode(data, self.limits, short_side_px=card.short_side_px)
            watch.lap("decode")
            vector: Vector = self.embedder.embed([picture])[0]
            watch.lap("embed")
            fingerprint = Fingerprint.of(picture)
            thumbnail = (
                picture.thumbnail(THUMBNAIL_PX, THUMBNAIL_QUALITY)
                if self.makes_thumbnails
                else None
            )
        image = StoredImage(
            id=id,
            name=name,
            etag="",
            sha256=sha256 or hashlib.sha256(data).hexdigest(),
            fingerprint=fingerprint,
            width=picture.width,
            height=picture.height,
            format=picture.format,
            bytes=len(data),
            added_at=now,
            model=card.id,
            flaws=picture.flaws,
            metadata=metadata,
        )
        return Indexed(image, vector, watch.took_ms, thumbnail)


def write_thumbnail(originals: Pictures, image: StoredImage, data: bytes) -> None:
    """Keep a thumbnail; if that fails, it is made again when it is first asked for."""
    try:
        originals.write_thumbnail(image, data)
    except LookalikeError as error:
        log.warning("the thumbnail of %s is not kept: %s", image.name, error)
