"""How large a picture can be, and how much memory its pixels take. Does not depend on a decoder."""

from dataclasses import dataclass

from functions.gallery.errors import PictureTooLarge
from functions.gallery.pictures.formats import is_raw

MAX_SIDE = 65_535  # as in JPEG; each row or strip costs Pillow time and memory
MAX_SLOW_PIXELS = 2_100_000  # of a run-length BMP, decoded in Python: a full HD screen
MAX_PROFILE_BYTES = 4_000_000  # of colours; those of printing presses have 0.5 to 3 MB
MAX_DEEP_INTERLACED_PIXELS = 30_000_000  # of a PNG of 16 bits, which takes 40 ns a pixel
MAX_TAGS = 4_096  # photos have about 100; Pillow and libtiff take some microseconds for each
_LEAST_SHORT_SIDE = 50  # of a strip of 65,535 pixels; half of it would show too little

# Bytes of memory that one pixel takes at the peak, measured at 49 million pixels with Pillow 13.0.
# Other formats take what their mode takes: 1 for grey and palettes, 4 for colour.
_BYTES_A_PIXEL = {
    "WEBP": 16.2,
    "AVIF": 20.0,  # 13.3 of 8 bits with transparency; planes of 10 and 12 bits are twice as large
    "HEIF": 10.0,  # 8.1 of 8 bits (a photo of 16 million pixels)
}
_BYTES_A_PIXEL_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture can be: bytes of the file, and pixels by its header."""

    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000

    @property
    def max_memory_bytes(self) -> int:
        """Memory that decoding can take: 250 MB at 100 million pixels, to stay below 300 MB."""
        return self.max_pixels * 5 // 2

    @property
    def max_pixels_per_request(self) -> int:
        """Pixels of all pictures that one request can have decoded: 50 photos of 20 million."""
        return 10 * self.max_pixels

    def max_pixels_of(self, format: str, mode: str = "RGB") -> int:
        """Pixels up to which a format opens: a JPEG that is decoded in one pass has most.

        The pixels of a raw file are those of its preview, a JPEG.
        """
        if format in ("JPEG", "MPO") or is_raw(format):
            return self.max_pixels
        # 50 million pixels of PNG take a second.
        return min(self.max_pixels // 2, int(self.max_memory_bytes / bytes_a_pixel(format, mode)))

    @property
    def max_pixels_whole(self) -> int:
        """Pixels up to which every supported format opens; most formats allow more.

        12.5 million at 100: AVIF, which takes most memory, opens up to there; PNG and GIF up to 50
        million. Only a run-length BMP, decoded in Python, ends at MAX_SLOW_PIXELS.
        """
        return int(self.max_memory_bytes / max(_BYTES_A_PIXEL.values()))


def over_limit(size: str, limit: str) -> PictureTooLarge:
    """Return the error for a picture that is too large."""
    return PictureTooLarge(f"{size} exceed the limit of {limit}; send a smaller copy")


def overcomplicated(name: str, what: str) -> PictureTooLarge:
    """Return the error for a file whose parts would take seconds to read."""
    return PictureTooLarge(f"The {name} has {what}; save it again with another program")


def bytes_a_pixel(format: str, mode: str) -> float:
    """Return the memory that decoding takes for each pixel, at the peak."""
    return _BYTES_A_PIXEL.get(format, _BYTES_A_PIXEL_OF_MODE.get(mode, 4))


def affordable_short_side(
    size: tuple[int, int], short_side_px: int, budget: float, *, copied: float, scalable: bool
) -> int:
    """Halve the wanted short side until a picture and its copies fit in `budget` bytes.

    A copy takes `copied` bytes a pixel after shrinking; a `scalable` picture (JPEG) is decoded at
    1/2, 1/4 or 1/8. Only long strips and parts of large pictures get less than wanted.
    """
    pixels = size[0] * size[1]
    while short_side_px > _LEAST_SHORT_SIDE:
        factor = max(1, min(size) // short_side_px)
        scale = min(8, 1 << factor.bit_length() - 1)
        decoded = 4 * pixels / scale**2 if scalable else 0
        if decoded + copied * pixels / factor**2 <= budget:
            break
        short_side_px //= 2
    return short_side_px
