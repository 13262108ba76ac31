"""The collections of the embedded store, in one folder.

Besides store.py the only module that imports qdrant_edge.
"""

from collections.abc import Sequence
from functools import partial

import qdrant_edge as edge

from functions.gallery.embedding.fingerprint import HASH_BITS
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    NAME_WORDS,
    Collection,
    CollectionSpec,
    Distance,
    Quantization,
    StoredImage,
)
from functions.gallery.stores import payload
from functions.gallery.stores.collection_info import (
    choose,
    describe,
    quantization_for,
    read_description,
)
from functions.gallery.stores.embedded.errors import map_errors
from functions.gallery.stores.embedded.folder import ROOM_TO_EDIT, ROOM_TO_PUT, EdgeFolder
from functions.gallery.stores.embedded.record import ShardRecord
from functions.gallery.stores.ownership import NOBODY, Owner

_QUANTIZATIONS = {
    Quantization.NONE: None,
    Quantization.INT8: edge.ScalarQuantizationConfig(
        type=edge.ScalarType.Int8, quantile=0.99, memory=edge.Memory.Pinned
    ),
    Quantization.TURBO4: edge.TurboQuantQuantizationConfig(
        bits=edge.TurboQuantBitSize.Bits4, memory=edge.Memory.Pinned
    ),
}


class EdgeCollections(EdgeFolder):
    """All collections of one folder; see the port `Collections`."""

    def read(self, name: str) -> Collection | None:
        info = self.read_info(name)
        if info is None:
            return None
        is_manhattan = info.get("distance") == Distance.MANHATTAN.value
        unrecorded = Quantization.NONE if is_manhattan else Quantization.TURBO4
        return read_description(name, info, unrecorded)

    def sample(self, name: str, images: int) -> Sequence[StoredImage]:
        collection = self.read(name)
        if collection is None:
            return ()
        shard, record = self.load(collection)
        with map_errors(self.root):
            points = shard.scroll(edge.ScrollRequest(limit=images, with_payload=True))
            count = shard.count(edge.CountRequest(exact=True))
            shard.close()
            record.close(count)
        return payload.read_page(*points).images

    def create(self, collection: Collection) -> Collection:
        """Create a collection unless it exists; `load` adds missing indexes."""
        with map_errors(self.root):
            made = self.read(collection.name)
            if made is None:
                chosen = quantization_for(collection.spec, best=Quantization.TURBO4)
                made = collection.quantized(chosen)
                self._create_files(made)
        return collection.quantized(made.spec.quantization)

    def mark(self, collection: Collection) -> None:
        self.write_info(collection.name, describe(collection))

    def ready(self, spec: CollectionSpec, owner: Owner = NOBODY) -> Collection:
        """Choose the collection for a process with this spec; in an empty folder create it."""
        self.require_room(ROOM_TO_EDIT)
        current = self.current()
        name = choose(current, self.read, spec, lambda found: owner.admit(found, self))
        collection = Collection(name or spec.name, spec, originals=owner.id)
        collection = self.create(collection)
        if name is None or current is None:
            self.use(collection.name)
        return collection

    def load(self, collection: Collection) -> tuple[edge.EdgeShard, ShardRecord]:
        """Open the files of a collection, with indexes for its fields; only once at a time.

        Raises StoreError if they are damaged.
        """
        record = ShardRecord(self.shard(collection.name))
        with map_errors(self.root):
            record.open()
            shard = edge.EdgeShard.load(str(self.shard(collection.name)))
            try:
                self._create_indexes(shard, collection.spec)
                shard.flush()  # what is counted must survive a loss of power
                record.check(partial(shard.count, edge.CountRequest(exact=True)))
                info = shard.info()
                every = BUILT_IN_FIELDS.keys() - {NAME_WORDS}  # a name can be without a word
                if any(info.payload_schema[f].points != info.points_count for f in every):
                    raise record.damaged(self.shard(collection.name))
            except BaseException:
                shard.close()
                raise
            return shard, record

    def _create_files(self, collection: Collection) -> None:
        self.require_room(ROOM_TO_PUT)
        spec = collection.spec
        vectors = edge.EdgeVectorParams(
            size=spec.dims,
            distance=getattr(edge.Distance, spec.distance.value.capitalize()),
            quantization_config=_QUANTIZATIONS[spec.quantization or Quantization.NONE],
        )
        # Every hash is compared (1.3 ms for 100,000): exact, and no index to build.
        hashes = edge.EdgeVectorParams(
            size=HASH_BITS,
            distance=edge.Distance.Dot,
            datatype=edge.VectorStorageDatatype.Float16,
            memory=edge.Memory.Cold,  # only the bits are read
            quantization_config=edge.BinaryQuantizationConfig(memory=edge.Memory.Pinned),
            hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
        )
        config = edge.EdgeConfig(vectors={payload.VECTOR: vectors, payload.HASH: hashes})
        shard = edge.EdgeShard.create(str(self.begin(collection.name)), config)
        self._create_indexes(shard, spec)
        shard.close()
        self.finish(collection.name, describe(collection))

    def _create_indexes(self, shard: edge.EdgeShard, spec: CollectionSpec) -> None:
        there = {key: index.data_type for key, index in shard.info().payload_schema.items()}
        for key, kind in payload.indexed_fields(spec).items():
            wanted = getattr(edge.PayloadSchemaType, kind.capitalize())
            if there.get(key) == wanted:
                continue
            self.require_room(ROOM_TO_PUT)
            if key in there:  # declared with another type before
                shard.update(edge.UpdateOperation.delete_field_index(key))
            shard.update(edge.UpdateOperation.create_field_index(key, wanted))
