"""The embedded store: Qdrant's own core inside this process, with its data in one folder.

Besides collections.py the only module that imports qdrant_edge. Queries release the interpreter
lock, `optimize` and `flush` hold it. A full disk kills the process (SIGBUS on a mapped file), so
the room left is checked before every write.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import qdrant_edge as edge

from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.errors import StoreFull
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Filter,
    IndexState,
    Match,
    Metadata,
    Order,
    Page,
    Query,
    StoredImage,
)
from functions.gallery.stores import depth, payload
from functions.gallery.stores.embedded.collections import EdgeCollections
from functions.gallery.stores.embedded.errors import map_errors
from functions.gallery.stores.embedded.folder import ROOM_TO_EDIT, ROOM_TO_PUT
from functions.gallery.stores.embedded.in_flight import InFlight
from functions.gallery.stores.filtering import FilterDialect, write_filter
from functions.gallery.stores.ownership import NOBODY, Owner
from functions.gallery.stores.ranking import Hit, first_limit, make_matches, rank
from functions.gallery.stores.sorting import list_page

_POINTS_PER_WRITE = 100
# After a kill the log is replayed, at seconds for each 10,000 points; a flush shortens it.
_POINTS_PER_FLUSH = 2_000
_WORTH_AN_INDEX = 10_000  # below this a search compares all vectors, fast enough
_REMOVED_PER_COMPACTION = 1_000
_EXACTLY = edge.CountRequest(exact=True)
_BITS_ONLY = edge.SearchParams(quantization=edge.QuantizationSearchParams(rescore=False))
_DIALECT = FilterDialect(
    all_of=lambda must, must_not: edge.Filter(must=must, must_not=must_not),
    any_of=lambda parts: edge.Filter(should=parts),
    # qdrant-edge-py 0.9 reads True as the integer 1, which equals no boolean; numpy's works.
    is_bool=lambda key, value: edge.FieldCondition(
        key, match=edge.MatchValue(cast(bool, np.bool_(value)))
    ),
    is_one_of=lambda key, values: edge.FieldCondition(key, match=edge.MatchAny(values)),
    in_range=lambda key, bounds: edge.FieldCondition(key, range=edge.RangeFloat(**bounds)),
    in_period=lambda key, bounds: edge.FieldCondition(key, range=edge.RangeDateTime(**bounds)),
    has_id=lambda ids: edge.HasIdCondition(set(ids)),
)


class EdgeStore:
    """The port `VectorStore` in a folder; it survives a kill, and one process can open it."""

    def __init__(
        self, collections: EdgeCollections, collection: Collection, *, shared: bool = False
    ) -> None:
        """Open one of these collections; unless they are shared, `close` closes them too."""
        self._collections = collections
        self._shard, self._record = collections.load(collection)
        self._spec = collection.spec
        self._shared = shared
        self._unflushed = 0
        self._in_flight = InFlight()
        with self._call() as shard:
            self._compact(shard)

    @classmethod
    def open(cls, folder: Path, spec: CollectionSpec, owner: Owner = NOBODY) -> "EdgeStore":
        """Open the folder's collection or create it, with an index for every field to filter by.

        Raises StoreBusy if a process or another store has the folder, OtherOriginals if it is not
        this owner's, ModelMismatch if it has collections but none of this model, width and
        distance, StoreFull, and StoreError if it is damaged.
        """
        collections = EdgeCollections(folder)
        try:
            return cls(collections, collections.ready(spec, owner))
        except BaseException:
            collections.close()
            raise

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        rows = payload.check_batch(images, vectors, self._spec.dims)
        for start in range(0, len(rows), _POINTS_PER_WRITE):
            part = rows[start : start + _POINTS_PER_WRITE]
            self._collections.require_room(ROOM_TO_PUT)
            with self._call() as shard:
                points = [_point(image, vector) for image, vector in part]
                shard.update(edge.UpdateOperation.upsert_points(points))
                self._unflushed += len(part)
                if self._unflushed >= _POINTS_PER_FLUSH:
                    self._unflushed = 0
                    shard.flush()
                    self._record.check(partial(shard.count, _EXACTLY))

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        with self._call() as shard:
            points = shard.retrieve(payload.valid_ids(ids), True, False)
        return payload.read_images(points)

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        with self._call() as shard:
            points = shard.retrieve(payload.valid_ids(ids), False, [payload.VECTOR])
        return payload.read_vectors(points)

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id.

        Raises ImageNotFound for an unknown target id.
        """
        where = self._filter(query.where, query.without)
        target: Any = payload.target_vector(query, self._spec.dims, self.vectors)
        name, threshold = payload.vector_name(query), payload.score_threshold(query)
        nearest = edge.Query.Nearest(target, using=name)

        def find(limit: int, params: edge.SearchParams) -> list[Hit]:
            request = edge.QueryRequest(
                limit=limit,
                query=nearest,
                filter=where,
                with_payload=False,
                params=params,
                score_threshold=threshold,
            )
            with self._call() as shard:
                return [Hit(str(p.id), p.score) for p in shard.query(request)]

        def fetch(limit: int) -> list[Hit]:
            if name == payload.HASH:
                return find(limit, _BITS_ONLY)
            found = [find(each.limit, _params(each)) for each in depth.searches(limit)]
            return depth.join(found, limit)

        hits = rank(fetch(first_limit(query)), fetch, query, self._spec.distance)
        return make_matches(hits, self.get([hit.id for hit in hits]), query, self._spec)

    def similar(self, query: Query) -> tuple[StoredImage, list[Match]]:
        matches = self.search(query)
        return payload.target_image(self.get([str(query.target)]), query), matches

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Run several queries one after the other; there are no round trips to save."""
        return [self.search(query) for query in queries]

    def page(
        self, where: Filter, limit: int, after: str | None = None, order: Order | None = None
    ) -> Page:
        return list_page(self._scroll, self._spec.fields, where, limit, after, order)

    def set_metadata(
        self,
        image_id: str,
        metadata: Metadata,
        etag: str,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        if not self.get([image_id]):
            raise payload.unknown_image(image_id)
        self._collections.require_room(ROOM_TO_EDIT)
        with self._call() as shard:
            changes = {**payload.write_metadata(metadata, left_out), "etag": etag}
            shard.update(edge.UpdateOperation.set_payload([image_id], changes))

    def check_room(self) -> None:
        self._collections.require_room(ROOM_TO_EDIT)

    def remove(self, ids: Sequence[str]) -> None:
        """Remove these images; in a small collection their disk space is freed now and then."""
        self.check_room()
        known = payload.valid_ids(ids)
        with self._call() as shard:
            with self._record.removing(len(known), partial(shard.count, _EXACTLY)):
                shard.update(edge.UpdateOperation.delete_points(known))
            if shard.info().points_count < _WORTH_AN_INDEX:
                self._compact(shard)

    def count(self, where: Filter = ()) -> int:
        request = edge.CountRequest(exact=True, filter=self._filter(where))
        with self._call() as shard:
            return shard.count(request)

    def disk_bytes(self) -> int | None:
        """Return the disk space of the folder."""
        return self._collections.disk_bytes()

    def check(self) -> IndexState:
        self._collections.require_room(0)
        lacks_index = self.unindexed() >= _WORTH_AN_INDEX
        return IndexState.MISSING if lacks_index else IndexState.READY

    def close(self) -> None:
        """Write everything to disk and release the files; a second call does nothing."""
        if not self._in_flight.close():  # the core fails if it is closed during a call
            return
        try:
            with map_errors(self._collections.root):
                try:
                    images = self._shard.count(_EXACTLY)
                finally:
                    self._shard.close()
            with suppress(OSError):  # a full disk: then the next start checks less
                self._record.close(images)
        finally:
            if not self._shared:
                self._collections.close()

    def unindexed(self) -> int:
        """Count the images added since `optimize`."""
        hashed = edge.Filter(must=[edge.HasVectorCondition(payload.HASH)])
        with self._call() as shard:
            info = shard.info()
            hashes = shard.count(edge.CountRequest(True, hashed))
        return payload.unindexed(info.points_count, hashes, info.indexed_vectors_count)

    def optimize(self) -> bool:
        """Build the search index over recent additions, and free the space of removed images.

        Returns False if there are too few of both to matter. For the end of an import or a start,
        not next to requests: the core holds the interpreter lock while it runs, so that every other
        thread stands still.
        """
        too_few = self.unindexed() < _WORTH_AN_INDEX
        with self._call() as shard:
            if too_few:
                return self._compact(shard)
            self._collections.require_room(self._room_to_optimize(shard))
            return self._optimize(shard)

    def _compact(self, shard: edge.EdgeShard) -> bool:
        """Free the space of removed images if they are a fifth of all, and there is room to."""
        images = shard.info().points_count
        if self._record.removed < max(_REMOVED_PER_COMPACTION, images // 4):
            return False
        try:
            self._collections.require_room(self._room_to_optimize(shard))
        except StoreFull:
            return False
        return self._optimize(shard)

    def _optimize(self, shard: edge.EdgeShard) -> bool:
        changed = shard.optimize()
        shard.flush()  # only now the core deletes the old files
        self._record.compacted()
        return changed

    def _room_to_optimize(self, shard: edge.EdgeShard) -> int:
        return ROOM_TO_PUT + shard.info().points_count * self._spec.dims * 4 * 2

    def _scroll(self, where: Filter, limit: int, after: str | None, order: Order | None) -> Page:
        order_by = None
        if order is not None:
            direction = edge.Direction.Desc if order.descending else edge.Direction.Asc
            order_by = edge.OrderBy(payload.payload_key(order.field), direction)
        request = edge.ScrollRequest(
            after, limit, self._filter(where), with_payload=True, order_by=order_by
        )
        with self._call() as shard:
            return payload.read_page(*shard.scroll(request))

    def _filter(self, where: Filter, without: Sequence[str] = ()) -> Any:
        return write_filter(where, without, self._spec.fields, _DIALECT)

    @contextmanager
    def _call(self) -> Iterator[edge.EdgeShard]:
        with self._in_flight.call(), map_errors(self._collections.root):
            yield self._shard


def _params(each: depth.Depth) -> edge.SearchParams:
    """Return the parameters of a search; a collection that is not quantized ignores the second."""
    rescored = edge.QuantizationSearchParams(rescore=True, oversampling=each.oversampling)
    return edge.SearchParams(hnsw_ef=each.ef, quantization=rescored)


def _point(image: StoredImage, vector: Vector) -> edge.Point:
    return edge.Point(image.id, payload.write_vectors(image, vector), payload.write_payload(image))
