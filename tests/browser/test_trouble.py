"""When things go wrong: plain words and a way out."""

import json

import pytest
from playwright.sync_api import Page, expect

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import context_of, shoot
from tests.browser.test_search import kinds, mug, names, search_with
from tests.doors.server import served


def problem(code: str, status: int, detail: str = "why", **headers: str) -> dict:
    """Give an answer of the API's own shape, for what cannot be brought about here."""
    body = {"type": f"urn:lookalike:problem:{code}", "title": code, "status": status}
    body |= {"detail": detail, "code": code, "request_id": "x"}
    kind = "application/problem+json"
    return {"status": status, "body": json.dumps(body), "content_type": kind, "headers": headers}


def heading(page: Page):
    return page.locator("#answer h1")


def test_what_is_no_picture_is_named_with_the_formats_that_are_read(page, watch, size):
    watch.expected = ("415",)

    search_with(page, mug(name="notes.pdf", buffer=b"%PDF-1.7 nothing to see"))

    expect(heading(page)).to_have_text("This gallery cannot read that file")
    expect(page.locator("#answer")).to_contain_text("PDF")
    expect(page.locator("#answer")).to_contain_text("JPEG, PNG, WEBP, AVIF")
    shoot(page, f"unsupported-{size}")
    page.get_by_role("button", name="Another picture").click()
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", "no call", "That file is empty"),
        (b"\xff\xd8\xff\xe0 torn", "422", "That picture is damaged"),
    ],
)
def test_empty_and_damaged_files_are_told_apart(desk, watch, data, status, words):
    watch.expected = (status,)
    desk.goto("/")

    search_with(desk, mug(buffer=data))

    expect(heading(desk)).to_have_text(words)


def test_while_the_gallery_wakes_up_the_page_waits_and_then_answers(desk, watch):
    watch.expected = ("503",)
    desk.clock.install()
    desk.goto("/")
    tries = []

    def asleep(route) -> None:
        tries.append(route)
        if len(tries) < 3:
            route.fulfill(**problem("store-unreachable", 503, **{"retry-after": "1"}))
        else:
            route.continue_()

    desk.route("**/v1/search", asleep)
    search_with(desk, mug())
    for attempt in (1, 2):
        expect(desk.locator(".stages")).to_contain_text("The gallery is starting up")
        desk.wait_for_function(f"window.performance && {len(tries)} >= {attempt}")
        desk.clock.run_for(9_000)

    assert kinds(desk) == {"mug"}
    assert len(tries) == 3


def test_a_gallery_that_stays_asleep_is_told_with_a_way_to_try_again(desk, watch):
    watch.expected = ("503",)
    desk.clock.install()
    desk.goto("/")
    desk.route("**/v1/search", lambda r: r.fulfill(**problem("store-unreachable", 503)))
    search_with(desk, mug())
    for _ in range(5):
        desk.clock.run_for(40_000)
        desk.wait_for_timeout(50)

    expect(heading(desk)).to_have_text("The gallery is not ready yet")
    shoot(desk, "asleep-desk")
    desk.unroute_all()
    desk.get_by_role("button", name="Try again").click()
    assert kinds(desk) == {"mug"}


def test_without_a_connection_that_is_said_and_mended_when_it_comes_back(
    page, context, watch, size
):
    watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    context.set_offline(True)
    search_with(page, mug())
    expect(heading(page)).to_have_text("No connection to the gallery")
    shoot(page, f"offline-{size}")

    context.set_offline(False)

    assert kinds(page) == {"mug"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (problem("store-full", 507), "The gallery is full"),
        (problem("internal", 500, "Something went wrong here"), "Something went wrong"),
        ({"status": 502, "body": "<html>Bad gateway</html>"}, "Something went wrong"),
        ({"status": 429, "body": '{"message":"Too Many Requests"}'}, "Something went wrong"),
        ({"status": 413, "body": '{"message":"Request Too Long"}'}, "Something went wrong"),
    ],
)
def test_any_other_failure_is_told_too(desk, watch, answer, words):
    watch.expected = ("Failed to load resource",)
    desk.goto("/")
    desk.route("**/v1/search", lambda route: route.fulfill(**answer))

    search_with(desk, mug())

    expect(heading(desk)).to_have_text(words)
    expect(desk.get_by_role("button", name="Another picture")).to_be_visible()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    settings = Settings(lookalike_data=tmp_path_factory.mktemp("empty"))
    gallery = build_gallery(settings)
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_an_empty_gallery_says_how_to_fill_it(browser, empty, size):
    context = context_of(browser, size)
    page = context.new_page()
    page.goto(empty)
    expect(page.get_by_role("heading", name="This gallery is empty")).to_be_visible()
    shoot(page, f"empty-{size}")

    search_with(page, mug())
    expect(heading(page)).to_have_text("This gallery is empty")
    page.get_by_role("button", name="Add pictures").last.click()

    expect(page.get_by_role("heading", name="Add pictures")).to_be_visible()
    context.close()


def test_an_address_pasted_where_none_are_fetched_is_told_so(desk):
    desk.goto("/")
    desk.evaluate(
        """() => { const transfer = new DataTransfer();
          transfer.setData('text', 'https://pictures.example/cat.jpg');
          const pasted = new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true});
          document.body.dispatchEvent(pasted); }"""
    )

    expect(desk.locator("#toasts")).to_contain_text("does not fetch pictures from web addresses")


def test_an_answer_that_comes_late_does_not_cover_a_newer_one(desk):
    desk.goto("/")
    held = []
    desk.route("**/v1/search", lambda route: held.append(route) if not held else route.continue_())
    search_with(desk, mug())
    expect(desk.locator(".stages")).to_be_visible()
    desk.get_by_role("link", name="Search", exact=True).click()

    expect(desk.get_by_role("button", name="Choose a picture")).to_be_visible()
    desk.locator(".sample").first.click()
    assert len(names(desk)) > 10
