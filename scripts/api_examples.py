"""Send every example request to the real application and keep its responses.

Real model, real embedded store, drawn pictures; only the internet and a bucket's credentials are
replaced.
"""

import asyncio
import hashlib
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
from fastapi import FastAPI

from functions.api.app import create_app
from functions.api.openapi.examples import MUG_ID, REQUESTS, URL
from functions.cli.demo import draw_demo
from functions.gallery.bootstrap import build_gallery
from functions.gallery.errors import UrlUnreachable
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings

KEYS = {"the-write-key": "write", "the-read-key": "read"}
FIELDS = {"category": "keyword", "price": "float"}
CALLS = {  # by operation id, in this order
    "addImage": "POST /v1/images",
    "addImages": "POST /v1/images/batch",
    "checkImages": "POST /v1/images/check",
    "listImages": "GET /v1/images?limit=2&sort=-price",
    "getImage": f"GET /v1/images/{MUG_ID}",
    "updateImage": f"PATCH /v1/images/{MUG_ID}",
    "findSimilar": f"GET /v1/images/{MUG_ID}/similar?limit=2",
    "listDuplicates": "GET /v1/duplicates?kind=same-bytes",
    "getLimits": "GET /v1/limits",
    "getStats": "GET /v1/stats",
    "getHealth": "GET /healthz",
    "getReadiness": "GET /readyz",
    "search": "POST /v1/search",
    "searchBatch": "POST /v1/search/batch",
    "compare": "POST /v1/compare",
    "deleteImages": "POST /v1/images/delete",
}
Responses = dict[str, dict[str, dict[str, Any]]]  # by operation id, status and name


def settings_of(folder: Path, **more: Any) -> Settings:
    """Return the settings of the gallery in the documentation: keys, fields, URLs."""
    hashed = {hashlib.sha256(key.encode()).hexdigest(): scope for key, scope in KEYS.items()}
    return Settings(
        lookalike_data=folder,
        lookalike_filter_fields=FIELDS,
        lookalike_api_keys=hashed,
        lookalike_fetch_urls="https",
        **more,
    )


def record(folder: Path) -> Responses:
    """Return the responses to every example request."""
    pictures = {path.stem: path.read_bytes() for path in draw_demo(folder / "demo")}
    settings = settings_of(folder / "data")
    with closing(build_gallery(settings)) as gallery:
        app = create_app(gallery, settings)
        app.state.fetcher = OneUrl(pictures["mug-2"])
        _fill(app, pictures)
        responses = {id: _record(app, id, call) for id, call in CALLS.items()}
    with _bucket(folder / "bucket") as (gallery, settings):
        app = create_app(gallery, settings)
        responses["createUpload"] = _record(app, "createUpload", "POST /v1/uploads")
    return responses


def add_responses(document: dict[str, Any], responses: Responses) -> dict[str, Any]:
    """Add recorded responses to an OpenAPI document as examples; returns it."""
    for path in document["paths"].values():
        for operation in path.values():
            for status, examples in responses.get(operation["operationId"], {}).items():
                named = {name: {"value": value} for name, value in examples.items()}
                operation["responses"][status]["content"]["application/json"]["examples"] = named
    return document


class OneUrl:
    """Stands for the internet: one picture at one URL."""

    def __init__(self, picture: bytes) -> None:
        """Keep the picture."""
        self._picture = picture

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Return the picture if this is its URL."""
        if url != URL:
            raise UrlUnreachable("shop.example responded with status 404")
        return self._picture


def _fill(app: FastAPI, pictures: dict[str, bytes]) -> None:
    for kind in ("mug", "boat", "tree"):
        for number in range(3, 7):
            metadata = f'{{"category": "{kind}", "price": {number}.5}}'
            options = {"name": f"{kind}s/{number}.jpg", "metadata": metadata}
            _send(app, "POST", "/v1/images", content=pictures[f"{kind}-{number}"], params=options)


def _record(app: FastAPI, id: str, call: str) -> dict[str, dict[str, Any]]:
    method, path = call.split()
    statuses: dict[str, dict[str, Any]] = {}
    for name, body in REQUESTS.get(id, {"example": None}).items():
        response = _send(app, method, path, **({} if body is None else {"json": body}))
        statuses.setdefault(str(response.status_code), {})[name] = response.json()
    return statuses


def _send(app: FastAPI, method: str, path: str, **request: Any) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            headers = {"x-api-key": "the-write-key"}
            return await client.request(method, path, headers=headers, **request)

    return asyncio.run(send()).raise_for_status()


@contextmanager
def _bucket(folder: Path) -> Iterator[tuple[Gallery, Settings]]:
    """Open a gallery in a bucket that is empty and never called."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    settings = settings_of(folder, lookalike_bucket="pictures-of-the-shop")
    with (
        patch.dict(os.environ, credentials),
        patch.object(Gallery, "has_original", return_value=False),
        closing(build_gallery(settings)) as gallery,
    ):
        yield gallery, settings
