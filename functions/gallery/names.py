"""Names of images, and the ids derived from them."""

import re
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

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Unicode's categories Cc and Cs
_WORD = re.compile(r"[^\W_]+")
_LAST_DIGITS = re.compile(r"\d+$")
_HEX = re.compile(r"(?=.*\d)(?=.*[a-f])[\da-f]{8,}")  # as in a UUID
# Letters of a word that count. With 12 for all, a name that is a UUID takes 5.5 KB of memory in the
# embedded store, with these 1.7 KB; summer-1/IMG_000123.jpg takes 0.9 KB (20,000 names of each).
_BEGINNING, _HEX_BEGINNING = 8, 4

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


def words_of(text: str) -> list[str]:
    """Return the words of a name or of what people search for in names, in lower case, shortened.

    Two are equal here if they begin with the same 8 letters, or 4 of a long hexadecimal number.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return [
        word[: _HEX_BEGINNING if _HEX.fullmatch(word) else _BEGINNING]
        for word in _WORD.findall(plain)
    ]


def beginnings(name: str) -> list[str]:
    """Return how the words of a name begin, in every length, each once: `red` has r, re and red.

    The number at the end of a word counts as a word too: img_0123, IMG0123. A store that can only
    match whole texts finds names by part of a word with them. Names that are hashes have none.
    """
    words = words_of(BY_BYTES if name.startswith(BY_BYTES) else name)
    numbers = [found[0] for word in words if (found := _LAST_DIGITS.search(word))]
    return list({word[:end]: None for word in words + numbers for end in range(1, len(word) + 1)})


def check_name(name: str) -> str:
    """Return the name if a bucket and a folder can both hold it; raise InvalidName if not."""
    if _CONTROLS.search(name):
        raise InvalidName(
            "A name cannot have control characters or bytes that are not UTF-8; change the name",
            field="name",
        )
    parts = name.split("/")
    if not {"", ".", ".."}.isdisjoint(parts):
        raise InvalidName("A name must be a relative path such as shoes/red.jpg", field="name")
    size = len(name.encode())
    if size > MAX_PART_BYTES and (
        size > MAX_NAME_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts)
    ):
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
