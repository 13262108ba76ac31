"""Read what the ingest function is called with. Depends only on the formats of messages.

    EventBridge, queued or direct         the key as it is
    S3 notification, queued or direct     the key form-encoded: a space is a plus
    the schedule                          reconcile bucket and index
    our own messages                      sync objects that a reconciliation found, or continue it
    the state machine                     sync a batch of a backfill

An event only names an object to sync; what happened to the object is not read from it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote_plus

from functions.gallery.sync.reconcile import Progress

# The member that marks our own messages. Its values stay as they are: messages of an earlier
# version may be in the queue.
_OURS = "lookalike"
_SYNC, _RECONCILE, _BACKFILL = "look", "reconcile", "backfill"
_KNOWN = "send events of S3 or EventBridge, the schedule's, or our own messages"


class UnknownEvent(ValueError):
    """A call with something that is not an event; from a queue it ends as a dead letter."""

    code = "unknown-event"


@dataclass(frozen=True, slots=True)
class SyncObject:
    """Sync this object; without a bucket it is in the gallery's own."""

    name: str
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Compare bucket and index, from here on."""

    progress: Progress = Progress()
    dry_run: bool = False
    id: str = ""  # of the comparison; empty: a new one
    part: int = 0  # how many calls have worked on it


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue, or a whole call without a queue."""

    id: str | None
    wanted: Sequence[SyncObject | Reconcile] = ()
    unknown: UnknownEvent | None = None


def messages_in(event: Mapping[str, Any]) -> list[Message]:
    """Split a call into messages; one that cannot be read has its error, so that it fails alone."""
    records = event.get("Records")
    if isinstance(records, list) and records and "body" in records[0]:
        return [_read_queued(record) for record in records]
    return [_read(None, lambda: event)]


@dataclass(frozen=True, slots=True)
class Backfill:
    """A batch of a backfill: sync these objects, and return those to be tried again."""

    names: Sequence[str]
    tries: int = 0  # that got no further


def backfill_in(event: Mapping[str, Any]) -> Backfill | None:
    """Read a batch of a backfill; None if the call is something else. Raises UnknownEvent."""
    if event.get(_OURS) != _BACKFILL:
        return None
    names, tries = event.get("names"), event.get("tries", 0)
    if not isinstance(names, list) or not isinstance(tries, int):
        raise UnknownEvent("A backfill has a list of names, and tries as an integer")
    return Backfill([_text(name) for name in names], tries)


def sync_message(names: Sequence[str]) -> dict[str, Any]:
    """Return the message that asks to sync these objects."""
    return {_OURS: _SYNC, "names": list(names)}


def reconcile_message(wanted: Reconcile) -> dict[str, Any]:
    """Return the message that continues a reconciliation."""
    return {_OURS: _RECONCILE, **asdict(wanted)}


def _read_queued(record: Mapping[str, Any]) -> Message:
    return _read(record["messageId"], lambda: json.loads(record["body"]))


def _read(id: str | None, event: Callable[[], Any]) -> Message:
    try:
        return Message(id, _wanted_by(event()))
    except UnknownEvent as error:
        return Message(id, unknown=error)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        unknown = UnknownEvent(f"The event is malformed ({error!r}); {_KNOWN}")
        return Message(id, unknown=unknown)


def _wanted_by(event: Mapping[str, Any]) -> list[SyncObject | Reconcile]:
    if event.get("Event") == "s3:TestEvent":  # sent once when a notification is set up
        return []
    if _OURS in event:
        return _wanted_by_ours(event)
    if event.get("source") == "aws.s3":
        detail = event["detail"]
        return [SyncObject(_text(detail["object"]["key"]), _text(detail["bucket"]["name"]))]
    if event.get("detail-type") == "Scheduled Event":
        return [Reconcile(id=_text(event.get("id", "")))]
    if "Records" in event:
        return [_notified(record["s3"]) for record in event["Records"]]
    raise UnknownEvent(f"The event is of no known kind; {_KNOWN}")


def _notified(s3: Mapping[str, Any]) -> SyncObject:
    return SyncObject(unquote_plus(_text(s3["object"]["key"])), _text(s3["bucket"]["name"]))


def _wanted_by_ours(event: Mapping[str, Any]) -> list[SyncObject | Reconcile]:
    if event[_OURS] == _SYNC:
        return [SyncObject(_text(name)) for name in event["names"]]
    if event[_OURS] == _RECONCILE:
        progress = Progress(**event.get("progress", {}))
        is_dry_run, part = bool(event.get("dry_run", False)), int(event.get("part", 0))
        return [Reconcile(progress, is_dry_run, _text(event.get("id", "")), part)]
    raise UnknownEvent(f"{_OURS} must be {_SYNC} or {_RECONCILE}, not {event[_OURS]!r}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnknownEvent(f"Keys and buckets must be strings, not {value!r}")
    return value
