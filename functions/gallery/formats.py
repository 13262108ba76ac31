"""Names file formats by their first bytes, for messages that help. Knows no decoder."""

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
    """Name the formats that are promised to open here; Pillow opens some more."""
    return [*_ALWAYS, "HEIF"] if find_spec("pi_heif") else list(_ALWAYS)


def is_heic(data: bytes) -> bool:
    """Tell whether the bytes begin like HEIC, which Pillow cannot open by itself."""
    return data[4:8] == b"ftyp" and data[8:12] in _HEIC_BRANDS


def damaged_picture(data: bytes) -> str | None:
    """Name the picture format that unreadable bytes begin like, or None."""
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "AVIF"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    return next((name for magic, name in _PICTURES if data.startswith(magic)), None)


def describe(data: bytes) -> str:
    """Say why bytes that no decoder recognised are refused, and what to do."""
    if is_heic(data):
        return f"HEIC needs the optional decoder: pip install pi-heif; or {ADVICE}"
    start = data[:256].lstrip()
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return f"{name} is not a picture format that can be searched; {ADVICE}"
    return f"The content is not a picture in a known format; {ADVICE}"


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
    """Give the IANA media type of a format as Pillow calls it."""
    return _MEDIA_TYPES.get(format, "application/octet-stream")
