"""What callers see of an image: its original, a thumbnail, signed links and forms.

Depends only on ports and pictures.
"""

from dataclasses import dataclass
from typing import BinaryIO

from functions.gallery.errors import ImageNotFound
from functions.gallery.names import check_new_name
from functions.gallery.pictures.budget import decode_slot
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import THUMBNAIL_PX, THUMBNAIL_QUALITY
from functions.gallery.ports import Originals, Signer, VectorStore
from functions.gallery.records import SignedForm, StoredImage


@dataclass
class Viewer:
    """Reads stored images, and signs links and upload forms if there is a bucket."""

    limits: Limits
    store: VectorStore
    originals: Originals
    signer: Signer | None  # a folder has none

    @property
    def can_sign(self) -> bool:
        """Whether `link`, `sign`, `sign_thumbnail` and `form` return anything."""
        return self.signer is not None

    def original(self, image: StoredImage) -> tuple[BinaryIO, int]:
        """Return an original as an open file, which the caller closes, and how many bytes it has.

        Raises ImageNotFound.
        """
        return self.originals.open(image.name)

    def kept_thumbnail(self, image_id: str) -> tuple[StoredImage, bytes | None]:
        """Return an image and its thumbnail if there is one already; raises ImageNotFound."""
        image = self._get(image_id)
        return image, self.originals.read_thumbnail(image)

    def thumbnail(self, image_id: str) -> tuple[StoredImage, bytes]:
        """Return an image and an upright JPEG of at most THUMBNAIL_PX; raises ImageNotFound."""
        image, data = self.kept_thumbnail(image_id)
        return image, self.make_thumbnail(image) if data is None else data

    def make_thumbnail(self, image: StoredImage) -> bytes:
        """Return an upright JPEG of at most THUMBNAIL_PX, which is kept; raises ImageNotFound."""
        original = self.originals.read(image.name)
        with decode_slot():
            picture = decode(original, self.limits, short_side_px=THUMBNAIL_PX)
            data = picture.thumbnail(THUMBNAIL_PX, THUMBNAIL_QUALITY)
        self.originals.write_thumbnail(image, data)
        if not self._is_current(image):  # removed or replaced in between
            self.originals.remove_thumbnail(image)
        return data

    def link(self, image_id: str) -> str | None:
        """Return a short-lived link to the original, or None; raises ImageNotFound."""
        return self.sign(self._get(image_id)) if self.can_sign else None

    def sign(self, image: StoredImage) -> str | None:
        """Return a short-lived link to the original, or None."""
        return None if self.signer is None else self.signer.sign_link(image)

    def sign_thumbnail(self, image: StoredImage) -> str | None:
        """Return a short-lived link to the thumbnail, or None.

        There is a thumbnail at its end unless an earlier version indexed the image, or keeping it
        failed: then `thumbnail` makes it.
        """
        return None if self.signer is None else self.signer.sign_thumbnail(image)

    def form(self, name: str, media_type: str) -> SignedForm | None:
        """Return a form to send a picture straight to the bucket, or None; raises InvalidName."""
        if self.signer is None:
            return None
        return self.signer.sign_form(check_new_name(name), media_type, self.limits.max_bytes)

    def _is_current(self, image: StoredImage) -> bool:
        now = self.store.get([image.id]).get(image.id)
        return now is not None and now.sha256 == image.sha256

    def _get(self, image_id: str) -> StoredImage:
        image = self.store.get([image_id]).get(image_id)
        if image is None:
            raise ImageNotFound(f"No image has the id {image_id}")
        return image
