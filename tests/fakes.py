"""Fakes of the ports: no store, model or disk, but the same behaviour."""

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from threading import RLock
from typing import Any, BinaryIO

import numpy as np

from functions.gallery.embedding.card import GraphFile, ModelCard, View
from functions.gallery.embedding.fingerprint import PerceptualHash, hash_similarity
from functions.gallery.embedding.vectors import Vector, Vectors, truncate
from functions.gallery.errors import ImageNotFound, ObjectChanged, StoreError, UnreadableOriginal
from functions.gallery.filters import sortable_type, typed_conditions
from functions.gallery.names import image_id, is_picture_name, record_id
from functions.gallery.originals.objects import (
    bytes_etag,
    etag_of,
    hash_of,
    metadata_of,
    name_taken,
)
from functions.gallery.pictures.picture import Picture
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    Collection,
    CollectionSpec,
    Condition,
    Distance,
    FieldType,
    Filter,
    IndexState,
    Listed,
    Match,
    Metadata,
    MetadataRecord,
    ObjectState,
    Order,
    Original,
    Page,
    Quantization,
    Query,
    Refusal,
    StoredImage,
)
from functions.gallery.stores.collection_info import choose, quantization_for
from functions.gallery.stores.ownership import NOBODY, Owner
from functions.gallery.stores.payload import check_batch, target_image, target_vector
from functions.gallery.stores.rounding import rounded
from functions.gallery.stores.sorting import check_cursor, read_cursor, value_of, write_cursor


class FakeStore:
    """A VectorStore in two dictionaries; numpy computes the scores, one by one."""

    def __init__(self, spec: CollectionSpec) -> None:
        self._spec = spec
        self._images: dict[str, StoredImage] = {}
        self._vectors: dict[str, Vector] = {}
        self._lock = RLock()
        self._closed = False

    def put(self, images: Sequence[StoredImage], vectors: Vectors) -> None:
        rows = check_batch(images, vectors, self._spec.dims)
        with self._lock_if_open():
            for image, vector in rows:
                self._images[image.id] = image
                self._vectors[image.id] = vector.astype(np.float32)

    def get(self, ids: Sequence[str]) -> dict[str, StoredImage]:
        with self._lock_if_open():
            return {i: self._images[i] for i in ids if i in self._images}

    def vectors(self, ids: Sequence[str]) -> dict[str, Vector]:
        with self._lock_if_open():
            return {i: self._vectors[i] for i in ids if i in self._vectors}

    def search(self, query: Query) -> list[Match]:
        with self._lock_if_open():
            images = [i for i in self._filtered(query.where) if i.id not in query.without]
            if isinstance(hash := query.target, PerceptualHash):
                found = [_hash_match(image, hash) for image in images if image.fingerprint]
                found = [m for m in found if query.most_bits is None or m.score <= query.most_bits]
                is_distance = True
            else:
                target = target_vector(query, self._spec.dims, self.vectors)
                found = [self._match(image, target) for image in images]
                is_distance = self._spec.distance in (Distance.EUCLID, Distance.MANHATTAN)
        found.sort(key=lambda match: (match.score if is_distance else -match.score, match.image.id))
        return found[query.offset : query.offset + query.limit]

    def similar(self, query: Query) -> tuple[StoredImage, list[Match]]:
        return target_image(self._images, query), self.search(query)

    def search_many(self, queries: Sequence[Query]) -> list[list[Match]]:
        return [self.search(query) for query in queries]

    def page(
        self, where: Filter, limit: int, after: str | None = None, order: Order | None = None
    ) -> Page:
        if order is None:
            check_cursor(after)
        with self._lock_if_open():
            images = sorted(self._filtered(where), key=lambda image: image.id)
        if order is not None:
            return _sorted_page(images, order, self._spec, limit, after)
        rest = [image for image in images if image.id >= (after or "")]
        following = rest[limit].id if len(rest) > limit else None
        return Page(tuple(rest[:limit]), following)

    def set_metadata(
        self,
        image_id: str,
        metadata: Metadata,
        etag: str,
        left_out: Mapping[str, str] | None = None,
    ) -> None:
        with self._lock_if_open():
            if image_id not in self._images:
                raise ImageNotFound(f"No image has the id {image_id}")
            image = self._images[image_id]
            self._images[image_id] = replace(
                image, metadata=dict(metadata), etag=etag, left_out=dict(left_out or {})
            )

    def remove(self, ids: Sequence[str]) -> None:
        with self._lock_if_open():
            for id_ in ids:
                self._images.pop(id_, None)
                self._vectors.pop(id_, None)

    def count(self, where: Filter = ()) -> int:
        with self._lock_if_open():
            return len(self._filtered(where))

    def check_room(self) -> None:
        pass

    def disk_bytes(self) -> int | None:
        return None

    def check(self) -> IndexState:
        self._lock_if_open()
        return IndexState.READY

    def unindexed(self) -> int:
        return 0

    def optimize(self) -> bool:
        return False

    def close(self) -> None:
        self._closed = True

    def reopen(self) -> None:
        self._closed = False

    def _lock_if_open(self) -> AbstractContextManager[Any]:
        if self._closed:
            raise StoreError("The fake store was closed")
        return self._lock

    def _match(self, image: StoredImage, target: Vector) -> Match:
        vector = self._vectors[image.id]
        score = self._spec.distance.score(vector, target)
        return Match(image, score, self._spec.distance.similarity(score, self._spec.dims))

    def _filtered(self, where: Filter) -> list[StoredImage]:
        typed = typed_conditions(where, self._spec.fields)
        return [
            image
            for image in self._images.values()
            if all(_holds(condition, kind, image) for condition, kind in typed)
        ]


