"""Errors: plain messages and what to do next."""

import json

import pytest
from playwright.sync_api import Page, expect

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import context_of, save_screenshot
from tests.browser.test_search import kinds, mug, names, search_with
from tests.end_to_end.server import served


def problem(code: str, status: int, detail: str = "why", **headers: str) -> dict:
    """Return an API error response, for errors that cannot be caused here."""
    body = {"type": f"urn:lookalike:problem:{code}", "title": code, "status": status}
    body |= {"detail": detail, "code": code, "request_id": "x"}
    kind = "application/problem+json"
    return {"status": status, "body": json.dumps(body), "content_type": kind, "headers": headers}


def heading(page: Page):
    return page.locator("#answer h1")


def test_an_unsupported_file_is_rejected_with_the_supported_formats(page, watch, size):
    watch.expected = ("415",)

    search_with(page, mug(name="notes.pdf", buffer=b"%PDF-1.7 nothing to see"))

    expect(heading(page)).to_have_text("This gallery cannot read that file")
    expect(page.locator("#answer")).to_contain_text("PDF")
    expect(page.locator("#answer")).to_contain_text("JPEG, PNG, WEBP, AVIF")
    save_screenshot(page, f"unsupported-{size}")
    page.get_by_role("button", name="Another picture").click()
    expect(page.get_by_role("button", name="Choose a picture")).to_be_visible()


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", "no call", "That file is empty"),
        (b"\xff\xd8\xff\xe0 torn", "422", "That picture is damaged"),
    ],
)
def test_empty_and_damaged_files_have_their_own_messages(desktop, watch, data, status, message):
    watch.expected = (status,)
    desktop.goto("/")

    search_with(desktop, mug(buffer=data))

    expect(heading(desktop)).to_have_text(message)


def test_the_page_waits_for_a_gallery_that_is_starting_up(desktop, watch):
    watch.expected = ("503",)
    desktop.clock.install()
    desktop.goto("/")
    requests = []

    def start_up(route) -> None:
        requests.append(route)
        if len(requests) < 3:
            route.fulfill(**problem("store-unreachable", 503, **{"retry-after": "1"}))
        else:
            route.continue_()

    desktop.route("**/v1/search", start_up)
    search_with(desktop, mug())
    for attempt in (1, 2):
        expect(desktop.locator(".stages")).to_contain_text("The gallery is starting up")
        desktop.wait_for_function(f"window.performance && {len(requests)} >= {attempt}")
        desktop.clock.run_for(9_000)

    assert kinds(desktop) == {"mug"}
    assert len(requests) == 3


def test_a_gallery_that_does_not_start_is_reported_with_a_retry(desktop, watch):
    watch.expected = ("503",)
    desktop.clock.install()
    desktop.goto("/")
    desktop.route("**/v1/search", lambda r: r.fulfill(**problem("store-unreachable", 503)))
    search_with(desktop, mug())
    for _ in range(100):  # five attempts; a busy machine needs longer for each
        if heading(desktop).count():
            break
        desktop.clock.run_for(40_000)
        desktop.wait_for_timeout(50)

    expect(heading(desktop)).to_have_text("The gallery is not ready yet")
    save_screenshot(desktop, "asleep-desktop")
    desktop.unroute_all()
    desktop.get_by_role("button", name="Try again").click()
    assert kinds(desktop) == {"mug"}


@pytest.mark.parametrize("status", [429, 503])
def test_a_gateway_that_turns_every_call_away_is_reported_with_a_retry(desktop, watch, status):
    watch.expected = (str(status),)
    desktop.clock.install()
    desktop.goto("/")
    tries = []
    refusal = {"status": status, "body": '{"message":"not now"}'}
    desktop.route("**/v1/search", lambda route: tries.append(1) or route.fulfill(**refusal))
    search_with(desktop, mug())
    for _ in range(100):
        if heading(desktop).count():
            break
        desktop.clock.run_for(3_000)
        desktop.wait_for_timeout(50)

    expect(heading(desktop)).to_have_text("The gallery is busy")
    assert 5 < len(tries) < 20
    desktop.unroute_all()
    desktop.get_by_role("button", name="Try again").click()
    assert kinds(desktop) == {"mug"}


