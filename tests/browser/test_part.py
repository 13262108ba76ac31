"""Searching by part of the query picture: a box drawn with the mouse, by touch or by keyboard."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import context_of, save_screenshot
from tests.browser.drawn import two_things
from tests.browser.test_answer import id_of
from tests.browser.test_search import kinds, mug, names, search_with

LEFT, RIGHT = "mug", "butterfly"


def region(page: Page) -> dict[str, float]:
    frame = page.locator(".frame").bounding_box()
    box = page.locator(".box").bounding_box()
    return {
        "x": (box["x"] - frame["x"]) / frame["width"],
        "y": (box["y"] - frame["y"]) / frame["height"],
        "width": box["width"] / frame["width"],
        "height": box["height"] / frame["height"],
    }


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag from one point of the picture to another, both in fractions of its size."""
    frame = page.locator(".frame").bounding_box()
    (x, y), (to_x, to_y) = (
        (frame["x"] + fx * frame["width"], frame["y"] + fy * frame["height"])
        for fx, fy in (start, end)
    )
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move((x + to_x) / 2, (y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()


def expect_first(page: Page, kind: str) -> None:
    """Wait for results that start with this kind."""
    first = page.locator(".tile:not(.waiting) .picture img").first
    expect(first).to_have_attribute("alt", re.compile(kind))


@pytest.fixture
def results_page(page) -> Page:
    """The results of a search with a mug on the left and a butterfly on the right."""
    search_with(page, mug(buffer=two_things(LEFT, RIGHT)))
    names(page)
    return page


def test_drawing_a_box_searches_that_part_at_once(results_page, size):
    results_page.get_by_role("button", name="Select an area").click()
    names(results_page)
    drag(results_page, (0.01, 0.02), (0.49, 0.98))

    assert region(results_page)["x"] == pytest.approx(0.01, abs=0.02)
    assert region(results_page)["width"] == pytest.approx(0.48, abs=0.03)
    expect_first(results_page, LEFT)
    assert kinds(results_page, 3) == {LEFT}
    save_screenshot(results_page, f"part-{size}")
    drag(results_page, (0.99, 0.98), (0.52, 0.02))
    expect_first(results_page, RIGHT)
    assert kinds(results_page, 3) == {RIGHT}
    results_page.get_by_role("button", name="Use whole picture").click()
    expect(results_page.locator(".box")).to_have_count(0)


def test_touch_moves_and_resizes_the_box(browser, address, http):
    context = context_of(browser, "phone", base_url=address)
    page = context.new_page()
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}&part=0.2,0.2,0.6,0.6")
    names(page)
    frame = page.locator(".frame").bounding_box()
    session = context.new_cdp_session(page)

    def send_touch(kind: str, x: float, y: float) -> None:
        points = [{"x": frame["x"] + x * frame["width"], "y": frame["y"] + y * frame["height"]}]
        touched = [] if kind == "touchEnd" else points
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    for kind, x, y in (("touchStart", 0.5, 0.5), ("touchMove", 0.55, 0.5), ("touchMove", 0.6, 0.5)):
        send_touch(kind, x, y)
    send_touch("touchEnd", 0, 0)
    moved = region(page)
    send_touch("touchStart", moved["x"], moved["y"])
    send_touch("touchMove", 0.2, 0.15)
    send_touch("touchMove", 0.1, 0.1)
    send_touch("touchEnd", 0, 0)

    assert moved["x"] == pytest.approx(0.3, abs=0.02)
    assert region(page)["x"] == pytest.approx(0.1, abs=0.02)
    assert region(page)["width"] == pytest.approx(0.8, abs=0.02)
    assert "part=0.1" in page.url
    context.close()


def test_the_keyboard_moves_and_resizes_the_box_which_is_sent_in_fractions(desktop, http):
    desktop.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(desktop)
    desktop.get_by_role("button", name="Select an area").click()
    expect(desktop.locator(".box")).to_be_focused()

    with desktop.expect_request("**/v1/search") as request:
        for key in ["ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"]:
            desktop.keyboard.press(key)

    sent = request.value.post_data_json["region"]
    assert sent == pytest.approx({"x": 0.24, "y": 0.18, "width": 0.58, "height": 0.6})
    assert "part=0.24,0.18,0.58,0.6" in desktop.url
    label = desktop.locator(".box").get_attribute("aria-label")
    assert label == "Selected area: left 24%, top 18%, width 58%, height 60%"


def test_part_of_an_upload_gives_the_results_of_an_api_region(desktop, http):
    data = two_things(LEFT, RIGHT)
    desktop.goto("/")
    search_with(desktop, mug(buffer=data))
    names(desktop)
    desktop.get_by_role("button", name="Select an area").click()
    names(desktop)
    drag(desktop, (0.02, 0.02), (0.48, 0.98))
    part = region(desktop)
    expect_first(desktop, LEFT)

    params = {"limit": 10, "region": json.dumps(part)}
    from_api = http.post("/v1/search", params=params, content=data).json()["results"]

    assert len({each["name"] for each in from_api} & set(names(desktop)[:10])) >= 9
