"""What one gets to see of an image: its original, a thumbnail, links. Knows the ports only."""

from functions.gallery.errors import ImageNotFound
from functions.gallery.names import check_name
from functions.gallery.objects import SignedForm
from functions.gallery.pictures import Limits, decode
from functions.gallery.ports import Originals, Signer, VectorStore
from functions.gallery.records import StoredImage

THUMBNAIL_PX = 320


class Viewer:
    """Shows stored images, and lets large ones be sent straight to a bucket."""

    def __init__(
        self, limits: Limits, store: VectorStore, originals: Originals, signer: Signer | None
    ) -> None:
        """Join the ports; a folder has no signer."""
        self._limits = limits
        self._store = store
        self._originals = originals
        self._signer = signer

    @property
    def gives_forms(self) -> bool:
        """Whether `form` gives one: a bucket can, a folder not."""
        return self._signer is not None

    def original(self, image_id: str) -> tuple[StoredImage, bytes]:
        """Give an image and the bytes that were sent; raises ImageNotFound."""
        image = self._get(image_id)
        return image, self._originals.read(image.name)

    def thumbnail(self, image_id: str) -> tuple[StoredImage, bytes]:
        """Give an image and an upright JPEG of at most THUMBNAIL_PX; raises ImageNotFound."""
        image = self._get(image_id)
        kept = self._originals.read_thumbnail(image)
        if kept is None:
            data = self._originals.read(image.name)
            kept = decode(data, self._limits, short_side_px=THUMBNAIL_PX).thumbnail(THUMBNAIL_PX)
            self._originals.write_thumbnail(image, kept)
        return image, kept

    def link(self, image_id: str) -> str | None:
        """Give a short-lived link to the original, or None if a folder keeps it."""
        return None if self._signer is None else self.sign(self._get(image_id))

    def sign(self, image: StoredImage) -> str | None:
        """Give a short-lived link to the original, or None if a folder keeps it."""
        return None if self._signer is None else self._signer.sign_link(image)

    def form(self, name: str, media_type: str) -> SignedForm | None:
        """Give a form to send a picture straight to the bucket; None if there is no bucket.

        Raises InvalidName.
        """
        if self._signer is None:
            return None
        return self._signer.sign_form(check_name(name), media_type, self._limits.max_bytes)

    def _get(self, image_id: str) -> StoredImage:
        image = self._store.get([image_id]).get(image_id)
        if image is None:
            raise ImageNotFound(f"No image has the id {image_id}")
        return image
