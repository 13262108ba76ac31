"""The page as served: one file, content security policy and compression. Uses no browser."""

import base64
import gzip
import hashlib
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from functions.api.routes import page as pages
from functions.api.routes.single_file import single_page
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
    assert len(paths) == 1  # the icon; everything else is in the page
    for path in paths:
        assert http.get(f"/{path}").status_code == 200, path


def test_the_page_arrives_within_its_budget(http):
    page = http.get("/", headers={"accept-encoding": "gzip"})

    assert int(page.headers["content-length"]) < 70_000


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("import x from './actions.js';", "import x from"),
        ("import { count as number } from './actions.js';", "without 'as'"),
        ("import './actions.js';", "import './actions.js'"),
        ("export default 1;", "export default"),
        ("export { count };", "export { count }"),
        ("const later = import(name);", "import(name)"),
        ("const at = import.meta.url;", "import.meta"),
        ("const end = '</script>';", "</script"),
        ("const text = '{version}';", "{version}"),
    ],
)
def test_what_cannot_be_put_into_one_file_is_an_error(tmp_path, line, reason):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "pictures/tile.js").open("a") as script:
        script.write(f"{line}\n")

    with pytest.raises(ValueError, match=re.escape(reason)):
        single_page(tmp_path)


def test_comments_are_left_out_and_what_looks_like_one_stays(tmp_path):
    (tmp_path / "index.html").write_text(
        '<link rel="stylesheet" href="a.css"><script type="module" src="a.js"></script>'
    )
    (tmp_path / "a.css").write_text("/* Of two\n lines. */\na { color: red; } /* so */\n")
    (tmp_path / "a.js").write_text(
        "// Secret.\nconst a = /** @type {A} */ (b);\n\t// Secret.\n"
        "const url = 'https://x'; const types = 'image/*'; const all = '*/*';\n"
    )

    page = single_page(tmp_path)

    assert "const a = (b);" in page
    assert "const url = 'https://x'; const types = 'image/*'; const all = '*/*';" in page
    assert "a { color: red; }" in page
    assert not any(word in page for word in ("Secret", "@type", "Of two", "/* so"))


def test_the_image_has_the_same_page_ready_made(tmp_path, monkeypatch):
    built = tmp_path / "built" / "page.html"
    command = [sys.executable, "-m", "functions.api.routes.single_file", FOLDER, built]
    subprocess.run(command, check=True)

    made_on_request = pages._single_page.__wrapped__()
    monkeypatch.setattr(pages, "_BUILT", built)
    monkeypatch.setattr(pages, "_FOLDER", tmp_path)

    assert pages._single_page.__wrapped__() == made_on_request


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("docs.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_is_served_with_its_content_type_and_nosniff(http, name, content_type):
    response = http.get(f"/page/any/{name}")

    assert response.headers["content-type"] == content_type
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.text == (FOLDER / name).read_text()


@pytest.mark.parametrize(
    "path",
    [
        "/page/x/none.js",
        "/page/x/index.html",
        "/page/x/..%2Fapp.py",
        "/page/x/%2e%2e",
        "/page/x/.",
        "/page/x/a/b",
    ],
)
def test_no_other_files_on_disk_are_served(http, path):
    assert http.get(path).status_code == 404


def test_versioned_files_are_cached_forever_and_the_page_is_revalidated(http):
    page = http.get("/")
    (icon,) = referenced_files(page.text)

    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in http.get(f"/{icon}").headers["cache-control"]
    assert http.get("/page/older/icon.svg").headers["cache-control"] == "no-cache"
    again = http.get("/", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def sources(html: str, element: str) -> list[str]:
    texts = re.findall(rf"<{element}[^>]*>(.+?)</{element}>", html, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    return [f"'sha256-{digest}'" for digest in digests]


def test_the_policy_allows_the_pages_own_script_and_styles_and_nothing_else_inline(http):
    html = http.get("/").text
    policy = directives(http.get("/").headers["content-security-policy"])

    assert policy["default-src"] == ["'none'"]
    assert policy["connect-src"] == ["'self'"]
    assert policy["script-src"] == sources(html, "script")
    assert policy["style-src"] == sources(html, "style")
    assert len(policy["script-src"]) == 1
    assert policy["img-src"] == ["'self'", "blob:"]
    for rule in ("base-uri", "form-action", "frame-ancestors", "trusted-types"):
        assert policy[rule] == ["'none'"]
    markup = re.sub(r"(?s)<(script|style).+?</\1>", "", html)
    assert re.findall(r"<style|<script| on\w+=| style=", markup) == []


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
    assert len(policy["script-src"]) == 1


def test_the_page_needs_no_key_and_reveals_nothing_about_the_gallery(gallery):
    response = Caller(gallery, host="10.0.0.9").get("/")

    assert response.status_code == 200
    assert response.content == Caller(gallery, keys={}, host="127.0.0.1").get("/").content


def test_files_are_compressed_only_for_clients_that_accept_gzip(gallery):
    http = Caller(gallery, keys={}, host="127.0.0.1")

    compressed = http.get("/", headers={"accept-encoding": "gzip"})
    plain = http.get("/", headers={"accept-encoding": "identity"})

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
    for path in [path for path in FOLDER.rglob("*.*") if path.is_file()]:
        text = path.read_text()
        hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org"}

        assert hosts == set(), path.name
        assert (
            re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []
        )


def test_the_version_changes_if_any_file_changes(tmp_path, monkeypatch):
    before = pages._version()
    copy = tmp_path / "page"
    shutil.copytree(FOLDER, copy)
    (copy / "words/text.js").write_text("export const other = 1;")
    monkeypatch.setattr(pages, "_FOLDER", copy)
    monkeypatch.setattr(pages, "_single_page", pages._single_page.__wrapped__)

    assert pages._version.__wrapped__() != before


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator runs only on Linux")
def test_on_lambda_the_page_and_its_files_arrive_intact(tmp_path):
    with function("functions.api.handler.handle", tmp_path, **SAM_LOCAL) as api:
        page = api.invoke(gateway_get("/"))
        icon = api.invoke(gateway_get("/page/x/icon.svg"))
        compressed = api.invoke(gateway_get("/", **{"accept-encoding": "gzip, br"}))

    assert (page["statusCode"], page["isBase64Encoded"]) == (200, False)
    assert "<!doctype html>" in page["body"]
    assert base64.b64decode(icon["body"]) == (FOLDER / "icon.svg").read_bytes()
    assert compressed["isBase64Encoded"] is True
    assert gzip.decompress(base64.b64decode(compressed["body"])).decode() == page["body"]


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
