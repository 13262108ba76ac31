"""What each key allows, and how store failures are reported; runs on fakes."""

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
    """Calls an application from any client address, which real sockets do not allow."""

    def __init__(
        self, gallery, keys=HASHED, host="10.0.0.9", max_body_bytes=None, origins=()
    ) -> None:
        settings = Settings(lookalike_api_keys=keys, lookalike_allowed_origins=origins)
        self.app = create_app(gallery, settings, max_body_bytes=max_body_bytes)
        self._transport = httpx.ASGITransport(
            self.app, raise_app_exceptions=False, client=(host, 4711)
        )

    def call(self, method: str, path: str, **more) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(
                transport=self._transport, base_url="http://127.0.0.1"
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
def test_a_key_allows_what_its_scope_permits(gallery, key, reading, writing):
    http = Caller(gallery)
    headers = {"x-api-key": key} if key else {}

    assert http.get("/v1/images", headers=headers).status_code == reading
    assert http.post("/v1/images", content=jpeg(1), headers=headers).status_code == writing


@pytest.mark.parametrize(
    "path", ["/v1/images", "/v1/images/x", "/v1/limits", "/v1/stats", "/v1/images/x/original"]
)
def test_every_read_needs_a_key(gallery, path):
    response = Caller(gallery).get(path)

    assert (response.status_code, response.json()["code"]) == (401, "key-missing")
    assert "x-api-key" in response.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("key", "scope"), [("r-key", "read"), ("w-key", "write"), ("a-key", "admin")]
)
def test_the_limits_include_the_scope_of_the_key(gallery, key, scope):
    limits = Caller(gallery).get("/v1/limits", headers={"x-api-key": key}).json()

    assert limits["scope"] == scope


@pytest.mark.parametrize("path", ["/v1/images/batch", "/v1/images/delete"])
def test_batch_changes_need_a_write_key(gallery, path):
    response = Caller(gallery).post(path, json={}, headers={"x-api-key": "r-key"})

    assert (response.status_code, response.json()["code"]) == (403, "key-refused")


def test_deleting_by_filter_needs_an_admin_key_but_a_dry_run_does_not(gallery):
    http = Caller(gallery)
    all_images = {"filter": {"bytes": {"gte": 0}}}

    def status(key, **more):
        headers = {"x-api-key": key}
        return http.post("/v1/images/delete", json=all_images | more, headers=headers).status_code

    assert status("w-key") == 403
    assert status("w-key", dry_run=True) == status("a-key") == 200


def test_two_callers_can_use_the_same_idempotency_key(gallery):
    http = Caller(gallery)
    responses = [
        http.post("/v1/images", content=jpeg(n), headers={"x-api-key": key, "Idempotency-Key": "1"})
        for n, key in enumerate(["w-key", "a-key"])
    ]

    assert [response.status_code for response in responses] == [201, 201]


def test_a_request_without_a_key_is_refused_before_its_body_is_read(gallery):
    async def body():
        raise AssertionError("the body was read")
        yield b""

    assert Caller(gallery).post("/v1/images", content=body()).status_code == 401


def test_health_checks_need_no_key(gallery):
    http = Caller(gallery)

    assert http.get("/healthz").status_code == http.get("/readyz").status_code == 200


