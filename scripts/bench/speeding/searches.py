"""Searches of the embedded store by size of the gallery, and warm calls through the whole API."""

from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import anyio
import httpx
import numpy as np

from functions.api.app import create_app
from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.card import read_card
from functions.gallery.originals.identity import of_folder
from functions.gallery.records import CollectionSpec, Condition, Query
from functions.gallery.settings import Settings
from functions.gallery.stores.embedded.store import EdgeStore
from functions.gallery.stores.ownership import Owner
from functions.runtime import cores
from scripts.bench.measuring import ROOT, Timer, photos
from scripts.bench.speeding.made_gallery import KINDS, TOP, MadeGallery, id_of, kind_of, made_image

MODEL = read_card(ROOT / "model").id


def measure_store(folder: Path, points: int, dims: int, queries: int) -> dict[str, Any]:
    """Fill a store, search it with and without a filter, and compare with the exact ten nearest.

    The folder stays filled.
    """
    made = MadeGallery(points, dims)
    results: dict[str, Any] = {"points": points, "dims": dims, "cores": cores()}
    spec = CollectionSpec(MODEL, dims, fields={"kind": "keyword"})
    with closing(EdgeStore.open(folder, spec, Owner(of_folder(folder.parent)))) as store:
        results |= _fill(store, made, points)
        return results | _search(store, made, queries)


def _fill(store: EdgeStore, made: MadeGallery, points: int) -> dict[str, Any]:
    started = perf_counter()
    for start, vectors in made.blocks():
        store.put([made_image(start + row, MODEL) for row in range(len(vectors))], vectors)
    put = perf_counter() - started
    started, processor = perf_counter(), process_time()
    while store.optimize():
        pass
    return {
        "put a second": round(points / put),
        "optimize, s": round(perf_counter() - started, 1),
        "optimize, s of the processor": round(process_time() - processor, 1),
        "disk, MB": round((store.disk_bytes() or 0) / 1e6, 1),
    }


def _search(store: EdgeStore, made: MadeGallery, queries: int) -> dict[str, Any]:
    vectors, timer = made.queries(queries + 1), Timer()
    recall: dict[str, list[float]] = {}
    rows = np.arange(len(vectors))
    for name, kinds in (
        ("embedded", [None] * len(vectors)),
        ("embedded, filter 1 %", (rows % KINDS).tolist()),
    ):
        for vector, kind, exact in zip(vectors, kinds, made.nearest(vectors, kinds), strict=True):
            where = () if kind is None else (Condition("kind", any_of=(kind_of(kind),)),)
            with timer.measure(name):
                found = store.search(Query(vector, TOP, where=where))
            share = len(exact.intersection(match.image.id for match in found)) / len(exact)
            recall.setdefault(name, []).append(share)
    means = {name: round(float(np.mean(shares)), 4) for name, shares in recall.items()}
    return {"recall at 10": means, "ms": timer.summary()}


def measure_calls(folder: Path, points: int, queries: int) -> dict[str, Any]:
    """Call the API in this process over the store that `measure_store` filled in folder/index.

    With the real model and no network. What the caller itself takes is included; a call that
    searches nothing shows how much that is.
    """
    settings = Settings(
        lookalike_data=folder, qdrant_url=None, lookalike_bucket=None, lookalike_api_keys={}
    )
    with closing(build_gallery(settings)) as gallery:
        app = create_app(gallery, settings)
        return {"points": points, "ms": anyio.run(_call, app, points, queries)}


async def _call(app: Any, points: int, queries: int) -> dict[str, dict[str, float]]:
    timer, pictures = Timer(), photos(20, 500, 375)
    transport = httpx.ASGITransport(app)
    # Without keys only calls from this machine are allowed.
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        calls: dict[str, Callable[[int], Awaitable[httpx.Response]]] = {
            "search with a picture": lambda n: client.post(
                "/v1/search", content=pictures[n % len(pictures)]
            ),
            "search by id": lambda n: client.post(
                "/v1/search", json={"id": id_of(n * 7919 % points)}
            ),
            "no search: /healthz": lambda n: client.get("/healthz"),
        }
        for name, call in calls.items():  # one kind after the other: each empties others' caches
            for number in range(queries):  # maps the index into memory, as after days of service
                await call(number)
            for number in range(queries + 1):
                with timer.measure(name):
                    response = await call(number)
                response.raise_for_status()
                if "search" in response.url.path:
                    assert len(response.json()["results"]) == min(TOP, points), response.text
    return timer.summary()
