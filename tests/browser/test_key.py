"""A gallery with keys: the dialog, the scope, a key kept for this tab only, never in the URL."""

import hashlib
import re
import time

import httpx
import pytest
from playwright.sync_api import expect

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import SIZES, Watch, context_of, save_screenshot
from tests.browser.drawn import add, new_drawing
from tests.browser.test_answer import open_menu
from tests.browser.test_everyone import violations
from tests.browser.test_search import mug, names, search_with
from tests.end_to_end.server import served

KEYS = {"reader's key": "read", "writer's key": "write"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    hashed = {hashlib.sha256(key.encode()).hexdigest(): scope for key, scope in KEYS.items()}
    data = tmp_path_factory.mktemp("locked")
    settings = Settings(lookalike_data=data, lookalike_api_keys=hashed)
    gallery = build_gallery(settings)
    for number in range(6):
        add(gallery, new_drawing("mug", f"locked{number}"), f"mug-{number}.jpg", {})
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def context(browser, locked, size):
    # The last one comes from Chromium, which centres a picture with an inline style.
    watch = Watch(locked, expected=("401", "403", "Applying inline style"))
    context = context_of(browser, size, base_url=locked)
    watch.attach(context)
    yield context
    context.close()
    assert watch.problems == []


def enter(page, key: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Access key", exact=True).fill(key)
    dialog.get_by_role("button", name="Use this key").click()


def test_the_key_is_requested_once_and_then_pictures_are_shown(page, size):
    expect(page.get_by_role("dialog", name="Access key needed")).to_have_count(1)
    expect(page.get_by_label("Access key", exact=True)).to_be_focused()
    expect(page.get_by_label("Access key", exact=True)).to_have_attribute("type", "password")
    save_screenshot(page, f"key-{size}")

    enter(page, "reader's key")

    expect(page.locator(".sample img").first).to_have_js_property("naturalWidth", 320)
    assert page.locator(".sample img").first.get_attribute("src").startswith("blob:")
    expect(page.get_by_role("button", name="Access key: View only")).to_be_visible()
    search_with(page, mug())
    assert len(names(page)) == 6
    assert "key" not in page.url
    expect(page.locator(".tile img").first).to_have_js_property("naturalWidth", 320)


def test_a_wrong_key_is_reported_and_requested_again(page):
    enter(page, "nobody's key")

    expect(page.get_by_role("dialog")).to_contain_text("That key is not valid")
    enter(page, "writer's key")
    expect(page.locator(".sample").first).to_be_visible()
    expect(page.get_by_role("button", name="Access key: Can edit")).to_be_visible()


def test_without_a_key_the_page_offers_to_enter_one(page):
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("heading", name="This gallery needs an access key")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.get_by_role("button", name="Enter a key").click()
    enter(page, "reader's key")

    expect(page.locator(".sample").first).to_be_visible()


def test_the_key_is_kept_for_this_tab_only_and_can_be_forgotten(page, context, locked):
    enter(page, "reader's key")
    expect(page.locator(".sample").first).to_be_visible()
    page.reload()
    expect(page.locator(".sample").first).to_be_visible()
    stored = "JSON.stringify(localStorage) + document.cookie"
    assert "reader" not in page.evaluate(stored)

    other = context.new_page()
    other.goto("/")
    expect(other.get_by_role("dialog", name="Access key needed")).to_be_visible()
    page.get_by_role("button", name="Access key: View only").click()
    dialog = page.get_by_role("dialog", name="Your access key")
    dialog.get_by_role("button", name="Forget this key…").click()
    page.get_by_role("dialog", name="Forget this key?").get_by_text("Forget key").click()
    expect(page.get_by_role("dialog", name="Access key needed")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_key_button_explains_the_key_and_asks_before_it_is_forgotten(page, size, axe):
    enter(page, "reader's key")
    expect(page.locator(".sample").first).to_be_visible()
    opener = page.get_by_role("button", name="Access key: View only")
    for escape in (False, True):
        opener.click()
        dialog = page.get_by_role("dialog", name="Your access key")
        expect(dialog).to_contain_text("You can search and look at pictures.")
        assert violations(page, axe) == []
        save_screenshot(page, f"your-key-{size}")
        dialog.get_by_role("button", name="Forget this key…").click()
        question = page.get_by_role("dialog", name="Forget this key?")
        expect(question.get_by_role("button", name="Cancel")).to_be_focused()
        assert violations(page, axe) == []
        if escape:
            page.keyboard.press("Escape")
        else:
            question.get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(opener).to_be_focused()
    assert page.evaluate("sessionStorage.length") == 1


def test_another_key_can_be_used_in_place_of_the_present_one(page):
    enter(page, "reader's key")
    page.get_by_role("button", name="Access key: View only").click()
    page.get_by_role("button", name="Use another key").click()

    enter(page, "writer's key")

    expect(page.get_by_role("button", name="Access key: Can edit")).to_be_visible()
    expect(page.locator(".sample").first).to_be_visible()


def test_the_header_of_a_gallery_with_a_key_fits_in_one_line(page, size):
    enter(page, "reader's key")
    expect(page.locator(".sample").first).to_be_visible()
    page.get_by_role("button", name="Access key").wait_for()

    heights = """() => [...document.querySelectorAll('.top nav a span, #key-button span')].map(
      (word) => word.offsetHeight / parseFloat(getComputedStyle(word).fontSize))"""
    assert max(page.evaluate(heights)) < 1.6  # lines of one word each
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_a_read_key_is_offered_neither_deleting_nor_adding(page):
    enter(page, "reader's key")
    expect(page.locator(".sample").first).to_be_visible()
    search_with(page, mug())
    names(page)
    open_menu(page)

    expect(page.get_by_role("menuitem", name="Details")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Delete")).to_have_count(0)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Add", exact=True).click()
    expect(page.get_by_role("heading", name="This key is view-only")).to_be_visible()
    page.get_by_role("button", name="Enter another key").click()
    enter(page, "writer's key")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()


def test_originals_open_with_the_key_too(page, context):
    enter(page, "reader's key")
    expect(page.locator(".sample").first).to_be_visible()
    search_with(page, mug())
    names(page)
    open_menu(page)
    with context.expect_page() as opened:
        page.get_by_role("menuitem", name="Open original").click()

    tab = opened.value
    expect(tab).to_have_url(re.compile("^blob:"))
    expect(tab.locator("img")).to_have_js_property("naturalWidth", 320)
    save_screenshot(tab, "opened")


def test_a_deletion_is_sent_with_the_key_when_the_page_is_left(page, locked):
    headers = {"x-api-key": "writer's key"}
    with httpx.Client(base_url=locked, headers=headers, timeout=30) as http:
        data = new_drawing("house", "left")
        for name in ("left/1.jpg", "left/2.jpg"):
            http.post("/v1/images", params={"name": name}, content=data)
        enter(page, "writer's key")
        page.get_by_role("link", name="Duplicates").click()
        pair = page.locator(".group")
        kept = pair.locator(".kept .name").text_content()
        pair.get_by_role("button", name="Delete 1 picture").click()
        expect(pair).to_have_count(0)

        page.close()

        where = {"filter": '{"name": ["left/1.jpg", "left/2.jpg"]}'}
        deadline = time.monotonic() + 10
        while len(left := http.get("/v1/images", params=where).json()["images"]) > 1:
            assert time.monotonic() < deadline
        assert [image["name"] for image in left] == [kept]
        http.post("/v1/images/delete", json={"ids": [image["id"] for image in left]})
