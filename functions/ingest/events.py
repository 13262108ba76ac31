"""Reads what the ingest function is called with. Knows shapes of messages only.

    EventBridge, in a queue or direct     key as it is
    S3 notification, in a queue or direct key form-encoded: a space is a plus
    the schedule                          compare bucket and index
    our own messages                      looks that a comparison asks for, and its continuation

An event is a hint and no more: it names an object to look at; what happened to it is not read.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import unquote_plus

from functions.gallery.objects import Progress

_OURS = "lookalike"  # the member that marks our own messages, and what they ask for


class UnknownEvent(ValueError):
    """A call that nobody should make; in a queue it ends among the dead letters."""

    code = "unknown-event"


@dataclass(frozen=True, slots=True)
class Look:
    """Look at this object; without a bucket it is in the gallery's own."""

    name: str
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Compare bucket and index, from here on."""

    progress: Progress = Progress()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a queue, or a whole call without one."""

    id: str | None
    wanted: Sequence[Look | Reconcile] = ()
    unknown: UnknownEvent | None = None


def messages_in(event: Mapping[str, Any]) -> list[Message]:
    """Take a call apart; a message that cannot be read carries why, so that it fails alone."""
    records = event.get("Records")
    if isinstance(records, list) and records and "body" in records[0]:
        return [_queued(record) for record in records]
    return [_message(None, lambda: event)]


def look_message(names: Sequence[str]) -> dict[str, Any]:
    """Write the message that asks to look at these objects."""
    return {_OURS: "look", "names": list(names)}


def reconcile_message(wanted: Reconcile) -> dict[str, Any]:
    """Write the message that goes on with a comparison."""
    return {_OURS: "reconcile", "dry_run": wanted.dry_run, "progress": asdict(wanted.progress)}


def _queued(record: Mapping[str, Any]) -> Message:
    return _message(record["messageId"], lambda: json.loads(record["body"]))


def _message(id: str | None, event: Any) -> Message:
    try:
        return Message(id, _wanted(event()))
    except UnknownEvent as problem:
        return Message(id, unknown=problem)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as problem:
        return Message(id, unknown=UnknownEvent(f"Not an event that is known here: {problem!r}"))


def _wanted(event: Mapping[str, Any]) -> list[Look | Reconcile]:
    if event.get("Event") == "s3:TestEvent":  # sent once when a notification is set up
        return []
    if _OURS in event:
        return _ours(event)
    if event.get("source") == "aws.s3":
        detail = event["detail"]
        return [Look(_text(detail["object"]["key"]), _text(detail["bucket"]["name"]))]
    if event.get("detail-type") == "Scheduled Event":
        return [Reconcile()]
    if "Records" in event:
        return [_notified(record["s3"]) for record in event["Records"]]
    raise UnknownEvent("Not an event that is known here")


def _notified(s3: Mapping[str, Any]) -> Look:
    return Look(unquote_plus(_text(s3["object"]["key"])), _text(s3["bucket"]["name"]))


def _ours(event: Mapping[str, Any]) -> list[Look | Reconcile]:
    if event[_OURS] == "look":
        return [Look(_text(name)) for name in event["names"]]
    if event[_OURS] == "reconcile":
        progress = Progress(**event.get("progress", {}))
        return [Reconcile(progress, bool(event.get("dry_run", False)))]
    raise UnknownEvent(f"{_OURS}: {event[_OURS]!r} is neither look nor reconcile")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise UnknownEvent(f"A text was expected, not {value!r}")
    return value
