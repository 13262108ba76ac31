"""Turn decoded pictures of any mode into RGB, on a background that shows what is transparent.

The colours stay those of the file: its profile is applied to what is made of the picture. Depends
on Pillow, numpy and transparency.
"""

from typing import cast

import numpy as np
from PIL import Image

from functions.gallery.pictures import transparency

_BAND_PIXELS = 2_000_000
_X_REVERSED, _Y_REVERSED = (2, 3, 7, 8), (3, 4, 6, 7)  # EXIF orientations


def to_rgb(
    image: Image.Image, short_side_px: int, orientation: int, mode: str = "RGB"
) -> Image.Image:
    """Return a decoded picture as RGB, reduced while its short side keeps `short_side_px`.

    CMYK can be kept, as `mode`, for its profile. In bands, so that a large picture is never in
    memory twice; it is not yet turned upright.
    """
    factor = max(1, min(image.size) // short_side_px)
    levels = _levels(image)
    clear = image.has_transparency_data
    if factor == 1 and image.width * image.height <= _BAND_PIXELS:
        whole = _convert(image, levels, mode)
        return transparency.on_background(whole) if whole.mode == "RGBa" else whole
    # What does not fill a block is cropped on both sides; an odd pixel at the right and bottom of
    # the upright picture, so that a copy stored upright is cropped alike.
    width, height = image.width // factor, image.height // factor
    left = (image.width % factor + (orientation in _X_REVERSED)) // 2
    top = (image.height % factor + (orientation in _Y_REVERSED)) // 2
    small = Image.new("RGBa" if clear else mode, (width, height))
    rows = max(1, _BAND_PIXELS // (image.width * factor))
    for row in range(0, height, rows):
        last = min(row + rows, height)
        box = (left, top + row * factor, left + width * factor, top + last * factor)
        band = image.crop(box)
        if band.mode == "LAB":  # the means hardly differ, and each pixel takes LittleCMS 20 ns
            band = _convert(band.reduce(factor), levels, mode)
        else:
            band = _convert(band, levels, mode).reduce(factor)
        small.paste(band, (0, row))
    return transparency.on_background(small) if clear else small


def _levels(image: Image.Image) -> tuple[float, float] | None:
    """Return the values of black and white for more than 8 bits; None for other pictures."""
    if not image.mode.startswith(("I", "F")):
        return None
    if image.mode.startswith("I;16"):
        return 0, 65_535
    low, high = _extrema(image)
    for white in (1, 255, 65_535) if image.mode == "F" else (255, 65_535):
        if low >= 0 and high <= white:
            return 0, white
    return low, high


def _extrema(image: Image.Image) -> tuple[float, float]:
    """Return the least and the greatest number, without infinities and what is not a number."""
    extrema = cast(tuple[float, float], image.getextrema())
    if np.isfinite(extrema).all():
        return extrema
    low, high = np.inf, -np.inf
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        band = np.asarray(image.crop((0, top, image.width, min(top + rows, image.height))))
        finite = band[np.isfinite(band)]
        low, high = finite.min(initial=low), finite.max(initial=high)
    return low, high


def _convert(image: Image.Image, levels: tuple[float, float] | None, mode: str) -> Image.Image:
    """Return a picture, or a part of it, in this mode, or as RGBa if any of it is transparent."""
    if image.mode == mode and "transparency" not in image.info:
        return image
    if levels is not None:
        black, white = levels
        scale = 255 / (white - black) if white > black else 0
        grey = image.convert("I").convert("F") if image.mode != "F" else image
        rgb = grey.point(lambda v: v * scale - black * scale).convert("L").convert("RGB")
        return transparency.with_key(rgb, image) if "transparency" in image.info else rgb
    if image.mode == "LAB":
        from PIL import ImageCms  # here, because it loads LittleCMS

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return cast(Image.Image, ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB"))
    if image.has_transparency_data:
        return transparency.premultiplied(image)
    return image.convert("RGB")
