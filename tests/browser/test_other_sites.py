"""What a page of another origin can learn from a gallery without keys, in a real browser."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.drawn import add, new_drawing
from tests.end_to_end.server import served

LOAD = """([tag, url, crossOrigin]) => new Promise(resolve => {
    const element = document.createElement(tag);
    if (crossOrigin) element.crossOrigin = crossOrigin;
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('failed');
    element[tag === 'link' ? 'href' : 'src'] = url;
    element.rel = 'stylesheet';
    document.body.append(element);
})"""
CALL = """([url, options]) => fetch(url, options).then(
    async response => [response.status, await response.json()], () => 'failed')"""


class EmptyPage(BaseHTTPRequestHandler):
    """Serves an empty page."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Another site</title>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site():
    """The port of a site that is not a gallery."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        threading.Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture(scope="module")
def allowing(tmp_path_factory, site):
    """A gallery that allows the site on `localhost`, and not on 127.0.0.1."""
    data = tmp_path_factory.mktemp("allowing")
    settings = Settings(lookalike_data=data, lookalike_allowed_origins=[f"http://localhost:{site}"])
    gallery = build_gallery(settings)
    add(gallery, new_drawing("mug", "other"), "mug.jpg", {})
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def page(browser):
    page = browser.new_page()
    yield page
    page.close()


def thumbnail_of(http_address: str, page) -> str:
    """Return the address of a thumbnail, read by the gallery's own page."""
    page.goto(http_address)
    (image, *_) = page.evaluate("fetch('/v1/images').then(response => response.json())")["images"]
    return http_address + image["links"]["thumbnail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_other_site_can_embed_or_read_anything(page, address, site, host):
    thumbnail = thumbnail_of(address, page)
    assert page.evaluate(LOAD, ["img", thumbnail, None]) == "loaded"

    page.goto(f"http://{host}:{site}/")

    assert page.evaluate(LOAD, ["img", thumbnail, None]) == "failed"
    assert page.evaluate(LOAD, ["img", thumbnail, "anonymous"]) == "failed"
    assert page.evaluate(LOAD, ["img", f"{address}/page/x/icon.svg", None]) == "failed"
    assert page.evaluate(LOAD, ["link", f"{address}/docs/swagger-ui.css", None]) == "failed"
    assert page.evaluate(LOAD, ["script", f"{address}/openapi.json", None]) == "failed"
    for method in ("GET", "POST", "DELETE"):
        assert page.evaluate(CALL, [f"{address}/v1/images", {"method": method}]) == "failed"


def test_a_form_of_another_site_changes_nothing(page, address, http, site):
    before = http.get("/v1/stats").json()["images"]
    page.goto(f"http://localhost:{site}/")

    page.evaluate(
        """url => {
            document.body.innerHTML = `<form method=post enctype=text/plain action="${url}">
                <input name='{"filter":{"bytes":{"gte":0}},"x":"' value='"}'></form>`;
            document.forms[0].submit();
        }""",
        f"{address}/v1/images/delete",
    )
    page.wait_for_url(f"{address}/**")

    assert "key-refused" in page.content()
    assert http.get("/v1/stats").json()["images"] == before > 0


def test_a_page_of_an_allowed_origin_can_read_and_change(page, allowing, site):
    thumbnail = thumbnail_of(allowing, page)
    page.goto(f"http://localhost:{site}/")

    status, listed = page.evaluate(CALL, [f"{allowing}/v1/images", {}])
    id = listed["images"][0]["id"]
    patch = {
        "method": "PATCH",
        "headers": {"content-type": "application/json", "x-api-key": "any"},
        "body": '{"metadata": {"seen": true}}',
    }
    changed_status, changed = page.evaluate(CALL, [f"{allowing}/v1/images/{id}", patch])
    _, missing = page.evaluate(CALL, [f"{allowing}/v1/images/none", {}])

    assert (status, changed_status) == (200, 200)
    assert changed["metadata"] == {"seen": True}
    assert missing["code"] == "image-not-found"
    assert page.evaluate(LOAD, ["img", thumbnail, "anonymous"]) == "loaded"


def test_allowing_one_origin_allows_no_other(page, allowing, site):
    thumbnail = thumbnail_of(allowing, page)

    page.goto(f"http://127.0.0.1:{site}/")

    assert page.evaluate(CALL, [f"{allowing}/v1/images", {}]) == "failed"
    assert page.evaluate(LOAD, ["img", thumbnail, "anonymous"]) == "failed"
