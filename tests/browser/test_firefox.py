"""The main journeys in Firefox: find, refine, compare, browse, add, duplicates, key.

Debian's Firefox, driven by Playwright over WebDriver BiDi; see firefox_relay.py.
"""

import hashlib
import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import HERE, SIZES, Watch, save_screenshot
from tests.browser.drawn import add, new_drawing
from tests.browser.test_answer import choose, id_of, open_menu, visible_tiles
from tests.browser.test_duplicates_view import BOATS, group_of, names_of
from tests.browser.test_everyone import violations
from tests.browser.test_search import kinds, mug, names, search_with
from tests.end_to_end.server import served
from tests.programs import find_program

pytestmark = pytest.mark.slow
# The hash of "body {}", a style that Playwright adds for screenshots and the page's policy blocks.
OF_SCREENSHOTS = "sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT+SmwNZWA="


@pytest.fixture(scope="module")
def firefox(playwright) -> Iterator[Browser]:
    browser = playwright.firefox.launch(
        channel="moz-firefox",  # otherwise Playwright needs a build of its own
        executable_path=HERE / "firefox_relay.py",
        env={**os.environ, "FIREFOX": find_program("firefox-esr", "firefox")},
        firefox_user_prefs={"ui.prefersReducedMotion": 1},
    )
    yield browser
    browser.close()


def open_page(firefox: Browser, address: str, size: str, locale: str = "en-US") -> Page:
    width, height = SIZES[size]
    context = firefox.new_context(
        viewport={"width": width, "height": height}, base_url=address, locale=locale
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    page.goto("/")
    return page


@pytest.fixture
def page(firefox, address, watch, size) -> Iterator[Page]:
    page = open_page(firefox, address, size)
    watch.expected = (OF_SCREENSHOTS,)
    watch.attach(page.context)
    yield page
    page.context.close()
    assert watch.problems == []


def test_find_refine_and_compare(page, size, axe):
    search_with(page, mug())
    assert kinds(page) == {"mug"}
    save_screenshot(page, f"firefox-answer-{size}")
    assert violations(page, axe) == []

    choose(page, "Also like this", 0)
    expect(page.locator(".chip.example")).to_have_count(1)
    assert "mug" in kinds(page)
    page.go_back()
    expect(page.locator(".chip.example")).to_have_count(0)

    choose(page, "Compare", 0)
    expect(page.get_by_role("dialog").locator(".band").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


@pytest.mark.parametrize("size", ["phone"])
def test_a_menu_opens_next_to_its_button_and_closes_with_escape(page, http, size):
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(page)
    opener = visible_tiles(page).first.locator(".dots")
    open_menu(page)

    menu, button = page.locator(".menu").bounding_box(), opener.bounding_box()
    below = menu["y"] - (button["y"] + button["height"])
    above = button["y"] - (menu["y"] + menu["height"])
    assert 0 <= max(below, above) < 10
    page.keyboard.press("Escape")
    expect(opener).to_be_focused()


@pytest.mark.parametrize("size", ["phone"])
def test_add_a_picture_and_find_it(page, http):
    page.get_by_role("link", name="Add", exact=True).click()
    picture = mug(name="firefox.jpg", buffer=new_drawing("house", "firefox"))
    page.set_input_files("#add input[multiple]", [picture])
    expect(page.locator("[data-state=added]")).to_be_visible()

    (image,) = http.get("/v1/images?filter=%7B%22name%22:%22firefox.jpg%22%7D").json()["images"]
    http.delete(f"/v1/images/{image['id']}")


@pytest.mark.parametrize("size", ["desktop"])
def test_browse_by_name_and_go_on_in_the_viewer(page):
    page.get_by_role("link", name="Browse").click()
    page.get_by_role("searchbox").fill("mug")
    expect(page.locator("#browse [role=status]")).to_contain_text("found")
    page.locator("#browse [data-id] img").first.click()
    expect(page.locator("dialog.viewer .place")).to_contain_text("1 of ")

    page.keyboard.press("ArrowRight")

    expect(page.locator("dialog.viewer .place")).to_contain_text("2 of ")
    page.keyboard.press("Escape")
    expect(page.locator("dialog.viewer")).to_have_count(0)


@pytest.mark.parametrize("size", ["desktop"])
def test_duplicates_are_marked_and_a_deletion_is_undone(page):
    page.goto("/?view=duplicates&kind=same-picture")
    boats = group_of(page, "copies/boat-1.jpg")
    expect(boats).to_be_visible()
    assert names_of(boats) == BOATS
    boats.get_by_role("button", name="Delete 2 pictures").click()
    expect(boats).to_have_count(0)

    page.get_by_role("button", name="Undo").click()

    expect(boats).to_be_visible()


def test_a_key_is_asked_for_and_can_be_forgotten(firefox, tmp_path):
    settings = Settings(
        lookalike_data=tmp_path, lookalike_api_keys={hashlib.sha256(b"k").hexdigest(): "read"}
    )
    gallery = build_gallery(settings)
    add(gallery, new_drawing("mug", "locked"), "mug.jpg", {})
    with served(gallery, settings) as address:
        watch = Watch(address, expected=("401",))
        page = open_page(firefox, address, "phone", locale="de-DE")
        watch.attach(page.context)
        page.get_by_label("Schlüssel", exact=True).fill("k")
        page.get_by_role("button", name="Schlüssel verwenden").click()
        expect(page.locator(".sample").first).to_be_visible()
        page.get_by_role("button", name="Schlüssel: Nur ansehen").click()
        page.get_by_role("button", name="Schlüssel vergessen").click()
        page.get_by_role("button", name="Vergessen", exact=True).click()
        expect(page.get_by_role("dialog", name="Schlüssel benötigt")).to_be_visible()
        page.context.close()
    gallery.close()
    assert watch.problems == []
