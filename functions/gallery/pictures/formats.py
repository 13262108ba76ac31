"""File formats by their first bytes, for helpful messages. Does not depend on a decoder."""

from importlib.util import find_spec

_ALWAYS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "MPO")
ADVICE = "send JPEG, PNG, WebP or AVIF"

_PICTURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
)
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"PK\x03\x04", "ZIP"),
)
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def accepted() -> list[str]:
    """Return the formats that are supported; Pillow opens some more."""
    return [*_ALWAYS, "HEIF"] if find_spec("pi_heif") else list(_ALWAYS)


def is_heic(data: bytes) -> bool:
    """Return whether the bytes start like HEIC, which Pillow cannot open by itself."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def guess_format(data: bytes) -> str | None:
    """Return the supported format that the bytes start like, or None."""
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return next((name for magic, name in _PICTURES if data.startswith(magic)), None)


def unsupported_reason(data: bytes) -> str:
    """Return why bytes that no decoder recognised are refused, and what to do."""
    if is_heic(data):
        return f"HEIC needs the optional decoder: pip install pi-heif; or {ADVICE}"
    start = data[:256].lstrip()
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"{name} is not a supported picture format; {ADVICE}"
    return f"The file is not a picture in a known format; {ADVICE}"


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
