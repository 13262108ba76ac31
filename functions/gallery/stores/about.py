"""What a collection tells of itself, and which of them a process opens. Knows no store."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.gallery.errors import ModelMismatch
from functions.gallery.records import Collection, CollectionSpec, Distance

SCHEMA_VERSION = 2  # of the layout in payload.py


def about(collection: Collection) -> dict[str, Any]:
    """Write what is kept beside a collection; all of it each time, for a server merges."""
    return {
        "model": collection.spec.model,
        "dims": collection.spec.dims,
        "distance": collection.spec.distance.value,
        "schema": SCHEMA_VERSION,
        "filling": collection.filling,
        "replaces": collection.replaces,
    }


def collection_of(name: str, about: Mapping[str, Any]) -> Collection:
    """Read it back, without the fields to filter by, which a collection does not tell.

    Raises ModelMismatch for a collection of another version of Lookalike, or of somebody else.
    """
    if about.get("schema") != SCHEMA_VERSION:
        raise ModelMismatch(
            f"The collection {name} was made with schema {about.get('schema')}, now it is "
            f"{SCHEMA_VERSION}; set the version of Lookalike back, or import the pictures again "
            "into an empty store"
        )
    try:
        spec = CollectionSpec(about["model"], about["dims"], Distance(about["distance"]))
    except (KeyError, ValueError) as problem:
        raise ModelMismatch(
            f"The collection {name} was not made by Lookalike; use another store"
        ) from problem
    return Collection(name, spec, bool(about.get("filling")), about.get("replaces"))


def choose(
    current: str | None, read: Callable[[str], Collection | None], spec: CollectionSpec
) -> str | None:
    """Name the collection that a process with this spec opens; None if the store is empty.

    The one in use if it fits; else one that was made for this spec, is whole, and was filled from
    the one in use or the other way round. So processes of the old and of the new settings can both
    start as long as both collections are kept, and one that nobody brings up to date any more is
    not opened. Raises ModelMismatch with what to do.
    """
    used = None if current is None else read(current)
    own = None
    if used is None or not used.spec.fits(spec):
        own = read(spec.name)
    found = [collection for collection in (used, own) if collection is not None]
    for collection in found:
        if not collection.spec.fits(spec):
            continue
        if collection.filling:
            raise ModelMismatch(
                f"The collection {collection.name} is not filled yet; let scripts/reindex come to "
                "its end, and until then set back what was changed"
            )
        if used is None or collection is used or collection.is_beside(used):
            return collection.name
    if found:
        raise _mismatch(found[0].spec, spec)
    return None


def _mismatch(found: CollectionSpec, wanted: CollectionSpec) -> ModelMismatch:
    told = {key: getattr(found, key) for key in ("model", "dims", "distance")}
    key = next(key for key, there in told.items() if there != getattr(wanted, key))
    return ModelMismatch(
        f"The stored vectors were made with {key} {told[key]}, now it is {getattr(wanted, key)}; "
        f"set LOOKALIKE_{key.upper()} back, or run scripts/reindex with these settings, which "
        "fills a new collection from the originals while the old one serves"
    )
