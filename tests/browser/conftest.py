"""A real Chromium on the real application: real model, embedded store, drawn pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from scripts.environment import prepare_npm
from tests.browser.drawn import fill
from tests.end_to_end.server import served
from tests.programs import find_program

HERE = Path(__file__).parent
SCREENSHOTS = HERE / "shots"
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
ALL_SIZES = {**SIZES, "tablet": (768, 1024)}
FIELDS = {
    "kind": "keyword",
    "price": "float",
    "stock": "integer",
    "sale": "bool",
    "taken": "datetime",
}
# The sandbox fails as root in a container; the rest stops Chromium's own network calls.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-sync",
]


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="package")
def browser(playwright) -> Iterator[Browser]:
    path = find_program("chromium", "chromium-browser", "google-chrome")
    browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="package")
def axe() -> str:
    """The axe-core script, in the version that package-lock.json pins."""
    prepare_npm(HERE)
    return (HERE / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="package")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve a gallery of drawn pictures; tests that change it restore it."""
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("data"), lookalike_filter_fields=FIELDS
    )
    gallery = build_gallery(settings)
    fill(gallery, tmp_path_factory.mktemp("drawn"))
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def http(address) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client


@dataclass
class Watch:
    """Collects what a page must not do: call other hosts, violate its policy, log warnings."""

    origin: str
    problems: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of messages that a test provokes

    def attach(self, context: BrowserContext) -> None:
        context.on("request", self._on_request)
        context.on("console", lambda message: self._on_console(message.type, message.text))
        context.on("weberror", lambda error: self._on_console("error", str(error.error)))

    def _on_request(self, request) -> None:
        if not request.url.startswith((self.origin, "blob:", "data:")):
            self.problems.append(f"called {request.url}")

    def _on_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.problems.append(text)


@pytest.fixture
def watch(address) -> Watch:
    return Watch(address)


@pytest.fixture(params=SIZES)
def size(request) -> str:
    return request.param


def context_of(browser: Browser, size: str, **more) -> BrowserContext:
    """Open a window of this size; a phone has a touch screen."""
    width, height = ALL_SIZES[size]
    phone = {"has_touch": True, "is_mobile": True} if size == "phone" else {}
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce", **phone, **more
    )
    context.set_default_timeout(15_000)
    return context


@pytest.fixture
def context(browser, watch, size) -> Iterator[BrowserContext]:
    context = context_of(browser, size, base_url=watch.origin)
    watch.attach(context)
    yield context
    context.close()
    assert watch.problems == []


@pytest.fixture
def page(context) -> Page:
    """The start page."""
    page = context.new_page()
    page.goto("/")
    return page


@pytest.fixture
def desktop(browser, watch) -> Iterator[Page]:
    """An empty page of desktop size, for tests that do not depend on the size."""
    context = context_of(browser, "desktop", base_url=watch.origin)
    watch.attach(context)
    yield context.new_page()
    context.close()
    assert watch.problems == []


def save_screenshot(page: Page, name: str) -> None:
    """Save a screenshot for people to look at."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")
