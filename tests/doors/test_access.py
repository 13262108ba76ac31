"""Who can do what, and how failures of the store are reported; on fakes."""

import asyncio
import hashlib

import httpx
import pytest

from functions.api.app import create_app
from functions.api.errors import STATUS
from functions.gallery import errors
from functions.gallery.settings import Settings
from tests.drawing import jpeg

KEYS = {"r-key": "read", "w-key": "write", "a-key": "admin"}
HASHED = {hashlib.sha256(key.encode()).hexdigest(): scope for key, scope in KEYS.items()}


class Caller:
    """Calls an application from any address, which real sockets do not allow."""

    def __init__(self, gallery, keys=HASHED, host="10.0.0.9", most=None) -> None:
        settings = Settings(lookalike_api_keys=keys)
        self.app = create_app(gallery, settings, max_body_bytes=most)
        self._door = httpx.ASGITransport(self.app, raise_app_exceptions=False, client=(host, 4711))

    def call(self, method: str, path: str, **more) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._door, base_url="http://127.0.0.1"
            ) as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    def get(self, path: str, **more) -> httpx.Response:
        return self.call("GET", path, **more)

    def post(self, path: str, **more) -> httpx.Response:
        return self.call("POST", path, **more)


@pytest.mark.parametrize(
    ("key", "reading", "writing"),
    [
        (None, 401, 401),
        ("wrong", 401, 401),
        ("r-key", 200, 403),
        ("w-key", 200, 201),
        ("a-key", 200, 201),
    ],
)
def test_a_key_opens_what_its_scope_says(gallery, key, reading, writing):
    http = Caller(gallery)
    headers = {"x-api-key": key} if key else {}

    assert http.get("/v1/images", headers=headers).status_code == reading
    assert http.post("/v1/images", content=jpeg(1), headers=headers).status_code == writing


@pytest.mark.parametrize(
    "path", ["/v1/images", "/v1/images/x", "/v1/limits", "/v1/stats", "/v1/images/x/original"]
)
def test_nothing_is_told_without_a_key(gallery, path):
    answer = Caller(gallery).get(path)

    assert (answer.status_code, answer.json()["code"]) == (401, "key-missing")
    assert "x-api-key" in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("key", "scope"), [("r-key", "read"), ("w-key", "write"), ("a-key", "admin")]
)
def test_a_key_is_told_what_it_may(gallery, key, scope):
    limits = Caller(gallery).get("/v1/limits", headers={"x-api-key": key}).json()

    assert limits["scope"] == scope


@pytest.mark.parametrize("path", ["/v1/images/batch", "/v1/images/delete"])
def test_changing_many_needs_a_key_for_writing(gallery, path):
    answer = Caller(gallery).post(path, json={}, headers={"x-api-key": "r-key"})

    assert (answer.status_code, answer.json()["code"]) == (403, "key-refused")


def test_emptying_by_a_filter_needs_a_key_for_everything(gallery):
    http = Caller(gallery)
    everything = {"filter": {"bytes": {"gte": 0}}}

    def status(key, **more):
        headers = {"x-api-key": key}
        return http.post("/v1/images/delete", json=everything | more, headers=headers).status_code

    assert status("w-key") == 403
    assert status("w-key", dry_run=True) == status("a-key") == 200


def test_two_callers_may_use_the_same_idempotency_key(gallery):
    http = Caller(gallery)
    sent = [
        http.post("/v1/images", content=jpeg(n), headers={"x-api-key": key, "Idempotency-Key": "1"})
        for n, key in enumerate(["w-key", "a-key"])
    ]

    assert [answer.status_code for answer in sent] == [201, 201]


def test_a_missing_key_is_noticed_before_the_body_is_read(gallery):
    async def body():
        raise AssertionError("the body was read")
        yield b""

    assert Caller(gallery).post("/v1/images", content=body()).status_code == 401


def test_health_needs_no_key(gallery):
    http = Caller(gallery)

    assert http.get("/healthz").status_code == http.get("/readyz").status_code == 200