class FakeCollections:
    """Collections in dictionaries; their stores can be closed and opened again."""

    def __init__(self) -> None:
        self.stores: dict[str, FakeStore] = {}
        self._collections: dict[str, Collection] = {}
        self._current: str | None = None

    def current(self) -> str | None:
        return self._current

    def read(self, name: str) -> Collection | None:
        return self._collections.get(name)

    def sample(self, name: str, images: int) -> Sequence[StoredImage]:
        return [image for _, image in sorted(self.stores[name]._images.items())][:images]

    def create(self, collection: Collection) -> Collection:
        if collection.name not in self._collections:
            chosen = quantization_for(collection.spec, best=Quantization.NONE)
            self.mark(collection.quantized(chosen))
            self.stores[collection.name] = FakeStore(collection.spec)
        return collection.quantized(self._collections[collection.name].spec.quantization)

    def mark(self, collection: Collection) -> None:
        self._collections[collection.name] = replace(
            collection, spec=replace(collection.spec, fields={})
        )

    def use(self, name: str) -> None:
        self._current = name

    def drop(self, name: str) -> None:
        self._collections.pop(name, None)
        self.stores.pop(name, None)

    def close(self) -> None:
        pass

    def open(self, collection: Collection) -> "FakeStore":
        store = self.stores[collection.name]
        store.reopen()
        return store

    def ready(self, spec: CollectionSpec, owner: Owner = NOBODY) -> Collection:
        name = choose(self._current, self.read, spec, lambda found: owner.admit(found, self))
        collection = Collection(name or spec.name, spec, originals=owner.id)
        self._current = self._current or collection.name
        return self.create(collection)


def _hash_match(image: StoredImage, hash: PerceptualHash) -> Match:
    assert image.fingerprint is not None
    differing = hash.distance(image.fingerprint.hash)
    return Match(image, differing, hash_similarity(differing))


def _value(image: StoredImage, field: str) -> Any:
    return getattr(image, field) if field in BUILT_IN_FIELDS else image.metadata.get(field)


