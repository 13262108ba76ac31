"""Browse: all pictures newest first, their number, found by name, more of them at the end."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES, save_screenshot
from tests.browser.drawn import new_drawing
from tests.browser.test_answer import id_of
from tests.browser.test_search import mug, names

TILES = "#browse [data-id]"


def browsed(page: Page) -> list[str]:
    expect(page.locator("#browse .rows:not(.waiting)")).to_be_visible()
    images = page.locator(f"{TILES} img")
    return images.evaluate_all("images => images.map((image) => image.alt)")


def find(page: Page, text: str) -> None:
    page.get_by_role("searchbox", name="Find by name").fill(text)
    expect(page.locator("#browse [role=status]")).to_contain_text("found")


@pytest.fixture
def browse_page(page) -> Page:
    page.get_by_role("link", name="Browse").click()
    expect(page.locator(TILES).first).to_be_visible()
    return page


def test_browse_shows_the_newest_first_and_how_many_there_are(browse_page, http, size):
    newest = http.get("/v1/images", params={"sort": "-added_at", "limit": 20}).json()["images"]
    images = http.get("/v1/stats").json()["images"]

    assert browsed(browse_page)[:20] == [image["name"] for image in newest]
    expect(browse_page.locator("#browse [role=status]")).to_have_text(f"{images} pictures")
    expect(browse_page).to_have_title("Browse · Lookalike")
    width, _ = SIZES[size]
    assert browse_page.evaluate("document.documentElement.scrollWidth") <= width
    save_screenshot(browse_page, f"browse-{size}")


def test_further_pictures_come_by_themselves_at_the_end(browse_page, http):
    images = http.get("/v1/stats").json()["images"]
    assert browse_page.locator(TILES).count() < images

    browse_page.mouse.wheel(0, 20_000)
    browse_page.locator("#browse .foot").scroll_into_view_if_needed()

    expect(browse_page.locator(TILES)).to_have_count(images)
    assert len(set(browsed(browse_page))) == images
    expect(browse_page.get_by_role("button", name="Show more")).to_have_count(0)


def test_pictures_are_found_by_the_words_of_their_names_and_the_link_can_be_shared(browse_page):
    find(browse_page, "BOA copi")
    expect(browse_page.locator(TILES)).to_have_count(2)

    assert sorted(browsed(browse_page)) == ["copies/boat-1-small.jpg", "copies/boat-1.jpg"]
    expect(browse_page.locator("#browse [role=status]")).to_have_text("2 pictures found")
    browse_page.reload()
    expect(browse_page.locator(TILES)).to_have_count(2)
    expect(browse_page.get_by_role("searchbox", name="Find by name")).to_have_value("BOA copi")


def test_a_name_that_no_picture_has_says_so_and_leads_back(browse_page):
    before = browsed(browse_page)
    browse_page.get_by_role("searchbox", name="Find by name").fill("zeppelin")
    expect(browse_page.get_by_role("heading", name="No picture has this name")).to_be_visible()

    browse_page.get_by_role("button", name="Show all pictures").click()

    expect(browse_page.locator(TILES).first).to_be_visible()
    assert browsed(browse_page) == before


def test_no_picture_is_cropped(browse_page):
    ratios = browse_page.locator(f"{TILES} a").evaluate_all(
        """links => links.map((link) => {
          const { width, height } = link.getBoundingClientRect();
          const ratio = Number(link.parentElement.style.getPropertyValue('--ratio'));
          return Math.abs(width / height / ratio - 1);
        })"""
    )

    assert max(ratios) < 0.02
    fit = "image => getComputedStyle(image).objectFit"
    assert browse_page.locator(f"{TILES} img").first.evaluate(fit) == "contain"


def test_a_tile_is_a_link_that_a_new_tab_opens_as_a_search(browse_page, http, context):
    tile = browse_page.locator(TILES).first
    name = browsed(browse_page)[0]
    link = tile.get_by_role("link").get_attribute("href")
    assert link.endswith(f"?id={id_of(http, name)}")

    other = context.new_page()
    other.goto(link)

    assert len(names(other)) > 10


def test_more_like_a_picture_and_back_again(browse_page):
    browse_page.locator(TILES).nth(3).get_by_role("button", name="Actions for").click()
    browse_page.get_by_role("menuitem", name="More like this").click()
    assert len(names(browse_page)) > 10

    browse_page.go_back()

    expect(browse_page.locator(TILES).nth(3)).to_be_visible()


def test_an_added_picture_is_the_first_at_the_next_visit(desktop, http):
    desktop.goto("/?view=browse")
    expect(desktop.locator(TILES).first).to_be_visible()
    desktop.get_by_role("link", name="Add", exact=True).click()
    file = mug(name="newest.jpg", buffer=new_drawing("tree", "newest"))
    desktop.set_input_files("#add input[type=file][multiple]", file)
    expect(desktop.locator("[data-state=added]")).to_have_count(1)

    desktop.get_by_role("link", name="Browse").click()

    expect(desktop.locator(f"{TILES} img").first).to_have_attribute("alt", "newest.jpg")
    http.delete(f"/v1/images/{id_of(http, 'newest.jpg')}")


def test_a_deleted_picture_leaves_the_list(desktop, http):
    data = new_drawing("tree", "unwanted")
    http.post("/v1/images", params={"name": "unwanted.jpg"}, content=data)
    desktop.goto("/?view=browse")
    expect(desktop.locator(f"{TILES} img").first).to_have_attribute("alt", "unwanted.jpg")
    images = http.get("/v1/stats").json()["images"]

    desktop.locator(TILES).first.get_by_role("button", name="Actions for").click()
    desktop.get_by_role("menuitem", name="Delete").click()
    desktop.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(desktop.locator(f'{TILES} img[alt="unwanted.jpg"]')).to_have_count(0)
    expect(desktop.locator("#browse [role=status]")).to_have_text(f"{images - 1} pictures")


def test_a_gallery_that_does_not_answer_is_tried_again(desktop, watch):
    watch.expected = ("500",)
    desktop.route(re.compile("/v1/images"), lambda route: route.fulfill(status=500, body="{}"))
    desktop.goto("/?view=browse")
    expect(desktop.get_by_role("heading", name="Something went wrong")).to_be_visible()
    desktop.unroute_all()

    desktop.get_by_role("button", name="Try again").click()

    expect(desktop.locator(TILES).first).to_be_visible()


def test_browse_has_no_violations(browse_page, axe):
    browse_page.evaluate(axe)
    found = browse_page.evaluate("axe.run(document)")

    assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
