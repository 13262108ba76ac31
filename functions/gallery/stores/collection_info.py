"""What a collection records about itself, and which collection a process opens."""

from collections.abc import Callable, Mapping
from typing import Any

from functions.gallery.errors import ModelMismatch, SettingsError
from functions.gallery.records import (
    SCHEMA_VERSION,
    Collection,
    CollectionSpec,
    Distance,
    Quantization,
)
from functions.runtime import command

# What reindexing can read. 2: does not say whose it is (ownership.py); 2 and 3: hashes of 64 bits.
READABLE = {2, 3, SCHEMA_VERSION}


def describe(collection: Collection) -> dict[str, Any]:
    """Return what is recorded with a collection; always all of it, because a server merges."""
    return {
        "model": collection.spec.model,
        "dims": collection.spec.dims,
        "distance": collection.spec.distance.value,
        "quantization": collection.spec.quantization,
        "schema": collection.schema,
        "filling": collection.filling,
        "replaces": collection.replaces,
        "originals": collection.originals,
    }


def read_description(name: str, info: Mapping[str, Any], unrecorded: Quantization) -> Collection:
    """Read what `describe` wrote; the fields to filter by are not in it.

    An earlier version did not record the quantization; then it is `unrecorded`.

    Raises ModelMismatch for a collection of another version of Lookalike, or of other software.
    """
    if "schema" not in info:
        raise ModelMismatch(
            f"Collection {name} has no description: it was not made by Lookalike, or its Qdrant "
            "server is older than 1.16; use another server or LOOKALIKE_GALLERY"
        )
    if info["schema"] not in READABLE:
        raise ModelMismatch(
            f"Collection {name} has schema {info['schema']}, this version needs "
            f"{SCHEMA_VERSION}; go back to the previous version of Lookalike, or import the "
            "pictures again into an empty store"
        )
    try:
        spec = CollectionSpec(
            info["model"],
            info["dims"],
            Distance(info["distance"]),
            quantization=Quantization(info.get("quantization") or unrecorded),
        )
    except (KeyError, ValueError) as error:
        raise ModelMismatch(
            f"Collection {name} was not made by Lookalike; use another store"
        ) from error
    filling, replaces = bool(info.get("filling")), info.get("replaces")
    return Collection(name, spec, filling, replaces, info.get("originals", ""), info["schema"])


def quantization_for(spec: CollectionSpec, best: Quantization) -> Quantization:
    """Return the quantization of a new collection: what the settings ask for, or the best.

    Raises SettingsError for 4 bits and Manhattan distances: with them, building the index over
    18,000 vectors took 293 seconds instead of 8, and a search 30 ms instead of 0.5.
    """
    is_manhattan = spec.distance is Distance.MANHATTAN
    if spec.quantization is None:
        return Quantization.INT8 if is_manhattan else best
    if is_manhattan and spec.quantization is Quantization.TURBO4:
        raise SettingsError(
            "LOOKALIKE_QUANTIZATION=turbo4 is too slow for Manhattan distances; use int8"
        )
    return spec.quantization


def choose(
    current: str | None,
    read: Callable[[str], Collection | None],
    spec: CollectionSpec,
    admit: Callable[[Collection], None],
) -> str | None:
    """Return the name of the collection that a process with this spec opens; None: create it.

    The one in use if it fits; else one that was made for this spec, is complete, and was filled
    from the one in use or the other way round. So processes with the old and with the new settings
    (or of an earlier version of Lookalike and of this one) can both start while both collections
    are kept, and one that is no longer kept up to date is not opened. Raises ModelMismatch with
    what to do, and what `admit` raises for a collection that this process must not open.
    """
    used = None if current is None else read(current)
    if used is not None:
        admit(used)
    own = None
    if used is None or not used.fits(spec):
        own = find_own(read, spec, used)
    found = [collection for collection in (used, own) if collection is not None]
    for collection in found:
        if not collection.fits(spec):
            continue
        if collection.filling:
            raise ModelMismatch(
                f"Collection {collection.name} is still being filled. Wait for "
                f"{command('reindex')} to finish, or restore the previous settings or version of "
                "Lookalike."
            )
        if collection is used:
            return collection.name
        if used is None or collection.is_paired_with(used):
            admit(collection)
            return collection.name
    if found:
        raise _mismatch(found[0], spec)
    return None


def find_own(
    read: Callable[[str], Collection | None], spec: CollectionSpec, used: Collection | None
) -> Collection | None:
    """Return the collection for a spec that the one in use does not fit, or None.

    Its name can lack the quantization, if the settings did not ask for one when it was made.
    """
    own = read(spec.name)
    if own is None and used is not None and used.replaces is not None:
        kept = read(used.replaces)
        own = kept if kept is not None and kept.fits(spec) else None
    return own


def _mismatch(collection: Collection, wanted: CollectionSpec) -> ModelMismatch:
    if collection.is_outdated:
        return ModelMismatch(
            f"Collection {collection.name} has schema {collection.schema} of an earlier version "
            f"of Lookalike; this version needs {SCHEMA_VERSION}. Run {command('reindex')}, "
            "which fills a new collection from the originals while the earlier version serves "
            "the old one, or go back to the earlier version."
        )
    found, settings = collection.spec, ("model", "dims", "distance", "quantization")
    key = next(key for key in settings if getattr(found, key) != getattr(wanted, key))
    undo = f"restore LOOKALIKE_{key.upper()}"
    if key == "model":  # a new version of Lookalike can bring a new model
        undo += " or the previous version of Lookalike"
    return ModelMismatch(
        f"The stored vectors have {key} {getattr(found, key)}, but this process is set up for "
        f"{getattr(wanted, key)}. Run {command('reindex')}, which fills a new collection while the "
        f"old one serves, or {undo}."
    )