def _sorted_page(
    images: list[StoredImage], order: Order, spec: CollectionSpec, limit: int, after: str | None
) -> Page:
    kind = sortable_type(order, spec.fields)
    sign = -1 if order.descending else 1

    def sort_key(value: Any, id: str) -> tuple[float, str]:
        return sign * (value.timestamp() if isinstance(value, datetime) else value), id

    with_value = [image for image in images if _value(image, order.field) is not None]
    ordered = sorted(
        (sort_key(value_of(image, order, kind), image.id), image) for image in with_value
    )
    if after is not None:
        first = sort_key(*read_cursor(after, order, kind))
        ordered = [(key, image) for key, image in ordered if key >= first]
    page = tuple(image for _, image in ordered[:limit])
    more = len(ordered) > limit
    return Page(page, write_cursor(ordered[limit][1], order, kind) if more else None)


def _holds(condition: Condition, kind: FieldType, image: StoredImage) -> bool:
    field = condition.field
    stored = _value(image, field)
    values = stored if isinstance(stored, list) else [] if stored is None else [stored]
    return any(_fits(condition, kind, value) for value in values) is not condition.negated


def _fits(condition: Condition, kind: FieldType, value: Any) -> bool:
    if kind == "datetime" and isinstance(value, str):
        value = datetime.fromisoformat(value)
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
    types = {"keyword": (str,), "integer": (int,), "float": (int, float), "bool": (bool,)}
    if type(value) not in types.get(kind, (datetime,)):
        return False
    if kind == "float":
        value = rounded(float(value))
        bounds = {b: getattr(condition, b) for b in ("gt", "gte", "lt", "lte")}
        condition = replace(
            condition, **{b: rounded(float(v)) for b, v in bounds.items() if v is not None}
        )
    return (
        (not condition.any_of or value in condition.any_of)
        and (condition.gt is None or value > condition.gt)
        and (condition.gte is None or value >= condition.gte)
        and (condition.lt is None or value < condition.lt)
        and (condition.lte is None or value <= condition.lte)
    )


class FakeEmbedder:
    """An Embedder that sees only 4 x 4 patches; similar patches have similar vectors."""

    card = ModelCard("patches", "1", network=GraphFile("-", "-"), dims=48, views=(View(1.0, 64),))

    def __init__(self, dims: int | None = None) -> None:
        if dims is not None:
            self.card = self.card.truncated(dims)

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        squares = [picture.square(1.0, 4).reshape(48) for picture in pictures]
        patches = np.array(squares, np.float32).reshape(-1, 48) + 1
        vectors: Vectors = patches / np.linalg.norm(patches, axis=1, keepdims=True)
        return truncate(vectors, self.card.dims)


