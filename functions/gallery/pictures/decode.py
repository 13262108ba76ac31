"""Decode untrusted bytes into upright RGB pictures. The only module that imports Pillow.

Animated files are read up to their first frame. Transparency is blended with white. The content
decides the format, never a name.
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
    LookalikeError,
    PictureTooLarge,
    UndecodablePicture,
    UnsupportedFormat,
)
from functions.gallery.pictures.budget import spend_pixels
from functions.gallery.pictures.costs import (
    MAX_SLOW_BYTES,
    MAX_SLOW_PIXELS,
    check_layout,
    tags_overlap,
)
from functions.gallery.pictures.formats import ADVICE, guess_format, is_heic, unsupported_reason
from functions.gallery.pictures.limits import (
    MAX_SIDE,
    Limits,
    affordable_short_side,
    bytes_a_pixel,
    over_limit,
)

# Pillow would pass EPS to another program (Ghostscript), which must never see untrusted bytes.
# BLP, FITS and IPTC can contain a picture of any other size and kind, or a zip bomb.
_REFUSED_FORMATS = {"EPS", "BLP", "FITS", "IPTC"}
_BAND_PIXELS = 2_000_000
_ROTATIONS = {  # EXIF 2.32, tag 0x0112: how to turn the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_X_REVERSED, _Y_REVERSED = (2, 3, 7, 8), (3, 4, 6, 7)
# Pillow warns of every odd tag and large picture; here a picture opens or is refused.
warnings.filterwarnings("ignore", module="PIL")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an upright picture, in fractions of its width and height from the top left."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright RGB picture, perhaps reduced; width, height and format are those of the file."""

    image: Image.Image
    width: int
    height: int
    format: str
    turned: bool  # by its EXIF orientation

    def square(self, part: float, side_px: int) -> NDArray[np.uint8]:
        """Return the centre square, `part` of the short side, as (side_px, side_px, 3) uint8.

        The box is not rounded to whole pixels, so a mirrored picture has the mirrored square.
        """
        width, height = self.image.size
        side = part * min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = (left, top, left + side, top + side)
        square = self.image.resize((side_px, side_px), Image.Resampling.BILINEAR, box=box)
        return np.asarray(square)

    def cropped(self, region: Region) -> "Picture":
        """Return a part of the picture, at least one pixel."""
        width, height = self.image.size
        left, top = int(region.x * width), int(region.y * height)
        right = max(left + 1, round(min(1.0, region.x + region.width) * width))
        bottom = max(top + 1, round(min(1.0, region.y + region.height) * height))
        return replace(self, image=self.image.crop((left, top, right, bottom)))

    def grey(self, width: int, height: int) -> NDArray[np.uint8]:
        """Return the whole picture as (height, width) uint8 luminance, the means of boxes."""
        small = self.image.convert("L").resize((width, height), Image.Resampling.BOX)
        return np.asarray(small)

    def thumbnail(self, side_px: int) -> bytes:
        """Return a JPEG whose long side is at most `side_px`, without metadata of the file."""
        small = self.image.copy()
        small.thumbnail((side_px, side_px), Image.Resampling.BILINEAR)
        file = io.BytesIO()
        small.save(file, "JPEG", quality=82)
        return file.getvalue()


def decode(data: bytes, limits: Limits, *, short_side_px: int) -> Picture:
    """Return a picture whose short side keeps at least `short_side_px`, or all that it has.

    Raises EmptyPicture, PictureTooLarge, UnsupportedFormat or UndecodablePicture, with the reason;
    in a request also TooManyPixels.
    """
    if not data:
        raise EmptyPicture("The file is empty; send the bytes of an image")
    if len(data) > limits.max_bytes:
        raise over_limit(f"{len(data)} bytes", f"{limits.max_bytes} bytes")
    jpeg_bytes_a_pixel = check_layout(data, limits.max_memory_bytes)
    # Pillow refuses twice this by itself.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2
    try:
        image = _open(data)
        _check_size(image, len(data), limits)
        spend_pixels(image.width * image.height)
        return _read(image, jpeg_bytes_a_pixel, limits.max_memory_bytes, short_side_px)
    except LookalikeError:
        raise
    except Image.DecompressionBombError as error:
        raise over_limit("The pixels", f"{limits.max_pixels} px") from error
    except Exception as error:  # Pillow's plugins raise nearly every builtin error
        name = guess_format(data) or "image"
        raise UndecodablePicture(f"The {name} file is damaged; save or send it again") from error


