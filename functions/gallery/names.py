"""Names of images, and the ids derived from them."""

import unicodedata
import uuid

from functions.gallery.errors import InvalidName

MAX_NAME_BYTES = 1_024  # an S3 object key, UTF-8
MAX_PART_BYTES = 255  # a file name on Linux and macOS
RESERVED = ".lookalike/"  # our own files in the bucket, not pictures

BY_BYTES = "sha256/"  # starts the names of pictures sent without one

# How the names of files end that cameras, phones and systems leave next to pictures, in lower case:
# edits and other metadata, small previews, videos, sound. They are left out, whatever is in them.
COMPANION_SUFFIXES = (
    *(".xmp", ".aae", ".thm", ".dop", ".pp3", ".cos", ".ctg", ".lrv"),
    *(".mov", ".mp4", ".m4v", ".avi", ".3gp", ".mts", ".m2ts", ".mkv", ".webm", ".wav", ".m4a"),
    *("thumbs.db", "desktop.ini", ".ds_store"),
)
_APPLE_DOUBLE = "._"  # macOS keeps attributes of a.jpg in ._a.jpg where the disk has none

_NAMESPACE = uuid.UUID("5b0c0d36-2f6b-5f0e-9d5e-6c6f6f6b616c")


def image_id(bucket: str, name: str) -> str:
    """Return the id of this name in this bucket, always the same: repeated adds overwrite."""
    return str(uuid.uuid5(_NAMESPACE, f"{bucket}\0{name}"))


def record_id(name: str) -> str:
    """Return the id of what is kept next to an original; it stays when a bucket is moved."""
    return image_id("", name)


def name_of_bytes(sha256: str) -> str:
    """Return the name of a picture sent without one; sha256 in hex."""
    return f"{BY_BYTES}{sha256}"


def check_name(name: str) -> str:
    """Return the name if a bucket and a folder can both hold it; raise InvalidName if not."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InvalidName(
            "A name cannot have control characters or bytes that are not UTF-8; change the name",
            field="name",
        )
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidName("A name must be a relative path such as shoes/red.jpg", field="name")
    if len(name.encode()) > MAX_NAME_BYTES or any(len(p.encode()) > MAX_PART_BYTES for p in parts):
        raise InvalidName(
            f"A name can have at most {MAX_NAME_BYTES} bytes, and {MAX_PART_BYTES} between slashes",
            field="name",
        )
    if name.startswith(RESERVED):
        raise InvalidName(f"Names cannot start with {RESERVED}, which is reserved", field="name")
    return name


def check_new_name(name: str) -> str:
    """Return the name if a picture can be added under it; raise InvalidName if not."""
    if is_companion(check_name(name)):
        raise InvalidName(
            "Files of this name are left out as videos or as what programs keep next to pictures; "
            "change the name",
            field="name",
        )
    return name


def is_picture_name(key: str) -> bool:
    """Return whether a key of a bucket is listed; our own files and "folders" (a/b/) are not."""
    return not (key.startswith(RESERVED) or key.endswith("/") or is_companion(key))


def is_companion(name: str) -> bool:
    """Return whether a file only lies next to pictures, such as a sidecar or a video."""
    last = name.rpartition("/")[2].casefold()
    return last.startswith(_APPLE_DOUBLE) or last.endswith(COMPANION_SUFFIXES)
