"""What stays when results change: the page, the focus, the filters, the order, the query."""

import re

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import context_of, save_screenshot
from tests.browser.drawn import new_drawing, written
from tests.browser.test_answer import (
    choose,
    id_of,
    open_filters,
    open_weak,
    visible_tiles,
)
from tests.browser.test_search import kinds, mug, names, search_with

FOCUSED = "document.activeElement.closest('.tile')?.dataset.id ?? document.activeElement.tagName"


def open_results(page: Page, http, name: str = "demo/fish-1.jpg", more: str = "") -> str:
    id = id_of(http, name)
    page.goto(f"/?id={id}{more}")
    names(page)
    return id


def ranks(page: Page) -> list[int]:
    return [int(rank) for rank in page.locator(".tile .rank").all_text_contents()]


def ids(page: Page) -> list[str]:
    return page.locator(".tile").evaluate_all("tiles => tiles.map((tile) => tile.dataset.id)")


def test_after_a_deletion_show_more_goes_on_where_the_results_end(desktop, http):
    added = http.post("/v1/images?name=to-go.jpg", content=new_drawing("fish", "to go")).json()
    query = open_results(desktop, http)
    position = names(desktop).index("to-go.jpg")

    choose(desktop, "Delete", position)
    desktop.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(desktop.locator(f"[data-id='{added['image']['id']}']")).to_have_count(0)
    assert ranks(desktop) == list(range(1, 48))
    open_weak(desktop)
    desktop.get_by_role("button", name="Show more").click()

    everything = http.get(f"/v1/images/{query}/similar?limit=100&collapse_copies=true").json()
    expect(desktop.locator(".tile")).to_have_count(len(everything["results"]))
    assert ids(desktop) == [result["id"] for result in everything["results"]]
    assert ranks(desktop) == list(range(1, len(everything["results"]) + 1))
    open_filters(desktop)
    expect(desktop.locator(".result-count")).to_contain_text(
        f"{len(everything['results'])} results"
    )


def test_ranks_count_the_results_and_not_what_is_folded_behind_them(desktop, http):
    open_results(desktop, http, "demo/boat-2.jpg")

    assert ranks(desktop) == list(range(1, len(ids(desktop)) + 1))


def test_the_slider_leaves_one_step_for_back(desktop, http):
    open_results(desktop, http)
    open_filters(desktop)
    before = desktop.evaluate("history.length")
    desktop.locator("#min-match").focus()

    for _ in range(30):
        desktop.keyboard.press("ArrowRight")

    expect(desktop.locator("#min-match")).to_have_value("30")
    expect(desktop).to_have_url(re.compile("min=30"))
    assert desktop.evaluate("history.length") == before + 1
    desktop.go_back()
    expect(desktop.locator("#min-match")).to_have_value("0")
    desktop.go_forward()
    expect(desktop.locator("#min-match")).to_have_value("30")


def test_a_new_picture_starts_without_the_filters_of_the_one_before(page, http):
    open_results(page, http, "demo/boat-1.jpg", "&filter=kind:boat&min=20")

    search_with(page, mug())

    expect(page.locator("#query .name")).to_have_text("my mug.jpg")
    assert kinds(page) == {"mug"}
    assert "filter" not in page.url and "min" not in page.url
    page.go_back()
    expect(page.get_by_role("button", name="Filters (2)")).to_be_visible()


@pytest.mark.parametrize("filter", ["colour:red", "price:cheap", "price:1..2..3"])
def test_a_link_with_a_filter_that_does_not_fit_can_be_mended(desktop, http, filter):
    desktop.goto(f"/?id={id_of(http, 'demo/boat-1.jpg')}&filter={filter}")
    heading = desktop.get_by_role("heading", name="These filters do not fit this gallery")
    expect(heading).to_be_visible()

    desktop.get_by_role("button", name="Remove filters").click()

    assert len(names(desktop)) > 10
    assert "filter" not in desktop.url


def test_turning_a_tablet_keeps_the_filters_open(desktop, http):
    desktop.set_viewport_size({"width": 1024, "height": 768})
    open_results(desktop, http, more="&filter=kind:fish")
    open_filters(desktop)
    chips = desktop.locator("#filters .chip").count()

    desktop.set_viewport_size({"width": 768, "height": 1024})
    expect(desktop.get_by_role("group", name="kind")).to_be_visible()
    desktop.get_by_role("button", name="Show copies").click()

    expect(desktop.get_by_role("button", name="Show copies", pressed=True)).to_be_visible()
    expect(desktop.locator("#filters .chip")).to_have_count(chips)
    expect(desktop.get_by_role("button", name="Filters (2)", expanded=True)).to_be_visible()


