"""The supported formats, by their first bytes. Does not depend on a decoder."""

import re
from importlib.util import find_spec

_ALWAYS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "MPO")
ADVICE = "send JPEG, PNG, WebP or AVIF"

# A pattern for each format as Pillow names it; an MPO starts like a JPEG, and Pillow tells them
# apart. "MM\x00+" is left out: Pillow does not read a BigTIFF in this byte order.
_STARTS = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG",
    "GIF": rb"GIF8",
    "WEBP": rb"RIFF....WEBP",
    "AVIF": rb"....ftyp(avi[fs]|m[is]f1)",
    "HEIF": rb"....ftyp(hei[cxms]|hev[cx]|m[is]f1)",
    "TIFF": rb"II\*\x00|MM\x00\*|MM\*\x00|II\x00\*|II\+\x00",
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",  # the size of its header
}
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"8BPS", "Photoshop"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"PK\x03\x04", "ZIP"),
)


def accepted() -> list[str]:
    """Return the formats that are supported."""
    return [*_ALWAYS, "HEIF"] if _reads_heif() else list(_ALWAYS)


def formats_like(data: bytes) -> list[str]:
    """Return the supported formats that the bytes start like; an AVIF can start like a HEIF."""
    start = data[:18]
    names = [name for name, pattern in _STARTS.items() if re.match(pattern, start, re.DOTALL)]
    return [name for name in names if name != "HEIF" or _reads_heif()]


def unsupported_reason(data: bytes) -> str:
    """Return why bytes that are in no supported format are refused, and what to do."""
    if re.match(_STARTS["HEIF"], data[:18], re.DOTALL) and not _reads_heif():
        return f"HEIC needs the optional decoder: pip install pi-heif; or {ADVICE}"
    start = data[:256].lstrip()
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"{name} is not a supported picture format; {ADVICE}"
    return f"The file is not a picture in a known format; {ADVICE}"


def _reads_heif() -> bool:
    return find_spec("pi_heif") is not None


_MEDIA_TYPES = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "AVIF": "image/avif",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "HEIF": "image/heic",
}


def media_type(format: str) -> str:
    """Return the IANA media type of a format as Pillow names it."""
    return _MEDIA_TYPES.get(format, "application/octet-stream")
