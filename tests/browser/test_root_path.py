"""The page and /docs below a path of a host that serves other things too, in a real browser."""

import hashlib
import re

import pytest
from playwright.sync_api import Page, expect

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import Watch, context_of
from tests.browser.drawn import add, new_drawing
from tests.browser.test_adding import FILES, expect_status
from tests.browser.test_key import KEYS, enter
from tests.browser.test_search import mug, search_with
from tests.end_to_end.proxy import proxied
from tests.end_to_end.server import served

ROOT = "/shop/lookalike"


@pytest.fixture(scope="module")
def below(tmp_path_factory):
    """The address of a gallery with keys below a path."""
    hashed = {hashlib.sha256(key.encode()).hexdigest(): scope for key, scope in KEYS.items()}
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("below"),
        lookalike_api_keys=hashed,
        lookalike_root_path=ROOT,
    )
    gallery = build_gallery(settings)
    for number in range(6):
        add(gallery, new_drawing("mug", f"below{number}"), f"mug-{number}.jpg", {})
    with served(gallery, settings) as upstream, proxied(upstream, ROOT) as address:
        yield f"{address}{ROOT}"
    gallery.close()


@pytest.fixture
def tab(browser, below) -> Page:
    """A tab that must not ask for anything outside the path."""
    # 401: the first request is what tells the page that it needs a key.
    watch = Watch(f"{below}/", expected=("401", "Applying inline style"))
    context = context_of(browser, "desktop")
    watch.attach(context)
    yield context.new_page()
    context.close()
    assert watch.problems == []


def test_the_page_searches_and_shows_pictures_below_the_path(tab, below):
    tab.goto(f"{below}/")
    enter(tab, "writer's key")
    expect(tab.locator(".sample img").first).to_have_js_property("naturalWidth", 320)

    search_with(tab, mug())

    thumbnail = tab.locator(".tile .picture img").first
    expect(thumbnail).to_have_js_property("naturalWidth", 320)
    expect(tab).to_have_url(f"{below}/")
    tab.get_by_role("link", name="Add").click()
    expect(tab).to_have_url(f"{below}/?view=add")
    expect(tab.get_by_role("heading", level=1)).to_be_visible()
    tab.get_by_role("link", name="Duplicates").click()
    expect(tab).to_have_url(f"{below}/?view=duplicates")
    tab.go_back()
    tab.go_back()
    expect(tab).to_have_url(f"{below}/")
    expect(thumbnail).to_be_visible()


def test_a_picture_can_be_added_and_a_search_by_one_has_an_address_below_the_path(tab, below):
    tab.goto(f"{below}/?view=add")
    enter(tab, "writer's key")
    tab.set_input_files(FILES, mug(name="boat.jpg", buffer=new_drawing("boat", "below")))
    expect_status(tab, "boat.jpg", "Added")
    tab.get_by_role("link", name="Search").click()
    tab.locator(".sample").first.click()
    expect(tab).to_have_url(re.compile(f"^{re.escape(below)}/[?]id="))

    tab.reload()

    expect(tab.locator(".tile .picture img").first).to_have_js_property("naturalWidth", 320)


def test_the_key_of_one_gallery_is_not_used_for_another_of_the_same_host(tab, below):
    tab.goto(f"{below}/")
    enter(tab, "reader's key")
    expect(tab.locator("#key-button")).to_have_text("View only")

    stored = tab.evaluate("Object.entries({...sessionStorage})")

    assert stored == [[f"lookalike-key {ROOT}/", "reader's key"]]


def test_the_documentation_tries_calls_below_the_path(tab, below):
    tab.goto(f"{below}/docs")
    operation = tab.locator("[id$='-getHealth']")
    operation.locator("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()

    answer = operation.locator(".live-responses-table")
    expect(answer.locator(".response-col_status").last).to_contain_text("200")
    expect(operation.locator(".request-url")).to_contain_text(f"{below}/healthz")
