"""How large a picture may be and what its pixels take in memory. Knows no decoder and no file."""

from dataclasses import dataclass

MAX_SIDE = 65_535  # JPEG's own; a row or a strip each costs Pillow time and memory of its own
_LEAST_SHORT_SIDE = 50  # of a strip of 65,535 pixels; half of it is too few to tell anything

# Bytes of memory that one pixel takes at the peak, measured at 49 million pixels with Pillow 13.0.
# What is not here takes what its mode takes: 1 for grey and palettes, 4 for colour.
_BYTES_A_PIXEL = {
    "WEBP": 16.2,
    "AVIF": 20.0,  # 13.3 of 8 bits with transparency; planes of 10 and 12 bits are twice as large
    "HEIF": 10.0,  # 8.1 of 8 bits (a photo of 16 million pixels)
    "JPEG2000": 25.0,  # 19.4 without transparency
    "QOI": 8.2,
}
_BYTES_A_PIXEL_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
BYTES_A_PIXEL_MOST = max(_BYTES_A_PIXEL.values())


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be: bytes of the file and pixels that its header promises."""

    max_bytes: int = 20_000_000
    max_pixels: int = 100_000_000

    @property
    def max_memory_bytes(self) -> int:
        """Memory that decoding may take: 250 MB at 100 million pixels, so that 300 are kept."""
        return self.max_pixels * 5 // 2

    @property
    def max_pixels_whole(self) -> int:
        """Pixels that a picture of every promised format may have; many may have more.

        10 million at 100: what a pixel takes differs (the table above), and JPEG 2000, which takes
        most, opens up to there; PNG and GIF up to 50 million. Only a run-length BMP, decoded in
        Python, ends at MAX_SLOW_PIXELS.
        """
        return int(self.max_memory_bytes / BYTES_A_PIXEL_MOST)


def bytes_a_pixel(format: str, mode: str) -> float:
    """Give the memory that decoding takes for each pixel, at the peak."""
    return _BYTES_A_PIXEL.get(format, _BYTES_A_PIXEL_OF_MODE.get(mode, 4))


def affordable_short_side(
    size: tuple[int, int], short_side_px: int, budget: float, *, copied: float, scalable: bool
) -> int:
    """Halve the short side asked for until a picture and its copies fit in `budget` bytes.

    `copied` bytes a pixel come after shrinking; a `scalable` one (JPEG) is decoded at 1/2, 1/4 or
    1/8. Only long strips and parts of large pictures come to less than what was asked for.
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
