"""Asks the real application everything once; its answers are the examples of the documentation.

Real model, real embedded store, drawn pictures. Only what cannot be had here is stood in for: a
picture on the internet, a bucket's credentials, and stores that fail.
"""

import asyncio
import base64
import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from PIL import Image

from functions.api.app import create_app
from functions.api.errors import NotReached
from functions.gallery import errors
from functions.gallery.bootstrap import build_gallery
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings
from scripts.demo import draw_demo

KEYS = {"the-write-key": "write", "the-read-key": "read"}
FIELDS = {"category": "keyword", "price": "float"}
SHOP = "https://shop.example/mug.jpg"
_FAILURES = [  # what only comes about with a failing store, by chance or by a bug
    errors.StoreError("The index in the folder data/index cannot be read"),
    errors.StoreRejected("Qdrant refused the search: 400 Bad Request"),
    errors.StoreDenied("Qdrant refused our key; see QDRANT_API_KEY"),
    errors.StoreUnavailable("Qdrant did not answer; it may be asleep", retry_after=5),
    errors.StoreTimeout("Qdrant did not answer within 10 s"),
    errors.StoreFull("No space is left on the device"),
    errors.ObjectChanged("'mugs/1.jpg' was replaced while it was read"),
    NotReached("The time for one call was over; send this item again"),
    errors.InvalidExamples("The negative examples cancel the positive ones", field="negative"),
    RuntimeError("a bug"),
]


def settings_of(folder: Path, **more: Any) -> Settings:
    """Give the settings of the gallery that the documentation shows: keys, fields, URLs."""
    hashed = {hashlib.sha256(key.encode()).hexdigest(): scope for key, scope in KEYS.items()}
    return Settings(
        lookalike_data=folder,
        lookalike_filter_fields=FIELDS,
        lookalike_api_keys=hashed,
        lookalike_fetch_urls="https",
        **more,
    )


def record(folder: Path) -> dict[str, Any]:
    """Give requests and answers of every operation, and a problem of every code."""
    pictures = {path.stem: path.read_bytes() for path in draw_demo(folder / "demo")}
    settings = settings_of(folder / "data")
    gallery = build_gallery(settings)
    try:
        recorder = Recorder(create_app(gallery, settings), pictures)
        recorder.fill()
        recorder.ask_everything()
        recorder.provoke()
        recorder.fail(settings)
    finally:
        gallery.close()
    with _bucket(folder / "bucket") as (bucket, theirs):
        recorder.sign(create_app(bucket, theirs))
    return {
        "requests": recorder.requests,
        "answers": recorder.answers,
        "problems": dict(sorted(recorder.problems.items())),
    }


class OnePicture:
    """Stands for the internet: one picture at one address."""

    def __init__(self, picture: bytes) -> None:
        """Keep the picture."""
        self._picture = picture

    def fetch(self, url: str, max_bytes: int) -> bytes:
        """Give the picture if this is its address."""
        if url != SHOP:
            raise errors.UrlUnreachable("shop.example answered 404")
        return self._picture


class Failing:
    """Stands for a gallery whose store fails."""

    def __init__(self, gallery: Gallery, error: Exception) -> None:
        """Keep what it is to raise."""
        self.limits = gallery.limits
        self._error = error

    def stats(self) -> None:
        """Fail."""
        raise self._error


