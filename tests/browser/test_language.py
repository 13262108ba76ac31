"""The visitor's language and region: German without an English word left, numbers and dates."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import FIELDS, context_of, save_screenshot
from tests.browser.drawn import HOSTILE, THINGS
from tests.browser.test_duplicates_view import group_of
from tests.browser.test_search import mug, names, search_with
from tests.browser.test_trouble import problem
from tests.unit.test_house import PAGE
from tests.unit.test_page_words import texts

# Everything that is read or read out, except names from the gallery, which are in <bdi>.
TEXTS = """() => {
  const shown = (node) => node?.checkVisibility({visibilityProperty: true, opacityProperty: false});
  const texts = [document.title];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (shown(node) && !node.closest('bdi, script, style, noscript, .brand, .name, kbd'))
      texts.push(walk.currentNode.data);
  }
  for (const name of ['aria-label', 'aria-valuetext', 'title', 'alt', 'placeholder'])
    for (const node of document.querySelectorAll(`[${name}]`))
      if (shown(node)) texts.push(node.getAttribute(name));
  return texts.map((text) => text.trim()).filter(Boolean);
}"""
WORD = re.compile(r"[^\W\d_]{2,}")
NAME = re.compile(r"\S+\.(?:jpg|exe|txt)")
COMMON = {
    "the",
    "and",
    "of",
    "with",
    "for",
    "are",
    "your",
    "this",
    "that",
    "to",
    "is",
    "not",
    "you",
}


@pytest.fixture(scope="module")
def english() -> set[str]:
    """The words of the English page that no German text has."""
    english, german = (
        {word.lower() for text in texts(language).values() for word in WORD.findall(text)}
        for language in ("en", "de")
    )
    return (english | COMMON) - german - {*THINGS, *FIELDS}


def english_on(page: Page, english: set[str]) -> list[str]:
    found = [NAME.sub("", text) for text in page.evaluate(TEXTS) if text not in HOSTILE]
    return [text for text in found if {word.lower() for word in WORD.findall(text)} & english]


@pytest.fixture
def german(browser, watch, size) -> Iterator[Page]:
    watch.expected = ("404", "415", "422")
    context = context_of(browser, size, base_url=watch.origin, locale="de-DE")
    watch.attach(context)
    page = context.new_page()
    yield page
    page.unroute_all(behavior="wait")
    context.close()
    assert watch.problems == []


def test_duplicates_are_all_german(german, size, english):
    page = german
    found = {}
    page.goto("/?view=duplicates")
    expect(group_of(page, "copies/boat-1.jpg")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    for kind in ("same-picture", "edited", "turned", "lookalike", "same-bytes"):
        page.locator(f"[data-kind={kind}]").click()
        expect(page.locator(f"[data-kind={kind}][aria-pressed=true]")).to_be_visible()
        page.locator(".group, .groups .state").first.wait_for()
        found[kind] = english_on(page, english)
    save_screenshot(page, f"german-duplicates-{size}")
    page.get_by_role("button", name="Alle exakten Kopien löschen (1)").click()
    expect(page.get_by_role("dialog", name="1 exakte Kopie löschen?")).to_be_visible()
    found["question"] = english_on(page, english)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Keine Duplikate").first.click()
    expect(page.get_by_text("Das merkt sich nur dieser Browser.")).to_be_visible()
    found["ignored"] = english_on(page, english)

    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def open_all(page: Page) -> None:
    for summary in page.locator("main details:not([open]) > summary:visible").all():
        summary.click()


def test_the_search_is_all_german(german, size, english):
    page = german
    found = {}
    page.goto("/")
    expect(page.locator(".sample")).to_have_count(8)
    found["start"] = english_on(page, english)
    search_with(page, mug())
    names(page)
    open_all(page)
    found["answer"] = english_on(page, english)
    save_screenshot(page, f"german-answer-{size}")
    for action in ("Einzelheiten", "vergleichen", "Löschen"):
        page.locator(".tile:visible .dots").first.click()
        found["menu"] = english_on(page, english)
        page.get_by_role("menuitem", name=action).click()
        expect(page.locator("dialog")).to_be_visible()
        page.wait_for_load_state("networkidle")
        found[action] = english_on(page, english)
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
    page.goto("/?id=00000000-0000-0000-0000-000000000000")
    expect(page.locator("#answer .state")).to_be_visible()
    found["gone"] = english_on(page, english)

    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_browsing_and_adding_are_all_german(german, size, english):
    page = german
    found = {}
    page.goto("/?view=browse")
    expect(page.locator("#browse img").first).to_be_visible()
    found["browse"] = english_on(page, english)
    page.goto("/?view=add")
    expect(page.locator("#add input[multiple]")).to_have_count(1)
    open_all(page)
    found["add"] = english_on(page, english)
    page.set_input_files("#add input[multiple]", [mug(name="no.jpg", buffer=b"no")])
    expect(page.locator("[data-state=rejected]")).to_be_visible()
    found["rejected"] = english_on(page, english)

    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_the_key_is_asked_for_in_german(german, watch, size, english):
    watch.expected = ("401",)
    page = german
    missing = problem("key-missing", 401, "Send a key of this gallery in the header x-api-key")
    page.route("**/v1/**", lambda route: route.fulfill(**missing))
    page.goto("/?view=duplicates")
    expect(page.get_by_role("dialog", name="Schlüssel benötigt")).to_be_visible()
    dialog = english_on(page, english)
    page.get_by_role("button", name="Jetzt nicht").click()
    expect(page.get_by_role("heading", name="braucht einen Schlüssel")).to_be_visible()

    assert dialog + english_on(page, english) == []


@pytest.mark.parametrize(
    ("code", "status"),
    [("store-failed", 502), ("internal", 500), ("overloaded", 503), ("key-refused", 403)],
)
def test_errors_are_german_and_never_the_servers_own(german, watch, english, code, status):
    watch.expected = (str(status),)
    page = german
    page.clock.install()
    detail = "Set LOOKALIKE_X in the header of the request"
    page.route("**/v1/duplicates*", lambda route: route.fulfill(**problem(code, status, detail)))
    page.goto("/?view=duplicates")
    card = page.locator("#duplicates .foot .state")
    for _ in range(100):
        if card.count():
            break
        page.clock.run_for(3_000)
        page.wait_for_timeout(50)

    expect(card.locator(".drawing")).to_be_visible()
    expect(card).not_to_contain_text("LOOKALIKE_X")
    assert english_on(page, english) == []


@pytest.fixture(scope="module")
def modules() -> Iterator[str]:
    """Serve the modules of the page one by one."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=PAGE))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("locale", "search", "shown"),
    [
        ("en-US", "Search", ["87%", "12,345", "Nov 28, 2026, 3:04 PM", "2.5 MB", "773 bytes"]),
        ("en-GB", "Search", ["87%", "12,345", "28 Nov 2026, 15:04", "2.5 MB", "773 bytes"]),
        ("de-DE", "Suchen", ["87 %", "12.345", "28.11.2026, 15:04", "2,5 MB", "773 Byte"]),
        ("de-CH", "Suchen", ["87%", "12'345", "28.11.2026, 15:04", "2.5 MB", "773 Byte"]),
        # English words, with the day first as in France, and with Latin digits in Egypt
        ("fr-FR", "Search", ["87%", "12 345", "28 Nov 2026, 15:04", "2,5 MB", "773 bytes"]),
        ("ar-EG", "Search", ["87%", "12,345", "Nov 28, 2026, 3:04 PM", "2.5 MB", "773 bytes"]),
    ],
)
def test_numbers_and_dates_are_those_of_the_visitors_region(
    browser, modules, locale, search, shown
):
    context = browser.new_context(locale=locale, timezone_id="UTC")
    page = context.new_page()
    page.goto(f"{modules}/icon.svg")
    found = page.evaluate(
        """async () => {
          const {percent, number, dateTime, fileSize} = await import('/words/text.js');
          const {words} = await import('/words/words.js');
          const texts = [percent(0.873), number(12345), dateTime('2026-11-28T15:04:00Z'),
            fileSize(2.5e6), fileSize(773)];
          const plain = (text) => text.replace(/\\s/g, ' ').replace('’', "'");
          return [words.frame.search, texts.map(plain)]; }"""
    )
    context.close()

    assert found == [search, shown]
