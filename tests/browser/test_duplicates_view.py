"""The duplicates view: each kind, what is kept, keys, undo; only what shows Delete is deleted."""

import json
import re
import time
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import save_screenshot
from tests.browser.drawn import new_drawing, planted, written
from tests.raw_files import nef

BOATS = {"demo/boat-1.jpg", "copies/boat-1.jpg", "copies/boat-1-small.jpg"}


def group_of(page: Page, name: str):
    exactly = page.locator(".name").get_by_text(name, exact=True)
    return page.locator(".group").filter(has=exactly)


def names_of(found) -> set[str]:
    return set(found.locator(".name").all_text_contents())


@pytest.fixture
def view(desktop) -> Page:
    page = desktop
    page.goto("/?view=duplicates&kind=same-picture")
    expect(group_of(page, "copies/boat-1.jpg")).to_be_visible()
    return page


@pytest.fixture
def shop(http, browser) -> Iterator[dict[str, str]]:
    """The planted pictures; their ids by name."""
    ids = {}
    for name, data in planted().items():
        sent = http.post("/v1/images", params={"name": name}, content=data)
        assert sent.status_code == 201, sent.text
        ids[name] = sent.json()["image"]["id"]
    yield ids
    for page in [page for context in browser.contexts for page in context.pages]:
        page.goto("about:blank")  # it still loads thumbnails, and these would be missing
    http.post("/v1/images/delete", json={"ids": list(ids.values())})


def stored(http, ids: dict[str, str]) -> set[str]:
    """Return which of these pictures are in the gallery."""
    return {name for name, id in ids.items() if http.get(f"/v1/images/{id}").status_code == 200}


def open_kind(page: Page, kind: str, name: str):
    """Open a tab; return the group with this picture."""
    page.goto(f"/?view=duplicates&kind={kind}")
    group = group_of(page, name)
    expect(group).to_be_visible()
    return group


def test_groups_show_what_is_kept_and_deleted_and_how_the_pictures_differ(page, size):
    page.goto("/?view=duplicates&kind=same-picture")
    boats = group_of(page, "copies/boat-1.jpg")
    expect(boats).to_be_visible()
    small = boats.locator("li").filter(has_text="copies/boat-1-small.jpg")

    assert names_of(boats) == BOATS
    expect(boats.locator(".kept").get_by_text("Suggested to keep")).to_have_count(1)
    expect(boats.get_by_text("The same file", exact=True)).to_have_count(1)
    expect(small).to_contain_text("The same picture")
    expect(small).to_contain_text("Smaller, fewer bytes")
    assert boats.locator(".mark").all_text_contents() == ["Keep", "Delete", "Delete"]
    save_screenshot(page, f"duplicates-{size}")


def test_pictures_to_delete_keep_their_colours(view):
    images = group_of(view, "copies/boat-1.jpg").locator(".marked img")

    expect(images).to_have_count(2)
    filters = images.evaluate_all("all => all.map((image) => getComputedStyle(image).filter)")
    assert filters == ["none", "none"]


def test_the_view_opens_with_exact_copies_and_counts_each_kind(page, shop, size):
    page.goto("/?view=duplicates")

    expect(group_of(page, "copies/boat-1.jpg").locator("li")).to_have_count(2)
    kinds = page.get_by_role("group", name="What counts as a duplicate").get_by_role("button")
    for kind, name in enumerate(
        [
            "Exact copies 3 groups",
            "Same picture 2 groups",
            "Variants 1 group",
            "Mirrored or turned 1 group",
            re.compile(r"^Lookalikes \d+\+? groups?$"),
        ]
    ):
        # The counts come one after the other, after the groups.
        expect(kinds.nth(kind)).to_have_accessible_name(name, timeout=20_000)
    save_screenshot(page, f"duplicates-exact-{size}")


def test_a_kind_without_groups_says_so(desktop):
    desktop.goto("/?view=duplicates&kind=edited")

    expect(desktop.get_by_role("heading", name="Variants: none")).to_be_visible()
    expect(desktop.get_by_text("There are none in this gallery.")).to_be_visible()


