"""The page's URL: Back and Forward, links to searches, and uploads, which have no link."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_answer import choose, id_of, slide
from tests.browser.test_search import mug, names, search_with


def test_back_and_forward_step_through_every_change(page, http):
    first = id_of(http, "demo/tree-1.jpg")
    page.goto(f"/?id={first}")
    without_examples = names(page)
    slide(page, 60)
    choose(page, "Also like this", 0)
    expect(page.locator(".chip.example")).to_have_count(1)
    names(page)

    page.go_back()
    expect(page.locator(".chip.example")).to_have_count(0)
    expect(page.locator("#min-match")).to_have_value("60")
    page.go_back()
    expect(page.locator("#min-match")).to_have_value("0")
    assert names(page) == without_examples
    page.go_forward()
    page.go_forward()
    expect(page.locator(".chip.example")).to_have_count(1)


def test_a_link_restores_query_filter_threshold_and_examples(desktop, http):
    query, more = id_of(http, "demo/tree-1.jpg"), id_of(http, "demo/tree-2.jpg")
    desktop.goto(f"/?id={query}&more={more}&filter=kind:tree&filter=kind:cactus&copies=1&min=30")
    found = names(desktop)

    assert {name.split("/")[1].split("-")[0] for name in found} == {"tree", "cactus"}
    expect(desktop.locator(".more.chips .chip")).to_have_text("demo/tree-2.jpg")
    expect(desktop.locator("#min-match")).to_have_value("30")


def test_an_upload_has_no_link_but_back_returns_to_it(page):
    search_with(page, mug())
    found = names(page)
    assert "upload" not in page.url
    expect(page.locator("#query")).to_contain_text("no link to this search")
    choose(page, "More like this", 1)
    expect(page.locator("#query .name")).not_to_have_text("my mug.jpg")

    page.go_back()

    expect(page.locator("#query .name")).to_have_text("my mug.jpg")
    assert names(page) == found


def test_an_upload_that_the_browser_no_longer_has_is_reported(desktop):
    desktop.goto("/")
    search_with(desktop, mug())
    names(desktop)

    desktop.evaluate("indexedDB.deleteDatabase('lookalike'); location.reload()")

    expect(desktop.get_by_role("heading", name="This search cannot be repeated")).to_be_visible()


def test_an_upload_can_be_added_and_then_shared(desktop, http):
    desktop.goto("/")
    search_with(desktop, mug())
    names(desktop)
    desktop.get_by_role("button", name="Add to gallery").click()
    expect(desktop.get_by_role("button", name="Copy link")).to_be_visible()

    id = desktop.url.partition("?id=")[2]
    desktop.goto("about:blank")  # it still loads thumbnails, and this one's would be missing
    assert http.delete(f"/v1/images/{id}").status_code == 204


@pytest.mark.parametrize(
    "url",
    [
        "/?id=no-such-image",
        "/?more=nobody",
        "/?part=0,0,5,5&id=x",
        "/?min=abc&filter=nonsense",
        "/?view=nothing",
        "/?id=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "/?id=../../etc&filter=other:1",
        "/?kind=odd&view=duplicates",
    ],
)
def test_an_invalid_url_shows_a_plain_message(desktop, watch, url):
    watch.expected = ("404", "422")

    desktop.goto(url)

    heading = desktop.locator("h1:visible").first
    expect(heading).to_be_visible()
    expect(desktop.locator(".stages")).to_have_count(0)


def test_a_link_to_a_deleted_picture_says_so_and_offers_another(desktop, watch):
    watch.expected = ("404",)
    desktop.goto("/?id=00000000-0000-0000-0000-000000000000")
    expect(desktop.locator("#answer h1")).to_have_text("That picture is no longer in the gallery")

    desktop.get_by_role("button", name="Another picture").click()

    expect(desktop.get_by_role("button", name="Choose a picture")).to_be_visible()
