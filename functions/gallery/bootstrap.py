"""Builds the real objects from the settings, once per process. The only module that knows them all.

Whatever takes long to import (botocore, qdrant-client, the embedded store) is imported only by the
process that needs it.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.errors import LookalikeError, SettingsError, StoreError
from functions.gallery.gallery import Gallery
from functions.gallery.intake.index import Indexer
from functions.gallery.originals import identity
from functions.gallery.originals.folder import FolderOriginals
from functions.gallery.pictures.limits import Limits
from functions.gallery.ports import (
    Collections,
    Embedder,
    Lease,
    Originals,
    Queue,
    Signer,
    VectorStore,
)
from functions.gallery.records import Collection, CollectionSpec
from functions.gallery.settings import Settings, read_key
from functions.gallery.stores.ownership import Owner
from functions.runtime import command, cores, in_function, under_sam_local

if TYPE_CHECKING:
    from functions.gallery.reindex.reindex import OpenStore, Reindexing
    from functions.gallery.stores.server.collections import QdrantCollections
    from functions.gallery.sync.adopt import Adoption


def build_gallery(settings: Settings, *, patient: bool = False) -> Gallery:
    """Open the gallery that the settings describe.

    Whoever is patient waits minutes for a server that went away; an API must not.

    Raises ModelMismatch, OtherOriginals, StoreBusy and other StoreErrors with what to do.
    """
    # Lambda shows two cores also where it grants the time of one.
    at_work = 1 if in_function() else cores()
    embedder = OnnxEmbedder(settings.lookalike_model, settings.lookalike_dims, at_work)
    spec = _spec_of(settings, embedder)
    originals, signer = _open_originals(settings)
    store = _open_store(settings, spec, _owner(settings, originals), patient)
    if place := place_of(settings):
        remember_place(settings, place)
    return Gallery(spec, _limits_of(settings), embedder, store, originals, signer)


def build_reindexing(settings: Settings) -> "Reindexing":
    """Prepare to fill the collection that the settings describe from the one in use.

    Raises OtherOriginals, StoreBusy and other StoreErrors with what to do about them.
    """
    from functions.gallery.reindex.reindex import Reindexing

    embedder = OnnxEmbedder(settings.lookalike_model, settings.lookalike_dims)
    limits = _limits_of(settings)
    originals, signer = _open_originals(settings)
    collections, open_store = _open_collections(settings)
    spec = _spec_of(settings, embedder)
    indexer = Indexer(embedder, limits, makes_thumbnails=signer is not None)
    reindexing = Reindexing(collections, open_store, originals, indexer, spec)
    try:
        _owner(settings, originals).admit_current(collections)
    except BaseException:
        reindexing.close()
        raise
    return reindexing


@contextmanager
def gallery_in_use(settings: Settings) -> Iterator[tuple[Originals, Collection, VectorStore]]:
    """Open the originals and the collection in use to read them, whatever model it was made with.

    Raises OtherOriginals, StoreBusy and other StoreErrors with what to do about them.
    """
    originals, _ = _open_originals(settings)
    collections, open_store = _open_collections(settings)
    with closing(collections):
        _owner(settings, originals).admit_current(collections)
        name = collections.current()
        collection = None if name is None else collections.read(name)
        if collection is None:
            raise StoreError(f"The gallery is empty; add pictures with {command('import')} first")
        # Without its fields: no index is added to a collection that is only read.
        bare = replace(collection, spec=replace(collection.spec, fields={}))
        with closing(open_store(bare)) as store:
            yield originals, collection, store


def build_adoption(settings: Settings) -> "Adoption":
    """Prepare to hand the gallery over to the originals that the settings describe.

    Raises StoreBusy and other StoreErrors with what to do about them.
    """
    from functions.gallery.sync.adopt import Adoption

    originals, _ = _open_originals(settings, moved=True)
    collections, open_store = _open_collections(settings)
    return Adoption(collections, open_store, originals, _owner(settings, originals).id)


def place_of(settings: Settings, *, moved: bool = False) -> Path | None:
    """Return the folder whose pictures are read in place; None if they are copies.

    It is the one of before if the settings have none; `moved` allows another one.
    Raises SettingsError.
    """
    wanted = settings.lookalike_in_place
    if wanted is not None and settings.lookalike_bucket is not None:
        raise SettingsError("LOOKALIKE_IN_PLACE and LOOKALIKE_BUCKET exclude each other; unset one")
    if settings.lookalike_bucket is not None or in_function() or under_sam_local():
        return None
    if wanted is None and not (settings.lookalike_data / identity.PLACE).exists():
        return None
    from functions.gallery.originals import in_place

    return in_place.place_of(settings.lookalike_data, wanted, moved=moved)


def remember_place(settings: Settings, place: Path) -> None:
    """Let every command see the same gallery in place from now on."""
    from functions.gallery.originals import in_place

    in_place.remember(settings.lookalike_data, place)


def bring_back(settings: Settings, pattern: str) -> list[str]:
    """Let pictures that were deleted from a gallery in place be found again; returns their names.

    Raises SettingsError if it has copies.
    """
    place = place_of(settings)
    if place is None:
        raise SettingsError("Only a gallery in place can bring back what was deleted from it")
    from functions.gallery.originals.in_place import InPlaceOriginals

    return InPlaceOriginals(settings.lookalike_data, place).bring_back(pattern)


def open_queue(settings: Settings) -> Queue | None:
    """Connect to the queue in the settings, if there is one."""
    if settings.lookalike_queue_url is None:
        return None
    from functions.gallery.originals.queue import SqsQueue

    return SqsQueue.connect(settings.lookalike_queue_url)


def open_lease(settings: Settings) -> Lease | None:
    """Connect to the lease on comparisons, if their parts go through a queue."""
    if settings.lookalike_queue_url is None or settings.lookalike_bucket is None:
        return None
    from functions.gallery.originals.lease import BucketLease

    return BucketLease(settings.lookalike_bucket)


def is_index_in_memory(settings: Settings) -> bool:
    """Return whether the index is lost when the process ends, as on a bare `sam local`."""
    return settings.qdrant_url is None and under_sam_local()


def _limits_of(settings: Settings) -> Limits:
    return Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)


def _spec_of(settings: Settings, embedder: Embedder) -> CollectionSpec:
    return CollectionSpec(
        model=embedder.card.id,
        dims=embedder.card.dims,
        distance=settings.lookalike_distance,
        fields=settings.lookalike_filter_fields,
        gallery=settings.lookalike_gallery,
        quantization=settings.lookalike_quantization,
    )


def _owner(settings: Settings, originals: Originals) -> Owner:
    if settings.lookalike_bucket is not None:
        return Owner(identity.of_bucket(settings.lookalike_bucket), originals)
    if in_function():
        return Owner(identity.OF_A_FUNCTION, originals)
    id = identity.of_folder(settings.lookalike_data, in_place=originals.in_place)
    return Owner(id, originals)


def _open_originals(settings: Settings, *, moved: bool = False) -> tuple[Originals, Signer | None]:
    place = place_of(settings, moved=moved)
    if settings.lookalike_bucket is not None:
        from functions.gallery.originals.s3 import S3Originals

        bucket = S3Originals.connect(settings.lookalike_bucket)
        return bucket, bucket
    if under_sam_local():
        return FolderOriginals(Path(tempfile.gettempdir()) / "lookalike"), None
    if place is not None:
        from functions.gallery.originals.in_place import InPlaceOriginals

        return InPlaceOriginals(settings.lookalike_data, place), None
    return FolderOriginals(settings.lookalike_data), None


def _open_store(
    settings: Settings, spec: CollectionSpec, owner: Owner, patient: bool
) -> VectorStore:
    if _is_embedded(settings):
        from functions.gallery.stores.embedded.store import EdgeStore

        return EdgeStore.open(settings.lookalike_data / "index", spec, owner)
    from functions.gallery.stores.server.store import QdrantStore

    if is_index_in_memory(settings):
        return QdrantStore.in_memory(spec)
    return QdrantStore.open(_connect(settings, patient), spec, owner)


def _open_collections(settings: Settings) -> tuple[Collections, "OpenStore"]:
    if _is_embedded(settings):
        from functions.gallery.stores.embedded.collections import EdgeCollections
        from functions.gallery.stores.embedded.store import EdgeStore

        folder = EdgeCollections(settings.lookalike_data / "index")
        return folder, lambda collection: EdgeStore(folder, collection, shared=True)
    from functions.gallery.stores.server.store import QdrantStore

    server = _connect(settings, patient=True)
    return server, lambda collection: QdrantStore(server, collection, shared=True)


def _connect(settings: Settings, patient: bool) -> "QdrantCollections":
    from functions.gallery.stores.server.collections import Placement, QdrantCollections
    from functions.gallery.stores.server.connection import QdrantConnection
    from functions.gallery.stores.server.retry import LONG_WAIT_S, Retry

    connection = QdrantConnection.to(
        _qdrant_url(settings),
        partial(_qdrant_key, settings),
        retry=Retry(away_s=LONG_WAIT_S if patient else 0.0),
    )
    placement = Placement(settings.lookalike_replicas, settings.lookalike_shards)
    return QdrantCollections(connection, settings.lookalike_gallery, placement)


def _is_embedded(settings: Settings) -> bool:
    return settings.qdrant_url is None and not (in_function() or under_sam_local())


def _qdrant_url(settings: Settings) -> str:
    if settings.qdrant_url is None:
        raise SettingsError(
            "QDRANT_URL is not set, and a Lambda function keeps no index of its own; set it to the "
            "address of a Qdrant server or Cloud cluster (parameter QdrantUrl of the template)"
        )
    return settings.qdrant_url


def _qdrant_key(settings: Settings) -> str | None:
    if settings.qdrant_api_key:
        return settings.qdrant_api_key.get_secret_value()
    if settings.qdrant_api_key_secret_arn is None:
        return None
    from functions.gallery.originals.aws import read_secret

    try:
        secret = read_secret(settings.qdrant_api_key_secret_arn)
    except LookalikeError as error:
        if error.retryable:
            raise
        raise SettingsError(
            "The secret in QDRANT_API_KEY_SECRET_ARN cannot be read; check that it exists and that "
            "the function's role allows secretsmanager:GetSecretValue on it"
        ) from error
    return _key_in(secret)


def _key_in(secret: str) -> str:
    """Return the key in a secret: its text, or the only field of JSON, as the console makes it."""
    try:
        fields = json.loads(secret)
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        (secret,) = fields.values() if len(fields) == 1 else ("",)
    try:
        return read_key(secret)
    except (ValueError, AttributeError):  # AttributeError: the field is no text
        raise SettingsError(
            "The secret in QDRANT_API_KEY_SECRET_ARN is not a key of Qdrant; store the key alone, "
            "as text or as JSON with one field"
        ) from None
