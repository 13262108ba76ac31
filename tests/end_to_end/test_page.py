"""The page as served: its files, content security policy and compression. Uses no browser."""

import base64
import gzip
import re
import sys
from datetime import UTC, datetime

import pytest

from functions.api.routes import page as pages
from functions.gallery.records import SignedForm
from tests.end_to_end.lambda_emulator import SAM_LOCAL, event, function
from tests.end_to_end.test_access import Caller

FOLDER = pages._FOLDER


@pytest.fixture
def http(gallery):
    return Caller(gallery, keys={}, host="127.0.0.1")


def referenced_files(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(page/[^"]+)"', html)


def directives(policy: str) -> dict[str, list[str]]:
    return {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}


def test_the_page_and_every_file_it_references_are_served(http):
    html = http.get("/")

    assert html.status_code == 200
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    paths = referenced_files(html.text)
    assert len(paths) >= 3
    for path in paths:
        assert http.get(f"/{path}").status_code == 200, path


def test_every_module_imports_only_existing_files():
    names = {path.name for path in FOLDER.iterdir()}
    for path in FOLDER.glob("*.js"):
        imported = set(re.findall(r"(?:from|import\() ?'\./([^']+)'", path.read_text()))

        assert imported <= names, path.name


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("style.css", "text/css; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_is_served_with_its_content_type_and_nosniff(http, name, content_type):
    response = http.get(f"/page/any/{name}")

    assert response.headers["content-type"] == content_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.text == (FOLDER / name).read_text()


@pytest.mark.parametrize(
    "path", ["/page/x/none.js", "/page/x/..%2Fapp.py", "/page/x/%2e%2e", "/page/x/.", "/page/x/a/b"]
)
def test_no_other_files_on_disk_are_served(http, path):
    assert http.get(path).status_code == 404


def test_versioned_files_are_cached_forever_and_the_page_is_revalidated(http):
    page = http.get("/")
    (script,) = (path for path in referenced_files(page.text) if path.endswith("main.js"))

    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in http.get(f"/{script}").headers["cache-control"]
    assert http.get("/page/older/main.js").headers["cache-control"] == "no-cache"
    again = http.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_policy_allows_this_origin_and_nothing_inline(http):
    policy = directives(http.get("/").headers["content-security-policy"])

    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["img-src"] == ["'self'", "blob:"]
    for rule in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[rule] == ["'none'"]
    html = http.get("/").text
    assert re.findall(r"<style|<script(?! type=\"module\" src=)| on\w+=| style=", html) == []


class FakeSigner:
    """A bucket's signer with only the method that the page needs."""

    def sign_form(self, name, media_type, max_bytes):
        return SignedForm("https://pictures.s3.eu-west-1.amazonaws.com/", {}, datetime.now(UTC))


def test_with_a_bucket_the_policy_allows_its_origin_and_nothing_more(rig):
    rig.gallery.view.signer = FakeSigner()
    http = Caller(rig.gallery, keys={}, host="127.0.0.1")

    policy = directives(http.get("/").headers["content-security-policy"])

    bucket = "https://pictures.s3.eu-west-1.amazonaws.com"
    assert policy["connect-src"] == ["'self'", bucket]
    assert policy["img-src"] == ["'self'", "blob:", bucket]
    assert policy["script-src"] == ["'self'"]


def test_the_page_needs_no_key_and_reveals_nothing_about_the_gallery(gallery):
    response = Caller(gallery, host="10.0.0.9").get("/")

    assert response.status_code == 200
    assert b"x-api-key" not in response.content


def test_files_are_compressed_only_for_clients_that_accept_gzip(gallery):
    http = Caller(gallery, keys={}, host="127.0.0.1")

    compressed = http.get("/page/x/main.js", headers={"accept-encoding": "gzip"})
    plain = http.get("/page/x/main.js", headers={"accept-encoding": "identity"})

    assert compressed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert compressed.text == plain.text
    assert int(compressed.headers["content-length"]) == len(gzip.compress(plain.content, mtime=0))


def test_the_docs_and_every_file_they_reference_come_from_this_origin(http):
    html = http.get("/docs")

    references = re.findall(r'(?:src|href)="([^"]+)"', html.text)
    assert len(references) >= 4
    for path in references:
        assert not path.startswith(("/", "http"))  # works below any path
        assert http.get(f"/{path}").status_code == 200, path
    assert b"SwaggerUIBundle" in http.get("/docs/swagger-ui-bundle.js").content
    assert http.get("/docs/redoc.standalone.js").status_code == 404
    assert http.get("/docs/..%2F__init__.py").status_code == 404


def test_the_policy_of_the_docs_allows_this_origin_and_nothing_inline(http):
    policy = directives(http.get("/docs").headers["content-security-policy"])

    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == ["'self'"]
    assert policy["img-src"] == ["'self'", "blob:", "data:"]
    assert policy["frame-ancestors"] == policy["form-action"] == ["'none'"]


def test_no_page_file_references_another_host_or_writes_html():
    for path in FOLDER.iterdir():
        text = path.read_text()
        hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org"}

        assert hosts == set(), path.name
        assert (
            re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []
        )


def test_the_version_changes_if_any_file_changes(tmp_path, monkeypatch):
    before = pages._version()
    copy = tmp_path / "page"
    copy.mkdir()
    for path in FOLDER.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "text.js").write_text("// other words")
    monkeypatch.setattr(pages, "_FOLDER", copy)

    assert pages._version.__wrapped__() != before


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator runs only on Linux")
def test_on_lambda_the_page_and_its_files_arrive_intact(tmp_path):
    with function("functions.api.handler.handle", tmp_path, **SAM_LOCAL) as api:
        page = api.invoke(gateway_get("/"))
        script = api.invoke(gateway_get("/page/x/main.js"))
        compressed = api.invoke(gateway_get("/page/x/main.js", **{"accept-encoding": "gzip, br"}))

    assert (page["statusCode"], page["isBase64Encoded"]) == (200, False)
    assert "<!doctype html>" in page["body"]
    assert script["body"] == (FOLDER / "main.js").read_text()
    assert compressed["isBase64Encoded"] is True
    assert gzip.decompress(base64.b64decode(compressed["body"])).decode() == script["body"]


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator runs only on Linux")
def test_the_page_loads_while_the_store_is_unreachable(tmp_path):
    with function("functions.api.handler.handle", tmp_path, QDRANT_URL="http://127.0.0.1:9") as api:
        page, call = api.invoke(gateway_get("/")), api.invoke(gateway_get("/v1/limits"))

    assert (page["statusCode"], call["statusCode"]) == (200, 503)
    assert "<!doctype html>" in page["body"]


def gateway_get(path: str, **headers: str) -> dict:
    """Return the gateway's event for a GET request."""
    request = event("http-get")
    request["rawPath"] = request["requestContext"]["http"]["path"] = path
    request["rawQueryString"] = ""
    request["headers"] |= headers
    return request
