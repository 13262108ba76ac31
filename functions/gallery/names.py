"""Names of images and the ids that follow from them. Knows no store and no folder."""

import unicodedata
import uuid

from functions.gallery.errors import InvalidName

MAX_NAME_BYTES = 1_024  # an S3 object key, UTF-8
MAX_PART_BYTES = 255  # a file name on Linux and macOS
OURS = ".lookalike/"  # what we keep in the bucket ourselves; no picture lies there

_NAMESPACE = uuid.UUID("5b0c0d36-2f6b-5f0e-9d5e-6c6f6f6b616c")


def image_id(bucket: str, name: str) -> str:
    """Give the id that this name in this bucket always has: repeats overwrite, never double."""
    return str(uuid.uuid5(_NAMESPACE, f"{bucket}\0{name}"))


BY_BYTES = "sha256/"  # begins the names of pictures that came without one


def name_of_bytes(sha256: str) -> str:
    """Name an image that came without a name after its content; sha256 in hex."""
    return f"{BY_BYTES}{sha256}"


def check_name(name: str) -> str:
    """Return the name if a bucket and a folder can both hold it; raise InvalidName if not."""
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise InvalidName("A name has no control characters", field="name")
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidName("A name is a relative path such as shoes/red.jpg", field="name")
    if len(name.encode()) > MAX_NAME_BYTES or any(len(p.encode()) > MAX_PART_BYTES for p in parts):
        raise InvalidName(
            f"A name has at most {MAX_NAME_BYTES} bytes, each part {MAX_PART_BYTES}", field="name"
        )
    if name.startswith(OURS):
        raise InvalidName(f"Names that begin with {OURS} are for Lookalike itself", field="name")
    return name


def is_picture_name(key: str) -> bool:
    """Tell whether a key of a bucket is to be indexed; ours and "folders" (a/b/) are not."""
    return not key.startswith(OURS) and not key.endswith("/")
