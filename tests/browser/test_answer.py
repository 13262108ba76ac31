"""The results: rows, percentages and bands, threshold, filters, copies, and a tile's actions."""

import io
import re
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import SIZES, save_screenshot
from tests.browser.drawn import THINGS, new_drawing, planted, written
from tests.browser.test_search import mug, names, search_with


def id_of(http, name: str) -> str:
    (image,) = http.get("/v1/images", params={"filter": f'{{"name": "{name}"}}'}).json()["images"]
    return image["id"]


def visible_tiles(page: Page):
    return page.locator(".tile:not([hidden])")


def open_menu(page: Page, index: int = 0) -> None:
    visible_tiles(page).nth(index).get_by_role("button", name="Actions for").click()


def choose(page: Page, action: str, index: int = 0) -> None:
    open_menu(page, index)
    page.get_by_role("menuitem", name=action).click()


@pytest.fixture
def results_page(page, http) -> Page:
    """The results of a search with the first fish."""
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(page)
    return page


def test_a_tile_shows_rank_percentage_and_band_from_the_api(results_page, http):
    found = http.get(f"/v1/images/{id_of(http, 'demo/fish-1.jpg')}/similar?limit=48").json()

    for tile, result in list(
        zip(results_page.locator(".tile").all(), found["results"], strict=False)
    )[:6]:
        expect(tile.locator(".rank")).to_have_text(str(result["rank"]))
        percent = int(tile.locator("strong").text_content().removesuffix("%"))
        assert abs(percent - result["similarity"] * 100) <= 1
        words = {"similar": "Similar", "weak": "Weak match"}.get(result["band"], "Lookalike")
        expect(tile.locator(".band")).to_have_text(f" {words}")


ROWS = """tiles => {
  const rows = {};
  for (const tile of tiles) {
    const { left, right, height } = tile.querySelector('.picture').getBoundingClientRect();
    const { naturalWidth, naturalHeight } = tile.querySelector('img');
    const top = tile.offsetTop;
    (rows[top] ??= []).push({ left, right, height, ratio: naturalWidth / naturalHeight });
  }
  return Object.values(rows);
}"""


@pytest.fixture
def of_all_shapes(http, desktop) -> Iterator[None]:
    """Pictures that are wide, high and nearly square."""
    fish = Image.open(io.BytesIO(new_drawing("fish", "shapes")))
    shapes = [(320, 200), (200, 320), (320, 300), (240, 320), (320, 180), (300, 320)] * 3
    ids = [
        http.post(f"/v1/images?name=shape-{i}.jpg", content=written(fish.resize(shape))).json()[
            "image"
        ]["id"]
        for i, shape in enumerate(shapes)
    ]
    yield
    desktop.goto("about:blank")  # it still loads thumbnails, and these would be missing
    http.post("/v1/images/delete", json={"ids": ids})