def test_each_kind_of_duplicate_has_its_own_groups_and_url(view):
    view.get_by_role("button", name="Exact copies").click()
    expect(group_of(view, "copies/boat-1.jpg").locator("li")).to_have_count(2)
    assert "kind" not in view.url

    view.get_by_role("button", name="Lookalikes").click()
    expect(view.get_by_role("button", name="Lookalikes", pressed=True)).to_be_visible()
    expect(view.locator("#duplicates").get_by_text("It sees layout, not words.")).to_be_visible()
    view.go_back()
    expect(view.get_by_role("button", name="Exact copies", pressed=True)).to_be_visible()


def test_the_pictures_to_keep_can_be_changed_but_one_must_stay(view):
    boats = group_of(view, "copies/boat-1.jpg")
    expect(boats.get_by_role("button", name="Delete 2 pictures")).to_be_enabled()

    boats.get_by_role("checkbox", name="Keep copies/boat-1-small.jpg").check()
    expect(boats.get_by_role("button", name="Delete 1 picture")).to_be_enabled()
    for name in boats.locator(".kept .name").all_text_contents():
        boats.get_by_role("checkbox", name=f"Keep {name}", exact=True).uncheck()

    expect(boats.get_by_role("button", name="Keep at least one")).to_be_disabled()


