"""What a Python program imports to use a gallery, in one place; docs/library.md shows how.

Depends on the gallery and bootstrap.
"""

from collections.abc import Mapping
from pathlib import Path

from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    NameTaken,
    PictureError,
    RequestError,
    StoreBusy,
    StoreError,
)
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Added, AddStatus, Submission
from functions.gallery.records import FieldType, Match, Order, Page, StoredImage
from functions.gallery.search.search import SearchOptions, SearchResult
from functions.gallery.settings import Settings

__all__ = [
    "AddStatus",
    "Added",
    "Gallery",
    "ImageNotFound",
    "LookalikeError",
    "Match",
    "NameTaken",
    "Order",
    "Page",
    "PictureError",
    "RequestError",
    "SearchOptions",
    "SearchResult",
    "StoreBusy",
    "StoreError",
    "StoredImage",
    "Submission",
    "Vector",
    "Vectors",
    "open_gallery",
]


def open_gallery(
    data: Path | str | None = None,
    *,
    fields: Mapping[str, FieldType] | None = None,
    model: Path | str | None = None,
) -> Gallery:
    """Open the gallery in a data folder, which is made if it is not there.

    `fields` are the metadata that can be filtered, such as {"price": "float"}, `model` a folder
    with a graph and its card. What is left out, and all else, is as the environment says: see
    docs/settings.md. Close it at the end, or use it in a with block: one process at a time has an
    embedded store. Raises SettingsError, ModelMismatch, OtherOriginals, StoreBusy and other
    StoreErrors.
    """
    chosen = {
        "lookalike_data": data,
        # As the environment has them, so that they are checked in the same way.
        "lookalike_filter_fields": fields and ",".join(":".join(pair) for pair in fields.items()),
        "lookalike_model": model,
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return build_gallery(Settings.from_environment(given))
