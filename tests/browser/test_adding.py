"""Adding pictures: many or a folder, what became of each, retries, counts, found at once."""

import base64

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import shoot
from tests.browser.drawn import new_drawing
from tests.browser.test_search import HEIC, mug, names
from tests.browser.test_trouble import problem

FILES = "#add input[type=file][multiple]"


def drawing(name: str, seed: object, kind: str = "cactus") -> dict:
    return mug(name=name, buffer=new_drawing(kind, seed))


def row(page: Page, name: str):
    return page.locator(".uploads li").filter(has_text=name)


def became(page: Page, name: str, words: str) -> None:
    expect(row(page, name).locator(".upload-status")).to_contain_text(words)


@pytest.fixture
def adding(page) -> Page:
    page.goto("/?view=add")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()
    return page


@pytest.fixture(autouse=True)
def as_before(http):
    """Take out what a test has added."""
    yield
    kept = ("demo/", "copies/", "<img", "mug‮", "very-")
    images = http.get("/v1/images", params={"limit": 100}).json()
    every = images["images"] + (
        http.get("/v1/images", params={"limit": 100, "cursor": images["next"]}).json()["images"]
        if images["next"]
        else []
    )
    for image in every:
        if not image["name"].startswith(kept):
            http.delete(f"/v1/images/{image['id']}")


def test_every_file_tells_what_became_of_it_and_the_counts_add_up(adding, watch, size):
    watch.expected = ("415",)
    adding.set_input_files(FILES, [drawing("one.jpg", "a"), drawing("two.jpg", "b")])
    became(adding, "one.jpg", "Added")
    became(adding, "two.jpg", "Added")

    adding.set_input_files(FILES, [drawing("one.jpg", "a"), mug(name="notes.txt", buffer=b"words")])

    became(adding, "notes.txt", "Rejected This gallery cannot read that file")
    expect(row(adding, "one.jpg").locator(".upload-status").first).to_contain_text(
        "Duplicate of one.jpg"
    )
    expect(adding.locator(".summary [role=status]")).to_have_text(
        "All 4 pictures done: 2 added, 1 duplicate, 1 rejected"
    )
    shoot(adding, f"add-{size}")


def test_what_was_added_is_found_at_once_and_described(adding, http):
    adding.locator("details.labels summary").click()
    adding.get_by_role("textbox", name="Folder").fill("spring")
    adding.get_by_role("textbox", name="kind").fill("cactus")
    adding.get_by_role("textbox", name="price").fill("7.5")
    adding.set_input_files(FILES, [drawing("new.jpg", "c")])
    became(adding, "new.jpg", "Added")

    row(adding, "new.jpg").get_by_role("button", name="Find similar").click()

    expect(adding.locator("#query .name")).to_have_text("spring/new.jpg")
    assert "cactus" in names(adding)[0]
    found = http.get("/v1/images", params={"filter": '{"name": "spring/new.jpg"}'}).json()
    assert found["images"][0]["metadata"] == {"kind": "cactus", "price": 7.5}


def test_a_search_made_before_finds_what_was_added_since(desk):
    desk.goto("/")
    picture = drawing("mine.jpg", "d", "balloon")
    desk.set_input_files("#file", picture)
    assert "mine.jpg" not in names(desk)
    desk.get_by_role("link", name="Add", exact=True).click()
    desk.set_input_files(FILES, [picture])
    became(desk, "mine.jpg", "Added")

    desk.go_back()

    assert names(desk)[0] == "mine.jpg"


def test_what_failed_is_tried_again(desk, watch):
    watch.expected = ("500",)
    desk.goto("/?view=add")
    desk.route("**/v1/images", lambda route: route.fulfill(**problem("internal", 500)))
    desk.set_input_files(FILES, [drawing(f"bad{n}.jpg", f"e{n}") for n in range(4)])
    expect(desk.locator(".summary [role=status]")).to_have_text("All 4 pictures done: 4 failed")
    became(desk, "bad0.jpg", "Failed Something went wrong")
    desk.unroute_all()

    row(desk, "bad0.jpg").get_by_role("button", name="Retry").click()
    became(desk, "bad0.jpg", "Added")
    desk.get_by_role("button", name="Retry 3 failed").click()

    expect(desk.locator(".summary [role=status]")).to_have_text("All 4 pictures done: 4 added")


def test_three_are_sent_at_a_time(desk):
    desk.goto("/?view=add")
    held, holding = [], True
    desk.route("**/v1/images", lambda route: held.append(route) if holding else route.continue_())
    desk.set_input_files(FILES, [drawing(f"queue{n}.jpg", f"q{n}") for n in range(5)])
    expect(desk.locator("[data-state=uploading]")).to_have_count(3)
    expect(desk.locator("[data-state=waiting]")).to_have_count(2)

    holding = False
    for route in held:
        route.continue_()

    expect(desk.locator("[data-state=added]")).to_have_count(5)


