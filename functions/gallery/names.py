"""Names of images, and the ids derived from them."""

import unicodedata
import uuid

from functions.gallery.errors import InvalidName

MAX_NAME_BYTES = 1_024  # an S3 object key, UTF-8
MAX_PART_BYTES = 255  # a file name on Linux and macOS
RESERVED = ".lookalike/"  # our own files in the bucket, not pictures

BY_BYTES = "sha256/"  # starts the names of pictures sent without one

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


def is_picture_name(key: str) -> bool:
    """Return whether a key of a bucket is indexed; our own files and "folders" (a/b/) are not."""
    return not key.startswith(RESERVED) and not key.endswith("/")
