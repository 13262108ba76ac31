"""Adding pictures: several or a folder, their status, retries, counts, found at once."""

import base64
import json

import pytest
from playwright.sync_api import Page, expect

from functions.api.requests.models import UploadRequest
from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import context_of, save_screenshot
from tests.browser.drawn import new_drawing
from tests.browser.test_search import HEIC, mug, names, search_with
from tests.browser.test_trouble import problem
from tests.end_to_end.server import served

FILES = "#add input[type=file][multiple]"


def drawing(name: str, seed: object, kind: str = "cactus") -> dict:
    return mug(name=name, buffer=new_drawing(kind, seed))


def row(page: Page, name: str):
    return page.locator(".uploads li").filter(has_text=name)


def expect_status(page: Page, name: str, status: str) -> None:
    expect(row(page, name).locator(".upload-status")).to_contain_text(status)


@pytest.fixture
def add_page(page) -> Page:
    page.goto("/?view=add")
    expect(page.get_by_role("button", name="Choose pictures")).to_be_visible()
    return page


@pytest.fixture(autouse=True)
def clean_up(http):
    """Delete what a test has added."""
    yield
    kept = ("demo/", "copies/", "<img", "mug‮", "very-")
    first_page = http.get("/v1/images", params={"limit": 100}).json()
    added = first_page["images"] + (
        http.get("/v1/images", params={"limit": 100, "cursor": first_page["next"]}).json()["images"]
        if first_page["next"]
        else []
    )
    for image in added:
        if not image["name"].startswith(kept):
            http.delete(f"/v1/images/{image['id']}")


def test_every_file_shows_its_status_and_the_counts_add_up(add_page, watch, size):
    watch.expected = ("400", "415")
    add_page.set_input_files(FILES, [drawing("one.jpg", "a"), drawing("two.jpg", "b")])
    expect_status(add_page, "one.jpg", "Added")
    expect_status(add_page, "two.jpg", "Added")

    add_page.set_input_files(
        FILES, [drawing("one.jpg", "a"), mug(name="notes.jpg", buffer=b"words, not a picture")]
    )

    expect_status(add_page, "notes.jpg", "Rejected This gallery cannot read that file")
    expect(row(add_page, "one.jpg").locator(".upload-status").first).to_contain_text(
        "Duplicate of one.jpg"
    )
    expect(add_page.locator(".summary [role=status]")).to_have_text(
        "All 4 pictures done: 2 added, 1 duplicate, 1 rejected"
    )
    save_screenshot(add_page, f"add-{size}")


def test_an_added_picture_is_found_at_once_with_its_metadata(add_page, http):
    add_page.locator("details.labels summary").click()
    add_page.get_by_role("textbox", name="Folder").fill("spring")
    add_page.get_by_role("textbox", name="kind").fill("cactus")
    add_page.get_by_role("textbox", name="price").fill("7.5")
    add_page.set_input_files(FILES, [drawing("new.jpg", "c")])
    expect_status(add_page, "new.jpg", "Added")

    row(add_page, "new.jpg").get_by_role("button", name="Find similar").click()

    expect(add_page.locator("#query .name")).to_have_text("spring/new.jpg")
    assert "cactus" in names(add_page)[0]
    found = http.get("/v1/images", params={"filter": '{"name": "spring/new.jpg"}'}).json()
    assert found["images"][0]["metadata"] == {"kind": "cactus", "price": 7.5}


def test_an_earlier_search_finds_a_picture_added_since(desktop):
    desktop.goto("/")
    picture = drawing("mine.jpg", "d", "balloon")
    desktop.set_input_files("#file", picture)
    assert "mine.jpg" not in names(desktop)
    desktop.get_by_role("link", name="Add", exact=True).click()
    desktop.set_input_files(FILES, [picture])
    expect_status(desktop, "mine.jpg", "Added")

    desktop.go_back()

    assert names(desktop)[0] == "mine.jpg"


