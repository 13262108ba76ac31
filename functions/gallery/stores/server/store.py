"""A Qdrant server or Qdrant Cloud as the vector store, over REST."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Distance,
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
from functions.gallery.stores.filtering import FilterDialect, write_filter
from functions.gallery.stores.ownership import NOBODY, Owner
from functions.gallery.stores.ranking import Hit, first_limit, make_matches, rank
from functions.gallery.stores.server.collections import QdrantCollections
from functions.gallery.stores.server.connection import QdrantConnection
from functions.gallery.stores.server.key import ReadKey
from functions.gallery.stores.server.parts import Parts
from functions.gallery.stores.server.rest import Json
from functions.gallery.stores.sorting import list_page

_POINTS_PER_WRITE = 100
_QUERIES_PER_REQUEST = 50
# Together they come with their images: 10, 48 or 100 took a quarter less time than with another
# request. The images of more are read for the page only.
_FEW_HITS = 256
_REQUEST_BYTES = 4_000_000  # servers take 32 MB, proxies in between often less
_DIALECT = FilterDialect(
    all_of=lambda must, must_not: {"must": must, "must_not": must_not},
    any_of=lambda parts: {"should": parts},
    is_bool=lambda key, value: {"key": key, "match": {"value": value}},
    is_one_of=lambda key, values: {"key": key, "match": {"any": values}},
    in_range=lambda key, bounds: {"key": key, "range": bounds},
    in_period=lambda key, bounds: {"key": key, "range": bounds},
    has_id=lambda ids: {"has_id": list(ids)},
)
_STATES = {"green": IndexState.READY, "yellow": IndexState.BUILDING}


class QdrantStore:
    """The port `VectorStore` on a server; safe to share between threads."""

    def __init__(
        self, collections: QdrantCollections, collection: Collection, *, shared: bool = False
    ) -> None:
        """Use one of these collections; unless they are shared, `close` closes them too."""
        self._collections = collections
        self._call, self._client = collections.connection.call, collections.connection.client
        self._name = collection.name
        self._spec = collection.spec
        self._shared = shared
        self._local = collections.connection.local
        self._points, self._queries = Parts(_POINTS_PER_WRITE), Parts(_QUERIES_PER_REQUEST)

    @classmethod
    def open(
        cls, collections: QdrantCollections, spec: CollectionSpec, owner: Owner = NOBODY
    ) -> "QdrantStore":
        """Open the collection for this spec or create it, with an index for every field.

        Raises StoreError, OtherOriginals if the gallery is not this owner's, and ModelMismatch if
        it has collections but none of this model, width and distance.
        """
        try:
            return cls(collections, collections.ready(spec, owner))
        except BaseException:
            collections.close()
            raise

    @classmethod
    def connect(
        cls, url: str, api_key: str | ReadKey | None, spec: CollectionSpec, owner: Owner = NOBODY
    ) -> "QdrantStore":
        """Open the collection on this server; raises as `open`, and SettingsError for the URL."""
        collections = QdrantCollections(QdrantConnection.to(url, api_key), spec.gallery)
        return cls.open(collections, spec, owner)

    @classmethod
    def in_memory(cls, spec: CollectionSpec) -> "QdrantStore":
        """Open a store without a server, for tests and trials; it is lost with the process."""
        return cls.open(QdrantCollections(QdrantConnection.in_memory()), spec)

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        rows = payload.check_batch(images, vectors, self._spec.dims)
        point_bytes = self._spec.dims * 12 + 26_000  # as JSON, with the most metadata allowed
        step = max(1, min(_POINTS_PER_WRITE, _REQUEST_BYTES // point_bytes))
        for start in range(0, len(rows), step):
            points = [
                {
                    "id": image.id,
                    "vector": payload.write_vectors(image, self._short(vector)),
                    "payload": payload.write_payload(image),
                }
                for image, vector in rows[start : start + step]
            ]
            self._points.send(
                points, lambda part: self._call(self._client.upsert, self._name, part)
            )

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        known = payload.valid_ids(ids)
        if not known:
            return {}
        return payload.read_images(self._call(self._client.retrieve, self._name, known))

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        known = payload.valid_ids(ids)
        if not known:
            return {}
        points = self._call(self._client.retrieve, self._name, known, False, [payload.VECTOR])
        return payload.read_vectors(points)

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id; in one request if they are few.

        Raises ImageNotFound for an unknown target id.
        """
        return self._search([query], {})[0]

    def similar(self, query: Query) -> tuple[StoredImage, list[Match]]:
        """Do both in one request."""
        itself = payload.valid_ids([str(query.target)])
        own = {
            "filter": {"must": [_DIALECT.has_id(itself)]},
            "limit": 1,
            "with_payload": True,
        }
        points: dict[str, Any] = {}
        [matches] = self._search([query], points, own)
        images = payload.read_images(points[id_] for id_ in itself if id_ in points)
        return payload.target_image(images, query), matches

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Run up to 50 queries in one request, and read all their images in another."""
        results: list[list[Match]] = []
        for start in range(0, len(queries), _QUERIES_PER_REQUEST):
            results += self._search(queries[start : start + _QUERIES_PER_REQUEST], {})
        return results

    def _search(
        self, queries: Sequence[Query], points: dict[str, Any], *further: Json
    ) -> list[list[Match]]:
        """Run these queries and further requests; adds the points that they return to `points`."""
        requests = [self._request(query) for query in queries]
        first = self._fetch(requests, [first_limit(query) for query in queries], points, *further)
        pages = [
            rank(hits, partial(self._fetch_one, request, points), query, self._spec.distance)
            for hits, request, query in zip(first, requests, queries, strict=True)
        ]
        ids = list({hit.id: None for hits in pages for hit in hits})
        images = payload.read_images(points[id_] for id_ in ids if id_ in points)
        images |= self.get([id_ for id_ in ids if id_ not in points])
        return [
            make_matches(hits, images, query, self._spec)
            for hits, query in zip(pages, queries, strict=True)
        ]

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
        if not self.get([image_id]):  # the server accepts unknown ids
            raise payload.unknown_image(image_id)
        changes = {**payload.write_metadata(metadata, left_out), "etag": etag}
        self._call(self._client.set_payload, self._name, changes, [image_id])

    def remove(self, ids: Sequence[str]) -> None:
        if known := payload.valid_ids(ids):
            self._call(self._client.delete, self._name, known)

    def count(self, where: Filter = ()) -> int:
        return self._call(self._client.count, self._name, self._filter(where))

    def check_room(self) -> None:
        """Do nothing: a server does not say how much room it has."""

    def disk_bytes(self) -> int | None:
        """Return None: the index is not on a local disk."""
        return None

    def check(self) -> IndexState:
        info = self._call(self._client.get_collection, self._name)
        if info["optimizer_status"] != "ok":
            return IndexState.MISSING  # most often for want of room on its disk
        return _STATES.get(info["status"], IndexState.MISSING)

    def unindexed(self) -> int:
        if self._local:  # which has no index
            return 0
        info = self._call(self._client.get_collection, self._name)
        hashed = {"must": [{"has_vector": payload.HASH}]}
        hashes = self._call(self._client.count, self._name, hashed)
        images = info["points_count"] or 0
        return payload.unindexed(images, hashes, info["indexed_vectors_count"] or 0)

    def optimize(self) -> bool:
        """Do nothing: the server builds its index in the background."""
        return False

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        if not self._shared:
            self._collections.close()

    def _request(self, query: Query) -> Json:
        request = {
            "query": {"nearest": self._target(query)},
            "using": payload.vector_name(query),
            "filter": self._filter(query.where, query.without),
            "score_threshold": payload.score_threshold(query),
        }
        return {key: value for key, value in request.items() if value is not None}

    def _target(self, query: Query) -> Any:
        if isinstance(query.target, str) and query.target in payload.valid_ids(query.without):
            return query.target  # the server reads its vector and leaves the image itself out
        return self._short(payload.target_vector(query, self._spec.dims, self.vectors)).tolist()

    def _short(self, vector: Vector) -> NDArray[np.float64]:
        """Round the numbers of a vector: sent as JSON, most of their digits are noise.

        1,280 numbers take 13 KB instead of 28, and the cosine stays 1.0000000. A dot product also
        sees that the length changes by some 1e-7, so it gets two more digits.
        """
        digits = 8 if self._spec.distance is Distance.DOT else 6
        numbers: NDArray[np.float64] = vector.astype(np.float64)
        return numbers.round(digits)

    def _fetch(
        self,
        requests: Sequence[Json],
        limits: Sequence[int],
        points: dict[str, Any],
        *further: Json,
    ) -> list[list[Hit]]:
        few = sum(limits) <= _FEW_HITS
        searches = [
            self._searches({**request, "with_payload": few}, limit)
            for request, limit in zip(requests, limits, strict=True)
        ]
        sent = [request for each in searches for request in each]
        parts = self._queries.send(
            [*sent, *further],
            lambda part: self._call(self._client.query_batch_points, self._name, part),
        )
        found = [each for part in parts for each in part]
        points |= {str(p.id): p for each in found for p in each if p.payload is not None}
        hits = iter([Hit(str(p.id), p.score) for p in each] for each in found)
        return [
            depth.join(list(islice(hits, len(each))), limit)
            for each, limit in zip(searches, limits, strict=True)
        ]

    def _fetch_one(self, request: Json, points: dict[str, Any], limit: int) -> list[Hit]:
        return self._fetch([request], [limit], points)[0]

    def _searches(self, request: Json, limit: int) -> list[Json]:
        """Return the requests for the first hits of one.

        Hashes are compared bit by bit, so their full numbers are not read.
        """
        if self._local:  # which has no parameters, and warns of them
            return [{**request, "limit": limit}]
        if request["using"] == payload.HASH:
            return [{**request, "limit": limit, "params": {"quantization": {"rescore": False}}}]
        return [
            {**request, "limit": each.limit, "params": _params(each)}
            for each in depth.searches(limit)
        ]

    def _scroll(self, where: Filter, limit: int, after: str | None, order: Order | None) -> Page:
        order_by = None
        if order is not None:
            direction = "desc" if order.descending else "asc"
            order_by = {"key": payload.payload_key(order.field), "direction": direction}
        points, following = self._call(
            self._client.scroll, self._name, self._filter(where), limit, order_by, after
        )
        return payload.read_page(points, following)

    def _filter(self, where: Filter, without: Sequence[str] = ()) -> Any:
        return write_filter(where, without, self._spec.fields, _DIALECT)


def _params(each: depth.Depth) -> Json:
    """Return the parameters of a search; a collection that is not quantized ignores the second."""
    rescored = {"rescore": True, "oversampling": each.oversampling}
    return {"hnsw_ef": each.ef, "quantization": rescored}
