"""The slider over 1,600 results: the work of a key, and the time to the next paint as a ratio."""

import copy
import json
import re
import statistics
import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_answer import id_of, open_filters, open_weak
from tests.browser.test_search import names

pytestmark = pytest.mark.slow
MANY = 1600
KEYS = 20
# How long until what a key changed is painted.
TIMED = """async (slider, keys) => {
  const times = [];
  for (let key = 0; key < keys; key += 1) {
    const start = performance.now();
    slider.stepUp();
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
    times.push(performance.now() - start);
  }
  return times;
}"""
RENDERED = """all => all.filter(
  (each) => each.checkVisibility({contentVisibilityAuto: true})).length"""
COUNT_CHANGES = """() => {
  window.changes = 0;
  new MutationObserver((records) => { changes += records.length; }).observe(
    document.querySelector('#answer'),
    {subtree: true, childList: true, attributes: true, characterData: true});
}"""


@pytest.fixture
def many(desktop, http) -> Page:
    """1,600 results, from 100 % down to 20 %: those of one search over and over."""
    query = id_of(http, "demo/fish-1.jpg")
    found = http.get(f"/v1/images/{query}/similar?limit=48").json()
    results = []
    for i in range(MANY):
        result = copy.deepcopy(found["results"][i % len(found["results"])])
        result |= {"id": str(uuid.UUID(int=i)), "similarity": 1 - 0.8 * i / MANY, "hidden": 0}
        result |= {"matched": None, "band": "similar" if i < MANY / 2 else "weak"}
        results.append(result)
    body = json.dumps(found | {"results": results, "next_offset": None})
    desktop.route(
        "**/v1/search", lambda route: route.fulfill(body=body, content_type="application/json")
    )
    desktop.goto(f"/?id={query}")
    assert len(names(desktop)) == MANY
    open_filters(desktop)
    open_weak(desktop)
    return desktop


def test_a_key_on_the_slider_changes_only_the_results_that_it_hides(many):
    many.evaluate(COUNT_CHANGES)
    many.locator("#min-match").focus()

    for _ in range(25):
        many.keyboard.press("ArrowRight")

    expect(many.locator("#min-match")).to_have_value("25")
    hidden = many.locator(".tile[hidden]").count()
    assert 0 < hidden < MANY / 10
    assert many.evaluate("changes") < hidden + 25 * 30  # headings and counts at each key


def test_the_next_paint_is_near_even_with_1600_results(many, record_property):
    times = many.locator("#min-match").evaluate(TIMED, KEYS)
    empty = many.context.new_page()
    empty.set_content("<input type=range min=0 max=100 value=0>")
    blank = empty.locator("input").evaluate(TIMED, KEYS)

    ratio = statistics.median(times) / statistics.median(blank)
    record_property("ratio", ratio)
    print(
        f"{KEYS} keys: {statistics.median(times):.0f} ms to the next paint with {MANY} results, "
        f"{statistics.median(blank):.0f} ms on an empty page: {ratio:.1f} times as long"
    )
    expect(many.locator("#min-match")).to_have_value(str(KEYS))
    expect(many).to_have_url(re.compile(f"min={KEYS}"))


def test_results_far_from_the_view_are_not_rendered(many):
    rendered = many.locator(".tile .caption strong").evaluate_all(RENDERED)

    assert 0 < rendered < 200
