"""Accessibility and safety: axe-core in every state and theme, keyboard, motion, hostile names."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ALL_SIZES, SIZES, context_of, save_screenshot
from tests.browser.drawn import HOSTILE, two_things
from tests.browser.test_answer import choose, id_of, open_filters, open_menu, visible_tiles
from tests.browser.test_search import mug, names, search_with

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page, axe: str) -> list[str]:
    """Run axe-core on the page in its current state."""
    if not page.evaluate("typeof window.axe === 'object'"):
        page.evaluate(axe)
    found = page.evaluate("rules => axe.run({runOnly: rules})", RULES)["violations"]
    return [
        f"{v['id']}: {n['html'][:120]} {n['failureSummary']}" for v in found for n in v["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ALL_SIZES)
def test_axe_finds_no_violation_in_any_state(browser, address, http, axe, size, theme):
    context = context_of(browser, size, color_scheme=theme, base_url=address)
    page = context.new_page()
    page.goto("/")
    expect(page.locator(".sample")).to_have_count(8)
    found = {"start": violations(page, axe)}
    save_screenshot(page, f"{theme}-start-{size}")

    search_with(page, mug(buffer=two_things("mug", "fish")))
    names(page)
    open_filters(page)
    found["answer"] = violations(page, axe)
    page.get_by_role("button", name="Select an area").click()
    names(page)
    choose(page, "Also like this", 0)
    expect(page.locator(".chip.example")).to_have_count(1)
    names(page)
    found["examples"] = violations(page, axe)
    save_screenshot(page, f"{theme}-examples-{size}")
    page.get_by_role("slider").fill("100")
    found["no match this close"] = violations(page, axe)
    open_menu(page)
    found["menu"] = violations(page, axe)
    page.keyboard.press("Escape")
    visible_tiles(page).first.locator(".picture").click()
    expect(page.get_by_role("dialog")).to_contain_text("JPEG")
    found["details"] = violations(page, axe)
    page.get_by_role("dialog").get_by_role("button", name="Compare").click()
    expect(page.get_by_role("dialog").locator(".verdict .band")).to_be_visible()
    found["compare"] = violations(page, axe)
    page.keyboard.press("Escape")
    choose(page, "Delete")
    found["confirm"] = violations(page, axe)
    page.keyboard.press("Escape")

    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator(".group").first).to_be_visible()
    found["duplicates"] = violations(page, axe)
    save_screenshot(page, f"{theme}-duplicates-{size}")
    page.get_by_role("button", name="Accept all exact copies").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    found["accept all"] = violations(page, axe)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete 1 picture").click()
    expect(page.get_by_role("heading", name="Exact copies: none")).to_be_visible()
    found["undo"] = violations(page, axe)
    save_screenshot(page, f"{theme}-undo-{size}")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".group")).to_have_count(1)
    page.get_by_role("button", name="Lookalikes").click()
    expect(page.locator(".group").first).to_be_visible()
    found["lookalikes"] = violations(page, axe)
    page.get_by_role("link", name="Add", exact=True).click()
    page.set_input_files("#add input[multiple]", [mug(name="no.txt", buffer=b"no")])
    expect(page.locator("[data-state=rejected]")).to_be_visible()
    page.locator("details.labels summary").click()
    found["add"] = violations(page, axe)
    context.close()

    assert {state: wrong for state, wrong in found.items() if wrong} == {}


# A phone held sideways; 1280 x 1024 and 1280 x 720 at 400 % zoom.
@pytest.mark.parametrize(("width", "height"), [(844, 390), (320, 256), (320, 180)])
def test_every_entry_of_a_menu_can_be_reached_on_a_low_page(browser, address, http, width, height):
    with browser.new_context(
        viewport={"width": width, "height": height}, base_url=address
    ) as context:
        page = context.new_page()
        page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
        names(page)
        open_menu(page)

        for key in ("Home", "End"):
            page.keyboard.press(key)
            expect(page.locator(".menu :focus")).to_be_in_viewport(ratio=1)
        box = page.locator(".menu").bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert box["y"] >= 0 and box["y"] + box["height"] <= height


# 200 and 400 % of 1280 pixels.
@pytest.mark.parametrize(("width", "height"), [(640, 512), (320, 256)])
def test_nothing_is_wider_than_a_zoomed_page(browser, address, http, width, height):
    with browser.new_context(
        viewport={"width": width, "height": height}, base_url=address, locale="de-DE"
    ) as context:
        page = context.new_page()
        widths = {}
        fish = id_of(http, "demo/fish-1.jpg")
        for view, shown in {
            "": ".sample",
            f"?id={fish}&more={fish}": ".tile .picture img",
            "?view=duplicates": ".group",
            "?view=add": "#add h1",
        }.items():
            page.goto(f"/{view}")
            expect(page.locator(shown).first).to_be_visible()
            widths[view] = page.evaluate("document.documentElement.scrollWidth")
            save_screenshot(page, f"zoom-{width}-{len(widths)}")

        assert max(widths.values()) <= width, widths


def test_what_is_chosen_is_visible_in_forced_colours(browser, address):
    with browser.new_context(base_url=address, forced_colors="active") as context:
        page = context.new_page()
        page.goto("/?view=duplicates")
        expect(page.locator(".group").first).to_be_visible()
        colour = "node => getComputedStyle(node).backgroundColor"

        chosen, other = page.locator(".kinds .chip").first, page.locator(".kinds .chip").last
        assert chosen.evaluate(colour) != other.evaluate(colour)
        here, elsewhere = page.locator(".top nav [aria-current]"), page.locator(".top nav a").last
        assert here.evaluate(colour) != elsewhere.evaluate(colour)
        marks = page.locator(".members .picture").evaluate_all(
            "all => all.map((node) => getComputedStyle(node).borderStyle)"
        )
        assert set(marks) == {"solid", "dashed"}
        save_screenshot(page, "forced-colours")


def press_until(page: Page, selector: str, key: str = "Tab", max_presses: int = 60) -> None:
    """Press a key until an element that matches the selector has the focus."""
    for _ in range(max_presses):
        page.keyboard.press(key)
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"{selector} was not reached")


def test_a_search_works_with_the_keyboard_alone(desktop):
    # From now on file choosers are reported, not shown.
    desktop.on("filechooser", lambda chooser: None)
    desktop.goto("/")
    expect(desktop.locator(".sample")).to_have_count(8)
    desktop.keyboard.press("Tab")
    expect(desktop.get_by_role("link", name="Skip to content")).to_be_focused()
    press_until(desktop, "#choose")
    with desktop.expect_file_chooser() as chooser:
        desktop.keyboard.press("Enter")
    chooser.value.set_files(mug())
    assert names(desktop)

    press_until(desktop, ".filter-button", "Shift+Tab")
    desktop.keyboard.press("Enter")
    press_until(desktop, "#min-match")
    desktop.keyboard.press("ArrowRight")
    expect(desktop.locator("#min-match")).to_have_value("1")
    press_until(desktop, ".tile .picture")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_role("dialog")).to_be_visible()
    desktop.keyboard.press("Escape")
    expect(desktop.locator(".tile .picture").first).to_be_focused()
    desktop.keyboard.press("Tab")
    desktop.keyboard.press("Enter")
    expect(desktop.get_by_role("menuitem", name="More like this")).to_be_focused()
    desktop.keyboard.press("ArrowUp")
    expect(desktop.get_by_role("menuitem", name="Delete")).to_be_focused()
    desktop.keyboard.press("Escape")
    expect(desktop.locator(".tile .dots").first).to_be_focused()
    desktop.keyboard.press("Enter")
    desktop.keyboard.press("ArrowDown")
    desktop.keyboard.press("Enter")
    expect(desktop.locator(".chip.example")).to_have_count(1)
    names(desktop)
    press_until(desktop, ".chip.example", "Shift+Tab")
    desktop.keyboard.press("Enter")
    expect(desktop.locator(".chip.example")).to_have_count(0)


def test_focus_is_visible_on_every_focusable_element(desktop):
    desktop.goto("/")
    expect(desktop.locator(".sample")).to_have_count(8)
    focused = 0
    for _ in range(16):
        desktop.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        if desktop.evaluate("document.activeElement === document.body"):
            break
        assert desktop.evaluate(f"{style}.outlineStyle") != "none"
        assert float(desktop.evaluate(f"parseFloat({style}.outlineWidth)")) >= 2
        focused += 1

    assert focused >= 12


TARGETS = """() => [...document.querySelectorAll('button, a[href], input, summary, select')]
  .filter((node) => node.checkVisibility({visibilityProperty: true}))
  .filter((node) => !node.matches('.skip, [type=file]'))
  .map((node) => [node.getBoundingClientRect(), node.outerHTML.slice(0, 80)])
  .filter(([box]) => box.width > 0 && (box.width < 43.5 || box.height < 43.5))
  .map(([box, html]) => `${Math.round(box.width)} x ${Math.round(box.height)} ${html}`)"""


def test_every_touch_target_is_at_least_44_pixels(page, http, size):
    small = {"start": page.evaluate(TARGETS)}
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}&part=0.2,0.2,0.6,0.6")
    names(page)
    open_filters(page)
    small["answer"] = page.evaluate(TARGETS)
    visible_tiles(page).first.locator(".picture").click()
    expect(page.get_by_role("dialog")).to_contain_text("JPEG")
    small["details"] = page.evaluate(TARGETS)
    page.goto("/?view=duplicates")
    expect(page.locator(".group").first).to_be_visible()
    small["duplicates"] = page.evaluate(TARGETS)

    assert {state: nodes for state, nodes in small.items() if nodes} == {}


def test_reduced_motion_is_respected(desktop):
    desktop.goto("/")
    moving = """() => [...document.querySelectorAll('*')].filter((node) => {
      const style = getComputedStyle(node);
      return style.transitionDuration.split(',').some((time) => parseFloat(time) > 0)
        || style.animationName !== 'none'; }).length"""

    assert desktop.evaluate(moving) == 0


@pytest.mark.parametrize("direction", ["rtl"])
def test_the_page_fits_in_right_to_left_layout(page, http, size, direction):
    page.goto(f"/?id={id_of(http, 'demo/fish-1.jpg')}")
    names(page)

    page.evaluate("document.documentElement.dir = 'rtl'")
    save_screenshot(page, f"rtl-{size}")

    width, _ = SIZES[size]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if size == "desktop":
        query, answer = (
            page.locator("#query .thumb").bounding_box(),
            page.locator("#query .filter-button").bounding_box(),
        )
        assert query["x"] > answer["x"]
    open_menu(page)
    box = page.locator(".menu").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= width
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Duplicates").click()
    expect(page.locator(".group").first).to_be_visible()
    save_screenshot(page, f"rtl-duplicates-{size}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_and_metadata_are_shown_as_text(page, http, size):
    page.on("dialog", lambda dialog: pytest.fail(f"it ran: {dialog.message}"))
    for name in HOSTILE:
        page.goto(f"/?id={id_of_hostile(http, name)}&filter=kind:%3Cimg%20src=x%3E")
        expect(page.locator("#query .name")).to_have_text(name)
        expect(page.locator("#answer h1")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    page.goto(f"/?id={id_of(http, 'demo/umbrella-1.jpg')}")
    names(page)
    open_filters(page)
    for number, name in enumerate(HOSTILE):
        tile = page.locator(".tile").filter(has=page.get_by_alt_text(name, exact=True))
        tile.locator(".picture").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", level=2)).to_have_text(name)
        expect(dialog).to_contain_text(str(HOSTILE[name]["kind"])[:50])
        expect(dialog).to_contain_text("JPEG")
        save_screenshot(page, f"hostile-{number}-{size}")
        dialog.get_by_role("button", name="Close").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    assert page.locator("img[src=x], main script").count() == 0


def id_of_hostile(http, name: str) -> str:
    (image,) = [
        image
        for image in http.get("/v1/images", params={"limit": 100}).json()["images"]
        if image["name"] == name
    ]
    return image["id"]


def test_a_hostile_file_name_of_a_query_is_shown_as_text(page):
    page.on("dialog", lambda dialog: pytest.fail(f"it ran: {dialog.message}"))
    name = "<img src=x onerror=alert(1)>‮gpj.jpg"

    search_with(page, mug(name=name))

    names(page)
    expect(page.locator("#query .name")).to_have_text(name)
    assert page.locator("#query .name bdi").count() == 1


def test_the_first_page_load_is_small(browser, address):
    context = context_of(browser, "desktop", base_url=address)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    urls, sizes = {}, {}

    def on_response(event: dict) -> None:
        urls[event["requestId"]] = event["response"]["url"]

    def on_finished(event: dict) -> None:
        sizes[event["requestId"]] = event["encodedDataLength"]

    session.on("Network.responseReceived", on_response)
    session.on("Network.loadingFinished", on_finished)
    page.goto("/")
    expect(page.locator(".sample")).to_have_count(8)
    page.wait_for_load_state("networkidle")

    page.wait_for_timeout(200)  # the last sizes arrive after the responses
    counted = {url: sizes.get(id, 0) for id, url in urls.items() if "/thumbnail" not in url}
    assert address + "/" in counted
    assert sum(counted.values()) < 70_000
    assert not [url for url in counted if re.search(r"\.(js|css)$", url)]
    context.close()


def test_the_policy_blocks_foreign_content_and_injected_html(browser, address):
    context = context_of(browser, "desktop", base_url=address)
    page = context.new_page()
    page.goto("/")
    page.evaluate(
        """() => { window.broken = [];
          addEventListener('securitypolicyviolation', (e) => broken.push(e.effectiveDirective));
          const image = document.createElement('img');
          image.src = 'https://elsewhere.invalid/x.png';
          document.body.append(image);
          const form = document.createElement('form');
          document.body.append(form);
          try { document.body.insertAdjacentHTML('beforeend', '<b>x</b>'); }
          catch { broken.push('caught'); }
        }"""
    )
    page.wait_for_function("broken.includes('img-src')")

    assert "caught" in page.evaluate("broken")
    context.close()