def test_failed_uploads_can_be_retried(desktop, watch):
    watch.expected = ("500",)
    desktop.goto("/?view=add")
    desktop.route("**/v1/images", lambda route: route.fulfill(**problem("internal", 500)))
    desktop.set_input_files(FILES, [drawing(f"bad{n}.jpg", f"e{n}") for n in range(4)])
    expect(desktop.locator(".summary [role=status]")).to_have_text("All 4 pictures done: 4 failed")
    expect_status(desktop, "bad0.jpg", "Failed Something went wrong")
    desktop.unroute_all()

    row(desktop, "bad0.jpg").get_by_role("button", name="Retry").click()
    expect_status(desktop, "bad0.jpg", "Added")
    desktop.get_by_role("button", name="Retry 3 failed").click()

    expect(desktop.locator(".summary [role=status]")).to_have_text("All 4 pictures done: 4 added")


def test_three_files_are_sent_at_a_time(desktop):
    desktop.goto("/?view=add")
    held, holding = [], True
    desktop.route(
        "**/v1/images", lambda route: held.append(route) if holding else route.continue_()
    )
    desktop.set_input_files(FILES, [drawing(f"queue{n}.jpg", f"q{n}") for n in range(5)])
    expect(desktop.locator("[data-state=uploading]")).to_have_count(3)
    expect(desktop.locator("[data-state=waiting]")).to_have_count(2)

    holding = False
    for route in held:
        route.continue_()

    expect(desktop.locator("[data-state=added]")).to_have_count(5)


def test_a_picture_can_replace_another_with_the_same_name(desktop, watch):
    watch.expected = ("409",)
    desktop.goto("/?view=add")
    desktop.set_input_files(FILES, [drawing("taken.jpg", "f")])
    expect_status(desktop, "taken.jpg", "Added")
    desktop.set_input_files(FILES, [drawing("taken.jpg", "g")])
    newest = desktop.locator(".uploads li").first
    expect(newest).to_contain_text("Another picture has this name")

    newest.get_by_role("button", name="Replace it").click()

    expect(newest.locator(".upload-status")).to_contain_text("Replaced")


