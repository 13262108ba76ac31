"""What is kept with an original: etags, metadata records, refusals. Depends on records.

An object in a bucket has metadata of its own, from whoever wrote it. What it cannot hold, and what
is changed later, is in one small record next to it. The record applies until the object gets other
metadata of its own, which are newer; new bytes alone do not end it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256
from typing import Any

from functions.gallery.errors import NameTaken
from functions.gallery.records import Metadata, MetadataRecord, ObjectState, Refusal

REPLIES_KEPT_S = 86_400
_BEFORE_HASH = "~"
_BEFORE_HASH_ONCE = "+"  # in an index written before there were records


def name_taken(name: str) -> NameTaken:
    """Return the error for a name that is in use."""
    return NameTaken(f"Another picture is named {name!r}; set overwrite to replace it")


# --- Etags


def etag_of(etag_of_bytes: str, metadata: Mapping[str, Any]) -> str:
    """Return a text that changes with the bytes of an object and with its metadata.

    Without metadata it is the bucket's own etag, unquoted; otherwise a tilde and a hash of the
    metadata follow, because S3's etag stays the same when only the metadata are replaced.
    """
    return f"{etag_of_bytes}{_BEFORE_HASH}{hash_of(metadata)}" if metadata else etag_of_bytes


def bytes_etag(etag: str) -> str:
    """Return the part of an etag that a listing shows."""
    return etag.partition(_BEFORE_HASH)[0].partition(_BEFORE_HASH_ONCE)[0]


def is_current(etag: str, state: ObjectState) -> bool:
    """Return whether an etag in the index is that of this state, as far as the state is known."""
    return etag == state.etag or (state.unreadable != "" and bytes_etag(etag) == state.etag)


def hash_of(metadata: Mapping[str, Any]) -> str:
    """Return a short hash of metadata; of none, an empty text."""
    text = json.dumps(metadata, sort_keys=True, default=list).encode()
    return sha256(text).hexdigest()[:12] if metadata else ""


def has_unsaved_metadata(etag: str, metadata: Metadata) -> bool:
    """Return whether an indexed image's metadata may be in the index only.

    So it was before there were records: in a folder always, in a bucket after a change.
    """
    return _BEFORE_HASH not in etag and (bool(metadata) or _BEFORE_HASH_ONCE in etag)


def is_same_object(indexed: str, etag: str) -> bool:
    """Return whether an etag in an index, perhaps an old one, is that of an object."""
    return indexed.replace(_BEFORE_HASH_ONCE, _BEFORE_HASH) == etag


# --- Metadata records


def metadata_of(own: Mapping[str, Any], record: MetadataRecord | None) -> Mapping[str, Any]:
    """Return the metadata of an object from its own ones and its record."""
    if record is None or (own and hash_of(own) != record.own_metadata):
        return own
    return record.metadata


def write_record(record: MetadataRecord) -> bytes:
    """Return a record as JSON."""
    return json.dumps(asdict(record)).encode()


def read_record(text: bytes) -> MetadataRecord | None:
    """Read a record; None if the file is damaged."""
    try:
        record = MetadataRecord(**json.loads(text))
    except (TypeError, ValueError):
        return None
    return record if isinstance(record.metadata, dict) else None


# --- Refusals


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