def test_without_keys_only_requests_from_this_machine_are_allowed(gallery):
    assert Caller(gallery, keys={}, host="10.0.0.9").get("/v1/stats").status_code == 401
    assert Caller(gallery, keys={}, host="127.0.0.1").get("/v1/stats").status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Real-IP",
        "Via",
        "CF-Connecting-IP",
        "X-Envoy-Expected-Rq-Timeout-Ms",
        "X-ProxyUser-Ip",
    ],
)
def test_without_keys_requests_through_a_proxy_are_refused(gallery, header):
    open_gallery = Caller(gallery, keys={}, host="127.0.0.1")

    refused = open_gallery.get("/v1/stats", headers={header: "127.0.0.1"})
    with_key = Caller(gallery).get("/v1/stats", headers={header: "10.1.1.1", "x-api-key": "r-key"})

    assert (refused.status_code, refused.json()["code"]) == (401, "key-missing")
    assert "LOOKALIKE_API_KEYS" in refused.json()["detail"]
    assert with_key.status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 403),  # another port of this machine
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"origin": "http://127.0.0.1", "sec-fetch-site": "same-origin"}, 200),
        ({"origin": "http://127.0.0.1:9000", "sec-fetch-site": "same-site"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_without_keys_a_browser_can_read_only_for_the_gallerys_own_page(gallery, sent, status):
    open_gallery = Caller(gallery, keys={}, host="127.0.0.1")

    for path in ("/v1/stats", "/v1/limits", "/v1/images"):
        assert open_gallery.get(path, headers=sent).status_code == status


def test_no_response_can_be_embedded_by_another_site(gallery):
    http = Caller(gallery)

    responses = [http.get(p) for p in ("/", "/docs", "/v1/stats", "/healthz", "/openapi.json")]

    policies = {response.headers["cross-origin-resource-policy"] for response in responses}
    assert policies == {"same-origin"}


SHOP = "https://shop.example"
PREFLIGHT = {
    "access-control-request-method": "PATCH",
    "access-control-request-headers": "content-type,idempotency-key,x-api-key",
}


def test_an_allowed_origin_gets_an_answer_to_its_preflight_without_a_key(gallery):
    http = Caller(gallery, origins=(SHOP,))

    answer = http.call("OPTIONS", "/v1/images/x", headers=PREFLIGHT | {"origin": SHOP})

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == SHOP
    assert "PATCH" in answer.headers["access-control-allow-methods"]
    assert "x-api-key" in answer.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", ["https://shop.example.evil.example", "http://shop.example", ""])
def test_other_origins_are_never_reflected(gallery, origin):
    http = Caller(gallery, origins=(SHOP,))

    preflight = http.call("OPTIONS", "/v1/images", headers=PREFLIGHT | {"origin": origin})
    read = http.get("/v1/stats", headers={"x-api-key": "r-key", "origin": origin})

    assert preflight.status_code == 400
    for response in (preflight, read):
        assert "access-control-allow-origin" not in response.headers


def test_by_default_no_origin_is_allowed(gallery):
    http = Caller(gallery)

    preflight = http.call("OPTIONS", "/v1/images", headers=PREFLIGHT | {"origin": SHOP})
    read = http.get("/v1/stats", headers={"x-api-key": "r-key", "origin": SHOP})

    assert (preflight.status_code, read.status_code) == (405, 200)
    assert [name for name in read.headers if name.startswith("access-control")] == []


def test_an_allowed_origin_still_needs_a_key_and_can_read_every_error(rig, monkeypatch):
    http = Caller(rig.gallery, origins=(SHOP,))

    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(rig.store, "count", fail)
    keyless = http.get("/v1/images", headers={"origin": SHOP})
    broken = http.get("/v1/stats", headers={"origin": SHOP, "x-api-key": "r-key"})

    assert (keyless.status_code, broken.status_code) == (401, 500)
    for response in (keyless, broken):
        assert response.headers["access-control-allow-origin"] == SHOP
        assert "x-request-id" in response.headers["access-control-expose-headers"]
        assert response.headers["vary"] == "Origin"


def test_without_keys_an_allowed_origin_has_access_on_this_machine_only(gallery):
    here = Caller(gallery, keys={}, host="127.0.0.1", origins=(SHOP,))
    elsewhere = Caller(gallery, keys={}, host="10.0.0.9", origins=(SHOP,))
    sent = {"origin": SHOP, "sec-fetch-site": "cross-site"}

    assert here.get("/v1/stats", headers=sent).status_code == 200
    assert here.get("/v1/stats", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert elsewhere.get("/v1/stats", headers=sent).status_code == 401


class FakeFetcher:
    """Serves one picture at one URL."""

    def fetch(self, url: str, max_bytes: int) -> bytes:
        if url != "https://pictures.example/cat.jpg":
            raise errors.UrlUnreachable("pictures.example answered 404")
        return jpeg(1)[:max_bytes]


def test_urls_are_fetched_only_if_fetching_is_enabled(gallery):
    body = {"url": "https://pictures.example/cat.jpg"}
    off = Caller(gallery, keys={}, host="127.0.0.1")
    on = Caller(gallery, keys={}, host="127.0.0.1")
    on.app.state.fetcher = FakeFetcher()

    refused = off.post("/v1/images", json=body)
    added = on.post("/v1/images", json=body | {"name": "cat.jpg"})
    found = on.post("/v1/search", json=body)
    missing = on.post("/v1/search", json={"url": "https://pictures.example/"})
    both = on.post("/v1/search", json=body | {"id": "x"})

    assert (refused.status_code, refused.json()["code"]) == (422, "url-refused")
    assert (added.status_code, added.json()["image"]["name"]) == (201, "cat.jpg")
    assert found.json()["results"][0]["name"] == "cat.jpg"
    assert (missing.status_code, missing.json()["code"]) == (422, "url-unreachable")
    assert missing.json()["errors"][0]["pointer"] == "#/url"
    assert "retry-after" not in missing.headers
    assert (both.status_code, both.json()["code"]) == (422, "invalid-parameters")


def test_private_addresses_are_blocked_even_if_fetching_is_enabled(gallery):
    settings = Settings(lookalike_fetch_urls="http")
    http = Caller(gallery, keys={}, host="127.0.0.1")
    http.app.state.fetcher = create_app(gallery, settings).state.fetcher

    for url in ("http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/"):
        response = http.post("/v1/images", json={"url": url})

        assert (response.status_code, response.json()["code"]) == (422, "url-refused")


def error_classes() -> list[type[errors.LookalikeError]]:
    found = [errors.LookalikeError]
    for each in found:
        found += [c for c in each.__subclasses__() if c.__module__.startswith("functions.")]
    return found


@pytest.mark.parametrize("error", error_classes(), ids=lambda error: error.__name__)
def test_every_error_has_a_status(error):
    assert 400 <= STATUS[error] < 600


def test_every_error_code_has_a_single_status():
    codes = {}
    for error in error_classes():
        codes.setdefault(error.code, set()).add(STATUS[error])

    assert [code for code, statuses in codes.items() if len(statuses) > 1] == []


@pytest.mark.parametrize(
    ("error", "status", "retry_after"),
    [
        (errors.StoreUnavailable("asleep", retry_after=7), 503, "7"),
        (errors.StoreUnavailable("asleep", retry_after=0), 503, "1"),
        (errors.StoreUnavailable("asleep", retry_after=0.4), 503, "1"),
        (errors.StoreTimeout("slow"), 504, "1"),
        (errors.StoreDenied("wrong key"), 502, None),
        (errors.StoreFull("no room"), 507, None),
        (errors.OutOfMemory("no memory"), 503, "1"),
        (MemoryError("secret size"), 503, "1"),
        (RuntimeError("secret stack"), 500, None),
    ],
)
def test_a_store_failure_is_reported_without_a_stack_trace(
    rig, monkeypatch, error, status, retry_after
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(rig.store, "count", fail)

    response = Caller(rig.gallery).get("/v1/stats", headers={"x-api-key": "r-key"})

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers.get("retry-after") == retry_after
    assert "secret" not in response.text
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert response.headers["x-content-type-options"] == "nosniff"


def test_the_log_has_no_long_line_even_if_a_store_sends_a_long_message(rig, monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise errors.StoreError("x" * 1_000_000)

    monkeypatch.setattr(rig.store, "count", fail)

    response = Caller(rig.gallery).get("/v1/stats", headers={"x-api-key": "r-key"})

    assert response.status_code == 502
    assert len(response.content) + len(caplog.text) < 3_000


def test_with_a_closed_store_the_service_is_alive_but_not_ready(rig):
    rig.gallery.close()
    http = Caller(rig.gallery)

    assert http.get("/readyz").status_code == 502
    assert http.get("/healthz").status_code == 200


def test_a_body_over_the_transport_limit_is_refused_with_a_pointer_to_uploads(gallery):
    http = Caller(gallery, keys={}, host="127.0.0.1", max_body_bytes=1_000)

    response = http.post("/v1/images", content=jpeg(1))

    assert (response.status_code, response.json()["code"]) == (413, "picture-too-large")
    assert "/v1/uploads" in response.json()["detail"]
    limits = http.get("/v1/limits").json()
    assert (limits["max_body_bytes"], limits["max_bytes"]) == (1_000, 20_000_000)
