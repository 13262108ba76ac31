"""The page in one file does what its modules do when a browser loads them one by one."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from functions.api.routes.page import _FOLDER as FOLDER
from functions.api.routes.single_file import single_page

KINDS = {".js": "text/javascript", ".css": "text/css"}
MODULES = sorted(
    path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.js") if path.name != "docs.js"
)
WHOLE = single_page(FOLDER).replace(
    "$load('main.js');",
    """$load('main.js');
    globalThis.exported = Object.fromEntries(
        Object.keys($modules).map((name) => [name, Object.keys($load(name)).sort()]));""",
)
IMPORT_ALL = """async (names) => Object.fromEntries(await Promise.all(names.map(
    async (name) => [name, Object.keys(await import(`/${name}`)).sort()])))"""


class Files(BaseHTTPRequestHandler):
    """Serves the files of the page as they are, and the page in one file as /whole."""

    def do_GET(self) -> None:
        path = FOLDER / self.path.partition("?")[0][1:]
        pages = {"/": (FOLDER / "index.html").read_text(), "/whole": WHOLE}
        text = pages.get(self.path) or (path.read_text() if path.suffix in KINDS else None)
        self.send_response(200 if text else 404)
        self.send_header("content-type", KINDS.get(path.suffix, "text/html"))
        self.end_headers()
        self.wfile.write((text or "").encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def files():
    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_page_in_one_file_has_every_module_with_all_it_exports(browser, files):
    page = browser.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(files)
    one_by_one = page.evaluate(IMPORT_ALL, MODULES)
    one_by_one["frame/state.js"].remove("current")  # a variable, declared around the modules

    page.goto(f"{files}/whole")
    together = page.evaluate("exported")
    page.close()

    assert together == one_by_one
    assert list(together) == MODULES
    assert errors == []
