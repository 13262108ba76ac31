"""The embedded store: Qdrant's own core inside this process, its data in one folder.

Beside edge_collections.py the only file that imports qdrant_edge. Queries release the interpreter,
`optimize` and `flush` hold it; a full disk kills the process (SIGBUS on a mapped file), so room is
checked before every write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import qdrant_edge as edge

from functions.gallery.filters import sortable_type, typed_conditions
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Filter,
    Match,
    Metadata,
    Order,
    Page,
    Query,
    StoredImage,
    Vector,
    Vectors,
)
from functions.gallery.stores import payload
from functions.gallery.stores.edge_collections import EdgeCollections
from functions.gallery.stores.edge_folder import ROOM_TO_EDIT, ROOM_TO_PUT, Gate, translated
from functions.gallery.stores.ranking import TIES, Hit, hits_in_order, matches_of
from functions.gallery.stores.sorting import sorted_page

_POINTS_PER_WRITE = 100
# After a kill the log is replayed, which takes seconds for each 10,000 points; a flush cuts it.
_POINTS_PER_FLUSH = 2_000
_WORTH_AN_INDEX = 10_000  # below this a search reads all the vectors, fast enough
# The 4-bit copies are read first, and the best are scored again with the full vectors.
_RESCORED = edge.SearchParams(
    quantization=edge.QuantizationSearchParams(rescore=True, oversampling=8.0)
)
_WORDS = payload.FilterWords(
    all_of=lambda must, must_not: edge.Filter(must=must, must_not=must_not),
    one_of=lambda parts: edge.Filter(should=parts),
    # qdrant-edge-py 0.9 takes True for the integer 1, which no boolean equals; numpy's it takes.
    truth=lambda key, value: edge.FieldCondition(
        key, match=edge.MatchValue(cast(bool, np.bool_(value)))
    ),
    among=lambda key, values: edge.FieldCondition(key, match=edge.MatchAny(values)),
    numbers=lambda key, bounds: edge.FieldCondition(key, range=edge.RangeFloat(**bounds)),
    moments=lambda key, bounds: edge.FieldCondition(key, range=edge.RangeDateTime(**bounds)),
    ids=lambda ids: edge.HasIdCondition(set(ids)),
)


class EdgeStore:
    """A VectorStore in a folder that survives a kill; one process at a time may have it."""

    def __init__(
        self, collections: EdgeCollections, collection: Collection, *, shared: bool = False
    ) -> None:
        """Open one of these collections; unless they are shared they are closed with it."""
        self._collections = collections
        self._home = collections.home
        self._shard = collections.load(collection)
        self._spec = collection.spec
        self._shared = shared
        self._unflushed = 0
        self._gate = Gate()

    @classmethod
    def open(cls, folder: Path, spec: CollectionSpec) -> "EdgeStore":
        """Open the folder's collection or make it, with an index for every field to filter by.

        Raises StoreBusy if another process or store has the folder, ModelMismatch if there is none
        of this model, width and distance but others are, StoreFull, and StoreError if it is
        damaged.
        """
        collections = EdgeCollections.open(folder)
        try:
            return cls(collections, collections.ready(spec))
        except BaseException:
            collections.close()
            raise

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        """Store or overwrite images by id, searchable at once. Of repeated ids the last wins."""
        rows = payload.check_batch(images, vectors, self._spec.dims)
        for part in payload.parts(rows, _POINTS_PER_WRITE):
            self._home.require_room(ROOM_TO_PUT)
            with self._working() as shard:
                points = [_point(images[row], vectors[row]) for row in part]
                shard.update(edge.UpdateOperation.upsert_points(points))
                self._unflushed += len(part)
                if self._unflushed >= _POINTS_PER_FLUSH:
                    self._unflushed = 0
                    shard.flush()

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; ids that are not there are left out."""
        with self._working() as shard:
            points = shard.retrieve(payload.known_ids(ids), True, False)
        return {str(p.id): payload.image_of(str(p.id), p.payload) for p in points}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Give the vectors of images by id; ids that are not there are left out."""
        with self._working() as shard:
            points = shard.retrieve([i for i in ids if payload.is_id(i)], False, [payload.VECTOR])
        vectors: dict[str, Any] = {str(point.id): point.vector for point in points}
        return {id_: np.asarray(v[payload.VECTOR], np.float32) for id_, v in vectors.items()}

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id.

        Raises ImageNotFound for an unknown target id.
        """
        where = self._filter(query.where, query.without)
        nearest = edge.Query.Nearest(self._target(query), using=payload.vector_name(query))

        def fetch(limit: int) -> list[Hit]:
            request = edge.QueryRequest(
                limit=limit, query=nearest, filter=where, with_payload=False, params=_RESCORED
            )
            with self._working() as shard:
                return [Hit(str(p.id), p.score) for p in shard.query(request)]

        first = fetch(query.offset + query.limit + TIES)
        hits = hits_in_order(first, fetch, query, self._spec.distance)
        images = self.get([hit.id for hit in hits])
        return matches_of([hits], images, [query], self._spec)[0]

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Answer several queries, one after the other: there is no way to be saved."""
        return [self.search(query) for query in queries]

    def page(
        self, where: Filter, limit: int, after: str | None = None, order: Order | None = None
    ) -> Page:
        """List images in the order of their ids, or of a field; `after` as the page before said."""
        if order is None:
            payload.check_cursor(after)
            return self._scroll(where, limit, after)
        kind = sortable_type(order, self._spec.fields)
        return sorted_page(order, kind, where, limit, after, self._scroll, self._scroll_by_field)

    def set_metadata(self, image_id: str, metadata: Metadata) -> None:
        """Replace the metadata of one image, vector untouched. Raises ImageNotFound."""
        if not self.get([image_id]):
            raise payload.unknown_image(image_id)
        self._home.require_room(ROOM_TO_EDIT)
        with self._working() as shard:
            written = {payload.METADATA: dict(metadata)}
            shard.update(edge.UpdateOperation.set_payload([image_id], written))

    def remove(self, ids: Sequence[str]) -> None:
        """Forget these images; ids that are not there are no error."""
        self._home.require_room(ROOM_TO_EDIT)
        with self._working() as shard:
            shard.update(edge.UpdateOperation.delete_points(payload.known_ids(ids)))

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""
        request = edge.CountRequest(exact=True, filter=self._filter(where))
        with self._working() as shard:
            return shard.count(request)

    def disk_bytes(self) -> int | None:
        """Add up the files of the folder."""
        return self._home.bytes_on_disk()

    def check(self) -> None:
        """Return if the store can serve now; raise StoreError if not."""
        self._home.require_room(0)
        with self._working() as shard:
            shard.info()

    def close(self) -> None:
        """Write everything out and let go of the files; a second call does nothing."""
        if not self._gate.shut():  # the core fails when it is closed beside a running call
            return
        try:
            with translated(self._home.root):
                self._shard.close()
        finally:
            if not self._shared:
                self._collections.close()

    def unindexed(self) -> int:
        """Count the images that every search reads, because they came after `optimize`."""
        hashed = edge.Filter(must=[edge.HasVectorCondition(payload.HASH)])
        with self._working() as shard:
            info = shard.info()
            images = info.points_count
            vectors = images + shard.count(edge.CountRequest(True, hashed))
        # The core counts both vectors of a point; they come into the index together.
        return round(images * (1 - info.indexed_vectors_count / max(1, vectors)))

    def optimize(self) -> bool:
        """Build the search index over what was added since; False if there is too little to gain.

        For the end of an import or a start, not beside requests: the core keeps the interpreter to
        itself meanwhile, so that every other thread stands still.
        """
        if self.unindexed() < _WORTH_AN_INDEX:
            return False
        self._home.require_room(ROOM_TO_PUT + self.count() * self._spec.dims * 4 * 2)
        with self._working() as shard:
            changed = shard.optimize()
            shard.flush()
            return changed

    def _target(self, query: Query) -> Any:
        payload.check_target(query.target, self._spec.dims)
        if isinstance(query.target, PerceptualHash):
            return query.target.vector()
        if not isinstance(query.target, str):
            return query.target
        found = self.vectors([query.target])
        if query.target not in found:
            raise payload.unknown_image(query.target)
        return found[query.target]

    def _scroll(self, where: Filter, limit: int, after: str | None) -> Page:
        return self._scrolled(where, limit, offset=after)

    def _scroll_by_field(self, where: Filter, limit: int, order: Order) -> Page:
        direction = edge.Direction.Desc if order.descending else edge.Direction.Asc
        by = edge.OrderBy(payload.payload_key(order.field), direction)
        return self._scrolled(where, limit, order_by=by)

    def _scrolled(self, where: Filter, limit: int, **how: Any) -> Page:
        request = edge.ScrollRequest(
            limit=limit, filter=self._filter(where), with_payload=True, **how
        )
        with self._working() as shard:
            points, following = shard.scroll(request)
        return payload.page_of(points, following)

    def _filter(self, where: Filter, without: Sequence[str] = ()) -> Any:
        return payload.write_filter(typed_conditions(where, self._spec.fields), without, _WORDS)

    @contextmanager
    def _working(self) -> Iterator[edge.EdgeShard]:
        with self._gate.entered(), translated(self._home.root):
            yield self._shard


def _point(image: StoredImage, vector: Vector) -> edge.Point:
    return edge.Point(image.id, payload.vectors_of(image, vector), payload.payload_of(image))