def test_a_thumbnail_that_fails_is_loaded_again(desktop, watch):
    watch.expected = ("503",)
    tries = []

    def fail_twice(route) -> None:
        tries.append(route.request.url)
        if tries.count(route.request.url) < 3:
            route.fulfill(status=503, body='{"message":"Service Unavailable"}')
        else:
            route.continue_()

    desktop.route("**/thumbnail*", fail_twice)
    desktop.goto("/")

    for number in range(8):
        picture = desktop.locator(".sample img").nth(number)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
        expect(picture).not_to_have_class("broken")
    assert {tries.count(url) for url in tries} == {3}


def test_a_lost_connection_is_reported_and_the_search_resumes_when_it_returns(
    page, context, watch, size
):
    watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    context.set_offline(True)
    search_with(page, mug())
    expect(heading(page)).to_have_text("No connection to the gallery")
    save_screenshot(page, f"offline-{size}")

    context.set_offline(False)

    assert kinds(page) == {"mug"}


def test_duplicates_opened_offline_say_so_and_load_when_the_connection_returns(
    page, context, watch, size
):
    watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    expect(page.locator(".sample")).to_have_count(8)
    context.set_offline(True)
    page.get_by_role("link", name="Duplicates").click()
    expect(page.get_by_role("heading", name="No connection to the gallery")).to_be_visible()
    expect(page.locator("#duplicates .drawing.offline")).to_be_visible()
    expect(page.locator("#duplicates").get_by_role("button", name="Try again")).to_be_visible()
    save_screenshot(page, f"offline-duplicates-{size}")

    context.set_offline(False)

    expect(page.locator(".group").first).to_be_visible()


def test_the_view_to_add_opens_offline_too(page, context, watch):
    watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    expect(page.locator(".sample")).to_have_count(8)
    context.set_offline(True)

    page.get_by_role("link", name="Add", exact=True).click()

    expect(page.locator("#add").get_by_role("heading", level=1)).to_be_visible()
    expect(page.locator("#add .drawing.offline")).to_be_visible()
    expect(page.get_by_text("This key is view-only")).to_be_hidden()
    expect(page.locator("#toasts")).to_be_empty()
    context.set_offline(False)
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (problem("store-full", 507), "The gallery is full"),
        (problem("internal", 500, "Something went wrong here"), "Something went wrong"),
        ({"status": 502, "body": "<html>Bad gateway</html>"}, "Something went wrong"),
        ({"status": 413, "body": '{"message":"Request Too Long"}'}, "That picture is too large"),
    ],
)
def test_any_other_failure_is_reported_too(desktop, watch, response, message):
    watch.expected = ("Failed to load resource",)
    desktop.goto("/")
    desktop.route("**/v1/search", lambda route: route.fulfill(**response))

    search_with(desktop, mug())

    expect(heading(desktop)).to_have_text(message)
    expect(desktop.get_by_role("button", name="Another picture")).to_be_visible()


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    settings = Settings(lookalike_data=tmp_path_factory.mktemp("empty"))
    gallery = build_gallery(settings)
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_an_empty_gallery_says_how_to_fill_it(browser, empty, size):
    context = context_of(browser, size)
    page = context.new_page()
    page.goto(empty)
    expect(page.get_by_role("heading", name="This gallery is empty")).to_be_visible()
    save_screenshot(page, f"empty-{size}")

    search_with(page, mug())
    expect(heading(page)).to_have_text("This gallery is empty")
    page.get_by_role("button", name="Add pictures").last.click()

    expect(page.get_by_role("heading", name="Add pictures")).to_be_visible()
    context.close()


def test_pasting_a_url_without_url_fetching_is_explained(desktop):
    desktop.goto("/")
    desktop.evaluate(
        """() => { const transfer = new DataTransfer();
          transfer.setData('text', 'https://pictures.example/cat.jpg');
          const pasted = new ClipboardEvent('paste', {clipboardData: transfer, bubbles: true});
          document.body.dispatchEvent(pasted); }"""
    )

    expect(desktop.locator("#toasts")).to_contain_text("does not fetch pictures from web addresses")


def test_a_late_response_does_not_replace_a_newer_one(desktop):
    desktop.goto("/")
    held = []
    desktop.route(
        "**/v1/search", lambda route: held.append(route) if not held else route.continue_()
    )
    with desktop.expect_request("**/v1/search"):
        search_with(desktop, mug())
    desktop.get_by_role("link", name="Search", exact=True).click()

    expect(desktop.get_by_role("button", name="Choose a picture")).to_be_visible()
    desktop.locator(".sample").first.click()
    assert len(names(desktop)) > 10
