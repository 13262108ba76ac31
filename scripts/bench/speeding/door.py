"""Warm searches through the whole door: the application called in-process, over a filled store.

The real model, the real embedded store, no network; what the caller itself takes is included, and
shown by a call that searches nothing. The pictures are drawn photos, strangers to the gallery.
"""

from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx

from functions.api.app import create_app
from functions.gallery.bootstrap import build_gallery
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings
from scripts.bench.measuring import photos
from scripts.bench.speeding.clusters import id_of
from scripts.bench.speeding.timing import Timing

ADDRESS = "http://127.0.0.1"  # without keys only this machine may call


def measure(folder: str, points: int, queries: int) -> dict[str, Any]:
    """Call the application over the store in `folder`/index, which stores.measure filled."""
    settings = Settings(
        lookalike_data=Path(folder), qdrant_url=None, lookalike_bucket=None, lookalike_api_keys={}
    )
    with closing(build_gallery(settings)) as gallery:
        images = gallery.stats().images
        if images != points:
            raise ValueError(f"{images} images instead of {points}")
        ms = anyio.run(_called, gallery, settings, points, queries)
    return {"points": points, "ms": ms}


async def _called(
    gallery: Gallery, settings: Settings, points: int, queries: int
) -> dict[str, dict[str, float]]:
    timing, pictures = Timing(), photos(20, 500, 375)
    transport = httpx.ASGITransport(create_app(gallery, settings))
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        calls: dict[str, Callable[[int], Awaitable[httpx.Response]]] = {
            "search with a picture": lambda n: client.post(
                "/v1/search", content=pictures[n % len(pictures)]
            ),
            "search by id": lambda n: client.post("/v1/search", json={"id": _id(n, points)}),
            "no search: /healthz": lambda n: client.get("/healthz"),
        }
        for name, call in calls.items():  # one after the other, for each empties others' caches
            for number in range(queries):  # maps the index, as days of service do
                await call(number)
            for number in range(queries + 1):
                with timing.measured(name):
                    answer = await call(number)
                answer.raise_for_status()
                if "search" in answer.url.path and len(answer.json()["results"]) != min(10, points):
                    raise ValueError(f"{name}: {answer.text}")
    return timing.ms()


def _id(number: int, points: int) -> str:
    return id_of(number * 7919 % points)
