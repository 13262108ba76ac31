"""Decode untrusted bytes into upright RGB pictures, with Pillow.

A camera's raw file is its largest JPEG preview. The content decides the format, never a name.
"""

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from functions.gallery.errors import (
    DamagedPicture,
    EmptyPicture,
    LookalikeError,
    OutOfMemory,
    PictureTooLarge,
    UnsupportedFormat,
)
from functions.gallery.pictures import frames, jpeg, png, transparency, webp
from functions.gallery.pictures.budget import spend_pixels
from functions.gallery.pictures.colour import to_rgb
from functions.gallery.pictures.costs import check_layout
from functions.gallery.pictures.formats import formats_like, is_raw, unsupported_reason
from functions.gallery.pictures.limits import (
    MAX_DEEP_INTERLACED_PIXELS,
    MAX_SIDE,
    MAX_SLOW_PIXELS,
    Limits,
    affordable_short_side,
    bytes_a_pixel,
    over_limit,
)
from functions.gallery.pictures.picture import Conversion, Flaw, Picture

if TYPE_CHECKING:
    from functions.gallery.pictures.raw import RawFile

_MAX_PIXELS_AT_ONCE = 200_000  # embedding reduces larger ones to about as many before they convert
_ROTATIONS = {  # EXIF 2.32, tag 0x0112: how to turn the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Pillow warns of every odd tag and large picture; here a picture opens or is refused.
warnings.filterwarnings("ignore", module="PIL")


def decode(data: bytes, limits: Limits, *, short_side_px: int) -> Picture:
    """Return a picture whose short side keeps at least `short_side_px`, or all that it has.

    Raises EmptyPicture, PictureTooLarge, UnsupportedFormat or DamagedPicture, with the reason;
    or OutOfMemory, in a request also TooManyPixels.
    """
    if not data:
        raise EmptyPicture("The file is empty; send the bytes of an image")
    if len(data) > limits.max_bytes:
        raise over_limit(f"{len(data)} bytes", f"{limits.max_bytes} bytes")
    formats = formats_like(data)
    if not formats:
        raise UnsupportedFormat(unsupported_reason(data))
    name, raw = formats[0], None
    if is_raw(name) or name == "TIFF":
        from functions.gallery.pictures.raw import read_raw  # here: no JPEG needs it

        if raw := read_raw(data):
            name, data, formats = f"{raw.kind} preview", raw.preview, ["JPEG"]
    needed, flaws = _pixels_only(formats[0], data)
    jpeg_bytes_a_pixel = check_layout(formats[0], needed, limits.max_memory_bytes)
    # Pillow refuses twice this by itself.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels // 2
    try:
        image = _open(needed, formats, limits.max_memory_bytes)
        _check_size(image, limits)
        spend_pixels(image.width * image.height)
        picture = _read(image, jpeg_bytes_a_pixel, limits.max_memory_bytes, short_side_px, raw)
        return replace(picture, flaws=tuple(dict.fromkeys(flaws + picture.flaws)))
    except (LookalikeError, ImportError):  # a decoder that is missing is no fault of the picture
        raise
    except Image.DecompressionBombError as error:
        raise over_limit("The pixels", f"{limits.max_pixels} px") from error
    except Exception as error:  # Pillow's plugins raise nearly every builtin error
        if isinstance(error, MemoryError) or _is_memory_short(limits.max_memory_bytes):
            raise OutOfMemory("Memory ran out while decoding; try again") from error
        raise DamagedPicture(f"The {name} file is damaged; save or send it again") from error


def _is_memory_short(needed_bytes: int) -> bool:
    """Return whether there is less memory than this; decoders in C then report damaged data."""
    try:
        np.empty(needed_bytes, np.uint8)  # reserved but never written, so it takes no memory
    except MemoryError:
        return True
    return False


def _pixels_only(format: str, data: bytes) -> tuple[bytes, tuple[Flaw, ...]]:
    """Leave out what the picture does not need, where it would take time or be refused."""
    if format == "JPEG":
        return jpeg.pixels_only(data)
    if format == "PNG":
        return png.pixels_only(data)
    if format == "TIFF":
        from functions.gallery.pictures.tiff import with_picture_first

        return with_picture_first(data), ()
    return webp.whole_chunks(data) if format == "WEBP" else (data, ())


def _open(data: bytes, formats: list[str], max_memory_bytes: int) -> Image.Image:
    """Open a file as one of these formats; Pillow would try all it knows, and load them first."""
    # Here, because it loads the plugin of TIFF, which no cold start needs.
    from functions.gallery.pictures.bounds import BoundedFile

    if "TIFF" in formats:
        from functions.gallery.pictures.tiff_samples import open_samples

        if image := open_samples(data, max_memory_bytes):
            return image
    # The libraries first: a plugin that cannot load its own would be without it from then on.
    if "WEBP" in formats:
        import PIL._webp
        import PIL.WebPImagePlugin
    if "AVIF" in formats:
        import PIL._avif
        import PIL.AvifImagePlugin  # noqa: F401
    if "HEIF" in formats:
        import _pi_heif  # noqa: F401
        import pi_heif

        pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    return Image.open(BoundedFile(data), formats=formats)


def _read(
    image: Image.Image,
    jpeg_bytes_a_pixel: int,
    max_memory_bytes: int,
    short_side_px: int,
    raw: "RawFile | None",
) -> Picture:
    if image.format == "TIFF":
        _keep_as_stored(image)
    width, height = image.size
    is_jpeg = image.format in ("JPEG", "MPO")
    whole = jpeg_bytes_a_pixel if is_jpeg else bytes_a_pixel(str(image.format), image.mode)
    left = max_memory_bytes - whole * width * height
    if left < 0:
        raise PictureTooLarge(
            f"{width} x {height} px need {-left / 1e6:.0f} MB more memory than is allowed; "
            "send a smaller copy, or a JPEG that is not progressive"
        )
    plain = image.mode == "RGB" and not image.has_transparency_data
    copied = 4 if plain else 8  # turned upright; before that, converted to RGB
    short_side_px = affordable_short_side(
        image.size, short_side_px, left, copied=copied, scalable=is_jpeg
    )
    if is_jpeg:
        # libjpeg scales by 1/2, 1/4 or 1/8 while it decodes: a phone photo costs a quarter.
        image.draft(None, (short_side_px, short_side_px))
    flaws: tuple[Flaw, ...] = ()
    if is_jpeg:
        flaws = jpeg.load(image, jpeg_bytes_a_pixel > 0)
    else:
        transparency.load(image)
    # Asking a PNG for its EXIF decodes it, so ask after.
    orientation = _orientation(image, raw.turn if raw else 1)
    to_srgb, ignored = _profile(image)
    mode = "CMYK" if to_srgb is not None and image.mode == "CMYK" else "RGB"
    upright = frames.first_shown(image, lambda: to_rgb(image, short_side_px, orientation, mode))
    if orientation in _ROTATIONS:
        upright = upright.transpose(_ROTATIONS[orientation])
    if orientation > 4:
        width, height = height, width
    turned = orientation in _ROTATIONS
    if to_srgb is not None and upright.width * upright.height <= _MAX_PIXELS_AT_ONCE:
        upright, to_srgb = to_srgb(upright), None
    if raw:
        width, height = raw.upright_size(orientation)
    format = raw.kind if raw else str(image.format)
    return Picture(upright, width, height, format, turned, flaws + ignored, to_srgb)


def _keep_as_stored(image: Image.Image) -> None:
    """Make Pillow load a TIFF as stored: turning its pixels would take their memory twice.

    It says the size of the upright picture before it is loaded.
    """
    _orientation(image)  # kept by Pillow, because the file is closed after loading
    image._size = getattr(image, "_tile_size", image.size)
    image.load_end = lambda: None  # type: ignore[attr-defined]


def _profile(image: Image.Image) -> tuple[Conversion | None, tuple[Flaw, ...]]:
    if "icc_profile" not in image.info:
        return None, ()
    # Here, because it loads LittleCMS.
    from functions.gallery.pictures.profiles import srgb_conversion

    return srgb_conversion(image)


def _check_size(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    max_pixels = limits.max_pixels_of(str(image.format), image.mode)
    tiles = getattr(image, "tile", ())
    if any(tile[0] in Image.DECODERS for tile in tiles):  # in Python
        max_pixels = min(max_pixels, MAX_SLOW_PIXELS)
    if image.format == "PNG" and "interlace" in image.info and ";16" in str(tiles):
        max_pixels = min(max_pixels, MAX_DEEP_INTERLACED_PIXELS)
    if width * height > max_pixels:
        raise over_limit(f"{width} x {height} px", f"{max_pixels} px")
    if max(width, height) > MAX_SIDE:
        raise over_limit(f"Sides of {max(width, height)} px", f"{MAX_SIDE} px")


def _orientation(image: Image.Image, default: int = 1) -> int:
    try:
        return int(image.getexif().get(0x0112, default))
    except MemoryError:
        raise
    except Exception:  # a damaged EXIF block says nothing about the pixels
        return default
