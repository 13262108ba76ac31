"""The collections of the embedded store: made, chosen, put to use and deleted, in one folder.

Beside edge_store.py the only file that imports qdrant_edge; what lies where is edge_folder.py's.
"""

from pathlib import Path

import qdrant_edge as edge

from functions.gallery.perceptual_hash import HASH_BITS
from functions.gallery.records import Collection, CollectionSpec, Distance
from functions.gallery.stores import about, payload
from functions.gallery.stores.edge_folder import ROOM_TO_EDIT, ROOM_TO_PUT, EdgeFolder, translated

# Searches in 4-bit copies, and the building of the index over them, are several times as fast; the
# ten answers are the same. Manhattan: Qdrant's guide advises against.
_CODES = edge.TurboQuantQuantizationConfig(
    bits=edge.TurboQuantBitSize.Bits4, memory=edge.Memory.Pinned
)


class EdgeCollections:
    """All collections of one folder, which is held until `close`."""

    def __init__(self, home: EdgeFolder) -> None:
        """Take over a folder; `open` is the way to get one."""
        self.home = home

    @classmethod
    def open(cls, folder: Path) -> "EdgeCollections":
        """Hold a folder; raises StoreBusy if another process has it, and StoreFull."""
        return cls(EdgeFolder(folder))

    def current(self) -> str | None:
        """Name the collection in use; None in a new store."""
        return self.home.current()

    def read(self, name: str) -> Collection | None:
        """Tell of a collection, or None if there is none of this name. May raise ModelMismatch."""
        told = self.home.about(name)
        return None if told is None else about.collection_of(name, told)

    def make(self, collection: Collection) -> None:
        """Make a collection unless it is there; `load` makes indexes that it lacks."""
        with translated(self.home.root):
            if self.read(collection.name) is None:
                self._create(collection)

    def mark(self, collection: Collection) -> None:
        """Write down whether it is being filled, and what it replaces."""
        self.home.tell(collection.name, about.about(collection))

    def use(self, name: str) -> None:
        """Put a collection to use in place of the one before, in one step."""
        self.home.make_current(name)

    def drop(self, name: str) -> None:
        """Delete a collection; nothing there is no error."""
        self.home.drop(name)

    def close(self) -> None:
        """Let others have the folder."""
        self.home.release()

    def ready(self, spec: CollectionSpec) -> Collection:
        """Choose the collection for a process of this spec; in an empty folder make it."""
        self.home.require_room(ROOM_TO_EDIT)
        current = self.current()
        name = about.choose(current, self.read, spec)
        collection = Collection(name or spec.name, spec)
        self.make(collection)
        if name is None or current is None:
            self.use(collection.name)
        return collection

    def load(self, collection: Collection) -> edge.EdgeShard:
        """Open the files of a collection, with the indexes of its fields; once at a time."""
        with translated(self.home.root):
            shard = edge.EdgeShard.load(str(self.home.shard(collection.name)))
            self._make_indexes(shard, collection.spec)
            return shard

    def _create(self, collection: Collection) -> None:
        self.home.require_room(ROOM_TO_PUT)
        spec = collection.spec
        vectors = edge.EdgeVectorParams(
            size=spec.dims,
            distance=getattr(edge.Distance, spec.distance.value.capitalize()),
            quantization_config=None if spec.distance is Distance.MANHATTAN else _CODES,
        )
        # Every hash is read (2.4 ms for 100,000): exact, and no index to build.
        hashes = edge.EdgeVectorParams(
            size=HASH_BITS,
            distance=edge.Distance.Manhattan,
            datatype=edge.VectorStorageDatatype.Uint8,
            hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
        )
        path = self.home.begin(collection.name)
        both = {payload.VECTOR: vectors, payload.HASH: hashes}
        shard = edge.EdgeShard.create(str(path), edge.EdgeConfig(vectors=both))
        self._make_indexes(shard, spec)
        shard.close()
        self.home.finish(collection.name, about.about(collection))

    def _make_indexes(self, shard: edge.EdgeShard, spec: CollectionSpec) -> None:
        there = {key: index.data_type for key, index in shard.info().payload_schema.items()}
        for key, kind in payload.indexed_fields(spec).items():
            wanted = getattr(edge.PayloadSchemaType, kind.capitalize())
            if there.get(key) == wanted:
                continue
            self.home.require_room(ROOM_TO_PUT)
            if key in there:  # declared with another type before
                shard.update(edge.UpdateOperation.delete_field_index(key))
            shard.update(edge.UpdateOperation.create_field_index(key, wanted))
