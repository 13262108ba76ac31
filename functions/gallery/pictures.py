"""Opens untrusted bytes as upright RGB pictures. The only module that calls Pillow; no network.

Of an animated file the first frame counts. Transparency is blended on white. The content decides
the type, never a name.
"""

import io
import warnings
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from functions.gallery.errors import (
    EmptyPicture,
    PictureError,
    PictureTooLarge,
    UndecodablePicture,
    UnsupportedFormat,
)
from functions.gallery.formats import ADVICE, damaged_picture, describe, is_heic
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.picture_costs import (
    MAX_SLOW_BYTES,
    MAX_SLOW_PIXELS,
    absurdity,
    directory_excess,
    excess,
    jpeg_bytes_a_pixel,
)
from functions.gallery.picture_limits import MAX_SIDE, affordable_short_side, bytes_a_pixel
from functions.gallery.picture_limits import Limits as Limits
from functions.gallery.records import Region

# Pillow would hand EPS to another program (Ghostscript), which must never see strangers' bytes.
# BLP, FITS and IPTC hold a picture of any other size and kind inside, or a zip bomb.
_REFUSED_FORMATS = {"EPS", "BLP", "FITS", "IPTC"}
_BAND_PIXELS = 2_000_000
_UPRIGHT = {  # EXIF 2.32, tag 0x0112: how the stored picture must be turned to be looked at
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_X_TURNED_ROUND, _Y_TURNED_ROUND = (2, 3, 7, 8), (3, 4, 6, 7)  # left to right, top to bottom
# Pillow warns of every odd tag and large picture; here a picture opens or is refused with a reason.
warnings.filterwarnings("ignore", module="PIL")


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright RGB picture, perhaps reduced; width, height and format are the file's."""

    image: Image.Image
    width: int
    height: int
    format: str
    turned: bool  # an EXIF orientation was undone

    def square(self, part: float, side_px: int) -> NDArray[np.uint8]:
        """Cut the centre square, `part` of the short side, as (side_px, side_px, 3) uint8.

        The box is not rounded to whole pixels, so a mirrored twin gives the same square, mirrored.
        """
        width, height = self.image.size
        side = part * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        square = self.image.resize((side_px, side_px), Image.Resampling.BILINEAR, box=box)
        return np.asarray(square)

    def cropped(self, region: Region) -> "Picture":
        """Cut out a part, at least one pixel of what is left after a reduced decode."""
        width, height = self.image.size
        left, top = int(region.x * width), int(region.y * height)
        right = max(left + 1, round(min(1.0, region.x + region.width) * width))
        bottom = max(top + 1, round(min(1.0, region.y + region.height) * height))
        return replace(self, image=self.image.crop((left, top, right, bottom)))

    def perceptual_hash(self) -> PerceptualHash | None:
        """Give the hash of the whole upright picture; None if it is too plain for one."""
        grey = self.image.convert("L").resize((9, 8), Image.Resampling.BOX)
        return PerceptualHash.of(np.asarray(grey))

    def thumbnail(self, side_px: int) -> bytes:
        """Give a JPEG whose long side is at most `side_px`; it carries no metadata of the file."""
        small = self.image.copy()
        small.thumbnail((side_px, side_px), Image.Resampling.BILINEAR)
        written = io.BytesIO()
        small.save(written, "JPEG", quality=82)
        return written.getvalue()


def decode(data: bytes, limits: Limits, *, short_side_px: int) -> Picture:
    """Open bytes as a picture whose short side keeps at least `short_side_px` (or all there is).

    Raises EmptyPicture, PictureTooLarge, UnsupportedFormat or UndecodablePicture, with the reason.
    """
    if not data:
        raise EmptyPicture("No bytes came; send the content of an image file")
    if len(data) > limits.max_bytes:
        raise PictureTooLarge(f"{len(data)} bytes are over the limit of {limits.max_bytes} bytes")
    if reason := excess(data, limits.max_memory_bytes):
        raise PictureTooLarge(reason)
    if reason := absurdity(data):
        raise UndecodablePicture(reason)
    # Pillow refuses twice this by itself.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2
    image = _open(data)
    try:
        return _read(image, data, limits, short_side_px)
    except PictureError:
        raise
    except Image.DecompressionBombError as problem:
        raise PictureTooLarge(f"over the limit of {limits.max_pixels} px") from problem
    except Exception as problem:  # Pillow's plugins leak nearly every builtin error
        raise UndecodablePicture(f"damaged {image.format} file: {problem}") from problem


def _open(data: bytes) -> Image.Image:
    if is_heic(data):
        _allow_heic()
    try:
        image = Image.open(io.BytesIO(data))
    except Image.DecompressionBombError as problem:
        raise PictureTooLarge(str(problem)) from problem
    except UnidentifiedImageError as problem:
        if name := damaged_picture(data):
            raise UndecodablePicture(f"damaged {name} file: its header cannot be read") from problem
        raise UnsupportedFormat(describe(data)) from problem
    except Exception as problem:
        raise UndecodablePicture(f"the header cannot be read: {problem}") from problem
    if image.format in _REFUSED_FORMATS:
        raise UnsupportedFormat(f"{image.format} is not accepted; {ADVICE}")
    return image


def _allow_heic() -> None:
    try:
        import pi_heif
    except ImportError:
        return  # Pillow will not recognise the file, and describe() names it
    pi_heif.register_heif_opener()


def _read(image: Image.Image, data: bytes, limits: Limits, short_side_px: int) -> Picture:
    width, height = image.size
    _check_size(image, len(data), limits)
    jpeg = image.format in ("JPEG", "MPO")
    whole = jpeg_bytes_a_pixel(data) if jpeg else bytes_a_pixel(str(image.format), image.mode)
    left = limits.max_memory_bytes - whole * width * height
    if left < 0:
        raise PictureTooLarge(
            f"{width} x {height} px need {-left / 1e6:.0f} MB more memory than is allowed; "
            "send a smaller copy, or a JPEG that is not progressive"
        )
    copied = 4 if image.mode == "RGB" else 8  # turned upright; before that, made RGB
    short_side_px = affordable_short_side(
        image.size, short_side_px, left, copied=copied, scalable=jpeg
    )
    if jpeg:
        # libjpeg scales by 1/2, 1/4 or 1/8 while it decodes: a phone photo costs a quarter.
        image.draft(None, (short_side_px, short_side_px))
    # Pillow turns a TIFF upright while loading; asking a PNG for its EXIF decodes it, so ask after.
    turned_while_loading = image.format == "TIFF" and _orientation(image) > 1
    image.load()
    orientation = _orientation(image)
    upright = _to_rgb(image, short_side_px, orientation)
    if orientation in _UPRIGHT:
        upright = upright.transpose(_UPRIGHT[orientation])
    if orientation > 4:
        width, height = height, width
    turned = turned_while_loading or orientation in _UPRIGHT
    return Picture(upright, width, height, str(image.format), turned)


def _check_size(image: Image.Image, file_bytes: int, limits: Limits) -> None:
    width, height = image.size
    most = limits.max_pixels
    if image.format not in ("JPEG", "MPO"):
        memory = limits.max_memory_bytes / bytes_a_pixel(str(image.format), image.mode)
        most = min(most // 2, int(memory))  # half: 50 million pixels of PNG take a second
    if any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ())):  # in Python
        most = min(most, MAX_SLOW_PIXELS)
        if file_bytes > MAX_SLOW_BYTES:
            raise PictureTooLarge(
                f"{file_bytes} bytes are over the limit of {MAX_SLOW_BYTES} for {image.format}"
            )
    if width * height > most:
        raise PictureTooLarge(f"{width} x {height} px is over the limit of {most} px")
    if max(width, height) > MAX_SIDE:
        raise PictureTooLarge(f"a side of {max(width, height)} px is over {MAX_SIDE} px")