def _open(data: bytes) -> Image.Image:
    if is_heic(data):
        _register_heic()
    try:
        image = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        if guess_format(data):
            raise
        raise UnsupportedFormat(unsupported_reason(data)) from error
    if image.format in _REFUSED_FORMATS:
        raise UnsupportedFormat(f"{image.format} is not accepted; {ADVICE}")
    return image


def _register_heic() -> None:
    try:
        import pi_heif
    except ImportError:
        return  # Pillow will not recognise the file, and `unsupported_reason` names it
    pi_heif.register_heif_opener()


def _read(
    image: Image.Image, jpeg_bytes_a_pixel: int, max_memory_bytes: int, short_side_px: int
) -> Picture:
    width, height = image.size
    jpeg = image.format in ("JPEG", "MPO")
    whole = jpeg_bytes_a_pixel if jpeg else bytes_a_pixel(str(image.format), image.mode)
    left = max_memory_bytes - whole * width * height
    if left < 0:
        raise PictureTooLarge(
            f"{width} x {height} px need {-left / 1e6:.0f} MB more memory than is allowed; "
            "send a smaller copy, or a JPEG that is not progressive"
        )
    copied = 4 if image.mode == "RGB" else 8  # turned upright; before that, converted to RGB
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
    if orientation in _ROTATIONS:
        upright = upright.transpose(_ROTATIONS[orientation])
    if orientation > 4:
        width, height = height, width
    turned = turned_while_loading or orientation in _ROTATIONS
    return Picture(upright, width, height, str(image.format), turned)


def _check_size(image: Image.Image, file_bytes: int, limits: Limits) -> None:
    width, height = image.size
    max_pixels = limits.max_pixels
    if image.format not in ("JPEG", "MPO"):
        memory = limits.max_memory_bytes / bytes_a_pixel(str(image.format), image.mode)
        max_pixels = min(max_pixels // 2, int(memory))  # 50 million pixels of PNG take a second
    if any(tile[0] in Image.DECODERS for tile in getattr(image, "tile", ())):  # in Python
        max_pixels = min(max_pixels, MAX_SLOW_PIXELS)
        if file_bytes > MAX_SLOW_BYTES:
            raise over_limit(f"{file_bytes} bytes of {image.format}", f"{MAX_SLOW_BYTES} bytes")
    if width * height > max_pixels:
        raise over_limit(f"{width} x {height} px", f"{max_pixels} px")
    if max(width, height) > MAX_SIDE:
        raise over_limit(f"Sides of {max(width, height)} px", f"{MAX_SIDE} px")


def _orientation(image: Image.Image) -> int:
    stored = image.info.get("exif")
    if isinstance(stored, bytes) and tags_overlap(stored):
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return 1


def _to_rgb(image: Image.Image, short_side_px: int, orientation: int) -> Image.Image:
    """Blend and shrink in bands, so that a large picture is never in memory twice."""
    factor = max(1, min(image.size) // short_side_px)
    levels = _levels(image)
    if factor == 1 and image.width * image.height <= _BAND_PIXELS:
        return _blend(image, levels)
    # What does not fill a block is cropped on both sides; an odd pixel at the right and bottom of
    # the upright picture, so that a copy stored upright is cropped alike.
    width, height = image.width // factor, image.height // factor
    left = (image.width % factor + (orientation in _X_REVERSED)) // 2
    top = (image.height % factor + (orientation in _Y_REVERSED)) // 2
    small = Image.new("RGB", (width, height))
    rows = max(1, _BAND_PIXELS // (image.width * factor))
    for row in range(0, height, rows):
        last = min(row + rows, height)
        box = (left, top + row * factor, left + width * factor, top + last * factor)
        small.paste(_blend(image.crop(box), levels).reduce(factor), (0, row))
    return small


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Return the values of black and white for more than 8 bits; None for other pictures."""
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
