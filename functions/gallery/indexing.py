"""Bytes -> what the index keeps of a picture. Knows the embedder's port; no store, no originals."""

import hashlib
from datetime import UTC, datetime

from functions.gallery.names import image_id
from functions.gallery.pictures import Limits, decode
from functions.gallery.ports import Embedder
from functions.gallery.records import Metadata, StoredImage, Vector
from functions.gallery.stopwatch import Stopwatch


class Indexer:
    """Looks at a picture once and tells all that is to be remembered of it."""

    def __init__(self, embedder: Embedder, limits: Limits) -> None:
        """Join the model to the limits for one picture."""
        self._embedder = embedder
        self._limits = limits

    @property
    def model(self) -> str:
        """The ModelCard.id that vectors of this indexer carry."""
        return self._embedder.card.id

    def index(
        self, bucket: str, name: str, data: bytes, metadata: Metadata, watch: Stopwatch
    ) -> tuple[StoredImage, Vector]:
        """Decode and embed the original of this name; its etag is still to be filled in.

        Raises PictureError.
        """
        now = datetime.now(UTC)
        card = self._embedder.card
        picture = decode(data, self._limits, short_side_px=card.short_side_px)
        watch.lap("decode")
        vector: Vector = self._embedder.embed([picture])[0]
        watch.lap("embed")
        image = StoredImage(
            id=image_id(bucket, name),
            name=name,
            etag="",
            sha256=hashlib.sha256(data).hexdigest(),
            perceptual_hash=picture.perceptual_hash(),
            width=picture.width,
            height=picture.height,
            format=picture.format,
            bytes=len(data),
            added_at=now,
            model=card.id,
            metadata=metadata,
        )
        return image, vector