def test_a_filter_refreshes_the_results_in_place(page, http, size):
    open_results(page, http)
    open_filters(page)
    chip = page.get_by_role("group", name="kind").get_by_role("button", name="fish")
    held = []
    page.route("**/v1/search", lambda route: held.append(route))
    page.evaluate("scrollTo(0, 150)")
    scrolled = page.evaluate("scrollY")

    chip.press("Enter")
    expect(page.locator("#answer[aria-busy=true] .tile").first).to_be_visible()
    expect(chip).to_be_focused()
    expect(chip).to_have_attribute("aria-pressed", "true")
    save_screenshot(page, f"refreshing-{size}")
    held[0].continue_()

    assert set(kinds(page)) == {"fish"}
    expect(chip).to_be_focused()
    lowest = page.evaluate("document.documentElement.scrollHeight - innerHeight")
    assert page.evaluate("scrollY") == pytest.approx(min(scrolled, lowest), abs=1)


def test_an_example_refreshes_the_results_in_place(page, http):
    open_results(page, http)
    second, third = ids(page)[1:3]

    choose(page, "Also like this", 1)
    expect(page.locator(".chip.example")).to_have_count(1)
    names(page)

    assert second not in ids(page)
    expect(page.locator("#answer h1")).to_be_visible()
    assert page.evaluate(FOCUSED) in ids(page)  # not the top of the page: no Tab is lost
    choose(page, "Less like this", ids(page).index(third))
    expect(page.locator(".less .chip.example")).to_have_count(1)
    names(page)
    assert page.evaluate(FOCUSED) in ids(page)


def test_results_also_change_where_motion_is_welcome(browser, address, http):
    context = browser.new_context(base_url=address, reduced_motion="no-preference")
    page = context.new_page()
    open_results(page, http)
    open_filters(page)

    page.get_by_role("group", name="kind").get_by_role("button", name="fish").click()
    expect(page.locator(".grade:not([hidden]) h2", has_text="Weak")).to_have_count(0)

    assert kinds(page) == {"fish"}
    page.wait_for_function("() => document.getAnimations().length === 0")
    assert page.locator(".tile[style*=view-transition]").count() == 0
    context.close()


WIDER = """() => [...document.querySelectorAll('#found, #found *')]
  .filter((node) => !['hidden', 'clip'].includes(getComputedStyle(node).overflowX))
  .filter((node) => node.checkVisibility() && node.scrollWidth > node.clientWidth + 1)
  .filter((node) => getComputedStyle(node).overflowX !== 'visible')
  .map((node) => node.outerHTML.slice(0, 80))"""


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_nothing_scrolls_sideways_with_a_box_and_examples(desktop, http, width):
    desktop.set_viewport_size({"width": width, "height": 844})
    long_name = next(
        image["id"]
        for image in http.get("/v1/images?limit=100").json()["images"]
        if image["name"].startswith("very-long-")
    )
    open_results(desktop, http, more=f"&part=0,0,1,1&more={long_name}")
    open_filters(desktop)

    assert desktop.evaluate(WIDER) == []
    assert desktop.evaluate("document.documentElement.scrollWidth") <= width


def test_an_upload_survives_a_reload(page):
    search_with(page, mug())
    found = names(page)

    page.reload()

    expect(page.locator("#query .name")).to_have_text("my mug.jpg")
    expect(page.get_by_role("img", name="The picture you are searching with")).to_be_visible()
    assert names(page) == found
    choose(page, "Compare side by side")
    expect(page.get_by_role("dialog")).to_contain_text("my mug.jpg")


KEPT = """() => new Promise((resolve) => {
  indexedDB.open('lookalike', 1).onsuccess = ({target}) => {
    const all = target.result.transaction('pictures').objectStore('pictures').getAll();
    all.onsuccess = () => resolve(all.result.map((each) => each.file.name));
  };
})"""