def test_another_picture_of_a_name_in_use_may_replace_it(desk, watch):
    watch.expected = ("409",)
    desk.goto("/?view=add")
    desk.set_input_files(FILES, [drawing("taken.jpg", "f")])
    became(desk, "taken.jpg", "Added")
    desk.set_input_files(FILES, [drawing("taken.jpg", "g")])
    newest = desk.locator(".uploads li").first
    expect(newest).to_contain_text("Another picture has this name")

    newest.get_by_role("button", name="Replace it").click()

    expect(newest.locator(".upload-status")).to_contain_text("Replaced")


def test_a_folder_is_added_with_its_paths(desk, tmp_path):
    for name in ("a/1.jpg", "a/b/2.jpg"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(new_drawing("house", name))
    desk.goto("/?view=add")

    desk.set_input_files("#add input[webkitdirectory]", tmp_path / "album")

    became(desk, "album/a/1.jpg", "Added")
    became(desk, "album/a/b/2.jpg", "Added")


def test_dropped_and_pasted_pictures_are_added_too(desk):
    desk.goto("/?view=add")
    expect(desk.get_by_role("button", name="Choose pictures")).to_be_visible()
    for number, how in enumerate(["DragEvent", "ClipboardEvent"]):
        text = base64.b64encode(new_drawing("tree", f"h{number}")).decode()
        desk.evaluate(GIVE, [text, how])

    expect(desk.locator("[data-state=added]")).to_have_count(2)


GIVE = """([text, how]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], 'given.jpg', {type: 'image/jpeg'}));
  const options = {bubbles: true, cancelable: true};
  document.body.dispatchEvent(how === 'DragEvent'
    ? new DragEvent('drop', {dataTransfer: transfer, ...options})
    : new ClipboardEvent('paste', {clipboardData: transfer, ...options}));
}"""


def test_a_format_that_only_the_gallery_knows_is_added(desk):
    desk.goto("/?view=add")

    desk.set_input_files(FILES, [mug(name="IMG_1.HEIC", buffer=HEIC.read_bytes())])

    became(desk, "IMG_1.HEIC", "Added")


def test_a_file_over_the_limit_is_refused_before_it_is_sent(desk):
    desk.goto("/?view=add")
    sent = []
    desk.on("request", lambda request: sent.append(request.method))

    desk.set_input_files(FILES, [mug(name="huge.jpg", buffer=bytes(21_000_000))])

    became(desk, "huge.jpg", "It is 21.0 MB; the limit is 20.0 MB")
    assert "POST" not in sent


LIMITS = {"max_body_bytes": 5_000, "uploads": True}


def test_large_files_go_to_the_bucket_by_a_signed_form_and_are_then_indexed(desk, watch):
    """The bucket is played here: what its form and S3 answer; tests/doors has the real exchange."""
    desk.goto("/?view=add")
    called = []

    def limits(route) -> None:
        real = route.fetch().json()
        route.fulfill(json=real | LIMITS)

    def bucket(route) -> None:
        called.append(("bucket", dict(route.request.headers)))
        route.fulfill(status=204, headers={"access-control-allow-origin": "*"})

    def images(route) -> None:
        called.append(("images", route.request.post_data_json))
        image = {
            "id": "x",
            "name": "large.jpg",
            "links": {"thumbnail": "/", "self": "/v1/images/x"},
        }
        route.fulfill(status=201, json={"status": "added", "image": image})

    desk.route("**/v1/limits", limits)
    desk.route(
        "**/v1/uploads",
        lambda route: route.fulfill(
            status=201, json={"url": f"{watch.origin}/bucket", "fields": {"key": "large.jpg"}}
        ),
    )
    desk.route("**/bucket", bucket)
    desk.route("**/v1/images", images)
    desk.reload()

    desk.set_input_files(FILES, [drawing("large.jpg", "i")])

    became(desk, "large.jpg", "Added")
    (first, headers), (second, asked) = called
    assert (first, second) == ("bucket", "images")
    assert headers["content-type"].startswith("multipart/form-data")
    assert "x-api-key" not in headers
    assert asked == {"key": "large.jpg"}


def test_a_near_duplicate_is_hinted_at(desk, http):
    """The hint is what the API answers; see near_duplicates there."""
    small = new_drawing("mug", "n")
    http.post("/v1/images", params={"name": "first.jpg"}, content=small)
    desk.goto("/?view=add")

    again = new_drawing("mug", "n", quality=60)
    desk.set_input_files(FILES, [mug(name="second.jpg", buffer=again)])

    became(desk, "second.jpg", "similar to first.jpg")
