"""The duplicates view: groups, keepers, ignored groups; only confirmed pictures are deleted."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import save_screenshot
from tests.browser.drawn import new_drawing

BOATS = {"demo/boat-1.jpg", "copies/boat-1.jpg", "copies/boat-1-small.jpg"}


def group_of(page: Page, name: str):
    return page.locator(".group").filter(has_text=name)


@pytest.fixture
def view(page) -> Page:
    page.goto("/?view=duplicates")
    expect(group_of(page, "copies/boat-1.jpg")).to_be_visible()
    return page


def test_groups_show_their_members_and_a_suggested_keeper(view, size):
    boats = group_of(view, "copies/boat-1.jpg")

    assert set(boats.locator(".name").all_text_contents()) == BOATS
    expect(boats.get_by_text("Suggested to keep")).to_have_count(1)
    expect(boats.get_by_text("Identical file", exact=True)).to_have_count(1)
    expect(boats.get_by_text("Same picture, ")).to_have_count(1)
    expect(boats.locator(".kept")).to_have_count(1)
    assert "200 × 200" not in boats.locator(".kept").text_content()
    save_screenshot(view, f"duplicates-{size}")


def test_each_kind_of_duplicate_has_its_own_groups_and_url(view):
    view.get_by_role("button", name="Identical files").click()
    expect(group_of(view, "copies/boat-1.jpg").locator("li")).to_have_count(2)
    assert "kind=same-bytes" in view.url

    view.get_by_role("button", name="Very similar").click()
    expect(view.get_by_role("button", name="Very similar", pressed=True)).to_be_visible()
    expect(group_of(view, "copies/boat-1.jpg").locator("li").nth(2)).to_be_visible()
    view.go_back()
    expect(view.get_by_role("button", name="Identical files", pressed=True)).to_be_visible()


def test_the_pictures_to_keep_can_be_changed_but_one_must_stay(view):
    boats = group_of(view, "copies/boat-1.jpg")
    expect(boats.get_by_role("button", name="Delete the other 2")).to_be_enabled()

    boats.get_by_role("button", name="Keep copies/boat-1-small.jpg").click()
    expect(boats.get_by_role("button", name="Delete the other…")).to_be_enabled()
    for name in boats.locator(".kept .name").all_text_contents():
        boats.get_by_role("button", name=f"Keep {name}", exact=True).click()

    expect(boats.get_by_role("button", name="Keep at least one")).to_be_disabled()


def test_only_confirmed_pictures_are_deleted(page, http):
    data = new_drawing("house", "dup")
    for name in ("x/1.jpg", "x/2.jpg"):
        http.post("/v1/images", params={"name": name}, content=data)
    page.goto("/?view=duplicates&kind=same-bytes")
    pair = group_of(page, "x/1.jpg")
    gone = pair.locator("li:not(.kept) .name").text_content()
    kept = pair.locator("li.kept .name").text_content()

    pair.get_by_role("button", name="Delete the other").click()
    expect(page.get_by_role("dialog")).to_contain_text(gone)
    page.get_by_role("button", name="Cancel").click()
    assert len(names_in(http)) == 2
    pair.get_by_role("button", name="Delete the other").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()

    expect(group_of(page, "x/1.jpg")).to_have_count(0)
    assert names_in(http) == [kept]
    http.post("/v1/images/delete", json={"filter": {"name": kept}})


def names_in(http) -> list[str]:
    params = {"filter": '{"name": ["x/1.jpg", "x/2.jpg"]}'}
    return [image["name"] for image in http.get("/v1/images", params=params).json()["images"]]


def test_ignored_groups_are_remembered_in_this_browser_and_can_be_restored(view, context):
    group_of(view, "copies/boat-1.jpg").get_by_role("button", name="Not duplicates").click()
    expect(view.get_by_text("kept in this browser only")).to_be_visible()
    view.reload()
    expect(view.get_by_text("marked as not duplicates")).to_be_visible()
    expect(group_of(view, "copies/boat-1.jpg")).to_have_count(0)

    view.get_by_role("button", name="Show again").click()

    expect(group_of(view, "copies/boat-1.jpg")).to_be_visible()
    view.reload()
    expect(group_of(view, "copies/boat-1.jpg")).to_be_visible()


def test_members_can_be_compared_side_by_side(view):
    boats = group_of(view, "copies/boat-1.jpg")
    boats.get_by_role("button", name="copies/boat-1-small.jpg , compare").click()

    expect(view.get_by_role("dialog", name="Side by side")).to_contain_text("The same picture")
