"""Search latency by the size of a gallery: the embedded store, and qdrant-client's local mode."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np

from functions.gallery.cores import cores
from functions.gallery.embedder import read_card
from functions.gallery.records import CollectionSpec, Condition, Query, Vector
from functions.gallery.stores.edge_store import EdgeStore
from functions.gallery.stores.qdrant_import import QdrantClient, models
from scripts.bench.speeding.clusters import KINDS, TOP, Clusters, id_of, image, kind_of
from scripts.bench.speeding.timing import Timing
from scripts.bench.speeding.worker import peak_mb

MODEL = read_card(Path(__file__).resolve().parents[3] / "model").id
FILTERED = ", filter 1 %"

Search = Callable[[Vector, str | None], list[str]]  # a vector and a kind: ids


def measure(folder: str, points: int, dims: int, queries: int, with_local: bool) -> dict[str, Any]:
    """Fill both, search both in turn, and give milliseconds with and without a filter.

    Of the embedded store also which share of the exact top ten it finds. The folder stays filled.
    """
    made = Clusters(points, dims)
    told: dict[str, Any] = {"points": points, "dims": dims, "cores": cores()}
    spec = CollectionSpec(MODEL, dims, fields={"kind": "keyword"})
    with closing(EdgeStore.open(Path(folder), spec)) as store:
        told |= _filled(store, made, points)
        searches: dict[str, Search] = {"embedded": _embedded(store)}
        if with_local:
            searches["local mode"] = _local_mode(made, dims)
        told |= in_turn(searches, made, queries)
        told["process, peak MB"] = peak_mb()
    return told


def _filled(store: EdgeStore, made: Clusters, points: int) -> dict[str, Any]:
    started = perf_counter()
    for start, vectors in made.blocks():
        store.put([image(start + row, MODEL) for row in range(len(vectors))], vectors)
    told: dict[str, Any] = {"put a second": round(points / (perf_counter() - started))}
    began = perf_counter(), process_time()
    while store.optimize():
        pass
    told["optimize, s"] = round(perf_counter() - began[0], 1)
    told["optimize, s of the processor"] = round(process_time() - began[1], 1)
    told["disk, MB"] = round((store.disk_bytes() or 0) / 1e6, 1)
    return told


def _embedded(store: EdgeStore) -> Search:
    def search(vector: Vector, kind: str | None) -> list[str]:
        where = () if kind is None else (Condition("kind", any_of=(kind,)),)
        return [match.image.id for match in store.search(Query(vector, TOP, where=where))]

    return search


def _local_mode(made: Clusters, dims: int) -> Search:
    client = QdrantClient(":memory:")
    distance = models.VectorParams(size=dims, distance=models.Distance.COSINE)
    client.create_collection("bench", distance)
    for start, vectors in made.blocks():
        numbers = range(start, start + len(vectors))
        payloads = [{"name": f"{n}.jpg", "kind": kind_of(n)} for n in numbers]
        ids = [id_of(n) for n in numbers]
        batch = models.Batch(ids=ids, vectors=vectors.tolist(), payloads=payloads)
        client.upsert("bench", batch)

    def search(vector: Vector, kind: str | None) -> list[str]:
        match = models.MatchValue(value=kind or "")
        only = models.Filter(must=[models.FieldCondition(key="kind", match=match)])
        where = None if kind is None else only
        found = client.query_points("bench", vector, query_filter=where, limit=TOP)
        return [str(point.id) for point in found.points]

    return search


def in_turn(searches: dict[str, Search], made: Clusters, queries: int) -> dict[str, Any]:
    """Search with each for the same, and give milliseconds and the share of the exact top ten."""
    vectors, timing = made.queries(queries + 1), Timing()
    kinds = [
        None if plain else row % KINDS for plain in (True, False) for row in range(queries + 1)
    ]
    exact = made.nearest(np.vstack([vectors, vectors]), kinds)
    shares: dict[str, list[float]] = {}
    for row, vector in enumerate(vectors):
        for place in (row, row + len(vectors)):
            kind = kinds[place]
            for name, search in searches.items():
                called = name + ("" if kind is None else FILTERED)
                word = None if kind is None else kind_of(kind)
                with timing.measured(called):
                    ids = search(vector, word)
                share = len(exact[place].intersection(ids)) / len(exact[place])
                shares.setdefault(called, []).append(share)
    recall = {name: round(float(np.mean(found)), 4) for name, found in shares.items()}
    return {"recall at 10": recall, "ms": timing.ms()}
