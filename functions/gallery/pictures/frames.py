"""An animation as its first frame that shows something. Depends on Pillow, budget and bounds."""

from collections.abc import Callable, Iterator
from typing import cast

from PIL import Image

from functions.gallery.pictures.budget import spend_pixels

_FORMATS = ("PNG", "WEBP", "AVIF")  # the pages of a TIFF or MPO are not frames
# Levels of 255 between the darkest and lightest part. Lossy codecs change single pixels by more: a
# black WebP, encoded twice, has 3 of 270,000 at 9 to 17.
_PLAIN = 8
_PARTS = 128  # along the short side, at least; a line of 1 pixel in 2,000 is 17 levels of its part
# Of all frames looked at; the first frame alone can be larger.
_MOST_FRAMES, _MOST_PIXELS = 300, 15_000_000


def first_shown(image: Image.Image, to_rgb: Callable[[], Image.Image]) -> Image.Image:
    """Return the first frame of a loaded picture that is not one colour, or the first of all.

    `to_rgb` converts the frame that the picture is at. Raises TooManyPixels in a request.
    """
    first = to_rgb()
    if not _is_animated(image) or not _is_plain(first):
        return first
    first = first.copy() if first is image else first  # loading a frame overwrites the one before
    for _ in _later_frames(image):
        frame = to_rgb()
        if not _is_plain(frame):
            return frame
    return first


def _is_animated(image: Image.Image) -> bool:
    """Return whether there may be more frames; a GIF would decode its first again to find out."""
    return image.format == "GIF" or (
        image.format in _FORMATS and bool(getattr(image, "is_animated", False))
    )


def _is_plain(picture: Image.Image) -> bool:
    """Return whether a picture is one colour; a few pixels of most pictures show that it is not."""
    sample = picture.resize((8, 8), Image.Resampling.NEAREST)
    return _is_one_colour(sample) and _is_one_colour(picture)


def _is_one_colour(picture: Image.Image) -> bool:
    parts = picture.reduce(max(1, min(picture.size) // _PARTS))
    extrema = cast(tuple[tuple[int, int], ...], parts.getextrema())
    return all(high - low <= _PLAIN for low, high in extrema)


def _later_frames(image: Image.Image) -> Iterator[None]:
    """Load one frame after the other, each on top of those before it, while that is affordable."""
    # Here, because it loads the plugin of TIFF, which no cold start needs.
    from functions.gallery.pictures.bounds import no_larger_than

    pixels = image.width * image.height
    for number in range(1, min(_MOST_FRAMES, _MOST_PIXELS // pixels)):
        try:
            with no_larger_than(pixels):
                image.seek(number)
        except MemoryError:
            raise
        except Exception:  # the end, or damaged: the first frame is as good as it was
            return
        spend_pixels(pixels)
        try:
            image.load()
        except MemoryError:
            raise
        except Exception:
            return
        yield