def _orientation(image: Image.Image) -> int:
    stored = image.info.get("exif")
    if isinstance(stored, bytes) and directory_excess(stored):
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1


def _to_rgb(image: Image.Image, short_side_px: int, orientation: int) -> Image.Image:
    """Blend and shrink band by band, so that a large picture never lies in memory twice."""
    factor = max(1, min(image.size) // short_side_px)
    levels = _levels(image)
    if factor == 1 and image.width * image.height <= _BAND_PIXELS:
        return _blend(image, levels)
    # What does not fill a block is cut off on both sides; a pixel more to the right and below of
    # the upright picture, so that a twin that EXIF turns is cut alike.
    width, height = image.width // factor, image.height // factor
    left = (image.width % factor + (orientation in _X_TURNED_ROUND)) // 2
    top = (image.height % factor + (orientation in _Y_TURNED_ROUND)) // 2
    small = Image.new("RGB", (width, height))
    rows = max(1, _BAND_PIXELS // (image.width * factor))
    for row in range(0, height, rows):
        last = min(row + rows, height)
        box = (left, top + row * factor, left + width * factor, top + last * factor)
        small.paste(_blend(image.crop(box), levels).reduce(factor), (0, row))
    return small


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Tell which values are black and white beyond 8 bits; None for all other pictures."""
    if not image.mode.startswith(("I", "F")):
        return None
    if image.mode.startswith("I;16"):
        return 0, 65_535
    low, high = cast(tuple[float, float], image.getextrema())
    for white in (1, 255, 65_535) if image.mode == "F" else (255, 65_535):
        if low >= 0 and high <= white:
            return 0, white
    return low, high


def _blend(image: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if levels is not None:
        black, white = levels
        scale = 255 / (white - black)
        grey = image.convert("I").convert("F") if image.mode != "F" else image
        return grey.point(lambda v: v * scale - black * scale).convert("L").convert("RGB")
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return cast(Image.Image, ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB"))
    if not image.has_transparency_data:
        return image.convert("RGB")
    blended = image.convert("RGBA")
    white_page = Image.new("RGB", image.size, "white")
    white_page.paste(blended, mask=blended)
    return white_page
