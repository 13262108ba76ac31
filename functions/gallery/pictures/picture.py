"""An upright RGB picture, whatever file it was, and parts of it. Depends on Pillow only."""

import io
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image


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


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """An upright RGB picture, perhaps reduced; width, height and format are those of the file."""

    image: Image.Image
    width: int
    height: int
    format: str
    turned: bool  # by its EXIF orientation
    flaws: tuple[Flaw, ...] = ()

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
