"""The viewer: one picture over the window, keys and swipes, zoom, facts, and a comparison."""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import save_screenshot
from tests.browser.drawn import new_drawing, written
from tests.browser.test_answer import choose, id_of, visible_tiles
from tests.browser.test_search import HEIC, mug, names, search_with


@pytest.fixture
def found(page, http) -> Page:
    """The results of a search with the first fish."""
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(page)
    return page


def viewer(page: Page):
    return page.locator("dialog.viewer")


def open_viewer(page: Page, index: int = 0):
    visible_tiles(page).nth(index).locator(".picture").click()
    expect(viewer(page)).to_be_visible()
    return viewer(page)


def title(page: Page):
    return viewer(page).get_by_role("heading", level=2)


def scale(page: Page) -> float:
    """Return how much the picture is enlarged."""
    stage = page.locator(".stage")
    return float(stage.evaluate("stage => getComputedStyle(stage).getPropertyValue('--scale')"))


def touch(page: Page, *path: tuple[int, int]) -> None:
    """Move one finger along these points, as a touch screen reports it."""
    session = page.context.new_cdp_session(page)
    kinds = ["touchStart", *["touchMove"] * (len(path) - 1)]
    for kind, (x, y) in zip(kinds, path, strict=True):
        points = [{"x": x, "y": y}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_arrow_keys_and_buttons_go_through_the_results(found, size):
    order = names(found)
    dialog = open_viewer(found)
    expect(title(found)).to_have_text(order[0])
    expect(dialog.locator(".place")).to_contain_text("1 of ")
    expect(dialog.get_by_role("button", name="Previous picture")).not_to_be_visible()

    found.keyboard.press("ArrowRight")
    expect(title(found)).to_have_text(order[1])
    dialog.get_by_role("button", name="Next picture").click()
    expect(title(found)).to_have_text(order[2])
    found.keyboard.press("ArrowLeft")
    expect(title(found)).to_have_text(order[1])
    save_screenshot(found, f"viewer-{size}")

    found.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    focused = "document.activeElement.closest('[data-id]').querySelector('img').alt"
    assert found.evaluate(focused) == order[1]


def test_the_picture_fills_the_window_and_nothing_lies_outside(found, size):
    open_viewer(found)
    box = viewer(found).bounding_box()
    view = found.viewport_size

    assert (box["width"], box["height"]) == (view["width"], view["height"])
    outside = """view => [...document.querySelectorAll('dialog.viewer button')]
      .filter((button) => button.checkVisibility())
      .map((button) => button.getBoundingClientRect())
      .filter((box) => box.right > view.width || box.left < 0).length"""
    assert found.evaluate(outside, view) == 0


def test_at_400_percent_everything_is_in_reach(desktop):
    desktop.set_viewport_size({"width": 320, "height": 256})  # 1280 x 1024, enlarged
    desktop.goto("/?view=browse")
    desktop.locator("#browse [data-id] a").first.click()

    for name in ("Close", "Zoom in", "Next picture", "Details"):
        expect(viewer(desktop).get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    assert viewer(desktop).locator(".stage").bounding_box()["height"] > 100


@pytest.mark.parametrize("size", ["phone"], indirect=True)
def test_a_swipe_goes_on_and_back_and_a_swipe_down_closes(found):
    order = names(found)
    open_viewer(found)

    touch(found, (300, 400), (200, 402), (80, 404))
    expect(title(found)).to_have_text(order[1])
    touch(found, (80, 400), (200, 402), (300, 404))
    expect(title(found)).to_have_text(order[0])
    touch(found, (200, 300), (202, 420), (204, 560))
    expect(viewer(found)).to_have_count(0)


@pytest.mark.parametrize("size", ["phone"], indirect=True)
def test_two_fingers_enlarge_the_picture_and_one_moves_it(found):
    order = names(found)
    open_viewer(found)
    session = found.context.new_cdp_session(found)

    def send(kind: str, *points: tuple[int, int]) -> None:
        touches = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", (180, 400), (220, 400))
    send("touchMove", (140, 400), (260, 400))
    send("touchEnd")
    assert 2 < scale(found) < 4
    touch(found, (300, 400), (200, 402), (80, 404))

    expect(title(found)).to_have_text(order[0])
    left = "stage => getComputedStyle(stage).getPropertyValue('--x')"
    assert float(found.locator(".stage").evaluate(left).removesuffix("px")) < 0


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_wheel_double_click_buttons_and_keys_zoom(found):
    dialog = open_viewer(found)
    found.mouse.move(500, 450)
    found.mouse.wheel(0, -300)
    assert scale(found) > 2
    found.mouse.dblclick(500, 450)
    assert scale(found) == 1
    found.mouse.dblclick(500, 450)
    assert scale(found) == 3

    found.keyboard.press("0")
    assert scale(found) == 1
    dialog.get_by_role("button", name="Zoom in").click()
    assert scale(found) == 1.5
    found.keyboard.press("Shift+ArrowRight")
    left = "stage => getComputedStyle(stage).getPropertyValue('--x')"
    assert found.locator(".stage").evaluate(left) == "-80px"
    dialog.get_by_role("button", name="Zoom out").click()
    assert scale(found) == 1


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_from_right_to_left_the_next_picture_is_on_the_left(found):
    order = names(found)
    found.evaluate("document.documentElement.dir = 'rtl'")
    dialog = open_viewer(found)

    found.keyboard.press("ArrowLeft")

    expect(title(found)).to_have_text(order[1])
    forward = dialog.get_by_role("button", name="Next picture").bounding_box()
    back = dialog.get_by_role("button", name="Previous picture").bounding_box()
    assert forward["x"] < back["x"]


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_picture_grows_out_of_its_tile_unless_less_motion_is_wanted(desktop, http, motion):
    desktop.emulate_media(reduced_motion=motion)
    desktop.goto("/?view=browse")
    desktop.evaluate(
        """() => {
          window.transitions = 0;
          const start = document.startViewTransition.bind(document);
          document.startViewTransition = (change) => {
            window.transitions += 1;
            return start(change);
          };
        }"""
    )
    desktop.locator("#browse [data-id] a").first.click()
    expect(viewer(desktop)).to_be_visible()
    viewer(desktop).get_by_role("button", name="Close").click()
    expect(viewer(desktop)).to_have_count(0)

    assert desktop.evaluate("window.transitions") == (2 if motion == "no-preference" else 0)


def test_the_details_stay_open_or_closed_as_they_were_left(found, size):
    dialog = open_viewer(found)
    panel = dialog.get_by_role("complementary", name="Details")
    expect(panel).to_be_visible(visible=size == "desktop")

    dialog.get_by_role("button", name="Details").click()
    found.keyboard.press("Escape")
    open_viewer(found, 1)

    expect(panel).to_be_visible(visible=size == "phone")
    if size == "phone":
        expect(panel).to_contain_text("320 × 320 pixels")
        save_screenshot(found, "viewer-details-phone")


def test_a_result_is_compared_with_the_query_by_a_slider_and_by_swapping(found, size):
    order = names(found)
    dialog = open_viewer(found)
    dialog.get_by_role("button", name="Compare").click()
    expect(dialog.locator(".verdict .band")).to_be_visible()
    expect(dialog.get_by_role("figure")).to_have_count(2)
    expect(dialog.get_by_role("figure").first).to_contain_text(order[0])
    expect(dialog.get_by_role("figure").last).to_contain_text("demo/fish-1.jpg")
    save_screenshot(found, f"compare-{size}")

    dialog.get_by_role("button", name="On top of each other").click()
    slider = dialog.get_by_role("slider")
    slider.fill("20")
    clip = "figure => getComputedStyle(figure).clipPath"
    assert found.locator(".stage .other").evaluate(clip) == "inset(0px 0px 0px 20%)"
    save_screenshot(found, f"slider-{size}")

    swap = dialog.get_by_role("button", name="Hold to swap")
    box = swap.bounding_box()
    found.mouse.move(box["x"] + 20, box["y"] + 20)
    found.mouse.down()
    assert found.locator(".stage .other").evaluate(clip) == "none"
    found.mouse.up()
    assert found.locator(".stage .other").evaluate(clip) == "inset(0px 0px 0px 20%)"

    found.keyboard.press("Escape")


@pytest.mark.parametrize("size", ["desktop"], indirect=True)
def test_the_comparison_goes_on_with_the_next_result(found):
    order = names(found)
    choose(found, "Compare side by side")
    dialog = viewer(found)
    expect(dialog.locator(".verdict .band")).to_be_visible()

    found.keyboard.press("ArrowRight")

    expect(dialog.get_by_role("figure").first).to_contain_text(order[1])
    expect(dialog.locator(".verdict .band")).to_be_visible()


def test_a_query_that_the_browser_cannot_show_is_drawn_as_a_placeholder(desktop):
    desktop.goto("/")
    search_with(desktop, mug(name="IMG_1.HEIC", mimeType="", buffer=HEIC.read_bytes()))
    names(desktop)
    choose(desktop, "Compare side by side")

    dialog = viewer(desktop)
    expect(dialog.locator(".verdict .band")).to_be_visible()
    expect(dialog).to_contain_text("This browser cannot show this file")
    image = dialog.get_by_role("img", name="The picture you are searching with")
    expect(image).to_have_class("broken")
    assert image.evaluate("image => image.complete && image.naturalWidth > 0")


def test_a_stored_picture_that_the_browser_cannot_show_is_its_preview_with_a_word(desktop, http):
    http.post("/v1/images", params={"name": "phone/IMG_2.heic"}, content=HEIC.read_bytes())
    asked = []
    desktop.on("request", lambda request: asked.append(request.url))
    desktop.goto("/?view=browse")
    desktop.locator("#browse [data-id] a").first.click()

    expect(title(desktop)).to_have_text("phone/IMG_2.heic")
    expect(viewer(desktop)).to_contain_text("This browser cannot show HEIC.")
    shown = viewer(desktop).get_by_role("img", name="phone/IMG_2.heic")
    assert shown.evaluate("image => image.naturalWidth > 0")
    assert not [url for url in asked if "/original" in url]
    http.delete(f"/v1/images/{id_of(http, 'phone/IMG_2.heic')}")


def test_the_original_takes_the_place_of_the_preview(desktop, http):
    drawn = Image.open(io.BytesIO(new_drawing("mug", "large"))).resize((1600, 1200))
    http.post("/v1/images", params={"name": "large.jpg"}, content=written(drawn))
    desktop.goto("/?view=browse")
    desktop.locator("#browse [data-id] a").first.click()

    shown = viewer(desktop).get_by_role("img", name="large.jpg")
    expect(shown).to_have_js_property("naturalWidth", 1600)
    http.delete(f"/v1/images/{id_of(http, 'large.jpg')}")


def test_deleting_in_the_viewer_shows_the_next_picture(desktop, http):
    for n in (1, 2):
        data = new_drawing("house", f"gone{n}")
        http.post("/v1/images", params={"name": f"gone-{n}.jpg"}, content=data)
    desktop.goto("/?view=browse")
    desktop.locator("#browse [data-id] a").first.click()
    expect(title(desktop)).to_have_text("gone-2.jpg")
    desktop.wait_for_load_state("networkidle")  # its original would be missed

    viewer(desktop).get_by_role("button", name="Delete").click()
    desktop.get_by_role("dialog", name="Delete this picture?").get_by_role(
        "button", name="Delete"
    ).click()

    expect(title(desktop)).to_have_text("gone-1.jpg")
    desktop.wait_for_load_state("networkidle")
    desktop.goto("/")
    http.delete(f"/v1/images/{id_of(http, 'gone-1.jpg')}")


def test_a_message_is_seen_over_the_viewer(found, size):
    dialog = open_viewer(found)
    if size == "phone":
        dialog.get_by_role("button", name="Details").click()
    found.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog.get_by_role("button", name="Copy link").click()
    expect(found.get_by_text("Link copied.")).to_be_visible()

    on_top = """toast => {
      const { left, top, width, height } = toast.getBoundingClientRect();
      return toast.contains(document.elementFromPoint(left + width / 2, top + height / 2));
    }"""
    assert found.locator(".toast").evaluate(on_top)


def test_going_back_closes_the_viewer(desktop):
    desktop.goto("/")
    desktop.get_by_role("link", name="Browse").click()
    desktop.locator("#browse [data-id] a").first.click()
    expect(viewer(desktop)).to_be_visible()

    desktop.go_back()

    expect(viewer(desktop)).to_have_count(0)
    expect(desktop.locator(".sample").first).to_be_visible()


def test_the_viewer_goes_on_where_browse_has_not_loaded_yet(desktop, http):
    images = http.get("/v1/stats").json()["images"]
    desktop.goto("/?view=browse")
    tiles = desktop.locator("#browse [data-id]")
    expect(tiles.first).to_be_visible()
    loaded = tiles.count()
    assert loaded < images
    tiles.nth(loaded - 1).locator("a").click()
    expect(viewer(desktop).locator(".place")).to_have_text(re.compile(rf"\d+ of {images}"))

    viewer(desktop).get_by_role("button", name="Next picture").click()

    expect(viewer(desktop).locator(".place")).to_have_text(f"{loaded + 1} of {images}")


def test_the_viewer_has_no_violations(found, axe, size):
    open_viewer(found)
    found.evaluate(axe)
    alone = found.evaluate("axe.run(document)")
    viewer(found).get_by_role("button", name="Compare").click()
    expect(viewer(found).locator(".verdict .band")).to_be_visible()
    compared = found.evaluate("axe.run(document)")

    violations = alone["violations"] + compared["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == []
