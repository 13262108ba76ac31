"""The kinds of files, as docs/formats.md lists them: how each is read, or why it is refused.

Nothing that runs imports this. A test writes a file of each kind and decodes it.
"""

from dataclasses import dataclass

from functions.gallery.errors import (
    DamagedPicture,
    EmptyPicture,
    PictureError,
    UnsupportedFormat,
)
from functions.gallery.pictures.formats import RAW_FORMATS, not_supported, unsupported_reason
from functions.gallery.pictures.limits import (
    MAX_DEEP_INTERLACED_PIXELS,
    MAX_SLOW_PIXELS,
    Limits,
)
from functions.gallery.pictures.picture import Flaw
from functions.gallery.pictures.raw import without_preview

_MAX_MEMORY_BYTES = Limits().max_memory_bytes
_MAX_SAMPLED_BYTES = _MAX_MEMORY_BYTES * 3 // 10  # of samples that Pillow has no mode for
_FLOATS = "0 is black; white is 1, 255, 65,535 or the maximum"
_INTERLACED = f"up to {MAX_DEEP_INTERLACED_PIXELS // 10**6} million pixels if it is interlaced"
_AS_BASELINE = "save it as a baseline JPEG"
_TO_SRGB = "converted to sRGB by its profile; also in other formats"
_PREVIEW = "its largest JPEG preview, which the limit is for; recorded with the size of the sensor"
_SHOWN = "on white, or on black if white hides it"
_FIRST_FRAME = "its first frame that shows something"


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
    Accepted("JPEG, CMYK with a profile", "JPEG", _TO_SRGB),
    Accepted("JPEG, Adobe RGB", "JPEG", _TO_SRGB),
    Accepted("JPEG, broken profile", "JPEG", "taken for sRGB", flaws=(Flaw.PROFILE_IGNORED,)),
    Accepted("JPEG, turned by EXIF", "JPEG", "upright; also PNG, WebP and TIFF"),
    Accepted("JPEG, motion photo", "JPEG", "the photo; the video after it is not read"),
    Accepted("JPEG without its end", "JPEG", "from half of its rows on", flaws=(Flaw.DAMAGED,)),
    Accepted("MPO", "MPO", "its first picture"),
    Accepted("PNG", "PNG"),
    Accepted("PNG, Display P3", "PNG", _TO_SRGB),
    Accepted("PNG, palette", "PNG"),
    Accepted("PNG, black and white", "PNG"),
    Accepted("PNG, grey of 4 bits", "PNG"),
    Accepted("PNG, grey of 16 bits", "PNG"),
    Accepted("PNG, 16 bits", "PNG", _INTERLACED),
    Accepted("PNG, transparent", "PNG", _SHOWN),
    Accepted("PNG, transparent, white", "PNG", "on black"),
    Accepted("PNG, transparent grey", "PNG", _SHOWN),
    Accepted("PNG, transparent grey of 16 bits", "PNG", _SHOWN),
    Accepted("PNG, transparent, 16 bits", "PNG", _SHOWN),
    Accepted("PNG, megabytes of text", "PNG", "texts are not read"),
    Accepted("PNG without its end", "PNG", "if all pixels are there", flaws=(Flaw.DAMAGED,)),
    Accepted("PNG, animated", "PNG", _FIRST_FRAME),
    Accepted("WebP", "WEBP"),
    Accepted("WebP, lossless", "WEBP"),
    Accepted("WebP, transparent", "WEBP", _SHOWN),
    Accepted("WebP without its end", "WEBP", "if all pixels are there", flaws=(Flaw.DAMAGED,)),
    Accepted("WebP, animated", "WEBP", _FIRST_FRAME),
    Accepted("AVIF", "AVIF"),
    Accepted("AVIF, 10 bits", "AVIF"),
    Accepted("AVIF, turned", "AVIF", "upright, by its own rotation and mirroring"),
    Accepted("AVIF, tiles", "AVIF", "whole"),
    Accepted("AVIF, transparent", "AVIF", _SHOWN),
    Accepted("AVIF, animated", "AVIF", _FIRST_FRAME),
    Accepted("HEIC", "HEIF"),
    Accepted("HEIC, 10 bits", "HEIF"),
    Accepted("HEIC, turned", "HEIF", "upright, by its own rotation and mirroring, not by EXIF"),
    Accepted("HEIC, tiles", "HEIF", "whole, as phones write it"),
    Accepted("HEIC with a depth map", "HEIF", "the photo; the depth map is not read"),
    Accepted("HEIC, transparent", "HEIF", _SHOWN),
    Accepted("GIF", "GIF"),
    Accepted("GIF, transparent", "GIF", _SHOWN),
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
    Accepted("TIFF, transparent", "TIFF", _SHOWN),
    Accepted("TIFF, transparent grey", "TIFF", _SHOWN, fewer_pixels=_MAX_SAMPLED_BYTES // 2),
    Accepted("TIFF, planes", "TIFF", fewer_pixels=_MAX_SAMPLED_BYTES // 3),
    Accepted("TIFF, planes of 16 bits", "TIFF", fewer_pixels=_MAX_SAMPLED_BYTES // 6),
    Accepted("TIFF, tiles", "TIFF"),
    Accepted("TIFF, grey floats", "TIFF", _FLOATS),
    Accepted("TIFF, floats", "TIFF", _FLOATS, fewer_pixels=_MAX_SAMPLED_BYTES // 12),
    Accepted("TIFF, grey of 32 bits", "TIFF", fewer_pixels=_MAX_SAMPLED_BYTES // 4),
    Accepted("TIFF, 32 bits", "TIFF", fewer_pixels=_MAX_SAMPLED_BYTES // 12),
    Accepted("TIFF, white is zero", "TIFF"),
    Accepted("TIFF, white is zero, 16 bits", "TIFF", fewer_pixels=_MAX_SAMPLED_BYTES // 2),
    Accepted("TIFF, several pages", "TIFF", "its first page that is not a thumbnail"),
    Accepted("BigTIFF", "TIFF"),
    *(Accepted(f"{each.name}, raw", each.name, _PREVIEW) for each in RAW_FORMATS),
)
REFUSED = (
    *(
        Refused(name, not_supported(name))
        for name in (
            *("JPEG XL", "JPEG 2000", "SVG", "XML or SVG", "PDF", "PostScript", "Photoshop"),
            *("Radiance HDR", "ICO", "MP4 or QuickTime video", "XMP", "HTML", "ZIP"),
        )
    ),
    *(
        Refused(f"{each.name} without a large preview", without_preview(each.name))
        for each in RAW_FORMATS
    ),
    *(
        Refused(name, not_supported(name))
        for name in ("Canon raw (CRW)", "Sigma raw (X3F)", "Minolta raw (MRW)")
    ),
    *(
        Refused(name, f"{what} is not supported; {advice}")
        for name, what, advice in (
            ("JPEG, 12 bits", "12-bit JPEG", _AS_BASELINE),
            ("JPEG, lossless", "Lossless JPEG", _AS_BASELINE),
            ("JPEG, arithmetic coding", "JPEG with arithmetic coding", _AS_BASELINE),
            ("JPEG, hierarchical", "Hierarchical JPEG", _AS_BASELINE),
            ("JPEG-LS", "JPEG-LS", _AS_BASELINE),
            ("TIFF, complex numbers", "TIFF with 64-bit complex grey", "save it with 8 or 16 bits"),
            ("TIFF, LogLuv", "TIFF with LogLuv colours", "save it as RGB"),
            ("TIFF, JPEG 2000", "TIFF with JPEG 2000 compression", "save it with LZW or Deflate"),
            ("TIFF, WebP", "TIFF with WebP compression", "save it with LZW or Deflate"),
        )
    ),
    Refused("anything else", unsupported_reason(b"")),
    Refused(
        "less than half a JPEG",
        "More than half of the JPEG file is missing; send it again",
        DamagedPicture,
    ),
    Refused("half a PNG", "The PNG file is damaged; save or send it again", DamagedPicture),
    Refused("no bytes", "The file is empty; send the bytes of an image", EmptyPicture),
)