class FakeOriginals:
    """Originals, their metadata and the times they were written, in dictionaries."""

    bucket = "local"
    in_place = False
    left_out = ""

    def __init__(self) -> None:
        self.originals: dict[str, bytes] = {}
        self.metadata: dict[str, Mapping[str, Any]] = {}  # of the objects themselves, as in S3
        self.kept: dict[str, MetadataRecord] = {}
        self.modified_at: dict[str, datetime] = {}
        self.thumbnails: dict[tuple[str, str], bytes] = {}
        self.replies: dict[str, bytes] = {}
        self.refused: dict[str, Refusal] = {}
        self.unreadable: dict[str, str] = {}  # names, and why

    def head(self, name: str) -> ObjectState | None:
        if name not in self.originals:
            return None
        original, own = self._fetch(name), hash_of(self.metadata.get(name, {}))
        record = self.record_etag(name)
        modified_at = self.modified_at[name]
        return ObjectState(
            original.etag,
            len(original.data),
            modified_at,
            original.metadata,
            own,
            record,
            self.unreadable.get(name, ""),
        )

    def exists(self, name: str) -> bool:
        return name in self.originals

    def can_be_read(self, name: str) -> bool:
        return name not in self.unreadable

    def read(self, name: str, etag: str | None = None) -> bytes:
        return self.fetch(name, etag and bytes_etag(etag)).data

    def open(self, name: str) -> tuple[BinaryIO, int]:
        data = self.read(name)
        return io.BytesIO(data), len(data)

    def fetch(self, name: str, etag: str | None = None) -> Original:
        if name in self.unreadable:
            raise UnreadableOriginal(self.unreadable[name])
        return self._fetch(name, etag)

    def _fetch(self, name: str, etag: str | None = None) -> Original:
        if name not in self.originals:
            raise ImageNotFound(f"No original is stored under {name!r}")
        data, metadata = (
            self.originals[name],
            metadata_of(self.metadata.get(name, {}), self.kept.get(name)),
        )
        found = Original(
            data,
            metadata,
            etag=etag_of(_md5(data), metadata),
            modified_at=self.modified_at[name],
        )
        if etag is not None and bytes_etag(etag) != bytes_etag(found.etag):
            raise ObjectChanged(f"{name!r} was replaced")
        return found

    def has_bytes(self, image: StoredImage) -> bool:
        data = self.originals.get(image.name)
        return data is not None and _md5(data) == bytes_etag(image.etag)

    def create(self, name: str, original: Original) -> ObjectState:
        if name in self.originals:
            raise name_taken(name)
        return self.write(name, original)

    def write(self, name: str, original: Original) -> ObjectState:
        self.kept.pop(name, None)
        return self.upload(name, original)

    def upload(self, name: str, original: Original) -> ObjectState:
        """Write an object as others do, past Lookalike."""
        self.originals[name] = original.data
        self.unreadable.pop(name, None)
        self.metadata[name] = original.metadata
        self.modified_at[name] = datetime.now(UTC)
        state = self.head(name)
        assert state is not None
        return state

    def write_metadata(self, name: str, metadata: Metadata, state: ObjectState) -> None:
        if state.record != self.record_etag(name):
            raise ObjectChanged(f"The metadata of {name!r} were changed")
        self.kept[name] = MetadataRecord(name, metadata, state.own_metadata)

    def record_etag(self, name: str) -> str | None:
        return repr(self.kept[name]) if name in self.kept else None

    def remove_record(self, name: str, etag: str) -> None:
        if self.record_etag(name) == etag:
            del self.kept[name]

    def records(self, after: str | None = None) -> Iterator[MetadataRecord]:
        for id, name in sorted((record_id(name), name) for name in self.kept):
            if after is None or id > after:
                yield self.kept[name]

    def remove(self, name: str) -> None:
        self.originals.pop(name, None)
        self.kept.pop(name, None)
        self.unreadable.pop(name, None)

    def write_thumbnail(self, image: StoredImage, data: bytes) -> None:
        self.thumbnails[image.id, image.sha256] = data

    def read_thumbnail(self, image: StoredImage) -> bytes | None:
        return self.thumbnails.get((image.id, image.sha256))

    def remove_thumbnail(self, image: StoredImage) -> None:
        self.thumbnails.pop((image.id, image.sha256), None)

    def remove_thumbnails(self, image_id: str) -> None:
        kept = {key: data for key, data in self.thumbnails.items() if key[0] != image_id}
        self.thumbnails = kept

    def names(self, after: str | None = None) -> Iterator[Listed]:
        for name in sorted(self.originals):
            if is_picture_name(name) and (after is None or name > after):
                data = self.originals[name]
                yield Listed(name, _md5(data), len(data), self.modified_at[name])

    def refuse(self, refusal: Refusal) -> None:
        self.refused[image_id(self.bucket, refusal.name)] = refusal

    def refusal(self, name: str) -> Refusal | None:
        return self.refused.get(image_id(self.bucket, name))

    def clear_refusal(self, name: str) -> None:
        self.refused.pop(image_id(self.bucket, name), None)

    def refusals(self, after: str | None = None) -> Iterator[Refusal]:
        for id, refusal in sorted(self.refused.items()):
            if after is None or id > after:
                yield refusal

    def write_reply(self, key: str, reply: bytes) -> None:
        self.replies[key] = reply

    def read_reply(self, key: str) -> bytes | None:
        return self.replies.get(key)

    def refused_ids(self) -> Iterator[str]:
        return iter(sorted(self.refused))


def _md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()