def test_colourways_and_mirrored_pictures_are_shown_and_never_proposed(page, http, shop, size):
    colours = open_kind(page, "edited", "shop/shoe-recoloured.jpg")
    expect(colours.get_by_text("Edited or recoloured").first).to_be_visible()
    expect(page.locator(".marked")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Delete|Accept"))).to_have_count(0)
    save_screenshot(page, f"duplicates-variants-{size}")

    mirrored = open_kind(page, "turned", "shop/shoe-mirrored.jpg")
    expect(mirrored.get_by_text("Mirrored or turned", exact=True).first).to_be_visible()
    expect(page.get_by_role("checkbox")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Delete|Accept"))).to_have_count(0)
    assert stored(http, shop) == set(shop)


def test_one_variant_can_be_marked_by_hand(desktop, http, shop):
    colours = open_kind(desktop, "edited", "shop/shoe-recoloured.jpg")

    colours.get_by_role("checkbox", name="Keep shop/shoe-recoloured.jpg").uncheck()
    colours.get_by_role("button", name="Delete 1 picture").click()
    expect(colours).to_have_count(0)
    desktop.get_by_role("button", name="Exact copies").click()

    expect(desktop.get_by_text("1 picture deleted.")).to_be_visible()
    assert stored(http, shop) == set(shop) - {"shop/shoe-recoloured.jpg"}


def test_a_deletion_can_be_undone_before_it_is_sent(desktop, http, shop):
    sent = []
    desktop.on("request", lambda request: sent.append(request.url))
    desktop.clock.install()
    lamps = open_kind(desktop, "same-picture", "shop/lamp-small.jpg")
    before = names_of(lamps)
    lamps.get_by_role("button", name="Delete 4 pictures").click()
    expect(lamps).to_have_count(0)
    desktop.clock.run_for(5_000)

    desktop.get_by_role("button", name="Undo").click()

    expect(lamps).to_be_visible()
    assert names_of(lamps) == before
    desktop.clock.run_for(20_000)
    desktop.get_by_role("button", name="Exact copies").click()
    expect(group_of(desktop, "shop/lamp-copy.jpg")).to_be_visible()
    assert not [url for url in sent if url.endswith("/v1/images/delete")]
    assert stored(http, shop) == set(shop)


def test_a_deletion_is_sent_when_the_time_to_undo_is_over(desktop, http, shop):
    desktop.clock.install()
    shoes = open_kind(desktop, "same-bytes", "shop/shoe-copy.jpg")
    gone = names_of(shoes.locator(".marked"))
    shoes.get_by_role("button", name="Delete 1 picture").click()
    assert stored(http, shop) == set(shop)

    with desktop.expect_response("**/v1/images/delete"):
        desktop.clock.run_for(8_500)

    expect(desktop.get_by_text("1 picture deleted.")).to_be_visible()
    expect(desktop.get_by_role("button", name="Undo")).to_have_count(0)
    assert stored(http, shop) == set(shop) - gone


@pytest.mark.parametrize("leave", ["close", "reload", "view"])
def test_a_deletion_is_sent_when_the_page_is_left(desktop, http, shop, leave):
    shoes = open_kind(desktop, "same-bytes", "shop/shoe-copy.jpg")
    gone = names_of(shoes.locator(".marked"))
    shoes.get_by_role("button", name="Delete 1 picture").click()
    expect(shoes).to_have_count(0)

    if leave == "close":
        desktop.close()
    elif leave == "reload":
        desktop.reload()
    else:
        desktop.get_by_role("link", name="Add", exact=True).click()

    wait_until(lambda: stored(http, shop) == set(shop) - gone)


def wait_until(done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_deletion_that_fails_is_restored(desktop, http, shop, watch):
    watch.expected = ("500",)
    desktop.route("**/v1/images/delete", lambda route: route.fulfill(status=500, json={}))
    shoes = open_kind(desktop, "same-bytes", "shop/shoe-copy.jpg")
    desktop.clock.install()
    shoes.get_by_role("button", name="Delete 1 picture").click()
    expect(shoes).to_have_count(0)

    desktop.clock.run_for(8_500)

    expect(desktop.get_by_text("Not deleted.")).to_be_visible()
    expect(shoes).to_be_visible()
    desktop.unroute_all(behavior="wait")


def test_accepting_all_exact_copies_deletes_exactly_those(desktop, http, shop):
    desktop.goto("/?view=duplicates")
    expect(group_of(desktop, "shop/lamp-copy.jpg")).to_be_visible()
    kept_boat = group_of(desktop, "copies/boat-1.jpg")
    kept_boat.get_by_role("checkbox", name="Keep copies/boat-1.jpg").check()
    gone = names_of(desktop.locator(".marked"))
    assert len(gone) == 3
    accept = desktop.get_by_role("button", name="Accept all exact copies (3)")

    accept.click()
    dialog = desktop.get_by_role("dialog", name="Delete 3 exact copies?")
    assert set(dialog.locator("li bdi").all_text_contents()) == gone
    dialog.get_by_role("button", name="Cancel").click()
    assert stored(http, shop) == set(shop)
    accept.click()
    dialog.get_by_role("button", name="Delete").click()
    expect(desktop.locator(".group")).to_have_count(1)
    desktop.get_by_role("button", name="Same picture").click()

    expect(desktop.get_by_text("3 pictures deleted.")).to_be_visible()
    assert stored(http, shop) == set(shop) - gone
    assert {name for name in BOATS if name_is_stored(http, name)} == BOATS


def name_is_stored(http, name: str) -> bool:
    params = {"filter": json.dumps({"name": name})}
    return bool(http.get("/v1/images", params=params).json()["images"])


def test_accepting_all_can_be_undone(desktop, http, shop):
    desktop.goto("/?view=duplicates")
    expect(group_of(desktop, "shop/lamp-copy.jpg")).to_be_visible()
    before = desktop.locator(".name").all_text_contents()
    desktop.get_by_role("button", name="Accept all exact copies").click()
    desktop.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(desktop.get_by_role("heading", name="Exact copies: none")).to_be_visible()

    desktop.get_by_role("button", name="Undo").click()

    expect(desktop.locator(".group")).to_have_count(3)
    assert desktop.locator(".name").all_text_contents() == before
    expect(desktop.get_by_role("heading", name="Exact copies: none")).to_have_count(0)
    assert stored(http, shop) == set(shop)


def test_groups_can_be_decided_with_the_keyboard_alone(desktop, http, shop):
    page = desktop
    page.clock.install()
    page.goto("/?view=duplicates")
    expect(group_of(page, "shop/lamp-copy.jpg")).to_be_visible()
    expect(page.locator("kbd")).to_have_text(["←", "→", "↑", "↓", "K", "D", "Enter", "U"])
    boxes = page.locator(".members input")
    focused = page.locator(".members input:focus")
    order = [box.get_attribute("aria-label") for box in boxes.all()]
    first, second, third = (page.locator(".group").nth(at) for at in range(3))
    first.locator("input").first.focus()

    for label in order[1:]:
        page.keyboard.press("ArrowRight")
        expect(focused).to_have_attribute("aria-label", label)
    for group in (second, first):
        page.keyboard.press("ArrowUp")
        expect(group.locator("input").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(second.locator("input").first).to_be_focused()
    page.keyboard.press("d")
    expect(second.locator("li").first).to_contain_text("Delete")
    page.keyboard.press("k")
    expect(second.locator("li").first).to_contain_text("Keep")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    expect(second.locator("li").nth(1)).to_contain_text("Keep")
    page.keyboard.press("d")
    expect(second.locator("li").nth(1)).to_contain_text("Delete")
    second_names = names_of(second)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".group")).to_have_count(2)
    assert not names_of(page.locator(".group")) & second_names
    expect(page.locator(".group").nth(1).locator("input").first).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator(".group")).to_have_count(3)
    assert names_of(page.locator(".group").nth(1)) == second_names
    expect(page.locator(".group").nth(1).locator("input").first).to_be_focused()
    page.clock.run_for(20_000)
    assert stored(http, shop) == set(shop)


def test_holding_enter_confirms_one_group_only(desktop, shop):
    desktop.goto("/?view=duplicates")
    expect(desktop.locator(".group")).to_have_count(3)
    desktop.locator(".members input").first.focus()

    for _ in range(5):
        desktop.keyboard.down("Enter")  # all but the first are repeats

    expect(desktop.get_by_role("button", name="Undo")).to_have_count(1)
    expect(desktop.locator(".group")).to_have_count(2)
    desktop.keyboard.up("Enter")
    desktop.keyboard.press("u")
    expect(desktop.locator(".group")).to_have_count(3)


def test_letters_do_nothing_away_from_the_pictures(desktop, http, shop):
    desktop.goto("/?view=duplicates")
    expect(group_of(desktop, "shop/lamp-copy.jpg")).to_be_visible()
    marks = desktop.locator(".mark").all_text_contents()

    desktop.locator("#duplicates h1").focus()
    for key in ("d", "k", "Enter", "ArrowDown", "u"):
        desktop.keyboard.press(key)

    assert desktop.locator(".mark").all_text_contents() == marks
    expect(desktop.get_by_role("button", name="Undo")).to_have_count(0)


def test_a_key_that_can_only_read_shows_the_groups_without_choices(desktop):
    limits = "**/v1/limits"
    desktop.route(
        limits, lambda route: route.fulfill(json=route.fetch().json() | {"scope": "read"})
    )
    desktop.goto("/?view=duplicates")

    expect(group_of(desktop, "copies/boat-1.jpg")).to_be_visible()
    expect(desktop.get_by_role("checkbox")).to_have_count(0)
    expect(desktop.locator(".mark")).to_have_count(0)
    expect(desktop.get_by_role("button", name=re.compile("Delete|Accept"))).to_have_count(0)
    desktop.unroute_all(behavior="wait")


def test_ignored_groups_are_remembered_in_this_browser_and_can_be_restored(view):
    group_of(view, "copies/boat-1.jpg").get_by_role("button", name="Not duplicates").click()
    expect(view.get_by_text("kept in this browser only")).to_be_visible()
    view.reload()
    expect(view.get_by_text("Hidden: 1 group marked as not duplicates")).to_be_visible()
    expect(group_of(view, "copies/boat-1.jpg")).to_have_count(0)

    view.get_by_role("button", name="Show again").click()

    expect(group_of(view, "copies/boat-1.jpg")).to_be_visible()
    view.reload()
    expect(group_of(view, "copies/boat-1.jpg")).to_be_visible()


def compared(page: Page, group, name: str):
    group.get_by_role("button", name=f"Compare {name}", exact=True).click()
    dialog = page.get_by_role("dialog", name="Side by side")
    expect(dialog).to_contain_text("Match in a search")
    return dialog


def test_members_can_be_compared_side_by_side(view):
    dialog = compared(view, group_of(view, "copies/boat-1.jpg"), "copies/boat-1-small.jpg")

    expect(dialog).to_contain_text("The same picture in another size, format or quality")


def test_comparing_never_says_two_things_about_one_pair(desktop, shop):
    colours = open_kind(desktop, "edited", "shop/shoe-recoloured.jpg")
    dialog = compared(desktop, colours, "shop/shoe.jpg")
    expect(dialog).to_contain_text("Edited or recoloured: the same shapes in other colours")
    expect(dialog).not_to_contain_text(re.compile("same picture|same file|similar|weak", re.I))
    desktop.keyboard.press("Escape")

    mirrored = open_kind(desktop, "turned", "shop/shoe-mirrored.jpg")
    mirrored.get_by_role("button", name="shop/shoe-mirrored.jpg , compare").click()
    dialog = desktop.get_by_role("dialog", name="Side by side")
    expect(dialog.locator(".band")).to_have_text("Mirrored or turned")
    expect(dialog).not_to_contain_text(re.compile("same picture|same file|similar|weak", re.I))


@pytest.fixture
def shots(http):
    """Two shots as raw and JPEG, one of them with a smaller copy."""
    ids = []
    for shot, copies in (("alone", 0), ("copied", 1)):
        drawn = Image.open(BytesIO(new_drawing("house", shot)))
        data = written(drawn.resize((800, 800)))
        files = {f"{shot}.NEF": nef(data), f"{shot}.JPG": data}
        files |= {f"{shot}-small.jpg": written(drawn.resize((200, 200)))} if copies else {}
        for name, content in files.items():
            sent = http.post("/v1/images", params={"name": f"shots/{name}"}, content=content)
            assert sent.status_code == 201, sent.text
            ids.append(sent.json()["image"]["id"])
    yield
    http.post("/v1/images/delete", json={"ids": ids})


def test_a_raw_file_and_its_jpeg_are_one_shot_without_work_to_do(page, shots, size):
    page.goto("/?view=duplicates&kind=same-picture")
    copied = group_of(page, "shots/copied.NEF")
    expect(copied).to_be_visible()
    expect(group_of(page, "shots/alone.NEF")).to_have_count(0)

    page.get_by_text("Raw and JPEG of one shot: 1 group, nothing to delete").click()

    shot = page.get_by_role("article", name="Raw and JPEG of one shot")
    assert shot.locator(".name").all_text_contents() == ["shots/alone.NEF", "shots/alone.JPG"]
    expect(shot.locator(".kept")).to_have_count(2)
    assert shot.get_by_role("button").all_text_contents() == [", compare", ", compare"]
    shot.scroll_into_view_if_needed()
    save_screenshot(page, f"raw-and-jpeg-{size}")


def test_of_a_shot_with_a_copy_only_the_copy_can_be_deleted(page, http, shots, size):
    page.goto("/?view=duplicates&kind=same-picture")
    copied = group_of(page, "shots/copied.NEF")
    expect(copied.locator(".kept")).to_have_count(2)
    expect(copied.get_by_role("checkbox")).to_have_count(1)
    copied.scroll_into_view_if_needed()
    save_screenshot(page, f"raw-and-copies-{size}")

    copied.get_by_role("button", name="Delete 1 picture").click()
    expect(copied).to_have_count(0)
    page.get_by_role("button", name="Exact copies").click()
    expect(page.get_by_text("1 picture deleted.")).to_be_visible()

    params = {"filter": '{"format": ["NEF", "JPEG"]}', "limit": 100}
    names = {i["name"] for i in http.get("/v1/images", params=params).json()["images"]}
    assert {name for name in names if "copied" in name} == {"shots/copied.NEF", "shots/copied.JPG"}
