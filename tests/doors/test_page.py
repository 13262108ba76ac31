"""The page as it is served: its files, its policy, its compression; without a browser."""

import base64
import gzip
import re
import sys
from datetime import UTC, datetime

import pytest

from functions.api.routes import page as pages
from functions.gallery.records import SignedForm
from tests.doors.lambda_emulator import SAM_LOCAL, event, function
from tests.doors.test_access import Caller

FOLDER = pages._FOLDER


@pytest.fixture
def http(gallery):
    return Caller(gallery, keys={}, host="127.0.0.1")


def files_named_in(html: str) -> list[str]:
    return re.findall(r'(?:src|href)="(/page/[^"]+)"', html)


def directives(policy: str) -> dict[str, list[str]]:
    return {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}


def test_the_page_is_served_with_every_file_that_it_names(http):
    html = http.get("/")

    assert html.status_code == 200
    assert html.headers["content-type"] == "text/html; charset=utf-8"
    named = files_named_in(html.text)
    assert len(named) >= 3
    for path in named:
        assert http.get(path).status_code == 200, path


def test_every_module_imports_files_that_are_there():
    names = {path.name for path in FOLDER.iterdir()}
    for path in FOLDER.glob("*.js"):
        named = set(re.findall(r"(?:from|import\() ?'\./([^']+)'", path.read_text()))

        assert named <= names, path.name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("style.css", "text/css; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
def test_a_file_has_its_type_and_is_not_guessed_at(http, name, kind):
    answer = http.get(f"/page/any/{name}")

    assert answer.headers["content-type"] == kind
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text == (FOLDER / name).read_text()


@pytest.mark.parametrize(
    "path", ["/page/x/none.js", "/page/x/..%2Fapp.py", "/page/x/%2e%2e", "/page/x/.", "/page/x/a/b"]
)
def test_nothing_else_of_the_disk_is_served(http, path):
    assert http.get(path).status_code == 404


def test_files_are_kept_for_good_by_their_version_and_the_page_is_asked_for_again(http):
    page = http.get("/")
    (script,) = (path for path in files_named_in(page.text) if path.endswith("main.js"))

    assert page.headers["cache-control"] == "no-cache"
    assert "immutable" in http.get(script).headers["cache-control"]
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


class Signs:
    """A bucket's signer, as far as the page needs one."""

    def sign_form(self, name, media_type, max_bytes):
        return SignedForm("https://pictures.s3.eu-west-1.amazonaws.com/", {}, datetime.now(UTC))


def test_where_the_pictures_lie_in_a_bucket_the_page_may_reach_it_and_nothing_more(rig):
    rig.gallery.view.signer = Signs()
    http = Caller(rig.gallery, keys={}, host="127.0.0.1")

    policy = directives(http.get("/").headers["content-security-policy"])

    bucket = "https://pictures.s3.eu-west-1.amazonaws.com"
    assert policy["connect-src"] == ["'self'", bucket]
    assert policy["img-src"] == ["'self'", "blob:", bucket]
    assert policy["script-src"] == ["'self'"]


def test_the_page_needs_no_key_and_tells_nothing_of_the_gallery(gallery):
    answer = Caller(gallery, host="10.0.0.9").get("/")

    assert answer.status_code == 200
    assert b"x-api-key" not in answer.content


def test_it_is_packed_for_those_who_can_unpack_it(gallery):
    http = Caller(gallery, keys={}, host="127.0.0.1")

    packed = http.get("/page/x/main.js", headers={"accept-encoding": "gzip"})
    plain = http.get("/page/x/main.js", headers={"accept-encoding": "identity"})

    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, mtime=0))


def test_the_docs_are_as_they_were(http):
    answer = http.get("/docs")

    assert answer.status_code == 200
    assert "content-security-policy" not in answer.headers


def test_no_file_of_the_page_names_another_host_or_writes_markup():
    for path in FOLDER.iterdir():
        text = path.read_text()
        hosts = set(re.findall(r"https?://([\w.-]+)", text)) - {"www.w3.org"}

        assert hosts == set(), path.name
        assert (
            re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text) == []
        )


def test_the_version_changes_with_any_file(tmp_path, monkeypatch):
    before = pages._version()
    copy = tmp_path / "page"
    copy.mkdir()
    for path in FOLDER.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "text.js").write_text("// other words")
    monkeypatch.setattr(pages, "_FOLDER", copy)

    assert pages._version.__wrapped__() != before


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator is a program for Linux")
def test_on_lambda_page_and_files_come_out_readable(tmp_path):
    with function("functions.api.handler.handle", tmp_path, **SAM_LOCAL) as api:
        page = api.invoke(at("/"))
        script = api.invoke(at("/page/x/main.js"))
        packed = api.invoke(at("/page/x/main.js", **{"accept-encoding": "gzip, br"}))

    assert (page["statusCode"], page["isBase64Encoded"]) == (200, False)
    assert "<!doctype html>" in page["body"]
    assert script["body"] == (FOLDER / "main.js").read_text()
    assert packed["isBase64Encoded"] is True
    assert gzip.decompress(base64.b64decode(packed["body"])).decode() == script["body"]


@pytest.mark.skipif(sys.platform != "linux", reason="the runtime emulator is a program for Linux")
def test_the_page_opens_while_the_store_is_asleep(tmp_path):
    with function("functions.api.handler.handle", tmp_path, QDRANT_URL="http://127.0.0.1:9") as api:
        page, call = api.invoke(at("/")), api.invoke(at("/v1/limits"))

    assert (page["statusCode"], call["statusCode"]) == (200, 503)
    assert "<!doctype html>" in page["body"]


def at(path: str, **headers: str) -> dict:
    """The gateway's event for a GET."""
    got = event("http-get")
    got["rawPath"] = got["requestContext"]["http"]["path"] = path
    got["rawQueryString"] = ""
    got["headers"] |= headers
    return got
