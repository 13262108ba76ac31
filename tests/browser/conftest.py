"""A real Chromium before the real application: real model, embedded store, drawn pictures."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from scripts.environment import prepare_npm
from tests.browser.drawn import fill
from tests.doors.server import served

HERE = Path(__file__).parent
SHOTS = HERE / "shots"
SIZES = {"phone": (390, 844), "desk": (1440, 900)}
FIELDS = {"kind": "keyword", "price": "float"}
# As root in a container it has no sandbox; the rest keeps it from calling anybody.
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


def found_program(*names: str) -> str:
    """Give the path of a program; without it CI fails and a laptop is told what is left out."""
    for name in names:
        if path := shutil.which(name):
            return path
    missing = f"{names[0]} is not installed; on Debian: apt install {names[0]}"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = found_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def axe() -> str:
    """Give axe-core as a script, fetched once, as package-lock.json pins it."""
    prepare_npm(HERE)
    return (HERE / "node_modules" / "axe-core" / "axe.min.js").read_text()


@pytest.fixture(scope="package")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve a gallery of drawn pictures; tests that change it leave it as it was."""
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
    """What a page must not do: call elsewhere, break its policy or complain."""

    origin: str
    wrong: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of complaints that a test brings about

    def over(self, context: BrowserContext) -> None:
        context.on("request", self._on_request)
        context.on("console", lambda message: self._on_console(message.type, message.text))
        context.on("weberror", lambda error: self.wrong.append(str(error.error)))

    def _on_request(self, request) -> None:
        if not request.url.startswith((self.origin, "blob:", "data:")):
            self.wrong.append(f"called {request.url}")

    def _on_console(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(part in text for part in self.expected):
            self.wrong.append(text)


@pytest.fixture
def watch(address) -> Watch:
    return Watch(address)


@pytest.fixture(params=SIZES)
def size(request) -> str:
    return request.param


def context_of(browser: Browser, size: str, **more) -> BrowserContext:
    """Open a window of this size; a phone is touched."""
    width, height = SIZES[size]
    phone = {"has_touch": True, "is_mobile": True} if size == "phone" else {}
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce", **phone, **more
    )
    context.set_default_timeout(15_000)
    return context


@pytest.fixture
def context(browser, watch, size) -> Iterator[BrowserContext]:
    context = context_of(browser, size, base_url=watch.origin)
    watch.over(context)
    yield context
    context.close()
    assert watch.wrong == []


@pytest.fixture
def page(context) -> Page:
    """Open the page at its start."""
    page = context.new_page()
    page.goto("/")
    return page


@pytest.fixture
def desk(browser, watch) -> Iterator[Page]:
    """Open an empty page on a desk, for what does not hang on the size."""
    context = context_of(browser, "desk", base_url=watch.origin)
    watch.over(context)
    yield context.new_page()
    context.close()
    assert watch.wrong == []


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page to be looked at."""
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
