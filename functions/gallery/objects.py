"""The nouns of a place for originals: objects, their state, how far a comparison is."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from functions.gallery.records import Refusal

REPLIES_KEPT_S = 86_400


@dataclass(frozen=True, slots=True)
class ObjectState:
    """What is known of an object without reading it."""

    etag: str  # see etag_of
    bytes: int


@dataclass(frozen=True, slots=True)
class Original:
    """The bytes of a picture and what is kept beside them; all of it from one reading."""

    data: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)
    media_type: str = "application/octet-stream"
    etag: str = ""  # as ObjectState; not known of one that is still to be written


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a bucket's listing, which tells nothing of metadata."""

    name: str
    etag: str  # of the bytes alone
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class SignedForm:
    """A form that a browser may send a large picture with, straight to the bucket."""

    url: str
    fields: Mapping[str, str]  # to be sent as they are, before the file
    expires_at: datetime


class Synced(StrEnum):
    """What looking at an object led to."""

    INDEXED = "indexed"
    REMOVED = "removed"
    REFUSED = "refused"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a comparison of bucket and index has come; enough to go on in another process."""

    stage: Literal["objects", "points", "refusals"] = "objects"
    after: str | None = None  # the last name or id that was compared in this stage
    compared: int = 0
    different: int = 0
    indexed: int = 0  # objects that have the right point, of those compared

    @property
    def begun(self) -> bool:
        """Tell whether anything was compared before this."""
        return self != Progress()


def etag_of(of_bytes: str, metadata: Mapping[str, Any]) -> str:
    """Give one text that changes with the bytes of an object and with its metadata.

    Without metadata it is the bucket's own etag, unquoted; with metadata a hash of them follows
    behind a plus, for S3's etag stays the same when only the metadata are replaced.
    """
    if not metadata:
        return of_bytes
    written = json.dumps(metadata, sort_keys=True, default=list).encode()
    return f"{of_bytes}+{hashlib.sha256(written).hexdigest()[:12]}"


def etag_of_bytes(etag: str) -> str:
    """Give the part of an etag that a listing shows."""
    return etag.partition("+")[0]


def written_refusal(refusal: Refusal) -> bytes:
    """Write a refusal as the JSON file that is kept of it."""
    return json.dumps(asdict(refusal) | {"at": refusal.at.isoformat()}).encode()


def read_refusal(written: bytes) -> Refusal | None:
    """Read a refusal back; None if somebody spoilt the file, so that the object is tried again."""
    try:
        found = json.loads(written)
        return Refusal(**{**found, "at": datetime.fromisoformat(found["at"])})
    except (KeyError, TypeError, ValueError):
        return None
