"""An upright RGB picture, whatever file it was, and parts of it. Depends on Pillow only."""

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Conversion = Callable[[Image.Image], Image.Image]


class Flaw(StrEnum):
    """What is wrong with a file that opens nevertheless; kept with the image."""

    DAMAGED = "damaged"  # its end is missing, the picture is complete as far as it goes
    PROFILE_IGNORED = "colour-profile-ignored"  # the profile is broken or of another colour space


@dataclass(frozen=True, slots=True)
class Region:
    """A part of an upright picture, in fractions of its width and height from the top left."""

    x: float
    y: float
    width: float
    height: float


# Sharp in rows of 208 points on screens with two pixels to a point, which hide a low quality: 36 KB
# (the mean of 73 photos). 320 pixels at quality 82 are 17 KB, and soft there.
THUMBNAIL_PX = 640  # of the long side
THUMBNAIL_QUALITY = 60

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the picture


def centre_square(width: int, height: int, part: float) -> Box:
    """Return the centre square with a side of `part` of the short side."""
    side = part * min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return left, top, left + side, top + side


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright picture, perhaps reduced; width, height and format are those of the file.

    The pixels stay in the colours of the file until they are reduced to what is asked for, because
    converting all of them takes longer than decoding a JPEG. What the methods return is sRGB.
    """

    pixels: Image.Image  # RGB; CMYK only with a profile
    width: int
    height: int
    format: str
    turned: bool  # by its EXIF orientation
    flaws: tuple[Flaw, ...] = ()
    to_srgb: Conversion | None = None  # None: the pixels are sRGB

    @property
    def image(self) -> Image.Image:
        """The whole picture in sRGB; with a colour profile, all pixels are converted each time."""
        return self._srgb(self.pixels)

    def square(self, part: float, side_px: int) -> NDArray[np.uint8]:
        """Return the centre square, `part` of the short side, as (side_px, side_px, 3) uint8.

        The box is not rounded to whole pixels, so a mirrored picture has the mirrored square.
        """
        return self.view(centre_square(*self.pixels.size, part), side_px)

    def view(self, box: Box, side_px: int) -> NDArray[np.uint8]:
        """Return a part of the picture, resized to a square of (side_px, side_px, 3) uint8."""
        resized = self.pixels.resize((side_px, side_px), Image.Resampling.BILINEAR, box=box)
        return np.asarray(self._srgb(resized))

    def cropped(self, region: Region) -> "Picture":
        """Return a part of the picture, at least one pixel."""
        width, height = self.pixels.size
        left, top = int(region.x * width), int(region.y * height)
        right = max(left + 1, round(min(1.0, region.x + region.width) * width))
        bottom = max(top + 1, round(min(1.0, region.y + region.height) * height))
        return replace(self, pixels=self.pixels.crop((left, top, right, bottom)))

    def blocks(self, side: int) -> NDArray[np.uint8]:
        """Return the whole picture, smoothed, as (side, side, 3) uint8."""
        # Reduced by a whole factor first, which takes a quarter of the time.
        reduced = self.pixels.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=1.0)
        return np.asarray(self._srgb(reduced))

    def thumbnail(self, side_px: int, quality: int = 82) -> bytes:
        """Return a JPEG whose long side is at most `side_px`, without metadata of the file."""
        small = self.pixels.copy()
        small.thumbnail((side_px, side_px), Image.Resampling.BILINEAR)
        file = io.BytesIO()
        self._srgb(small).save(file, "JPEG", quality=quality)
        return file.getvalue()

    def _srgb(self, image: Image.Image) -> Image.Image:
        return image if self.to_srgb is None else self.to_srgb(image)
