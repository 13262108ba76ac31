"""Example requests, by operation id, and an example of every problem.

The requests fit every gallery; scripts/openapi sends them to record the responses in
docs/openapi.json. Depends on the errors.
"""

from typing import Any

from functions.api.errors import STATUS, UNEXPECTED, invalid, problem_of
from functions.gallery import errors

URL = "https://shop.example/mug.jpg"
MUG_ID = "e013ff26-7a6d-58b9-bb79-5f0d48fa6323"  # follows from the name mugs/1.jpg
NO_ID = "00000000-0000-5000-8000-000000000000"
MUG = (  # WebP, 48 x 48 pixels
    "UklGRrgAAABXRUJQVlA4IKwAAABwBgCdASowADAAPzmSt1OvK6Uirjv7MeAnCWQAyRBUv91DHoCReaDOk5WnqjMu6v"
    "6KzlXleP76FFxZYAAA/vBgHJZY6y+Oi5VA4LK7aLhYbN7ZfCq5zaynRx7ouF5FdxaXjMsDQYeGlhq/v65hpOYXHMkG"
    "4AKM4OKxccehXHFMYrfREj65OpDLOZESuAIgPQGAm6tYSdniC+1P2SinAXM1pJzWImPNqsWwoPgA"
)
_HASH = "6ba040e8de168d77bccf0eb066f5e7ff4a8d556be13e99b83d5bc87075734434"  # of MUG
_REGION = {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}
_SIZES = {"format": ["JPEG", "PNG"], "width": {"gte": 100}}

REQUESTS: dict[str, dict[str, Any]] = {
    "addImage": {
        "added": {"image": MUG, "name": "mugs/1.jpg", "metadata": {"category": "mug"}},
        "duplicate": {"image": MUG},
        "replaced": {"url": URL, "name": "mugs/1.jpg", "overwrite": True},
        "by-key": {"key": "mugs/3.jpg"},
    },
    "addImages": {
        "two": {
            "items": [
                {"url": URL, "name": "mugs/8.jpg"},
                {"url": "https://shop.example/gone.jpg"},
            ]
        }
    },
    "checkImages": {"two": {"sha256": [_HASH, "0" * 64]}},
    "updateImage": {"merged": {"metadata": {"category": "mug", "season": None}}},
    "search": {
        "by-picture": {"image": MUG, "limit": 2, "filter": _SIZES, "min_similarity": 0.2},
        "by-id": {"id": MUG_ID, "limit": 2, "exclude_self": True, "group_by": "format"},
        "by-url": {"url": URL, "limit": 1, "region": _REGION},
        "by-examples": {
            "positive": [{"id": MUG_ID}, {"url": URL}],
            "negative": [{"image": MUG}],
            "limit": 1,
        },
    },
    "searchBatch": {
        "three": {"queries": [{"id": MUG_ID, "limit": 1}, {"url": URL, "limit": 1}, {"id": NO_ID}]}
    },
    "compare": {"two": {"a": {"id": MUG_ID}, "b": {"image": MUG}}},
    "deleteImages": {
        "counted": {"filter": {"name": ["boats/3.jpg", "boats/4.jpg"]}, "dry_run": True},
        "removed": {"ids": [MUG_ID]},
    },
    "createUpload": {"form": {"name": "mugs/9.jpg", "media_type": "image/jpeg"}},
}
# What /docs proposes for the objects in a query; each fits every gallery.
OBJECTS_IN_QUERY = {"filter": _SIZES, "metadata": {"note": "from the docs"}, "region": _REGION}
# Errors that point to a part of the request, and the one whose class has no text for callers.
_DETAILED = [
    invalid(limit="Input should be less than or equal to 100"),
    errors.InvalidName("A name is a relative path such as shoes/red.jpg", field="name"),
    errors.InvalidMetadata("price must be a number, not 'cheap'", field="price"),
    errors.InvalidFilter("colour is not a declared field", field="colour"),
    errors.InvalidExamples("The negative examples cancel the positive ones", field="negative"),
    errors.LookalikeError(UNEXPECTED),
]


def problems() -> dict[str, Any]:
    """Return an example of every problem by its code; most have their class's docstring."""
    detailed = {type(error): error for error in _DETAILED}
    found = {}
    for kind in STATUS:
        error = detailed.get(kind) or kind((kind.__doc__ or "").partition("\n")[0])
        problem = problem_of(error, "0a1b2c3d4e5f60718293a4b5c6d7e8f9")
        value = problem.model_dump(exclude_none=True)
        found[error.code] = {"summary": problem.title, "value": value}
    return dict(sorted(found.items()))
