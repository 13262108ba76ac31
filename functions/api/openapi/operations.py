"""What FastAPI cannot know of each operation: its scope, errors and headers.

Depends on codes, not on statuses.
"""

from dataclasses import dataclass

from functions.gallery.settings import Scope

TAGS = {
    "images": "Add, list, show, change and remove images",
    "search": "Find similar images",
    "duplicates": "Find duplicates",
    "service": "Limits, counts and health",
}
_ANY = {"internal", "invalid-parameters"}  # every operation refuses unknown query parameters
_KEY = {"key-missing", "key-refused"}
_STORE = {"store-failed", "store-rejected", "store-denied", "store-unreachable", "store-timeout"}
_JSON = {"malformed-body", "body-too-large", "overloaded"}
_BODY = {"malformed-body", "picture-too-large", "overloaded"}  # of bodies with pictures
_PICTURE = {
    "picture-too-large",
    "unsupported-format",
    "damaged-picture",
    "not-reached",
    "out-of-memory",
}
IDEMPOTENCY_KEY_REUSED = "idempotency-key-reused"  # of all operations that take such a key
_URL = {"url-refused", "url-unreachable"}


@dataclass(frozen=True, slots=True)
class Operation:
    """The scope that an operation needs, its errors, and the headers of its success."""

    scope: Scope | None
    codes: frozenset[str]
    headers: tuple[str, ...] = ()


def _reading(*codes: str, headers: tuple[str, ...] = ()) -> Operation:
    return Operation("read", frozenset({*_ANY, *_KEY, *_STORE, *codes}), headers)


def _writing(*codes: str, headers: tuple[str, ...] = ()) -> Operation:
    return Operation("write", frozenset({*_ANY, *_KEY, *_STORE, "store-full", *codes}), headers)


_CACHED = ("ETag", "Cache-Control")
_TIMED = ("Server-Timing",)
_ADDING = {"empty-picture", "invalid-name", "invalid-metadata", "name-taken", "object-changed"}
_READ_ONLY = "read-only-originals"
_ADDING |= {_READ_ONLY}
_NOT_FOUND = "image-not-found"
_UNREADABLE = "unreadable-original"
OPERATIONS: dict[str, Operation] = {  # by operation id
    "addImage": _writing(
        *_BODY,
        *_PICTURE,
        *_URL,
        *_ADDING,
        _NOT_FOUND,
        _UNREADABLE,
        IDEMPOTENCY_KEY_REUSED,
        headers=("Location", *_TIMED),
    ),
    "addImages": _writing(*_BODY, IDEMPOTENCY_KEY_REUSED),
    "checkImages": _reading(*_JSON),
    "deleteImages": _writing(*_JSON, "invalid-filter", IDEMPOTENCY_KEY_REUSED),
    "listImages": _reading("invalid-filter", "invalid-cursor"),
    "getImage": _reading(_NOT_FOUND),
    "updateImage": _writing(*_JSON, _NOT_FOUND, _UNREADABLE, "invalid-metadata", "object-changed"),
    "deleteImage": _writing(_NOT_FOUND),
    "findSimilar": _reading(_NOT_FOUND, "invalid-filter", headers=_TIMED),
    "getThumbnail": _reading(
        *_PICTURE, _NOT_FOUND, _UNREADABLE, "object-changed", "store-full", headers=_CACHED
    ),
    "getOriginal": _reading(_NOT_FOUND, _UNREADABLE, "object-changed", headers=_CACHED),
    "search": _reading(
        *_BODY,
        *_PICTURE,
        *_URL,
        _NOT_FOUND,
        _UNREADABLE,
        "too-many-pixels",
        "invalid-filter",
        "invalid-examples",
        headers=_TIMED,
    ),
    "searchBatch": _reading(*_BODY),
    "compare": _reading(*_BODY, *_PICTURE, *_URL, _NOT_FOUND, _UNREADABLE, headers=_TIMED),
    "listDuplicates": _reading("invalid-filter", "invalid-cursor"),
    "createUpload": _writing(*_JSON, "invalid-name", "name-taken", "no-bucket", _READ_ONLY),
    "getLimits": Operation("read", frozenset({*_ANY, *_KEY})),
    "getStats": _reading(),
    "getHealth": Operation(None, frozenset(_ANY)),
    "getReadiness": Operation(None, frozenset({*_ANY, *_STORE})),
}
