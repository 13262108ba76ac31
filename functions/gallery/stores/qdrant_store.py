"""A Qdrant server or Qdrant Cloud as the store, over REST.

Stands on qdrant_client, which is slow to import: who needs no server does not import this.
"""

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

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
from functions.gallery.stores.qdrant_collections import QdrantCollections
from functions.gallery.stores.qdrant_connection import QdrantConnection
from functions.gallery.stores.qdrant_import import models
from functions.gallery.stores.ranking import TIES, Hit, hits_in_order, matches_of
from functions.gallery.stores.sorting import sorted_page

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

_MOST_POINTS = 100
_QUERIES_AT_ONCE = 50
_MOST_BYTES = 4_000_000  # of one request; servers take 32 MB, proxies in between often less
_WORDS = payload.FilterWords(
    all_of=lambda must, must_not: models.Filter(must=must, must_not=must_not),
    one_of=lambda parts: models.Filter(should=parts),
    truth=lambda key, value: models.FieldCondition(key=key, match=models.MatchValue(value=value)),
    among=lambda key, values: models.FieldCondition(key=key, match=models.MatchAny(any=values)),
    numbers=lambda key, bounds: models.FieldCondition(key=key, range=models.Range(**bounds)),
    moments=lambda key, bounds: models.FieldCondition(
        key=key, range=models.DatetimeRange.model_validate(bounds)
    ),
    ids=lambda ids: models.HasIdCondition(has_id=list(ids)),
)


