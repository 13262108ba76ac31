"""Builds the real things from the settings, once per process; the only one that knows all."""

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.gallery import Gallery
from functions.gallery.originals import FolderOriginals
from functions.gallery.pictures import Limits
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec
from functions.gallery.settings import Settings


def build_gallery(settings: Settings) -> Gallery:
    """Open the gallery that the settings describe.

    Raises ModelMismatch, StoreBusy and other StoreErrors with what to do about them.
    """
    embedder = OnnxEmbedder(settings.lookalike_model)
    spec = CollectionSpec(
        model=embedder.card.id,
        dims=embedder.card.dims,
        distance=settings.lookalike_distance,
        fields=settings.lookalike_filter_fields,
    )
    limits = Limits(settings.lookalike_max_bytes, settings.lookalike_max_pixels)
    originals = FolderOriginals(settings.lookalike_data)
    return Gallery(spec, limits, embedder, _open_store(settings, spec), originals)


def _open_store(settings: Settings, spec: CollectionSpec) -> VectorStore:
    # Only the chosen store is imported: qdrant_client alone takes half a second.
    if settings.qdrant_url is None:
        from functions.gallery.stores.edge_store import EdgeStore

        return EdgeStore.open(settings.lookalike_data / "index", spec)
    from functions.gallery.stores.qdrant_store import QdrantStore

    key = settings.qdrant_api_key
    return QdrantStore.connect(settings.qdrant_url, key.get_secret_value() if key else None, spec)