def test_what_a_closed_tab_searched_with_is_removed_by_the_next_visit(
    context: BrowserContext, page
):
    search_with(page, mug(name="mine.jpg"))
    other = context.new_page()
    other.goto("/")
    search_with(other, mug(name="other.jpg"))
    names(other)
    assert set(other.evaluate(KEPT)) == {"mine.jpg", "other.jpg"}

    other.close()
    third = context.new_page()
    third.goto("/")
    third.wait_for_timeout(2500)

    assert third.evaluate(KEPT) == ["mine.jpg"]


def test_the_title_names_the_query(page, http):
    expect(page).to_have_title("Lookalike")
    search_with(page, mug())
    expect(page).to_have_title("my mug.jpg · Lookalike")
    choose(page, "More like this")
    expect(page).to_have_title(re.compile(r"mug-\d.jpg · Lookalike"))

    page.go_back()

    expect(page).to_have_title("my mug.jpg · Lookalike")


def test_a_middle_click_on_a_result_searches_with_it_in_a_new_tab(desktop, http):
    open_results(desktop, http)
    name = names(desktop)[0]

    with desktop.context.expect_page() as opened:
        visible_tiles(desktop).first.locator(".picture").click(button="middle")

    expect(opened.value.locator("#query .name")).to_have_text(name)
    expect(desktop.get_by_role("dialog")).to_have_count(0)


def test_the_heading_counts_what_the_gallery_says_of_the_results(page, http, size):
    query = open_results(page, http)
    found = http.get(f"/v1/images/{query}/similar?limit=48&collapse_copies=true").json()["results"]
    bands = [result["band"] for result in found]
    expected = [
        f"{bands.count(band)} {words}"
        for band, words in (("near-duplicate", "very similar"), ("similar", "similar"))
        if band in bands
    ]

    assert "weak" in bands
    expect(page.locator("#answer h1")).to_have_text(", ".join(expected))
    weak = page.locator("details.weak")
    expect(weak).not_to_have_attribute("open", "")
    expect(weak.locator(".tile").first).not_to_be_visible()
    weak.locator("summary").click()
    expect(weak.locator(".tile").first).to_be_visible()
    open_filters(page)
    page.get_by_role("button", name="Show copies").click()
    names(page)
    expect(weak).to_have_attribute("open", "")  # as it was left


def test_if_everything_is_weak_the_page_says_so_and_shows_it(page, size):
    noise = Image.effect_noise((320, 320), 90).convert("RGB")
    search_with(page, mug(name="noise.jpg", buffer=written(noise)))

    expect(page.locator("#answer h1")).to_have_text("No close match")
    expect(page.locator("#answer")).to_contain_text("The nearest are weak.")
    expect(visible_tiles(page).first).to_be_visible()
    save_screenshot(page, f"weak-{size}")


@pytest.mark.parametrize(
    ("width", "height", "highest"), [(390, 844, 240), (768, 1024, 240), (1440, 900, 200)]
)
@pytest.mark.parametrize("upload", [False, True])
def test_the_first_row_begins_near_the_top(browser, address, http, width, height, highest, upload):
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=address)
    page = context.new_page()
    page.goto("/")
    if upload:
        search_with(page, mug())
        names(page)
    else:
        open_results(page, http)

    assert page.locator(".tile .picture").first.bounding_box()["y"] <= highest
    context.close()


def test_a_phone_keeps_the_query_and_a_new_picture_within_reach(browser, address, http):
    context = context_of(browser, "phone", base_url=address)
    page = context.new_page()
    open_results(page, http)
    open_weak(page)

    page.evaluate("scrollTo(0, 2000)")

    for button in ("New picture", "Take a photo", "Filters"):
        expect(page.get_by_role("button", name=button)).to_be_in_viewport()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="New picture").click()
    chooser.value.set_files(mug())
    assert kinds(page) == {"mug"}
    context.close()


def test_the_newest_picture_is_the_first_sample(desktop, http):
    id = http.post("/v1/images?name=new.jpg", content=new_drawing("fish", "n")).json()["image"][
        "id"
    ]
    desktop.goto("/")

    expect(desktop.locator(".sample img").first).to_have_attribute("alt", "Search with new.jpg")
    expect(desktop.locator(".sample")).to_have_count(8)
    desktop.goto("about:blank")  # it still loads thumbnails, and this one's would be missing
    http.delete(f"/v1/images/{id}")
