"""The kinds of files, as docs/formats.md lists them: how each is read, or why it is refused.

Nothing that runs imports this. A test writes a file of each kind and decodes it.
"""

from dataclasses import dataclass

from functions.gallery.errors import (
    EmptyPicture,
    PictureError,
    UndecodablePicture,
    UnsupportedFormat,
)
from functions.gallery.pictures.formats import not_supported, unsupported_reason
from functions.gallery.pictures.limits import MAX_SLOW_PIXELS, Limits
from functions.gallery.pictures.picture import Flaw

_MAX_MEMORY_BYTES = Limits().max_memory_bytes
_FIRST_FRAME = "its first frame"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A kind of file that opens."""

    name: str
    format: str  # its name in FORMATS
    how: str = ""  # what is special about it
    fewer_pixels: int = 0  # if it can have fewer than its format
    flaws: tuple[Flaw, ...] = ()

    @property
    def max_pixels(self) -> int:
        """Pixels that it can have with the default settings."""
        return self.fewer_pixels or Limits().max_pixels_of(self.format)


@dataclass(frozen=True, slots=True)
class Refused:
    """A kind of file that does not open."""

    name: str
    detail: str  # what the error says
    error: type[PictureError] = UnsupportedFormat


ACCEPTED = (
    Accepted("JPEG", "JPEG", "at 1/2, 1/4 or 1/8 of its size where that is enough"),
    Accepted("JPEG, progressive", "JPEG", fewer_pixels=_MAX_MEMORY_BYTES // 6),
    Accepted("JPEG, grey", "JPEG"),
    Accepted("JPEG, CMYK", "JPEG"),
    Accepted("JPEG, turned by EXIF", "JPEG", "upright; also PNG, WebP and TIFF"),
    Accepted("JPEG, motion photo", "JPEG", "the photo; the video after it is not read"),
    Accepted("JPEG without its end", "JPEG", "from half of its rows on", flaws=(Flaw.DAMAGED,)),
    Accepted("MPO", "MPO", "its first picture"),
    Accepted("PNG", "PNG"),
    Accepted("PNG, palette", "PNG"),
    Accepted("PNG, black and white", "PNG"),
    Accepted("PNG, grey of 4 bits", "PNG"),
    Accepted("PNG, grey of 16 bits", "PNG"),
    Accepted("PNG, 16 bits", "PNG"),
    Accepted("PNG, transparent", "PNG", "on white"),
    Accepted("PNG, transparent grey", "PNG", "on white"),
    Accepted("PNG, transparent grey of 16 bits", "PNG", "on white"),
    Accepted("PNG, transparent, 16 bits", "PNG", "on white"),
    Accepted("PNG, megabytes of text", "PNG", "texts are not read"),
    Accepted("PNG without its end", "PNG", "if all pixels are there", flaws=(Flaw.DAMAGED,)),
    Accepted("PNG, animated", "PNG", _FIRST_FRAME),
    Accepted("WebP", "WEBP"),
    Accepted("WebP, lossless", "WEBP"),
    Accepted("WebP, transparent", "WEBP", "on white"),
    Accepted("WebP without its end", "WEBP", "if all pixels are there", flaws=(Flaw.DAMAGED,)),
    Accepted("WebP, animated", "WEBP", _FIRST_FRAME),
    Accepted("AVIF", "AVIF"),
    Accepted("AVIF, 10 bits", "AVIF"),
    Accepted("AVIF, turned", "AVIF", "upright, by its own rotation and mirroring"),
    Accepted("AVIF, tiles", "AVIF", "whole"),
    Accepted("AVIF, transparent", "AVIF", "on white"),
    Accepted("AVIF, animated", "AVIF", _FIRST_FRAME),
    Accepted("HEIC", "HEIF"),
    Accepted("HEIC, 10 bits", "HEIF"),
    Accepted("HEIC, turned", "HEIF", "upright, by its own rotation and mirroring, not by EXIF"),
    Accepted("HEIC, tiles", "HEIF", "whole, as phones write it"),
    Accepted("HEIC with a depth map", "HEIF", "the photo; the depth map is not read"),
    Accepted("HEIC, transparent", "HEIF", "on white"),
    Accepted("GIF", "GIF"),
    Accepted("GIF, transparent", "GIF", "on white"),
    Accepted("GIF, animated", "GIF", _FIRST_FRAME),
    Accepted("BMP", "BMP"),
    Accepted("BMP, palette", "BMP"),
    Accepted("BMP, run-length", "BMP", fewer_pixels=MAX_SLOW_PIXELS),
    Accepted("TIFF", "TIFF"),
    Accepted("TIFF, LZW", "TIFF"),
    Accepted("TIFF, JPEG", "TIFF"),
    Accepted("TIFF, fax", "TIFF"),
    Accepted("TIFF, palette", "TIFF"),
    Accepted("TIFF, CMYK", "TIFF"),
    Accepted("TIFF, Lab", "TIFF"),
    Accepted("TIFF, grey of 16 bits", "TIFF"),
    Accepted("TIFF, 16 bits", "TIFF"),
    Accepted("TIFF, transparent", "TIFF", "on white"),
    Accepted("TIFF, transparent grey", "TIFF", "on white"),
    Accepted("TIFF, planes", "TIFF"),
    Accepted("TIFF, tiles", "TIFF"),
    Accepted("TIFF, grey floats", "TIFF", "0 is black; white is 1, 255, 65,535 or the maximum"),
    Accepted("TIFF, white is zero", "TIFF"),
    Accepted("TIFF, several pages", "TIFF", "its first page"),
    Accepted("BigTIFF", "TIFF"),
)
REFUSED = (
    *(
        Refused(name, not_supported(name))
        for name in (
            *("JPEG XL", "JPEG 2000", "SVG", "XML or SVG", "PDF", "PostScript", "Photoshop"),
            *("Radiance HDR", "ICO", "MP4 or QuickTime video", "XMP", "HTML", "ZIP"),
        )
    ),
    Refused("anything else", unsupported_reason(b"")),
    Refused(
        "less than half a JPEG",
        "More than half of the JPEG file is missing; send it again",
        UndecodablePicture,
    ),
    Refused("half a PNG", "The PNG file is damaged; save or send it again", UndecodablePicture),
    Refused("no bytes", "The file is empty; send the bytes of an image", EmptyPicture),
)
