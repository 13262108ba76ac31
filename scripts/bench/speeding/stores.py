"""Search latency by the size of a gallery: the embedded store, and qdrant-client's local mode."""

import resource
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

import numpy as np

from functions.gallery.names import image_id
from functions.gallery.records import CollectionSpec, Condition, StoredImage, Vectors
from functions.gallery.records import Query as GalleryQuery
from functions.gallery.stores.edge_store import EdgeStore
from functions.gallery.stores.qdrant_import import QdrantClient, models

DIMS = 1280
KINDS = 100  # values of the field that is filtered by: each lets one image in a hundred through
SPEC = CollectionSpec("bench@1", DIMS, fields={"kind": "keyword"})
_AT_ONCE = 1_000


def measure(folder: Path, points: int, queries: int, *, with_local: bool) -> dict[str, Any]:
    """Fill both, search both in turn, and give milliseconds with and without a filter."""
    told: dict[str, Any] = {"points": points}
    searches: dict[str, Callable[[np.ndarray[Any, Any], str | None], Any]] = {}
    with closing(EdgeStore.open(folder, SPEC)) as store:
        started = perf_counter()
        for images, vectors in _rows(points):
            store.put(images, vectors)
        told["put a second"] = round(points / (perf_counter() - started))
        started = perf_counter()
        while store.optimize():
            pass
        told["optimize, s"] = round(perf_counter() - started, 1)
        told["disk, MB"] = round((store.disk_bytes() or 0) / 1e6)
        searches["embedded"] = lambda v, kind: store.search(
            GalleryQuery(v, where=() if kind is None else (Condition("kind", any_of=(kind,)),))
        )
        if with_local:
            searches["local mode"] = _local_mode(points)
        told["ms"] = _in_turn(searches, queries)
        told["process, peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return told


def _rows(points: int) -> Iterator[tuple[list[StoredImage], Vectors]]:
    dice = np.random.default_rng(7)
    for start in range(0, points, _AT_ONCE):
        count = min(_AT_ONCE, points - start)
        vectors = dice.standard_normal((count, DIMS), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        yield [_image(start + n) for n in range(count)], vectors


def _image(number: int) -> StoredImage:
    name = f"{number}.jpg"
    return StoredImage(
        id=image_id("bench", name),
        name=name,
        etag=f"{number:032x}",
        sha256=f"{number:064x}",
        width=500,
        height=375,
        format="JPEG",
        bytes=50_000,
        added_at=datetime(2026, 1, 1, tzinfo=UTC),
        model=SPEC.model,
        metadata={"kind": f"kind-{number % KINDS}"},
    )


def _local_mode(points: int) -> Callable[[np.ndarray[Any, Any], str | None], Any]:
    client = QdrantClient(":memory:")
    distance = models.VectorParams(size=DIMS, distance=models.Distance.COSINE)
    client.create_collection("bench", distance)
    for images, vectors in _rows(points):
        payloads = [{"name": i.name, "kind": i.metadata["kind"]} for i in images]
        ids = [image.id for image in images]
        batch = models.Batch(ids=ids, vectors=vectors.tolist(), payloads=payloads)
        client.upsert("bench", batch)

    def search(vector: np.ndarray[Any, Any], kind: str | None) -> Any:
        match = models.MatchValue(value=kind or "")
        only = models.Filter(must=[models.FieldCondition(key="kind", match=match)])
        return client.query_points("bench", vector, query_filter=None if kind is None else only)

    return search


def _in_turn(
    searches: dict[str, Callable[[np.ndarray[Any, Any], str | None], Any]], queries: int
) -> dict[str, dict[str, float]]:
    dice = np.random.default_rng(8)
    took: dict[str, list[float]] = {}
    spent: dict[str, list[float]] = {}
    for number in range(queries + 1):
        vector = dice.standard_normal(DIMS).astype(np.float32)
        vector /= np.linalg.norm(vector)
        for kind in (None, f"kind-{number % KINDS}"):
            for name, search in searches.items():
                began = perf_counter(), process_time()
                search(vector, kind)
                ended = perf_counter(), process_time()
                if number:  # the first only wakes them
                    called = name + (", filter 1 %" if kind else "")
                    took.setdefault(called, []).append((ended[0] - began[0]) * 1000)
                    spent.setdefault(called, []).append((ended[1] - began[1]) * 1000)
    return {
        name: {
            "p50": round(median(ms), 2),
            "p95": round(quantiles(ms, n=20)[-1], 2),
            "processor": round(median(spent[name]), 2),
        }
        for name, ms in took.items()
    }
