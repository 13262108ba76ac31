"""Etags that include metadata, and the JSON file that is kept for a refusal. Depends on records."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from functions.gallery.records import Refusal

REPLIES_KEPT_S = 86_400


def etag_of(etag_of_bytes: str, metadata: Mapping[str, Any]) -> str:
    """Return a text that changes with the bytes of an object and with its metadata.

    Without metadata it is the bucket's own etag, unquoted; otherwise a plus and a hash of the
    metadata follow, because S3's etag stays the same when only the metadata are replaced.
    """
    if not metadata:
        return etag_of_bytes
    text = json.dumps(metadata, sort_keys=True, default=list).encode()
    return f"{etag_of_bytes}+{sha256(text).hexdigest()[:12]}"


def bytes_etag(etag: str) -> str:
    """Return the part of an etag that a listing shows."""
    return etag.partition("+")[0]


def write_refusal(refusal: Refusal) -> bytes:
    """Return a refusal as JSON."""
    return json.dumps(asdict(refusal) | {"at": refusal.at.isoformat()}).encode()


def read_refusal(text: bytes) -> Refusal | None:
    """Read a refusal; None if the file is damaged, so that the object is tried again."""
    try:
        fields = json.loads(text)
        return Refusal(**{**fields, "at": datetime.fromisoformat(fields["at"])})
    except (KeyError, TypeError, ValueError):
        return None