class QdrantStore:
    """A VectorStore on a server; safe to share between threads."""

    def __init__(
        self, collections: QdrantCollections, collection: Collection, *, shared: bool = False
    ) -> None:
        """Use one of these collections; unless they are shared they are closed with it."""
        self._collections = collections
        self._connection = collections.connection
        self._client = self._connection.client
        self._name = collection.name
        self._spec = collection.spec
        self._shared = shared

    @classmethod
    def open(cls, collections: QdrantCollections, spec: CollectionSpec) -> "QdrantStore":
        """Open the collection for this spec or make it, with an index for every field to filter by.

        Raises StoreError, and ModelMismatch if there is none of this model, width and distance but
        others are.
        """
        try:
            return cls(collections, collections.ready(spec))
        except BaseException:
            collections.close()
            raise

    @classmethod
    def connect(cls, url: str, api_key: str | None, spec: CollectionSpec) -> "QdrantStore":
        """Reach a server over REST; raises as `open` does, and SettingsError for no address."""
        return cls.open(QdrantCollections(QdrantConnection.to(url, api_key)), spec)

    @classmethod
    def in_memory(cls, spec: CollectionSpec) -> "QdrantStore":
        """Make a store without a server, for tests and trials; it is gone with the process."""
        return cls.open(QdrantCollections(QdrantConnection.in_memory()), spec)

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        """Store or overwrite images by id, searchable at once. Of repeated ids the last wins."""
        rows = payload.check_batch(images, vectors, self._spec.dims)
        point_bytes = self._spec.dims * 22 + 12_000  # as JSON, with the most metadata allowed
        step = max(1, min(_MOST_POINTS, _MOST_BYTES // point_bytes))
        for part in payload.parts(rows, step):
            points = [
                models.PointStruct(
                    id=images[row].id,
                    vector=payload.vectors_of(images[row], vectors[row]),
                    payload=payload.payload_of(images[row]),
                )
                for row in part
            ]
            self._ask(self._client.upsert, self._name, points)

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; ids that are not there are left out."""
        known = payload.known_ids(ids)
        if not known:
            return {}
        found = self._ask(self._client.retrieve, self._name, known)
        return {str(p.id): payload.image_of(str(p.id), p.payload) for p in found}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Give the vectors of images by id; ids that are not there are left out."""
        known = [i for i in ids if payload.is_id(i)]
        if not known:
            return {}
        found = self._ask(self._client.retrieve, self._name, known, False, [payload.VECTOR])
        vectors: dict[str, Any] = {str(point.id): point.vector for point in found}
        return {id_: np.asarray(v[payload.VECTOR], np.float32) for id_, v in vectors.items()}

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id; in most cases two requests.

        Raises ImageNotFound for an unknown target id.
        """
        return self.search_many([query])[0]

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Answer several queries, `_QUERIES_AT_ONCE` in one request and their images in another."""
        answers: list[list[Match]] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = queries[start : start + _QUERIES_AT_ONCE]
            requests = [self._request(query) for query in part]
            first = [query.offset + query.limit + TIES for query in part]
            fetched = self._fetch(requests, first)
            pages = list(map(self._in_order, part, requests, fetched))
            images = self.get(list({hit.id: None for hits in pages for hit in hits}))
            answers += matches_of(pages, images, part, self._spec)
        return answers

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
        if not self.get([image_id]):  # the server would take it for an id that is not there
            raise payload.unknown_image(image_id)
        written = {payload.METADATA: dict(metadata)}
        self._ask(self._client.set_payload, self._name, written, [image_id])

    def remove(self, ids: Sequence[str]) -> None:
        """Forget these images; ids that are not there are no error."""
        if known := payload.known_ids(ids):
            self._ask(self._client.delete, self._name, known)

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""
        return self._ask(self._client.count, self._name, self._filter(where)).count

    def disk_bytes(self) -> int | None:
        """Give None: a server does not tell."""
        return None

    def check(self) -> None:
        """Return if the store can serve now; raise StoreError if not."""
        self._ask(self._client.get_collection, self._name)

    def optimize(self) -> bool:
        """Leave it to the server, which builds its index in the background."""
        return False

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        if not self._shared:
            self._collections.close()

    def _ask(
        self, request: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs
    ) -> Answer:
        return self._connection.ask(request, *given, **named)

    def _request(self, query: Query) -> models.QueryRequest:
        return models.QueryRequest(
            query=self._target(query),
            using=payload.vector_name(query),
            filter=self._filter(query.where, query.without),
            with_payload=False,  # of many more than the page has
        )

    def _fetch(
        self, requests: Sequence[models.QueryRequest], limits: Sequence[int]
    ) -> list[list[Hit]]:
        asked = [r.model_copy(update={"limit": n}) for r, n in zip(requests, limits, strict=True)]
        answers = self._ask(self._client.query_batch_points, self._name, asked)
        return [[Hit(str(p.id), p.score) for p in a.points] for a in answers]

    def _in_order(self, query: Query, request: models.QueryRequest, first: list[Hit]) -> list[Hit]:
        def more(limit: int) -> list[Hit]:
            return self._fetch([request], [limit])[0]

        return hits_in_order(first, more, query, self._spec.distance)

    def _scroll(self, where: Filter, limit: int, after: str | None) -> Page:
        return self._scrolled(where, limit, offset=after)

    def _scroll_by_field(self, where: Filter, limit: int, order: Order) -> Page:
        direction = models.Direction.DESC if order.descending else models.Direction.ASC
        by = models.OrderBy(key=payload.payload_key(order.field), direction=direction)
        return self._scrolled(where, limit, order_by=by)

    def _scrolled(self, where: Filter, limit: int, **how: Any) -> Page:
        points, following = self._ask(
            self._client.scroll, self._name, self._filter(where), limit, **how
        )
        return payload.page_of(points, following)

    def _target(self, query: Query) -> Any:
        target = query.target
        payload.check_target(target, self._spec.dims)
        if isinstance(target, PerceptualHash):
            return target.vector().tolist()
        if not isinstance(target, str):
            return target.tolist()
        if target in query.without:
            return target  # the server finds its vector and leaves the image itself out
        found = self.vectors([target])
        if target not in found:
            raise payload.unknown_image(target)
        return found[target].tolist()

    def _filter(self, where: Filter, without: Sequence[str] = ()) -> Any:
        return payload.write_filter(typed_conditions(where, self._spec.fields), without, _WORDS)