def test_without_keys_another_machine_is_refused_and_this_one_is_not(gallery):
    assert Caller(gallery, keys={}, host="10.0.0.9").get("/v1/stats").status_code == 401
    assert Caller(gallery, keys={}, host="127.0.0.1").get("/v1/stats").status_code == 200


class OnePicture:
    """Stands for the internet: one picture under one address."""

    def fetch(self, url: str, max_bytes: int) -> bytes:
        if url != "https://pictures.example/cat.jpg":
            raise errors.UrlUnreachable("pictures.example answered 404")
        return jpeg(1)[:max_bytes]


def test_urls_are_fetched_only_where_that_is_allowed(gallery):
    asked = {"url": "https://pictures.example/cat.jpg"}
    off = Caller(gallery, keys={}, host="127.0.0.1")
    on = Caller(gallery, keys={}, host="127.0.0.1")
    on.app.state.fetcher = OnePicture()

    refused = off.post("/v1/images", json=asked)
    added = on.post("/v1/images", json=asked | {"name": "cat.jpg"})
    found = on.post("/v1/search", json=asked)
    missing = on.post("/v1/search", json={"url": "https://pictures.example/"})
    both = on.post("/v1/search", json=asked | {"id": "x"})

    assert (refused.status_code, refused.json()["code"]) == (422, "url-refused")
    assert (added.status_code, added.json()["image"]["name"]) == (201, "cat.jpg")
    assert found.json()["results"][0]["name"] == "cat.jpg"
    assert (missing.status_code, missing.json()["code"]) == (502, "url-unreachable")
    assert (both.status_code, both.json()["code"]) == (422, "invalid-parameters")


def test_an_allowed_url_still_reaches_no_private_address(gallery):
    settings = Settings(lookalike_fetch_urls="http")
    http = Caller(gallery, keys={}, host="127.0.0.1")
    http.app.state.fetcher = create_app(gallery, settings).state.fetcher

    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/"):
        answer = http.post("/v1/images", json={"url": url})

        assert (answer.status_code, answer.json()["code"]) == (422, "url-refused")


def error_classes() -> list[type[errors.LookalikeError]]:
    found = [errors.LookalikeError]
    for each in found:
        found += [c for c in each.__subclasses__() if c.__module__.startswith("functions.")]
    return found


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_a_status(error):
    assert 400 <= STATUS[error] < 600


def test_every_code_means_one_status():
    codes = {}
    for error in error_classes():
        codes.setdefault(error.code, set()).add(STATUS[error])

    assert [code for code, statuses in codes.items() if len(statuses) > 1] == []


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.StoreUnavailable("asleep", retry_after=7), 503, "7"),
        (errors.StoreTimeout("slow"), 504, "1"),
        (errors.StoreDenied("wrong key"), 502, None),
        (errors.StoreFull("no room"), 507, None),
        (RuntimeError("secret stack"), 500, None),
    ],
)
def test_a_failing_store_is_told_without_a_stack_trace(
    rig, monkeypatch, error, status, retry_after
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(rig.store, "count", fail)

    answer = Caller(rig.gallery).get("/v1/stats", headers={"x-api-key": "r-key"})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers.get("retry-after") == retry_after
    assert "secret" not in answer.text
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_store_that_cannot_serve_is_not_ready_but_alive(rig):
    rig.gallery.close()
    http = Caller(rig.gallery)

    assert http.get("/readyz").status_code == 502
    assert http.get("/healthz").status_code == 200


def test_what_the_way_here_does_not_let_through_is_refused_with_the_way_round_it(gallery):
    http = Caller(gallery, keys={}, host="127.0.0.1", most=1_000)

    answer = http.post("/v1/images", content=jpeg(1))

    assert (answer.status_code, answer.json()["code"]) == (413, "picture-too-large")
    assert "/v1/uploads" in answer.json()["detail"]
    limits = http.get("/v1/limits").json()
    assert (limits["max_body_bytes"], limits["max_bytes"]) == (1_000, 20_000_000)
