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
from typing import TYPE_CHECKING

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
from functions.gallery.stores.server import layout
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.errors import is_missing_collection
from functions.gallery.stores.server.rest import Json

if TYPE_CHECKING:
    from functions.gallery.stores.server.library import models


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
        return self._call(self._client.get_aliases).get(self._alias)

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
        self._call(self.connection.library.update_collection, collection.name, metadata=info)
        kept = self.read(collection.name)
        if kept is None or replace(kept, spec=collection.spec) != collection:
            raise StoreRejected(
                "This Qdrant server does not keep the metadata of a collection; use 1.16 or later"
            )

    def use(self, name: str) -> None:
        from functions.gallery.stores.server.library import models

        changes: list[models.AliasOperations] = []
        if self.current() is not None:
            old = models.DeleteAlias(alias_name=self._alias)
            changes.append(models.DeleteAliasOperation(delete_alias=old))
        changes.append(self._new_alias(name))
        self._call(self.connection.library.update_collection_aliases, changes)

    def _new_alias(self, name: str) -> "models.CreateAliasOperation":
        from functions.gallery.stores.server.library import models

        new = models.CreateAlias(collection_name=name, alias_name=self._alias)
        return models.CreateAliasOperation(create_alias=new)

    def drop(self, name: str) -> None:
        self._call(self.connection.library.delete_collection, name)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    def ready(self, spec: CollectionSpec, owner: Owner = NOBODY) -> Collection:
        """Choose the collection for a process with this spec; on a new server create it."""
        current = self.current()
        infos: dict[str, Json | None] = {}

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
            self.connection.allows(self.connection.library.update_collection_aliases, [alias])
        return collection.quantized(_read(collection.name, info).spec.quantization)

    def _info(self, name: str) -> Json | None:
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

    def _complete(self, collection: Collection, info: Json | None) -> Json:
        info = info or self._create(collection)
        if not self.connection.local:  # which has no indexes
            self._create_indexes(info, collection)
        return info

    def _create(self, collection: Collection) -> Json:
        from functions.gallery.stores.server.library import models

        collection = self._with_quantization(collection)
        name = collection.name
        vectors = {
            vector: models.VectorParams.model_validate(described)
            for vector, described in layout.vectors(collection.spec).items()
        }
        cannot_create = (
            f"Collection {name} does not exist, and the Qdrant key cannot create it; start once "
            "with a key that can"
        )
        try:
            with _denied(cannot_create):
                self._call(
                    self.connection.library.create_collection,
                    name,
                    vectors,
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
        if self.connection.local:  # which ignores it
            chosen = collection.spec.quantization or Quantization.NONE
        else:
            version = self._call(self.connection.library.info).version
            chosen = layout.choose_quantization(collection.spec, version)
        return collection.quantized(chosen)

    def _create_indexes(self, info: Json, collection: Collection) -> None:
        there = {key: found["data_type"] for key, found in info["payload_schema"].items()}
        for key, kind in payload.indexed_fields(collection.spec).items():
            if there.get(key) == kind:
                continue
            from functions.gallery.stores.server.library import index

            with _denied(
                f"Collection {collection.name} has no index for {key}, and the Qdrant key cannot "
                "add it; start once with a key that can write"
            ):
                if key in there:  # declared with another type before
                    self._call(self.connection.library.delete_payload_index, collection.name, key)
                self._call(
                    self.connection.library.create_payload_index, collection.name, key, index(kind)
                )


@contextmanager
def _denied(message: str) -> Iterator[None]:
    """Say what the key would be needed for if it is refused."""
    try:
        yield
    except StoreDenied as error:
        raise StoreDenied(message) from error


def _collection(name: str, info: Json | None) -> Collection | None:
    return None if info is None else _read(name, info)


def _read(name: str, info: Json) -> Collection:
    config = info["config"]
    unrecorded = layout.quantization_of(config["params"]["vectors"])
    return read_description(name, config.get("metadata") or {}, unrecorded)
