"""The duplicates view: groups, keepers, ignored groups; only confirmed pictures are deleted."""

from io import BytesIO

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import save_screenshot
from tests.browser.drawn import new_drawing, written
from tests.raw_files import nef

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
    page.goto("/?view=duplicates")
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
    page.goto("/?view=duplicates")
    copied = group_of(page, "shots/copied.NEF")
    expect(copied.locator(".kept")).to_have_count(2)
    expect(copied.get_by_text("Stays with the raw file")).to_have_count(1)
    expect(copied.get_by_role("button", name="Keep ")).to_have_count(1)
    copied.scroll_into_view_if_needed()
    save_screenshot(page, f"raw-and-copies-{size}")

    copied.get_by_role("button", name="Delete the other").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(copied).to_have_count(0)

    params = {"filter": '{"format": ["NEF", "JPEG"]}', "limit": 100}
    names = {i["name"] for i in http.get("/v1/images", params=params).json()["images"]}
    assert {name for name in names if "copied" in name} == {"shots/copied.NEF", "shots/copied.JPG"}
