"""The collections of a Qdrant server.

The alias names the collection in use. A process asks for it once, when it starts, and then uses the
collection itself: a process with the old settings must never write into the collection of the new
ones. The server must be 1.16 or later: older ones do not keep a collection's metadata.

A key can be limited to some collections. It creates none, and it sees and moves no alias (aliases
only if the key names them too); that is enough to open a collection that is there.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions.gallery.errors import StoreDenied, StoreRejected
from functions.gallery.records import (
    DEFAULT_GALLERY,
    Collection,
    CollectionSpec,
    Quantization,
    StoredImage,
)
from functions.gallery.stores import payload
from functions.gallery.stores.collection_info import choose, describe, read_description
from functions.gallery.stores.ownership import NOBODY, Owner
from functions.gallery.stores.server.client import models
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.errors import is_missing_collection


@dataclass(frozen=True, slots=True)
class Placement:
    """How a new collection is spread over the nodes of a cluster; None: as the server does."""

    replicas: int | None = None  # copies of each shard
    shards: int | None = None


class QdrantCollections:
    """All collections of one gallery, whose name is the alias; see the port `Collections`."""

    def __init__(
        self,
        connection: QdrantConnection,
        gallery: str = DEFAULT_GALLERY,
        placement: Placement | None = None,
    ) -> None:
        """Use this connection; `close` closes it."""
        self._placement = placement or Placement()
        self.connection = connection
        self._call, self._client = connection.call, connection.client
        self._alias = gallery

    def current(self) -> str | None:
        """Return the name of the collection in use; None on a new server."""
        aliases = self._call(self._client.get_aliases).aliases
        return next((a.collection_name for a in aliases if a.alias_name == self._alias), None)

    def read(self, name: str) -> Collection | None:
        return _collection(name, self._info(name))

    def sample(self, name: str, images: int) -> Sequence[StoredImage]:
        points, _ = self._call(self._client.scroll, name, None, images)
        return payload.read_page(points, None).images

    def create(self, collection: Collection) -> Collection:
        """Create a collection unless it exists, and its missing indexes."""
        info = self._complete(collection, self._info(collection.name))
        return collection.quantized(_read(collection.name, info).spec.quantization)

    def mark(self, collection: Collection) -> None:
        info = describe(collection)
        self._call(self._client.update_collection, collection.name, metadata=info)
        kept = self.read(collection.name)
        if kept is None or replace(kept, spec=collection.spec) != collection:
            raise StoreRejected(
                "This Qdrant server does not keep the metadata of a collection; use 1.16 or later"
            )

    def use(self, name: str) -> None:
        changes: list[models.AliasOperations] = []
        if self.current() is not None:
            old = models.DeleteAlias(alias_name=self._alias)
            changes.append(models.DeleteAliasOperation(delete_alias=old))
        changes.append(self._new_alias(name))
        self._call(self._client.update_collection_aliases, changes)

    def _new_alias(self, name: str) -> models.CreateAliasOperation:
        new = models.CreateAlias(collection_name=name, alias_name=self._alias)
        return models.CreateAliasOperation(create_alias=new)

    def drop(self, name: str) -> None:
        self._call(self._client.delete_collection, name)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def ready(self, spec: CollectionSpec, owner: Owner = NOBODY) -> Collection:
        """Choose the collection for a process with this spec; on a new server create it."""
        current = self.current()
        infos: dict[str, models.CollectionInfo | None] = {}

        def read(name: str) -> Collection | None:
            infos[name] = self._info(name)
            return _collection(name, infos[name])

        name = choose(current, read, spec, lambda found: owner.admit(found, self))
        collection = Collection(name or spec.name, spec, originals=owner.id)
        info = infos[collection.name]
        if info is None:
            info = self._create(collection)  # unless another process, of whomever, is faster
            owner.admit(_read(collection.name, info), self)
        self._complete(collection, info)
        if current is None:  # or this key does not see the alias, and then cannot make it either
            alias = self._new_alias(collection.name)
            self.connection.allows(self._client.update_collection_aliases, [alias])
        return collection.quantized(_read(collection.name, info).spec.quantization)

    def _info(self, name: str) -> models.CollectionInfo | None:
        no_access = (
            f"The Qdrant key has no access to collection {name}; allow it, or if it does not exist "
            "yet, start once with a key that can create it"
        )
        try:
            with _denied(no_access):
                return self._call(self._client.get_collection, name)
        except StoreRejected as error:
            if is_missing_collection(error):
                return None
            raise

    def _complete(
        self, collection: Collection, info: models.CollectionInfo | None
    ) -> models.CollectionInfo:
        info = info or self._create(collection)
        if not self.connection.local:  # which has no indexes
            self._create_indexes(info, collection)
        return info

    def _create(self, collection: Collection) -> models.CollectionInfo:
        from functions.gallery.stores.server import layout

        collection = self._with_quantization(collection)
        name = collection.name
        cannot_create = (
            f"Collection {name} does not exist, and the Qdrant key cannot create it; start once "
            "with a key that can"
        )
        try:
            with _denied(cannot_create):
                self._call(
                    self._client.create_collection,
                    name,
                    layout.vectors(collection.spec),
                    metadata=describe(collection),
                    replication_factor=self._placement.replicas,
                    shard_number=self._placement.shards,
                )
        except StoreRejected:
            if self._info(name) is None:  # else another process was faster
                raise
        return self._call(self._client.get_collection, name)

    def _with_quantization(self, collection: Collection) -> Collection:
        """Choose the quantization of a new collection, unless there is none to choose."""
        from functions.gallery.stores.server import layout

        if self.connection.local:  # which ignores it
            chosen = collection.spec.quantization or Quantization.NONE
        else:
            version = self._call(self._client.info).version
            chosen = layout.choose_quantization(collection.spec, version)
        return collection.quantized(chosen)

    def _create_indexes(self, info: models.CollectionInfo, collection: Collection) -> None:
        there = {key: index.data_type for key, index in info.payload_schema.items()}
        for key, kind in payload.indexed_fields(collection.spec).items():
            wanted = models.PayloadSchemaType(kind)
            if there.get(key) == wanted:
                continue
            with _denied(
                f"Collection {collection.name} has no index for {key}, and the Qdrant key cannot "
                "add it; start once with a key that can write"
            ):
                if key in there:  # declared with another type before
                    self._call(self._client.delete_payload_index, collection.name, key)
                from functions.gallery.stores.server import layout

                params = layout.index(kind)
                self._call(self._client.create_payload_index, collection.name, key, params)


@contextmanager
def _denied(message: str) -> Iterator[None]:
    """Say what the key would be needed for if it is refused."""
    try:
        yield
    except StoreDenied as error:
        raise StoreDenied(message) from error


def _collection(name: str, info: models.CollectionInfo | None) -> Collection | None:
    return None if info is None else _read(name, info)


def _read(name: str, info: models.CollectionInfo) -> Collection:
    return read_description(name, info.config.metadata or {}, _quantization_of(info))


def _quantization_of(info: models.CollectionInfo) -> Quantization:
    """Return the quantization of a collection that does not record it."""
    named: Any = info.config.params.vectors
    kept = named[payload.VECTOR].quantization_config if isinstance(named, dict) else None
    if isinstance(kept, models.TurboQuantization):
        return Quantization.TURBO4
    return Quantization.INT8 if isinstance(kept, models.ScalarQuantization) else Quantization.NONE
