"""The collections of a Qdrant server: made, chosen, put to use and deleted.

The alias names the collection in use. A process asks for it once, at its start, and goes on with
the collection itself: a process of the old settings must never write into the collection of the
new ones. The server must be 1.16 or later: older ones do not keep a collection's metadata.
"""

from dataclasses import replace

from functions.gallery.errors import StoreRejected
from functions.gallery.perceptual_hash import HASH_BITS
from functions.gallery.records import Collection, CollectionSpec
from functions.gallery.stores import about, payload
from functions.gallery.stores.qdrant_connection import QdrantConnection
from functions.gallery.stores.qdrant_errors import is_missing_collection
from functions.gallery.stores.qdrant_import import models

ALIAS = "lookalike"


class QdrantCollections:
    """All collections that one alias can name."""

    def __init__(self, connection: QdrantConnection, alias: str = ALIAS) -> None:
        """Look at a server through this connection, which is closed with it."""
        self.connection = connection
        self._alias = alias

    def current(self) -> str | None:
        """Name the collection in use; None on a new server."""
        aliases = self.connection.ask(self.connection.client.get_aliases).aliases
        return next((a.collection_name for a in aliases if a.alias_name == self._alias), None)

    def read(self, name: str) -> Collection | None:
        """Tell of a collection, or None if there is none of this name. May raise ModelMismatch."""
        return _told(name, self._info(name))

    def make(self, collection: Collection) -> None:
        """Make a collection unless it is there, and the indexes that it lacks."""
        self._complete(collection, self._info(collection.name))

    def mark(self, collection: Collection) -> None:
        """Write down whether it is being filled, and what it replaces."""
        ask, client = self.connection.ask, self.connection.client
        ask(client.update_collection, collection.name, metadata=about.about(collection))
        told = self.read(collection.name)
        if told is None or replace(told, spec=collection.spec) != collection:
            raise StoreRejected(
                "This Qdrant server does not keep the metadata of a collection; use 1.16 or later"
            )

    def use(self, name: str) -> None:
        """Put a collection to use in place of the one before, in one step."""
        changes: list[models.AliasOperations] = []
        if self.current() is not None:
            gone = models.DeleteAlias(alias_name=self._alias)
            changes.append(models.DeleteAliasOperation(delete_alias=gone))
        alias = models.CreateAlias(collection_name=name, alias_name=self._alias)
        changes.append(models.CreateAliasOperation(create_alias=alias))
        self.connection.ask(self.connection.client.update_collection_aliases, changes)

    def drop(self, name: str) -> None:
        """Delete a collection; nothing there is no error."""
        self.connection.ask(self.connection.client.delete_collection, name)

    def close(self) -> None:
        """Let go of the connection."""
        self.connection.close()

    def ready(self, spec: CollectionSpec) -> Collection:
        """Choose the collection for a process of this spec; on a new server make it."""
        current = self.current()
        infos: dict[str, models.CollectionInfo | None] = {}

        def read(name: str) -> Collection | None:
            info = infos[name] = self._info(name)
            return _told(name, info)

        name = about.choose(current, read, spec)
        collection = Collection(name or spec.name, spec)
        self._complete(collection, infos[collection.name])
        if current is None:
            self.use(collection.name)
        return collection

    def _info(self, name: str) -> models.CollectionInfo | None:
        try:
            return self.connection.ask(self.connection.client.get_collection, name)
        except StoreRejected as problem:
            if is_missing_collection(problem):
                return None
            raise

    def _complete(self, collection: Collection, info: models.CollectionInfo | None) -> None:
        info = info or self._create(collection)
        if not self.connection.local:  # which has no indexes
            self._make_indexes(info, collection)

    def _create(self, collection: Collection) -> models.CollectionInfo:
        spec, name = collection.spec, collection.name
        distance = models.Distance(spec.distance.value.capitalize())
        vectors = {
            payload.VECTOR: models.VectorParams(size=spec.dims, distance=distance),
            payload.HASH: models.VectorParams(
                size=HASH_BITS,
                distance=models.Distance.MANHATTAN,
                datatype=models.Datatype.UINT8,
                hnsw_config=models.HnswConfigDiff(m=0),  # every hash is read, so that it is exact
            ),
        }
        ask, client = self.connection.ask, self.connection.client
        try:
            ask(client.create_collection, name, vectors, metadata=about.about(collection))
        except StoreRejected:
            if self._info(name) is None:  # else another process was faster
                raise
        return ask(client.get_collection, name)

    def _make_indexes(self, info: models.CollectionInfo, collection: Collection) -> None:
        ask, client = self.connection.ask, self.connection.client
        there = {key: index.data_type for key, index in info.payload_schema.items()}
        for key, kind in payload.indexed_fields(collection.spec).items():
            wanted = models.PayloadSchemaType(kind)
            if there.get(key) == wanted:
                continue
            if key in there:  # declared with another type before
                ask(client.delete_payload_index, collection.name, key)
            ask(client.create_payload_index, collection.name, key, wanted)


def _told(name: str, info: models.CollectionInfo | None) -> Collection | None:
    return None if info is None else about.collection_of(name, info.config.metadata or {})
