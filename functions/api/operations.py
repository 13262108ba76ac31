"""Every operation of the API: its name, the scope it needs and the errors it can answer.

Knows codes, no status; read only when somebody asks for the OpenAPI document.
"""

from dataclasses import dataclass

from functions.gallery.settings import Scope

_ANY = ("internal", "invalid-parameters")  # an unknown query parameter is refused everywhere
_KEY = ("key-missing", "key-refused")
_STORE = (
    "store-failed",
    "store-rejected",
    "store-denied",
    "store-unreachable",
    "store-timeout",
)
_BODY = ("malformed-body", "picture-too-large")  # any body that is too long for its call
_PICTURE = ("picture-too-large", "unsupported-format", "undecodable-picture")
_URL = ("url-refused", "url-unreachable")
_ID = ("image-not-found",)
_FILTER = ("invalid-filter",)
_WRITE = ("store-full",)
_TWICE = ("idempotency-key-reused",)
_READ_PICTURE = (*_PICTURE, "object-changed")  # of an original that is opened again


@dataclass(frozen=True, slots=True)
class Operation:
    """What the document says of one operation, beyond what FastAPI sees."""

    id: str
    scope: Scope | None
    codes: frozenset[str]


def _reading(id: str, *codes: str) -> Operation:
    return Operation(id, "read", frozenset({*_ANY, *_KEY, *_STORE, *codes}))


def _writing(id: str, *codes: str) -> Operation:
    return Operation(id, "write", frozenset({*_ANY, *_KEY, *_STORE, *_WRITE, *codes}))


_ADDING = ("invalid-name", "invalid-metadata", "name-taken", "object-changed", *_ID)
_SEARCHING = (*_ID, *_FILTER, "invalid-examples")
OPERATIONS: dict[tuple[str, str], Operation] = {
    ("post", "/v1/images"): _writing(
        "addImage", "empty-picture", *_BODY, *_PICTURE, *_URL, *_ADDING, *_TWICE
    ),
    ("post", "/v1/images/batch"): _writing("addImages", *_BODY, *_TWICE),
    ("post", "/v1/images/check"): _reading("checkImages", *_BODY),
    ("post", "/v1/images/delete"): _writing("deleteImages", *_BODY, *_FILTER, *_TWICE),
    ("get", "/v1/images"): _reading("listImages", *_FILTER, "invalid-cursor"),
    ("get", "/v1/images/{id}"): _reading("getImage", *_ID),
    ("patch", "/v1/images/{id}"): _writing("updateImage", *_BODY, *_ID, "invalid-metadata"),
    ("delete", "/v1/images/{id}"): _writing("deleteImage", *_ID),
    ("get", "/v1/images/{id}/similar"): _reading("findSimilar", *_ID, *_FILTER),
    ("get", "/v1/images/{id}/thumbnail"): _reading("getThumbnail", *_ID, *_READ_PICTURE, *_WRITE),
    ("get", "/v1/images/{id}/original"): _reading("getOriginal", *_ID, "object-changed"),
    ("post", "/v1/search"): _reading("search", *_BODY, *_PICTURE, *_URL, *_SEARCHING),
    ("post", "/v1/search/batch"): _reading("searchBatch", *_BODY),
    ("post", "/v1/compare"): _reading("compare", *_BODY, *_PICTURE, *_URL, *_ID),
    ("get", "/v1/duplicates"): _reading("listDuplicates", *_FILTER, "invalid-cursor"),
    ("post", "/v1/uploads"): _writing("createUpload", *_BODY, "invalid-name", "no-bucket"),
    ("get", "/v1/limits"): Operation("getLimits", "read", frozenset({*_ANY, *_KEY})),
    ("get", "/v1/stats"): _reading("getStats"),
    ("get", "/healthz"): Operation("getHealth", None, frozenset(_ANY)),
    ("get", "/readyz"): Operation("getReadiness", None, frozenset({*_ANY, *_STORE})),
}
TAGS = {
    "images": "Add, list, show, change and remove images",
    "search": "Find what looks alike",
    "duplicates": "Find what is there twice",
    "service": "Limits, counts and health",
}