@pytest.mark.parametrize("width", [390, 768, 1440, 1920])
def test_pictures_fill_rows_of_one_height_and_are_not_cropped(desktop, http, of_all_shapes, width):
    desktop.set_viewport_size({"width": width, "height": 900})
    desktop.goto(f"/?id={id_of(http, 'shape-0.jpg')}&copies=1")
    names(desktop)
    grid = desktop.locator(".grade:not([hidden]) .grid").first
    for image in grid.locator("img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)

    rows = grid.locator(".tile").evaluate_all(ROWS)
    box = grid.bounding_box()

    for row in rows:
        assert max(tile["height"] for tile in row) - min(tile["height"] for tile in row) < 1
        for tile in row:
            assert (tile["right"] - tile["left"]) / tile["height"] == pytest.approx(
                tile["ratio"], rel=0.02
            )
    for row in rows[:-1]:
        assert row[0]["left"] == pytest.approx(box["x"], abs=1)
        assert row[-1]["right"] == pytest.approx(box["x"] + box["width"], abs=1)
        assert 150 < row[0]["height"] < 350
    assert len(rows) > 1


def test_tiles_keep_their_place_while_thumbnails_load_lazily(desktop, http):
    held_requests, holding = [], True
    desktop.route(
        "**/thumbnail*", lambda route: held_requests.append(route) if holding else route.continue_()
    )
    desktop.goto(f"/?id={id_of(http, 'demo/boat-1.jpg')}", wait_until="commit")
    boxes = "tiles => tiles.map((tile) => Object.values(tile.getBoundingClientRect().toJSON()))"
    tiles = desktop.locator(".grade:not(.weak) .tile")
    expect(tiles.first).to_be_visible()
    before = tiles.evaluate_all(boxes)

    requested = len(held_requests)
    holding = False
    for route in held_requests:
        route.continue_()
    expect(tiles.locator("img").first).to_have_js_property("complete", True)
    desktop.wait_for_load_state("networkidle")

    assert tiles.evaluate_all(boxes) == before
    assert tiles.locator("img").last.get_attribute("loading") == "lazy"
    assert 0 < requested < 60


def test_the_threshold_applies_at_once_updates_the_count_and_stays_in_the_url(results_page, size):
    before = visible_tiles(results_page).count()

    slide(results_page, 80)

    expect(results_page.locator(".result-count")).to_have_text(re.compile(r"^\d+ of 48 results"))
    kept = visible_tiles(results_page).count()
    assert 0 < kept < before
    percents = [
        int(t.removesuffix("%"))
        for t in visible_tiles(results_page).locator("strong").all_text_contents()
    ]
    assert min(percents) >= 80
    assert "min=80" in results_page.url
    assert results_page.locator(".result-count").text_content().startswith(f"{kept} of")
    results_page.reload()
    names(results_page)
    assert visible_tiles(results_page).count() == kept
    save_screenshot(results_page, f"threshold-{size}")


def test_when_nothing_reaches_the_threshold_the_best_matches_are_shown_in_grey(results_page, size):
    slide(results_page, 100)

    expect(results_page.get_by_role("heading", name="No match this close")).to_be_visible()
    expect(results_page.locator(".tile.below:not([hidden])").first).to_be_visible()
    grey = results_page.locator(".tile.below img").first.evaluate("i => getComputedStyle(i).filter")
    assert "grayscale" in grey
    save_screenshot(results_page, f"nothing-{size}")
    results_page.get_by_role("button", name="Show all").click()
    assert "min" not in results_page.url


def open_filters(page: Page) -> None:
    button = page.get_by_role("button", name="Filters")
    if button.get_attribute("aria-expanded") == "false":
        button.click()


def slide(page: Page, percent: int) -> None:
    open_filters(page)
    page.get_by_role("slider", name=re.compile("Minimum match")).fill(str(percent))


def open_weak(page: Page) -> None:
    """Open the weak results, if they are folded."""
    page.locator("details.weak").evaluate("details => { details.open = true; }")


def test_filter_chips_offer_real_values_and_filter(results_page):
    open_filters(results_page)
    kinds = results_page.get_by_role("group", name="kind")
    kinds_offered = kinds.get_by_role("button").all_text_contents()
    one, other = [kind for kind in kinds_offered if kind in THINGS][:2]
    kinds.get_by_role("button", name=one).click()
    expect(kinds.get_by_role("button", name=one, pressed=True)).to_be_visible()

    assert kinds_of(names(results_page)) == {one}
    assert f"filter=kind:{one}" in results_page.url
    kinds.get_by_role("button", name=other).click()  # with two values, either can match
    expect(kinds.get_by_role("button", name=other, pressed=True)).to_be_visible()
    assert kinds_of(names(results_page)) == {one, other}


def kinds_of(found: list[str]) -> set[str]:
    return set(re.findall(r"demo/(\w+)-", " ".join(found)))


def test_number_ranges_are_offered_and_filter(results_page, http):
    open_filters(results_page)
    price = results_page.get_by_role("group", name="price")
    chip = price.get_by_role("button").first
    highest = float(chip.text_content().removeprefix("under "))
    chip.click()
    expect(price.get_by_role("button", pressed=True)).to_be_visible()
    names(results_page)

    ids = results_page.locator(".tile").evaluate_all(
        "tiles => tiles.map((tile) => tile.dataset.id)"
    )
    prices = [http.get(f"/v1/images/{id}").json()["metadata"]["price"] for id in ids[:8]]
    assert max(prices) < highest


def test_filters_that_match_nothing_can_be_removed(page, http):
    page.goto(f"/?id={id_of(http, 'demo/boat-1.jpg')}&filter=kind:nothing")

    expect(page.get_by_role("heading", name="Nothing matches these filters")).to_be_visible()
    page.get_by_role("button", name="Remove filters").click()
    assert len(names(page)) > 10


def copies_of(page: Page, name: str):
    """Return the badge of the tile of a picture."""
    tile = page.locator(".tile").filter(has=page.get_by_alt_text(name, exact=True))
    return tile.locator(".badge")


@pytest.fixture
def shop(http, desktop) -> Iterator[list[str]]:
    """The planted pictures; their names."""
    planted_files = planted()
    ids = [
        http.post("/v1/images", params={"name": name}, content=data).json()["image"]["id"]
        for name, data in planted_files.items()
    ]
    yield list(planted_files)
    desktop.goto("about:blank")  # it still loads thumbnails, and these would be missing
    http.post("/v1/images/delete", json={"ids": ids})


def test_only_the_same_file_and_the_same_picture_are_folded(desktop, http, shop):
    desktop.goto(f"/?id={id_of(http, 'shop/shoe-copy.jpg')}")
    shown = names(desktop)

    # The hashes of these are next to each other: they are different products.
    assert {"shop/shoe.jpg", "shop/shoe-recoloured.jpg", "shop/shoe-mirrored.jpg"} <= set(shown)
    for name in ("shop/shoe.jpg", "shop/shoe-recoloured.jpg", "shop/shoe-mirrored.jpg"):
        expect(copies_of(desktop, name)).to_have_count(0)
    tiles = desktop.locator(".tile").filter(has_text="shoe")
    bands = dict(
        zip(tiles.locator(".name").all_text_contents(), tiles.locator(".band").all(), strict=True)
    )
    expect(bands["shoe.jpg"]).to_have_text(" The same file")
    expect(bands["shoe-recoloured.jpg"]).to_have_text(" Edited or recoloured")
    expect(bands["shoe-mirrored.jpg"]).to_have_text(" Mirrored or turned")


def test_a_folded_result_opens_exactly_its_copies(desktop, http, shop):
    lamps = {name for name in shop if "lamp" in name}
    desktop.goto(f"/?id={id_of(http, 'demo/boat-2.jpg')}")
    (folded,) = lamps & set(names(desktop))
    expect(copies_of(desktop, folded)).to_have_text("+4 copies")

    with desktop.expect_response("**/v1/search"):
        copies_of(desktop, folded).click()

    opened = desktop.locator(".tile.copy")
    expect(opened).to_have_count(4)
    alts = opened.locator(".picture img").evaluate_all("all => all.map((image) => image.alt)")
    assert set(alts) == lamps - {folded}
    rank = desktop.locator(".tile", has=desktop.get_by_alt_text(folded, exact=True)).locator(
        ".rank"
    )
    expect(opened.first).to_contain_text(f"Copy of {rank.text_content()}: ")
    expect(opened.first).not_to_contain_text("%")


def test_the_copies_of_a_filtered_result_are_those_that_the_filter_allows(desktop, http, shop):
    desktop.goto(f"/?id={id_of(http, 'demo/boat-2.jpg')}&filter=kind:boat")
    names(desktop)

    badge = desktop.locator(".badge")
    expect(badge).to_have_text("+2 copies")
    badge.click()

    expect(desktop.locator(".tile.copy")).to_have_count(2)
    assert "shop/" not in " ".join(names(desktop))


def test_copies_are_collapsed_with_a_count_and_expand_in_place(desktop, http):
    desktop.goto(f"/?id={id_of(http, 'demo/boat-2.jpg')}")
    copies = {"demo/boat-1.jpg", "copies/boat-1.jpg", "copies/boat-1-small.jpg"}
    assert len(copies & set(names(desktop))) == 1
    expect(desktop.locator(".result-count")).to_contain_text(re.compile(r"\d copies hidden"))

    desktop.get_by_role("button", name="+2 copies").click()

    expect(desktop.get_by_role("button", name="Hide 2 copies")).to_be_focused()
    assert copies <= set(names(desktop))
    desktop.get_by_role("button", name="Hide 2 copies").click()
    open_filters(desktop)
    desktop.get_by_role("button", name="Show copies").click()
    assert copies <= set(names(desktop))
    assert "copies=1" in desktop.url


def test_show_more_loads_more_results(results_page):
    before = results_page.locator(".tile").count()
    open_weak(results_page)

    results_page.get_by_role("button", name="Show more").click()

    expect(results_page.locator(".rank").nth(before)).to_have_text(str(before + 1))
    assert results_page.locator(".tile").count() > before
    expect(results_page.get_by_role("button", name="Show more")).to_have_count(0)


def test_more_like_this_searches_with_a_result_and_back_returns(results_page):
    first = names(results_page)
    choose(results_page, "More like this", 2)
    expect(results_page.locator("#query .name")).to_have_text(first[2])
    expect(results_page.locator("#answer h1")).to_be_visible()

    results_page.go_back()

    expect(results_page.locator("#query .name")).to_have_text("demo/fish-1.jpg")
    assert names(results_page) == first


def test_positive_and_negative_examples_become_removable_chips(results_page, size):
    without_examples = names(results_page)
    choose(results_page, "Also like this", 1)
    expect(results_page.locator(".more.chips .chip")).to_have_count(1)
    names(results_page)
    choose(results_page, "Less like this", 3)
    expect(results_page.locator(".less.chips .chip")).to_have_count(1)
    with_examples = names(results_page)
    save_screenshot(results_page, f"examples-{size}")

    assert with_examples != without_examples
    assert without_examples[1] not in with_examples
    assert "more=" in results_page.url and "less=" in results_page.url
    results_page.locator(".more.chips .chip").click()
    results_page.locator(".less.chips .chip").click()
    expect(results_page.locator(".chip.example")).to_have_count(0)
    assert names(results_page) == without_examples


def test_quick_buttons_appear_on_hover_on_a_desktop(desktop, http):
    desktop.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(desktop)
    tile = visible_tiles(desktop).nth(1)
    tile.hover()

    tile.get_by_role("button", name="Less like this").click()

    expect(desktop.locator(".less.chips .chip")).to_have_count(1)


def test_examples_can_be_combined_with_an_uploaded_picture(results_page):
    search_with(results_page, mug())
    expect(results_page.locator("#query .name")).to_have_text("my mug.jpg")
    names(results_page)
    choose(results_page, "Less like this", 0)

    expect(results_page.locator(".less.chips .chip")).to_have_count(1)
    assert len(names(results_page)) > 10


def test_two_pictures_can_be_compared_side_by_side(results_page, http, size):
    second = names(results_page)[1]
    choose(results_page, "Compare side by side", 1)
    dialog = results_page.get_by_role("dialog", name="Side by side")

    expect(dialog.locator(".verdict .band")).to_have_text(re.compile("^ (Similar|Weak match)$"))
    expect(dialog).to_contain_text(re.compile(r"Match in a search: \d+%\."))
    expect(dialog.get_by_role("figure")).to_have_count(2)
    expect(dialog).to_contain_text(second)
    save_screenshot(results_page, f"compare-{size}")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_an_uploaded_picture_can_be_compared_too(desktop):
    desktop.goto("/")
    search_with(desktop, mug())
    names(desktop)
    choose(desktop, "Compare side by side")

    expect(desktop.get_by_role("dialog")).to_contain_text(re.compile(r"Match in a search: \d+%\."))


def test_comparing_a_picture_without_detail_says_that_copies_cannot_be_told(desktop):
    desktop.goto("/")
    plain = written(Image.new("RGB", (300, 300), "#d1495b"))
    search_with(desktop, mug(buffer=plain))
    names(desktop)
    choose(desktop, "Compare side by side")

    dialog = desktop.get_by_role("dialog")
    expect(dialog).to_contain_text("Too little detail to tell copies.")
    expect(dialog).not_to_contain_text("fingerprints")


def test_details_show_metadata_and_actions(results_page, http, size):
    visible_tiles(results_page).first.locator(".picture").click()
    dialog = results_page.get_by_role("dialog", name=names(results_page)[0])
    if size == "phone":
        dialog.get_by_role("button", name="Details").click()

    expect(dialog).to_contain_text("320 × 320 pixels")
    expect(dialog).to_contain_text("JPEG")
    expect(dialog).to_contain_text("fish")
    for action in (
        "More like this",
        "Compare side by side",
        "Open original",
        "Copy link",
        "Delete",
    ):
        expect(dialog.get_by_role("button", name=action)).to_be_visible()
    save_screenshot(results_page, f"details-{size}")
    results_page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_the_original_opens_in_its_own_tab(results_page, context, http, watch):
    # Chromium centres a picture with an inline style, which the picture's policy forbids.
    watch.expected = ("Applying inline style",)
    name = names(results_page)[0]
    with context.expect_page() as opened:
        choose(results_page, "Open original")

    expect(opened.value).to_have_url(re.compile(f"/v1/images/{id_of(http, name)}/original"))


def test_a_link_to_a_picture_can_be_copied_and_shared(results_page, context, http):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    name = names(results_page)[1]
    choose(results_page, "Copy link", 1)
    expect(results_page.get_by_text("Link copied.")).to_be_visible()
    link = results_page.evaluate("navigator.clipboard.readText()")

    assert link.endswith(f"/?id={id_of(http, name)}")
    other = context.new_page()
    other.goto(link)
    expect(other.locator("#query .name")).to_have_text(name)


def test_deleting_asks_for_confirmation_and_removes_the_picture(page, http):
    data = mug()["buffer"]
    http.post("/v1/images", params={"name": "to-go.jpg"}, content=data)
    search_with(page, mug())
    assert names(page)[0] == "to-go.jpg"

    choose(page, "Delete")
    page.get_by_role("button", name="Cancel").click()
    assert names(page)[0] == "to-go.jpg"
    choose(page, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(page.get_by_text("Picture deleted.")).to_be_visible()
    assert "to-go.jpg" not in names(page)
    answer = http.get("/v1/images", params={"filter": '{"name": "to-go.jpg"}'})
    assert answer.json()["images"] == []


def test_nothing_is_wider_than_the_screen(results_page, size):
    width, _ = SIZES[size]

    assert results_page.evaluate("document.documentElement.scrollWidth") <= width
