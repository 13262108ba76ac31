"""Metadata of a picture as the user metadata of an S3 object, there and back. Knows no S3.

S3 lower-cases names and takes ASCII texts only. A field that survives this is written as it is, so
that other tools can read it; the rest (numbers, lists, other letters) goes as JSON under one name.
"""

import json
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from functions.gallery.errors import InvalidMetadata
from functions.gallery.records import Metadata

REST = "lookalike"  # the name under which the JSON goes
MAX_HEADER_BYTES = 2_048  # names and values together, as S3 counts them
_PLAIN_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PLAIN_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


def headers_of(metadata: Metadata) -> dict[str, str]:
    """Write metadata as texts that S3 keeps; raises InvalidMetadata if they are over its 2 KB."""
    headers = {name: str(value) for name, value in metadata.items() if _is_plain(name, value)}
    rest = {name: value for name, value in metadata.items() if name not in headers}
    if rest:
        headers[REST] = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    size = sum(len(name) + len(value) for name, value in headers.items())
    if size > MAX_HEADER_BYTES:
        raise InvalidMetadata(
            f"A bucket keeps {MAX_HEADER_BYTES} bytes of metadata with a picture, these take "
            f"{size}; send less, and PATCH the rest afterwards"
        )
    return headers


def metadata_in(headers: Mapping[str, str]) -> dict[str, Any]:
    """Read metadata back, ours or anybody's, unchecked."""
    metadata: dict[str, Any] = {
        name.lower(): _decoded(value) for name, value in headers.items() if name.lower() != REST
    }
    for name, value in headers.items():
        if name.lower() == REST:
            metadata |= _object(value)
    return metadata


def _is_plain(name: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and name != REST
        and _PLAIN_NAME.fullmatch(name) is not None
        and _PLAIN_VALUE.fullmatch(value) is not None
        and not value.startswith("=?")  # would be read as RFC 2047
    )


def _decoded(value: str) -> str:
    """Undo RFC 2047, in which S3 gives values that some other tool wrote with other letters."""
    if not (value.startswith("=?") and value.endswith("?=")):
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {REST: text}  # somebody else's own