class Recorder:
    """Sends requests to an application and keeps what it answers."""

    def __init__(self, app: FastAPI, pictures: dict[str, bytes]) -> None:
        """Begin with nothing kept."""
        self._app = app
        self._pictures = pictures
        self._fetcher, app.state.fetcher = app.state.fetcher, OnePicture(pictures["mug-2"])
        self.requests: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.problems: dict[str, Any] = {}

    def fill(self) -> None:
        """Add some pictures."""
        for kind in ("mug", "boat", "tree"):
            for number in range(3, 7):
                options = {
                    "name": f"{kind}s/{number}.jpg",
                    "metadata": f'{{"category": "{kind}", "price": {number}.5}}',
                }
                picture = self._pictures[f"{kind}-{number}"]
                self._send("POST", "/v1/images", content=picture, params=options)

    def ask_everything(self) -> None:
        """Keep an example of every answer that is not a problem."""
        mug = small(self._pictures["mug-1"])
        add = {"name": "mugs/1.jpg", "metadata": {"category": "mug", "price": 12.5}, "image": mug}
        image = self._keep("addImage", "added", "POST", "/v1/images", add)["image"]
        self._keep("addImage", "duplicate", "POST", "/v1/images", {"image": mug})
        other = {"name": "mugs/1.jpg", "image": small(self._pictures["mug-7"]), "overwrite": True}
        self._keep("addImage", "replaced", "POST", "/v1/images", other)
        by_url = {"url": SHOP, "name": "mugs/2.jpg"}
        self._keep("addImage", "by-url", "POST", "/v1/images", by_url, answer=False)
        self.requests["addImage"]["by-key"] = {"key": "mugs/3.jpg"}
        items = [{"url": SHOP, "name": "mugs/8.jpg"}, {"url": "https://shop.example/gone.jpg"}]
        self._keep("addImages", "two", "POST", "/v1/images/batch", {"items": items})
        hashes = [image["sha256"], hashlib.sha256(self._pictures["mug-2"]).hexdigest()]
        self._keep("checkImages", "two", "POST", "/v1/images/check", {"sha256": hashes})
        self._ask_about(f"/v1/images/{image['id']}", image["id"])
        self._search(image["id"], mug)
        self._remove(image["id"])

    def _ask_about(self, at: str, id: str) -> None:
        self._keep("listImages", "two", "GET", "/v1/images?limit=2&sort=-price")
        self._keep("getImage", "mug", "GET", at)
        changes = {"metadata": {"price": 11, "shelf": "A 3", "season": None}}
        self._keep("updateImage", "merged", "PATCH", at, changes)
        self._keep("findSimilar", "two", "GET", f"{at}/similar?limit=2")
        self._keep("listDuplicates", "same-bytes", "GET", "/v1/duplicates?kind=same-bytes")
        for name in ("limits", "stats"):
            self._keep(f"get{name.title()}", "now", "GET", f"/v1/{name}")
        self._keep("getHealth", "alive", "GET", "/healthz")
        self._keep("getReadiness", "ready", "GET", "/readyz")

    def _search(self, id: str, picture: str) -> None:
        demands = {"category": ["mug", "boat"], "price": {"lt": 10}}
        shown = {"limit": 2, "filter": demands, "min_similarity": 0.5}
        self._keep("search", "by-picture", "POST", "/v1/search", {"image": picture, **shown})
        by_id = {"id": id, "limit": 2, "exclude_self": True, "group_by": "category"}
        self._keep("search", "by-id", "POST", "/v1/search", by_id)
        self._keep("search", "by-url", "POST", "/v1/search", {"url": SHOP, "limit": 1})
        region = {"x": 0.25, "y": 0.25, "width": 0.5, "height": 0.5}
        examples = {"positive": [{"id": id}, {"url": SHOP}], "negative": [{"image": picture}]}
        self._keep("search", "by-examples", "POST", "/v1/search", {**examples, "limit": 1})
        queries = [{"id": id, "limit": 1}, {"url": SHOP, "region": region, "limit": 1}]
        queries.append({"id": NOBODY})
        self._keep("searchBatch", "three", "POST", "/v1/search/batch", {"queries": queries})
        two = {"a": {"id": id}, "b": {"image": picture}}
        self._keep("compare", "two", "POST", "/v1/compare", two)

    def _remove(self, id: str) -> None:
        at = "/v1/images/delete"
        counted = {"filter": {"category": "boat"}, "dry_run": True}
        self._keep("deleteImages", "counted", "POST", at, counted)
        self._keep("deleteImages", "removed", "POST", at, {"ids": [id]})

    def provoke(self) -> None:
        """Keep a problem of every code that a caller can bring about."""
        post = "POST", "/v1/images"
        picture = self._pictures["tree-1"]
        self._refuse(*post, json={"name": "a.jpg"})
        self._refuse(*post, content=b"hello")
        self._refuse(*post, content=picture[:900])
        self._refuse(*post, content=bytes(20_000_001))
        self._refuse(*post, content=b"{", headers={"content-type": "application/json"})
        self._refuse(*post, content=picture, params={"name": "../tree.jpg"})
        self._refuse(*post, content=picture, params={"metadata": '{"price": "cheap"}'})
        self._refuse(*post, content=picture, params={"name": "boats/3.jpg"})
        self._refuse(*post, json={"url": "https://shop.example/gone.jpg"})
        self._refuse("GET", "/v1/images", params={"filter": '{"colour": "red"}'})
        self._refuse("GET", "/v1/images", params={"cursor": "bm93aGVyZQ=="})
        self._refuse("GET", "/v1/images", params={"colour": "red"})
        self._refuse("GET", f"/v1/images/{NOBODY}")
        self._refuse("POST", "/v1/uploads", json={"name": "a.jpg", "media_type": "image/jpeg"})
        self._refuse("GET", "/v2/images")
        self._refuse("PUT", "/v1/stats")
        self._refuse("GET", "/v1/stats", headers={"x-api-key": "unknown"})
        self._refuse(*post, content=picture, headers={"x-api-key": "the-read-key"})
        once = {"Idempotency-Key": "order-17"}
        delete = "POST", "/v1/images/delete"
        self._send(*delete, json={"ids": [NOBODY]}, headers=once)
        self._refuse(*delete, json={"ids": [NOBODY[::-1]]}, headers=once)
        self._app.state.fetcher = self._fetcher
        self._refuse(*post, json={"url": "https://127.0.0.1/tree.jpg"})

    def fail(self, settings: Settings) -> None:
        """Keep a problem of every code that only a failing store brings about."""
        gallery = self._app.state.gallery
        for error in _FAILURES:
            self._app.state.gallery = Failing(gallery, error)
            self._refuse("GET", "/v1/stats")
        self._app.state.gallery = gallery

    def sign(self, app: FastAPI) -> None:
        """Keep the answer of a gallery that lives in a bucket."""
        self._app = app
        asked = {"name": "mugs/9.jpg", "media_type": "image/jpeg"}
        self._keep("createUpload", "form", "POST", "/v1/uploads", asked)

    def _keep(
        self, operation: str, name: str, method: str, path: str, body: Any = None, *, answer=True
    ) -> Any:
        given = self._send(method, path, **({} if body is None else {"json": body}))
        assert given.is_success, given.text
        if body is not None:
            self.requests.setdefault(operation, {})[name] = body
        if answer:
            statuses = self.answers.setdefault(operation, {})
            statuses.setdefault(str(given.status_code), {})[name] = given.json()
        return given.json()

    def _refuse(self, method: str, path: str, **more: Any) -> None:
        given = self._send(method, path, **more)
        assert given.is_error, given.text
        self.problems.setdefault(given.json()["code"], given.json())

    def _send(self, method: str, path: str, headers: Any = None, **more: Any) -> httpx.Response:
        door = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        sent = {"x-api-key": "the-write-key"} | (headers or {})

        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=door, base_url="http://127.0.0.1") as client:
                return await client.request(method, path, headers=sent, **more)

        return asyncio.run(send())


NOBODY = "00000000-0000-5000-8000-000000000000"


def small(picture: bytes) -> str:
    """Give a picture of a few hundred bytes in base64, so that an example can be read."""
    written = io.BytesIO()
    Image.open(io.BytesIO(picture)).resize((48, 48)).save(written, "WEBP", quality=20)
    return base64.b64encode(written.getvalue()).decode()


@contextmanager
def _bucket(folder: Path) -> Iterator[tuple[Gallery, Settings]]:
    """Give a gallery in a bucket; a form is signed without asking anybody."""
    credentials = {
        "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    before = {name: os.environ.get(name) for name in credentials}
    os.environ.update(credentials)
    settings = settings_of(folder, lookalike_bucket="pictures-of-the-shop")
    gallery = build_gallery(settings)
    try:
        yield gallery, settings
    finally:
        gallery.close()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
