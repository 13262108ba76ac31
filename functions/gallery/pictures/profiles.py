"""Colours of embedded ICC profiles converted to sRGB, by LittleCMS.

Loaded with the first picture that has a profile. Depends on Pillow and limits.
"""

import io
import struct
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from functions.gallery.pictures.limits import MAX_PROFILE_BYTES
from functions.gallery.pictures.picture import Conversion, Flaw

# Eight sRGB profiles by different makers change a colour by 1 level of 255 at most; the nearest
# other space (Rec. 709) changes some by 16.
_SAME_LEVELS = 2
_NEEDED_BYTES = 64_000_000  # more than LittleCMS takes for the largest profile
_DEVICES = (b"scnr", b"mntr", b"prtr", b"spac")
_SPACES = {  # of profiles, by what the pixels are
    "RGB": (b"RGB ",),
    "L": (b"GRAY", b"RGB "),  # grey is where red, green and blue are equal, as in browsers
    "CMYK": (b"CMYK",),
    "LAB": (b"Lab ",),
}
# What converts a picture. Descriptions, the way back to the device and programs of floating point
# (D2B0), which can cost minutes, never reach LittleCMS.
_TAGS = b"wtpt chad rXYZ gXYZ bXYZ rTRC gTRC bTRC kTRC A2B0".split()
_MAX_TAGS = 100  # as in LittleCMS


def srgb_conversion(image: Image.Image) -> tuple[Conversion | None, tuple[Flaw, ...]]:
    """Return what converts a part of a loaded picture to sRGB; None if nothing needs to be done.

    It takes CMYK pixels for a CMYK picture, and RGB for all others. A profile that is broken, too
    large or of another colour space than the pixels is ignored; that is the flaw.
    """
    profile = image.info["icc_profile"]
    if profile == b"":
        return None, ()
    conversion = None
    if isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES:
        conversion = _conversion(profile, _pixels(image.mode))
    if conversion is None:
        return None, (Flaw.PROFILE_IGNORED,)
    return None if conversion is _unchanged else conversion, ()


def _pixels(mode: str) -> str:
    if mode in ("CMYK", "LAB"):
        return mode
    return "L" if mode in ("1", "L", "LA", "La") or mode.startswith(("I", "F")) else "RGB"


def _unchanged(image: Image.Image) -> Image.Image:
    return image


@lru_cache(maxsize=8)  # at most 32 MB of profiles; several threads can use one conversion
def _conversion(profile: bytes, pixels: str) -> Conversion | None:
    """Return the conversion of a profile, `_unchanged` if it is sRGB, or None if it is broken."""
    device, space = profile[12:16], profile[16:20]
    if device not in _DEVICES or space not in _SPACES[pixels]:
        return None
    if pixels == "LAB":
        return _unchanged
    try:
        convert = _transform(profile, {b"GRAY": "L", b"RGB ": "RGB"}.get(space, "CMYK"))
        return convert if pixels == "CMYK" else _simplest(convert, space, pixels)
    except (OSError, ValueError, struct.error):
        np.empty(_NEEDED_BYTES, np.uint8)  # a lack of memory is no fault of the profile
        return None


def _transform(profile: bytes, mode: str) -> Conversion:
    """Build a transform of LittleCMS; raises OSError, ValueError or struct.error."""
    # Perceptual, whatever the profile asks for, as browsers do; for profiles of three primaries all
    # intents are the same. With compensation the darkest ink is black, as in the sRGB picture that
    # was printed (and in Photoshop and ImageMagick); without, it is a dark grey.
    return ImageCms.ImageCmsTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(_trimmed(profile))),
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
        mode,
        "RGB",
        ImageCms.Intent.PERCEPTUAL,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    ).apply


def _simplest(convert: Conversion, space: bytes, pixels: str) -> Conversion:
    """Return a table for grey pictures, and `_unchanged` for what hardly changes any colour."""
    if pixels == "L":
        greys = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
        before = np.asarray(greys.convert("RGB"))
        after = np.asarray(convert(greys if space == b"GRAY" else greys.convert("RGB")))
    else:
        levels = np.arange(0, 256, 15, dtype=np.uint8)
        before = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(len(levels), -1, 3)
        after = np.asarray(convert(Image.fromarray(before)))
    if np.abs(after.astype(int) - before).max() <= _SAME_LEVELS:
        return _unchanged
    if pixels == "L":
        table = after[0].T.ravel().tolist()
        return lambda image: image.point(table)
    return convert


def _trimmed(profile: bytes) -> bytes:
    """Return the profile with its _TAGS only; raises struct.error if it ends in its list of tags.

    LittleCMS reports what is missing.
    """
    count = struct.unpack_from(">I", profile, 128)[0]
    bodies = {}
    for at in range(132, 132 + 12 * min(count, _MAX_TAGS), 12):
        name, start, size = struct.unpack_from(">4sII", profile, at)
        if name in _TAGS and start + size <= len(profile):
            bodies[name] = profile[start : start + size].ljust(-size % 4 + size, b"\0")
    start = 132 + 12 * len(bodies)
    table = struct.pack(">I", len(bodies))
    for name, body in bodies.items():
        table += struct.pack(">4sII", name, start, len(body))
        start += len(body)
    return struct.pack(">I", start) + profile[4:128] + table + b"".join(bodies.values())
