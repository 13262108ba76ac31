"""A box on the query picture: with the mouse, with a finger, with keys; searched by that part."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import context_of, shoot
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
    """Draw from one place of the picture to another, in fractions of it."""
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


def first_is(page: Page, kind: str) -> None:
    """Wait for the answer that begins with this kind."""
    first = page.locator(".tile:not(.waiting) .picture img").first
    expect(first).to_have_attribute("alt", re.compile(kind))


@pytest.fixture
def two(page) -> Page:
    """Search with a picture of a mug at the left and a butterfly at the right."""
    search_with(page, mug(buffer=two_things(LEFT, RIGHT)))
    names(page)
    return page


def test_drawing_a_box_searches_by_that_part_at_once(two, size):
    two.get_by_role("button", name="Select an area").click()
    names(two)
    drag(two, (0.01, 0.02), (0.49, 0.98))

    assert region(two)["x"] == pytest.approx(0.01, abs=0.02)
    assert region(two)["width"] == pytest.approx(0.48, abs=0.03)
    first_is(two, LEFT)
    assert kinds(two, 3) == {LEFT}
    shoot(two, f"part-{size}")
    drag(two, (0.99, 0.98), (0.52, 0.02))
    first_is(two, RIGHT)
    assert kinds(two, 3) == {RIGHT}
    two.get_by_role("button", name="Use whole picture").click()
    expect(two.locator(".box")).to_have_count(0)


def test_a_finger_draws_moves_and_resizes(browser, address, http):
    context = context_of(browser, "phone", base_url=address)
    page = context.new_page()
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}&part=0.2,0.2,0.6,0.6")
    names(page)
    frame = page.locator(".frame").bounding_box()
    touch = context.new_cdp_session(page)

    def finger(kind: str, x: float, y: float) -> None:
        points = [{"x": frame["x"] + x * frame["width"], "y": frame["y"] + y * frame["height"]}]
        touched = [] if kind == "touchEnd" else points
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touched})

    for kind, x, y in (("touchStart", 0.5, 0.5), ("touchMove", 0.55, 0.5), ("touchMove", 0.6, 0.5)):
        finger(kind, x, y)
    finger("touchEnd", 0, 0)
    moved = region(page)
    finger("touchStart", moved["x"], moved["y"])
    finger("touchMove", 0.2, 0.15)
    finger("touchMove", 0.1, 0.1)
    finger("touchEnd", 0, 0)

    assert moved["x"] == pytest.approx(0.3, abs=0.02)
    assert region(page)["x"] == pytest.approx(0.1, abs=0.02)
    assert region(page)["width"] == pytest.approx(0.8, abs=0.02)
    assert "part=0.1" in page.url
    context.close()


def test_keys_move_and_resize_the_box_and_the_part_is_sent_in_fractions(desk, http):
    desk.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(desk)
    desk.get_by_role("button", name="Select an area").click()
    expect(desk.locator(".box")).to_be_focused()

    with desk.expect_request("**/v1/search") as asked:
        for key in ["ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft"]:
            desk.keyboard.press(key)

    sent = asked.value.post_data_json["region"]
    assert sent == pytest.approx({"x": 0.24, "y": 0.18, "width": 0.58, "height": 0.6})
    assert "part=0.24,0.18,0.58,0.6" in desk.url
    label = desk.locator(".box").get_attribute("aria-label")
    assert label == "Selected area: left 24%, top 18%, width 58%, height 60%"


def test_the_part_of_an_uploaded_picture_is_answered_as_by_its_fractions(desk, http):
    data = two_things(LEFT, RIGHT)
    desk.goto("/")
    search_with(desk, mug(buffer=data))
    names(desk)
    desk.get_by_role("button", name="Select an area").click()
    names(desk)
    drag(desk, (0.02, 0.02), (0.48, 0.98))
    part = region(desk)
    first_is(desk, LEFT)

    asked = {"limit": 10, "region": json.dumps(part)}
    by_fractions = http.post("/v1/search", params=asked, content=data).json()["results"]

    assert len({each["name"] for each in by_fractions} & set(names(desk)[:10])) >= 9
