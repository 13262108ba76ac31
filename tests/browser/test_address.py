"""The address: Back and Forward walk through a search, a link brings it back, an upload cannot."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_answer import choose, id_of
from tests.browser.test_search import mug, names, search_with


def test_back_and_forward_walk_through_everything(page, http):
    first = id_of(http, "demo/tree-1.jpg")
    page.goto(f"/?id={first}")
    alone = names(page)
    page.get_by_role("slider").fill("60")
    choose(page, "Also like this", 0)
    expect(page.locator(".chip.example")).to_have_count(1)
    names(page)

    page.go_back()
    expect(page.locator(".chip.example")).to_have_count(0)
    expect(page.locator("#min-match")).to_have_value("60")
    page.go_back()
    expect(page.locator("#min-match")).to_have_value("0")
    assert names(page) == alone
    page.go_forward()
    page.go_forward()
    expect(page.locator(".chip.example")).to_have_count(1)


def test_a_link_holds_query_filter_threshold_and_examples(desk, http):
    query, more = id_of(http, "demo/tree-1.jpg"), id_of(http, "demo/tree-2.jpg")
    desk.goto(f"/?id={query}&more={more}&filter=kind:tree&filter=kind:cactus&copies=1&min=30")
    found = names(desk)

    assert {name.split("/")[1].split("-")[0] for name in found} == {"tree", "cactus"}
    expect(desk.locator(".more.chips .chip")).to_have_text("demo/tree-2.jpg")
    expect(desk.locator("#min-match")).to_have_value("30")


def test_an_upload_says_that_it_cannot_be_shared_and_comes_back_by_back(page):
    search_with(page, mug())
    found = names(page)
    assert "upload" not in page.url
    expect(page.locator("#query")).to_contain_text("no link to this search")
    choose(page, "More like this", 1)
    expect(page.locator("#query .name")).not_to_have_text("my mug.jpg")

    page.go_back()

    expect(page.locator("#query .name")).to_have_text("my mug.jpg")
    assert names(page) == found


def test_an_upload_is_gone_after_loading_anew_and_the_page_says_so(desk):
    desk.goto("/")
    search_with(desk, mug())
    names(desk)

    desk.reload()

    expect(desk.get_by_role("heading", name="This search cannot be repeated")).to_be_visible()


def test_an_upload_can_be_added_and_then_be_shared(desk, http):
    desk.goto("/")
    search_with(desk, mug())
    names(desk)
    desk.get_by_role("button", name="Add to gallery").click()
    expect(desk.get_by_role("button", name="Copy link")).to_be_visible()

    id = desk.url.partition("?id=")[2]
    assert http.delete(f"/v1/images/{id}").status_code == 204


@pytest.mark.parametrize(
    "odd",
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
def test_an_odd_address_is_answered_in_words(desk, watch, odd):
    watch.expected = ("404", "422")

    desk.goto(odd)

    heading = desk.locator("h1:visible").first
    expect(heading).to_be_visible()
    expect(desk.locator(".stages")).to_have_count(0)


def test_a_picture_that_is_gone_is_told_with_a_way_out(desk, watch):
    watch.expected = ("404",)
    desk.goto("/?id=00000000-0000-0000-0000-000000000000")
    expect(desk.locator("#answer h1")).to_have_text("That picture is no longer in the gallery")

    desk.get_by_role("button", name="Another picture").click()

    expect(desk.get_by_role("button", name="Choose a picture")).to_be_visible()
