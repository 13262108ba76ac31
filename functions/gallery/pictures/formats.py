"""The formats of picture files, by their first bytes. Does not depend on a decoder."""

import re
from dataclasses import dataclass

ADVICE = "send JPEG, PNG, WebP or AVIF"
_VIDEO = "MP4 or QuickTime video"
_VIDEO_BOXES = (b"ftyp", b"moov", b"mdat", b"wide")  # what such a file can start with


@dataclass(frozen=True, slots=True)
class Format:
    """A format that opens."""

    name: str  # as Pillow has it, or the kind of raw file; and in the records
    media_type: str  # registered by IANA
    suffixes: tuple[str, ...]
    start: bytes | None  # a pattern that the first bytes match; None: Pillow finds out


# An MPO starts like a JPEG.
PICTURE_FORMATS = (
    Format("JPEG", "image/jpeg", (".jpg", ".jpeg", ".jpe", ".jfif"), rb"\xff\xd8\xff"),
    Format("PNG", "image/png", (".png", ".apng"), rb"\x89PNG"),
    Format("WEBP", "image/webp", (".webp",), rb"RIFF....WEBP"),
    Format("AVIF", "image/avif", (".avif", ".avifs"), rb"....ftyp(avi[fs]|m[is]f1)"),
    Format("GIF", "image/gif", (".gif",), rb"GIF8"),
    Format(
        "BMP",
        "image/bmp",
        (".bmp", ".dib"),
        rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",  # the size of its header
    ),
    Format(
        "TIFF",
        "image/tiff",
        (".tif", ".tiff"),
        rb"II\*\x00|MM\x00\*|MM\*\x00|II\x00\*|II\+\x00|MM\x00\+",
    ),
    Format("MPO", "image/jpeg", (".mpo",), None),
    Format(
        "HEIF",
        "image/heic",
        (".heic", ".heif", ".hif"),
        rb"....ftyp(hei[cxms]|hev[cx]|m[is]f1)",
    ),
)
# Raw files of cameras, by their JPEG preview; see raw.py. None: they start like a TIFF. "RAW" are
# those of other vendors whose TIFF describes a sensor.
RAW_FORMATS = (
    Format("DNG", "image/x-adobe-dng", (".dng", ".gpr"), None),
    Format("NEF", "image/x-nikon-nef", (".nef", ".nrw"), None),
    Format("CR2", "image/x-canon-cr2", (".cr2",), None),
    Format("CR3", "image/x-canon-cr3", (".cr3",), rb"....ftypcrx "),
    Format("ARW", "image/x-sony-arw", (".arw", ".sr2"), None),
    Format("RAF", "image/x-fuji-raf", (".raf",), rb"FUJIFILMCCD-RAW "),
    Format("ORF", "image/x-olympus-orf", (".orf",), rb"II(RO|RS)|MMOR"),
    Format("RW2", "image/x-panasonic-rw2", (".rw2", ".rwl"), rb"IIU\x00"),
    Format("PEF", "image/x-pentax-pef", (".pef",), None),
    Format("RAW", "image/x-dcraw", (".srw", ".3fr", ".erf"), None),
)
FORMATS = PICTURE_FORMATS + RAW_FORMATS
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"%!PS", "PostScript"),
    (b"<svg", "SVG"),
    (b"<?xml", "XML or SVG"),
    (b"<!DOCTYPE", "HTML"),
    (b"<html", "HTML"),
    (b"<x:xmpmeta", "XMP"),
    (b"<?xpacket", "XMP"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"8BPS", "Photoshop"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"PK\x03\x04", "ZIP"),
    (b"II\x1a\x00\x00\x00HEAPCCDR", "Canon raw (CRW)"),
    (b"FOVb", "Sigma raw (X3F)"),
    (b"\x00MRM", "Minolta raw (MRW)"),
)
_RAW_NAMES = frozenset(format.name for format in RAW_FORMATS)
_MEDIA_TYPES = {format.name: format.media_type for format in FORMATS}


def accepted() -> list[str]:
    """Return the names of the formats that are supported."""
    return [format.name for format in FORMATS]


def file_types() -> list[str]:
    """Return the media types and suffixes that a file field of a page offers."""
    types = [format.media_type for format in FORMATS]
    return list(dict.fromkeys([*types, *(s for format in FORMATS for s in format.suffixes)]))


def unsupported_kinds() -> set[str]:
    """Return the kinds that are refused by name."""
    return {_VIDEO, *(name for _, name in _OTHERS)}


def not_supported(name: str) -> str:
    """Return why files of this kind are refused, and what to do."""
    return f"{name} is not a supported picture format; {ADVICE}"


def formats_like(data: bytes) -> list[str]:
    """Return the supported formats that the bytes start like; an AVIF can start like a HEIF."""
    return [f.name for f in FORMATS if f.start and re.match(f.start, data[:18], re.DOTALL)]


def unsupported_reason(data: bytes) -> str:
    """Return why bytes that are in no supported format are refused, and what to do."""
    start = data[:256].lstrip()
    for magic, name in _OTHERS:
        if start.startswith(magic):
            return not_supported(name)
    if data[4:8] in _VIDEO_BOXES:
        return not_supported(_VIDEO)
    return f"The file is not a picture in a known format; {ADVICE}"


def is_raw(format: str) -> bool:
    """Return whether pictures in this format are previews of a camera's raw file."""
    return format in _RAW_NAMES


def media_type(format: str) -> str:
    """Return the IANA media type of a format as Pillow names it."""
    return _MEDIA_TYPES.get(format, "application/octet-stream")
