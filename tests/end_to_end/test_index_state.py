"""A service whose index is not built answers, and says so."""

import anyio
import httpx
import pytest

from functions.api.app import create_app
from functions.gallery.gallery import Gallery
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec, IndexState
from functions.gallery.settings import Settings
from tests.contract.stores import an_image, random_units
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore


class Unindexed(FakeStore):
    """A store that does not index what it holds."""

    def check(self) -> IndexState:
        return IndexState.MISSING

    def unindexed(self) -> int:
        return self.count()


@pytest.mark.parametrize(
    ("kind", "index", "unindexed"), [(FakeStore, "ready", 0), (Unindexed, "missing", 3)]
)
def test_readiness_and_stats_report_the_index(kind, index, unindexed):
    spec = CollectionSpec("test@1", 48)
    store = kind(spec)
    store.put([an_image(f"{n}.jpg") for n in range(3)], random_units(3, 48))
    gallery = Gallery(spec, Limits(), FakeEmbedder(48), store, FakeOriginals())
    app = create_app(gallery, Settings(qdrant_url=None, lookalike_api_keys={}))

    async def ask() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return [await client.get("/readyz"), await client.get("/v1/stats")]

    ready, stats = anyio.run(ask)

    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "index": index})
    assert (stats.json()["index"], stats.json()["unindexed"]) == (index, unindexed)
