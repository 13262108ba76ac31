"""A Qdrant server or Qdrant Cloud as the store, over REST.

The only file that imports qdrant_client, which is slow: who needs no server does not import this.
The server must be 1.16 or later: older ones do not keep the collection's metadata.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import RLock
from typing import Any, ParamSpec, TypeVar

import httpx
import numpy as np
from qdrant_client import QdrantClient, models

from functions.gallery.errors import SettingsError, StoreError, StoreRejected
from functions.gallery.filters import sortable_type, typed_conditions
from functions.gallery.perceptual_hash import HASH_BITS, PerceptualHash
from functions.gallery.records import (
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
from functions.gallery.stores.patience import Patience
from functions.gallery.stores.qdrant_errors import is_missing_collection, store_error
from functions.gallery.stores.ranking import TIES, Hit, hits_in_order, match_of
from functions.gallery.stores.sorting import sorted_page

Given = ParamSpec("Given")
Answer = TypeVar("Answer")

ALIAS = "lookalike"  # readers and writers use it, so that a new collection can take its place
_MOST_POINTS = 100
_QUERIES_AT_ONCE = 50
_MOST_BYTES = 4_000_000  # of one request; servers take 32 MB, proxies in between often less
# httpx drops idle connections after 5 s; a warm Lambda function waits longer between requests.
_CONNECTIONS = httpx.Limits(max_keepalive_connections=20, keepalive_expiry=60)
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
        self, client: QdrantClient, spec: CollectionSpec, alias: str, patience: Patience
    ) -> None:
        """Take over a client; `connect` and `in_memory` are the ways to get a store."""
        self._client = client
        self._spec = spec
        self._alias = alias
        self._patience = patience
        # The client's local mode breaks for good when two threads write: one lock around all.
        self._local = client.init_options["location"] == ":memory:"
        self._turn: AbstractContextManager[Any] = RLock() if self._local else nullcontext()
        self._closed = False

    @classmethod
    def connect(
        cls,
        url: str,
        api_key: str | None,
        spec: CollectionSpec,
        *,
        timeout_s: int = 5,
        alias: str = ALIAS,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> "QdrantStore":
        """Reach a server over REST and see to it that the collection and its indexes are there.

        Without a port, https means 443 (Cloud answers there too) and http means 6333. A request
        waits `timeout_s` whole seconds. Raises StoreError, ModelMismatch if another model, width or
        distance filled the collection, and SettingsError for an address that is none.
        """
        try:
            client = QdrantClient(
                url=url,
                port=None if url.startswith("https:") else 6333,
                api_key=api_key,
                timeout=timeout_s,
                check_compatibility=False,  # else a thread sends one more request
                limits=_CONNECTIONS,
                transport=transport,
            )
        except ValueError as problem:
            raise SettingsError(f"QDRANT_URL {url!r} is no address: {problem}") from problem
        return cls(client, spec, alias, patience or Patience())._ready()

    @classmethod
    def in_memory(cls, spec: CollectionSpec) -> "QdrantStore":
        """Make a store without a server, for tests and trials; it is gone with the process."""
        return cls(QdrantClient(":memory:"), spec, ALIAS, Patience(tries=1))._ready()

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
            self._ask(self._client.upsert, self._alias, points)

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        """Find images by id; ids that are not there are left out."""
        known = payload.known_ids(ids)
        if not known:
            return {}
        found = self._ask(self._client.retrieve, self._alias, known)
        return {str(p.id): payload.image_of(str(p.id), p.payload) for p in found}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        """Give the vectors of images by id; ids that are not there are left out."""
        known = [i for i in ids if payload.is_id(i)]
        if not known:
            return {}
        found = self._ask(self._client.retrieve, self._alias, known, False, [payload.VECTOR])
        vectors: dict[str, Any] = {str(point.id): point.vector for point in found}
        return {id_: np.asarray(v[payload.VECTOR], np.float32) for id_, v in vectors.items()}

    def search(self, query: Query) -> list[Match]:
        """Find the nearest images, best first, equal scores by id; one request in most cases.

        Raises ImageNotFound for an unknown target id.
        """
        return self.search_many([query])[0]

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        """Answer several queries, `_QUERIES_AT_ONCE` in one request."""
        answers: list[list[Match]] = []
        for start in range(0, len(queries), _QUERIES_AT_ONCE):
            part = queries[start : start + _QUERIES_AT_ONCE]
            requests = [self._request(query) for query in part]
            first = [query.offset + query.limit + TIES for query in part]
            fetched = self._fetch(requests, first)
            answers += map(self._matches, part, requests, fetched)
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
        self._ask(self._client.set_payload, self._alias, written, [image_id])

    def remove(self, ids: Sequence[str]) -> None:
        """Forget these images; ids that are not there are no error."""
        if known := payload.known_ids(ids):
            self._ask(self._client.delete, self._alias, known)

    def count(self, where: Filter = ()) -> int:
        """Count images exactly."""
        return self._ask(self._client.count, self._alias, self._filter(where)).count

    def disk_bytes(self) -> int | None:
        """Give None: a server does not tell."""
        return None

    def check(self) -> None:
        """Return if the store can serve now; raise StoreError if not."""
        self._ask(self._client.get_collection, self._alias)

    def optimize(self) -> bool:
        """Leave it to the server, which builds its index in the background."""
        return False

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._closed = True
        self._client.close()

    def _ask(
        self, request: Callable[Given, Answer], *given: Given.args, **named: Given.kwargs
    ) -> Answer:
        def once() -> Answer:
            if self._closed:
                raise StoreError("The connection to Qdrant was closed")
            try:
                with self._turn:
                    return request(*given, **named)
            except Exception as problem:
                raise store_error(problem) from problem

        return self._patience.call(once)

    def _request(self, query: Query) -> models.QueryRequest:
        return models.QueryRequest(
            query=self._target(query),
            using=payload.vector_name(query),
            filter=self._filter(query.where, query.without),
            with_payload=True,
        )

    def _fetch(
        self, requests: Sequence[models.QueryRequest], limits: Sequence[int]
    ) -> list[list[Hit]]:
        asked = [r.model_copy(update={"limit": n}) for r, n in zip(requests, limits, strict=True)]
        answers = self._ask(self._client.query_batch_points, self._alias, asked)
        return [[Hit(str(p.id), p.score, p.payload) for p in a.points] for a in answers]

    def _matches(self, query: Query, request: models.QueryRequest, first: list[Hit]) -> list[Match]:
        def more(limit: int) -> list[Hit]:
            return self._fetch([request], [limit])[0]

        hits = hits_in_order(first, more, query, self._spec.distance)
        images = [payload.image_of(hit.id, hit.payload) for hit in hits]
        return [match_of(h, i, query, self._spec) for h, i in zip(hits, images, strict=True)]

    def _scroll(self, where: Filter, limit: int, after: str | None) -> Page:
        return self._scrolled(where, limit, offset=after)

    def _scroll_by_field(self, where: Filter, limit: int, order: Order) -> Page:
        direction = models.Direction.DESC if order.descending else models.Direction.ASC
        by = models.OrderBy(key=payload.payload_key(order.field), direction=direction)
        return self._scrolled(where, limit, order_by=by)

    def _scrolled(self, where: Filter, limit: int, **how: Any) -> Page:
        points, following = self._ask(
            self._client.scroll, self._alias, self._filter(where), limit, **how
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

    def _ready(self) -> "QdrantStore":
        try:
            info = self._info(self._alias) or self._make_collection()
            payload.check_about(info.config.metadata or {}, self._spec)
            if not self._local:  # which has no indexes
                self._make_indexes(info)
        except BaseException:
            self.close()
            raise
        return self

    def _info(self, collection: str) -> models.CollectionInfo | None:
        try:
            return self._ask(self._client.get_collection, collection)
        except StoreRejected as problem:
            if is_missing_collection(problem):
                return None
            raise

    def _make_collection(self) -> models.CollectionInfo:
        spec, name = self._spec, self._spec.name
        distance = models.Distance(spec.distance.value.capitalize())
        vectors = {
            payload.VECTOR: models.VectorParams(size=spec.dims, distance=distance),
            payload.HASH: models.VectorParams(
                size=HASH_BITS,
                distance=models.Distance.MANHATTAN,
                datatype=models.Datatype.UINT8,
            ),
        }
        about = payload.about_collection(spec)
        try:
            if self._info(name) is None:
                self._ask(self._client.create_collection, name, vectors, metadata=about)
        except StoreRejected:
            if self._info(name) is None:  # else another process was faster
                raise
        alias = models.CreateAlias(collection_name=name, alias_name=self._alias)
        change = models.CreateAliasOperation(create_alias=alias)
        self._ask(self._client.update_collection_aliases, [change])
        return self._ask(self._client.get_collection, self._alias)

    def _make_indexes(self, info: models.CollectionInfo) -> None:
        there = {key: index.data_type for key, index in info.payload_schema.items()}
        for key, kind in payload.indexed_fields(self._spec).items():
            wanted = models.PayloadSchemaType(kind)
            if there.get(key) == wanted:
                continue
            if key in there:  # declared with another type before
                self._ask(self._client.delete_payload_index, self._alias, key)
            self._ask(self._client.create_payload_index, self._alias, key, wanted)