def test_a_folder_is_added_with_its_paths(desktop, tmp_path):
    for name in ("a/1.jpg", "a/b/2.jpg"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(new_drawing("house", name))
    for name in ("a/1.xmp", "a/1.MOV", "a/b/Thumbs.db", ".DS_Store"):
        (tmp_path / "album" / name).write_text("not a picture")
    desktop.goto("/?view=add")

    desktop.set_input_files("#add input[webkitdirectory]", tmp_path / "album")

    expect_status(desktop, "album/a/1.jpg", "Added")
    expect_status(desktop, "album/a/b/2.jpg", "Added")
    expect(desktop.locator(".uploads li")).to_have_count(2)
    expect(desktop.locator(".summary")).to_contain_text("4 files skipped: not pictures")


def test_file_fields_offer_what_the_gallery_opens(desktop, http):
    types = http.get("/v1/limits").json()["file_types"]
    offered = {name for each in types for name in (each["media_type"], *each["suffixes"])}
    desktop.goto("/?view=add")
    expect(desktop.get_by_role("button", name="Choose pictures")).to_be_visible()

    for field in ("#file", FILES):
        assert set(desktop.locator(field).get_attribute("accept").split(",")) == offered


def test_dropped_and_pasted_pictures_are_added_too(desktop):
    desktop.goto("/?view=add")
    expect(desktop.get_by_role("button", name="Choose pictures")).to_be_visible()
    for number, how in enumerate(["DragEvent", "ClipboardEvent"]):
        text = base64.b64encode(new_drawing("tree", f"h{number}")).decode()
        desktop.evaluate(DROP_OR_PASTE, [text, how])

    expect(desktop.locator("[data-state=added]")).to_have_count(2)


DROP_OR_PASTE = """([text, how]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], 'given.jpg', {type: 'image/jpeg'}));
  const options = {bubbles: true, cancelable: true};
  document.body.dispatchEvent(how === 'DragEvent'
    ? new DragEvent('drop', {dataTransfer: transfer, ...options})
    : new ClipboardEvent('paste', {clipboardData: transfer, ...options}));
}"""


def test_a_photo_without_its_end_is_added_and_says_so(desktop):
    cut = mug(name="cut.jpg", buffer=new_drawing("cactus", "cut")[:-2])
    missing = "The end of this file is missing."
    desktop.goto("/?view=add")
    desktop.set_input_files(FILES, [cut])
    expect_status(desktop, "cut.jpg", f"Added {missing}")

    desktop.goto("/")
    search_with(desktop, cut)
    assert names(desktop)[0] == "cut.jpg"
    desktop.locator(".tile .picture").first.click()

    expect(desktop.get_by_role("dialog", name="cut.jpg")).to_contain_text(missing)


def test_a_format_that_only_the_server_can_read_is_added(desktop):
    desktop.goto("/?view=add")

    desktop.set_input_files(FILES, [mug(name="IMG_1.HEIC", buffer=HEIC.read_bytes())])

    expect_status(desktop, "IMG_1.HEIC", "Added")


def test_a_file_over_the_limit_is_rejected_before_it_is_sent(desktop, tmp_path):
    huge = tmp_path / "huge.jpg"
    huge.write_bytes(bytes(21_000_000))
    desktop.goto("/?view=add")
    sent = []
    desktop.on("request", lambda request: sent.append(request.method))

    desktop.set_input_files(FILES, huge)

    expect_status(desktop, "huge.jpg", "It is 21 MB; the limit is 20 MB")
    assert "POST" not in sent


LIMITS = {"max_body_bytes": 5_000, "uploads": True}


def test_large_files_go_to_the_bucket_with_a_signed_form_and_are_then_indexed(desktop, watch):
    """The form and S3 are faked here; tests/end_to_end has the real exchange."""
    desktop.goto("/?view=add")
    calls = []

    def limits(route) -> None:
        real = route.fetch().json()
        route.fulfill(json=real | LIMITS)

    def bucket(route) -> None:
        calls.append(("bucket", dict(route.request.headers)))
        route.fulfill(status=204, headers={"access-control-allow-origin": "*"})

    def images(route) -> None:
        calls.append(("images", route.request.post_data_json))
        image = {
            "id": "x",
            "name": "large.jpg",
            "flaws": [],
            "links": {"thumbnail": "/", "self": "/v1/images/x"},
        }
        route.fulfill(status=201, json={"status": "added", "image": image})

    desktop.route("**/v1/limits", limits)
    desktop.route(
        "**/v1/uploads",
        lambda route: route.fulfill(
            status=201, json={"url": f"{watch.origin}/bucket", "fields": {"key": "large.jpg"}}
        ),
    )
    desktop.route("**/bucket", bucket)
    desktop.route("**/v1/images", images)
    desktop.reload()

    desktop.set_input_files(FILES, [drawing("large.jpg", "i")])

    expect_status(desktop, "large.jpg", "Added")
    (first, headers), (second, request_body) = calls
    assert (first, second) == ("bucket", "images")
    assert headers["content-type"].startswith("multipart/form-data")
    assert "x-api-key" not in headers
    assert request_body == {"key": "large.jpg"}


@pytest.mark.parametrize("browser_type", ["", "image/heic", "application/octet-stream"])
def test_the_form_for_a_large_heic_file_is_valid_whatever_type_the_browser_gives_it(
    desktop, watch, browser_type
):
    watch.expected = ("422",)
    asked = []

    def uploads(route) -> None:
        asked.append(route.request.post_data_json)
        route.fulfill(status=422, json={"code": "none", "detail": "enough"})

    desktop.route("**/v1/limits", lambda route: route.fulfill(json=route.fetch().json() | LIMITS))
    desktop.route("**/v1/uploads", uploads)
    desktop.goto("/?view=add")

    large = HEIC.read_bytes().ljust(6_000)
    file = mug(name="IMG_1.HEIC", mimeType=browser_type, buffer=large)
    desktop.set_input_files(FILES, [file])
    expect_status(desktop, "IMG_1.HEIC", "Rejected")

    (request,) = asked
    assert UploadRequest.check(request).media_type == "image/heic"


def test_a_near_duplicate_is_pointed_out(desktop, http):
    """The hint comes from near_duplicates in the API's response."""
    small = new_drawing("mug", "n")
    http.post("/v1/images", params={"name": "first.jpg"}, content=small)
    desktop.goto("/?view=add")

    again = new_drawing("mug", "n", quality=60)
    desktop.set_input_files(FILES, [mug(name="second.jpg", buffer=again)])

    expect_status(desktop, "second.jpg", "The same picture: first.jpg")


def posts(page: Page) -> list:
    """Collect the requests that add a picture."""
    sent: list = []

    def note(request) -> None:
        if request.method == "POST" and request.url.endswith("/v1/images"):
            sent.append(request)

    page.on("request", note)
    return sent


def labels_of(http, name: str) -> dict:
    """Return the labels of a stored picture."""
    found = http.get("/v1/images", params={"filter": json.dumps({"name": name})}).json()["images"]
    return found[0]["metadata"]


def open_labels(page: Page) -> None:
    page.locator("details.labels summary").click()


def test_labels_are_stored_with_their_types(add_page, http):
    open_labels(add_page)
    add_page.get_by_role("combobox", name="sale").select_option("yes")
    add_page.get_by_role("textbox", name="stock").fill("12")
    add_page.get_by_label("taken").fill("2026-05-17")
    add_page.set_input_files(FILES, [drawing("typed.jpg", "typed")])
    expect_status(add_page, "typed.jpg", "Added")

    assert labels_of(http, "typed.jpg") == {
        "sale": True,
        "stock": 12,
        "taken": "2026-05-17T00:00:00+00:00",
    }
    assert add_page.get_by_role("combobox", name="sale").locator("option").all_text_contents() == [
        *("", "yes", "no")
    ]


def test_a_wrong_label_is_refused_at_its_field_before_anything_is_sent(add_page, http, size):
    sent = posts(add_page)
    open_labels(add_page)
    price = add_page.get_by_role("textbox", name="price")
    price.press_sequentially("3,50")
    expect(add_page.locator(".labels")).to_contain_text("Write a number, such as 3.5.")
    add_page.set_input_files(FILES, [drawing("priced.jpg", "priced")])
    expect(add_page.get_by_text("Nothing was sent yet.")).to_be_visible()
    expect(price).to_be_focused()
    assert sent == []
    save_screenshot(add_page, f"wrong-label-{size}")

    price.fill("3.50")
    add_page.get_by_role("button", name="Add 1 picture").click()

    expect_status(add_page, "priced.jpg", "Added")
    assert labels_of(http, "priced.jpg") == {"price": 3.5}


@pytest.mark.parametrize(("written", "stored"), [("3,50", 3.5), ("1.000", None), ("-2", -2)])
def test_a_german_visitor_writes_numbers_with_a_comma(browser, watch, http, written, stored):
    context = context_of(browser, "desktop", base_url=watch.origin, locale="de-DE")
    page = context.new_page()
    page.goto("/?view=add")
    page.locator("details.labels summary").click()
    page.get_by_role("textbox", name="price").fill(written)
    sent = posts(page)
    page.set_input_files(FILES, [drawing(f"preis{written}.jpg", f"preis{written}")])

    if stored is None:
        expect(page.locator(".labels")).to_contain_text("Schreibe eine Zahl, etwa 3,5.")
        assert sent == []
    else:
        expect(page.locator("[data-state=added]")).to_have_count(1)
        assert labels_of(http, f"preis{written}.jpg") == {"price": stored}
    context.close()


def test_labels_that_the_gallery_refuses_can_be_corrected(desktop, watch):
    watch.expected = ("422",)
    desktop.goto("/?view=add")
    open_labels(desktop)
    desktop.get_by_role("textbox", name="stock").fill("99999999999999999999")
    desktop.set_input_files(FILES, [drawing("many.jpg", "many")])
    expect_status(desktop, "many.jpg", "Failed The gallery did not accept the labels.")

    desktop.get_by_role("textbox", name="stock").fill("9")
    row(desktop, "many.jpg").get_by_role("button", name="Retry").click()

    expect_status(desktop, "many.jpg", "Added")


def test_a_file_that_the_gallery_has_is_not_sent(desktop, http):
    desktop.goto("/?view=add")
    desktop.set_input_files(FILES, [drawing("known.jpg", "known")])
    expect_status(desktop, "known.jpg", "Added")
    sent = posts(desktop)

    desktop.set_input_files(FILES, [drawing("other-name.jpg", "known")])
    expect_status(desktop, "other-name.jpg", "Duplicate of known.jpg")
    assert sent == []

    row(desktop, "other-name.jpg").get_by_role("button", name="Add anyway").click()
    expect_status(desktop, "other-name.jpg", "Added")
    assert len(sent) == 1


def test_equal_files_of_one_drop_are_sent_once(desktop):
    desktop.goto("/?view=add")
    sent = posts(desktop)

    same = [drawing(name, "twice") for name in ("twice.jpg", "twice-copy.jpg", "twice-2.jpg")]
    desktop.set_input_files(FILES, [*same, drawing("once.jpg", "once")])

    expect(desktop.locator(".summary [role=status]")).to_have_text(
        "All 4 pictures done: 2 added, 2 duplicates"
    )
    assert len(sent) == 2


def test_without_https_there_is_no_hash_and_files_are_sent(desktop):
    desktop.add_init_script("delete Crypto.prototype.subtle")
    desktop.goto("/?view=add")
    asked = []
    desktop.on("request", lambda request: asked.append(request.url))

    desktop.set_input_files(FILES, [drawing("plain.jpg", "plain")])

    expect_status(desktop, "plain.jpg", "Added")
    assert not [url for url in asked if url.endswith("/check")]


def test_what_is_no_picture_is_not_sent_and_counted_once(desktop):
    desktop.goto("/?view=add")
    sent = posts(desktop)
    others = [
        mug(name=name, mimeType=kind, buffer=b"none")
        for name, kind in (
            *(("Thumbs.db", ""), ("notes.txt", "text/plain"), ("clip.mov", "video/quicktime")),
        )
    ]
    desktop.set_input_files(FILES, others)
    expect(desktop.locator(".summary")).to_contain_text("3 files skipped: not pictures")

    desktop.set_input_files(FILES, [*others, drawing("with-others.jpg", "others")])

    expect_status(desktop, "with-others.jpg", "Added")
    expect(desktop.locator(".summary")).to_contain_text("3 files skipped: not pictures")
    assert len(sent) == 1


def test_an_upload_can_be_stopped_and_continued(desktop):
    desktop.goto("/?view=add")
    held, holding = [], True
    desktop.route(
        "**/v1/images", lambda route: held.append(route) if holding else route.continue_()
    )
    desktop.set_input_files(FILES, [drawing(f"stop{n}.jpg", f"s{n}") for n in range(5)])
    expect(desktop.locator("[data-state=uploading]")).to_have_count(3)

    desktop.get_by_role("button", name="Stop").click()
    expect(desktop.locator("[data-state=stopped]")).to_have_count(5)
    expect(desktop.locator(".summary [role=status]")).to_have_text("0 of 5 done: 5 stopped")
    holding = False
    desktop.get_by_role("button", name="Continue with 5").click()

    expect(desktop.locator("[data-state=added]")).to_have_count(5)


def test_a_running_upload_is_seen_in_other_views_and_leaving_warns(desktop):
    desktop.goto("/?view=add")
    held = []
    desktop.route("**/v1/images", lambda route: held.append(route))
    desktop.set_input_files(FILES, [drawing(f"run{n}.jpg", f"r{n}") for n in range(2)])
    expect(desktop.locator("[data-state=uploading]")).to_have_count(2)

    desktop.get_by_role("link", name="Search").click()
    expect(desktop.locator(".upload-badge")).to_have_text("0/2")
    warned = []
    desktop.on("dialog", lambda dialog: (warned.append(dialog.type), dialog.dismiss()))
    desktop.get_by_role("heading", level=1).click()  # browsers warn only who has used the page
    desktop.evaluate("location.reload()")
    expect(desktop.locator(".upload-badge")).to_have_text("0/2")

    assert warned == ["beforeunload"]
    for route in held:
        route.continue_()
    expect(desktop.locator(".upload-badge")).to_have_count(0)


def test_dropped_files_are_added_instead_of_searched_with(desktop):
    desktop.goto("/")
    texts = [base64.b64encode(new_drawing("boat", f"drop{n}")).decode() for n in range(3)]
    desktop.evaluate(DROP_SEVERAL, texts)

    desktop.get_by_role("button", name="Add them instead").click()

    expect(desktop.locator("[data-state=added]")).to_have_count(3)
    expect(row(desktop, "dropped-2.jpg")).to_be_visible()


DROP_SEVERAL = """(texts) => {
  const transfer = new DataTransfer();
  texts.forEach((text, n) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    transfer.items.add(new File([bytes], `dropped-${n}.jpg`, {type: 'image/jpeg'}));
  });
  document.body.dispatchEvent(
    new DragEvent('drop', {dataTransfer: transfer, bubbles: true, cancelable: true}));
}"""


def test_a_picture_searched_with_is_added_under_the_name_of_its_file(desktop, http, watch):
    watch.expected = ("409",)
    for number, expected in ((1, "my boat.jpg"), (2, "my boat (2).jpg")):
        desktop.goto("/")
        search_with(desktop, drawing("my boat.jpg", f"named{number}", "boat"))
        names(desktop)

        desktop.get_by_role("button", name="Add to gallery").click()

        expect(desktop.locator("#query .name")).to_have_text(expected)


def test_the_start_page_knows_of_pictures_added_since(browser, tmp_path):
    settings = Settings(lookalike_data=tmp_path)
    gallery = build_gallery(settings)
    with served(gallery, settings) as address:
        context = context_of(browser, "desktop", base_url=address)
        page = context.new_page()
        page.goto("/")
        expect(page.get_by_role("heading", name="This gallery is empty")).to_be_visible()
        page.get_by_role("link", name="Add", exact=True).click()
        page.set_input_files(FILES, [drawing(f"first{n}.jpg", f"first{n}") for n in range(3)])
        expect(page.locator("[data-state=added]")).to_have_count(3)

        page.get_by_role("link", name="Search").click()

        expect(page.locator(".sample")).to_have_count(3)
        expect(page.get_by_role("heading", name="This gallery is empty")).to_have_count(0)
        context.close()
    gallery.close()


def test_a_file_that_the_browser_cannot_show_has_a_drawn_placeholder(desktop, watch):
    watch.expected = ("415",)
    desktop.goto("/?view=add")

    desktop.set_input_files(FILES, [mug(name="broken.jpg", buffer=b"no picture at all")])

    expect_status(desktop, "broken.jpg", "Rejected")
    image = row(desktop, "broken.jpg").locator("img")
    expect(image).to_have_class("broken")
    assert image.evaluate("image => image.complete && image.naturalWidth > 0")
