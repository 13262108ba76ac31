"""A picture's metadata as the user metadata of an S3 object, and back. Does not depend on S3.

S3 lower-cases names and accepts only ASCII text. A field that survives this is written as it is, so
that other tools can read it; the rest (numbers, lists, other letters) is JSON under one name.
"""

import json
import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from typing import Any

from functions.gallery.records import Metadata

REST = "lookalike"  # the name of the JSON
MAX_HEADER_BYTES = 2_048  # names and values together, as S3 counts them
_PLAIN_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PLAIN_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?")


def write_headers(metadata: Metadata) -> dict[str, str]:
    """Return metadata as text that S3 keeps; none if it exceeds S3's 2 KB."""
    headers = {name: str(value) for name, value in metadata.items() if _is_plain(name, value)}
    rest = {name: value for name, value in metadata.items() if name not in headers}
    if rest:
        headers[REST] = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    size = sum(len(name) + len(value) for name, value in headers.items())
    return headers if size <= MAX_HEADER_BYTES else {}


def read_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Read metadata that Lookalike or another tool wrote, unchecked."""
    metadata: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in headers.items():
        if name.lower() == REST:
            rest |= _read_json(value)
        else:
            metadata[name.lower()] = _decode(value)
    return metadata | rest


def _is_plain(name: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and name != REST
        and _PLAIN_NAME.fullmatch(name) is not None
        and _PLAIN_VALUE.fullmatch(value) is not None
        and not value.startswith("=?")  # would be read as RFC 2047
    )


def _decode(value: str) -> str:
    """Undo RFC 2047, with which S3 returns other letters that another tool wrote."""
    if not (value.startswith("=?") and value.endswith("?=")):
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def _read_json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {REST: text}  # another tool's own field
