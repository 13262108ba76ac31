"""Builds the real things from the settings, once per process; the only one that knows all."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.errors import LookalikeError, SettingsError
from functions.gallery.gallery import Gallery
from functions.gallery.indexing import Indexer
from functions.gallery.originals import FolderOriginals
from functions.gallery.pictures import Limits
from functions.gallery.place import in_function, under_sam_local
from functions.gallery.ports import Collections, Embedder, Place, Queue, Signer, VectorStore
from functions.gallery.records import CollectionSpec
from functions.gallery.settings import Settings
from functions.gallery.width import NarrowEmbedder

if TYPE_CHECKING:
    from functions.gallery.reindexing import OpenStore, Reindexing


def build_gallery(settings: Settings) -> Gallery:
    """Open the gallery that the settings describe.

    Raises ModelMismatch, StoreBusy and other StoreErrors with what to do about them.
    """
    embedder = _open_embedder(settings)
    spec = _spec_of(settings, embedder)
    limits = Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)
    originals, signer = _open_originals(settings)
    return Gallery(spec, limits, embedder, _open_store(settings, spec), originals, signer)


def build_reindexing(settings: Settings) -> "Reindexing":
    """Get ready to fill the collection that the settings describe from the one in use.

    Raises StoreBusy and other StoreErrors with what to do about them.
    """
    # Only here, for no function needs it.
    from functions.gallery.reindexing import Reindexing

    embedder = _open_embedder(settings)
    limits = Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)
    originals, _ = _open_originals(settings)
    collections, open_store = _open_collections(settings)
    indexer = Indexer(embedder, limits)
    spec = _spec_of(settings, embedder)
    return Reindexing(collections, open_store, originals, indexer, limits, spec)


def open_queue(settings: Settings) -> Queue | None:
    """Reach the queue that the settings name, if they name one."""
    if settings.lookalike_queue_url is None:
        return None
    from functions.gallery.sqs_queue import SqsQueue

    return SqsQueue.connect(settings.lookalike_queue_url)


def keeps_nothing(settings: Settings) -> bool:
    """Tell whether the index is in memory and gone with the process, as on a bare `sam local`."""
    return settings.qdrant_url is None and under_sam_local()


def _open_embedder(settings: Settings) -> Embedder:
    embedder = OnnxEmbedder(settings.lookalike_model)
    dims = settings.lookalike_dims
    return embedder if dims is None else NarrowEmbedder(embedder, dims)


def _spec_of(settings: Settings, embedder: Embedder) -> CollectionSpec:
    return CollectionSpec(
        model=embedder.card.id,
        dims=embedder.card.dims,
        distance=settings.lookalike_distance,
        fields=settings.lookalike_filter_fields,
    )


def _open_originals(settings: Settings) -> tuple[Place, Signer | None]:
    if settings.lookalike_bucket is not None:
        # Only here, for it imports botocore.
        from functions.gallery.s3_originals import S3Originals

        bucket = S3Originals.connect(settings.lookalike_bucket)
        return bucket, bucket
    if under_sam_local():
        return FolderOriginals(Path(tempfile.gettempdir()) / "lookalike"), None
    return FolderOriginals(settings.lookalike_data), None


def _open_store(settings: Settings, spec: CollectionSpec) -> VectorStore:
    # Only the chosen store is imported: qdrant_client takes longer than all the rest.
    if _is_embedded(settings):
        from functions.gallery.stores.edge_store import EdgeStore

        return EdgeStore.open(settings.lookalike_data / "index", spec)
    from functions.gallery.stores.qdrant_store import QdrantStore

    if keeps_nothing(settings):
        return QdrantStore.in_memory(spec)
    return QdrantStore.connect(_qdrant_url(settings), _qdrant_key(settings), spec)


def _open_collections(settings: Settings) -> tuple[Collections, "OpenStore"]:
    if _is_embedded(settings):
        from functions.gallery.stores.edge_collections import EdgeCollections
        from functions.gallery.stores.edge_store import EdgeStore

        folder = EdgeCollections.open(settings.lookalike_data / "index")
        return folder, lambda collection: EdgeStore(folder, collection, shared=True)
    from functions.gallery.stores.qdrant_collections import QdrantCollections
    from functions.gallery.stores.qdrant_connection import QdrantConnection
    from functions.gallery.stores.qdrant_store import QdrantStore

    connection = QdrantConnection.to(_qdrant_url(settings), _qdrant_key(settings))
    server = QdrantCollections(connection)
    return server, lambda collection: QdrantStore(server, collection, shared=True)


def _is_embedded(settings: Settings) -> bool:
    return settings.qdrant_url is None and not (in_function() or under_sam_local())


def _qdrant_url(settings: Settings) -> str:
    if settings.qdrant_url is None:
        raise SettingsError(
            "QDRANT_URL is not set, and a function keeps no index of its own; set it to the "
            "address of a Qdrant server or Cloud cluster (parameter QdrantUrl of the template)"
        )
    return settings.qdrant_url


def _qdrant_key(settings: Settings) -> str | None:
    if settings.qdrant_api_key:
        return settings.qdrant_api_key.get_secret_value()
    if settings.qdrant_api_key_secret_arn is None:
        return None
    # Only here, for it imports botocore.
    from functions.gallery.aws import read_secret

    try:
        return read_secret(settings.qdrant_api_key_secret_arn)
    except LookalikeError as problem:
        if problem.retryable:
            raise
        raise SettingsError(
            "The secret of QDRANT_API_KEY_SECRET_ARN could not be read; it must exist and the "
            "function's role must allow secretsmanager:GetSecretValue on it"
        ) from problem
