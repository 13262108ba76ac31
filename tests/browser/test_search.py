"""Searching with a picture: ways to choose one, what is sent, progress, cancelling."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import save_screenshot
from tests.browser.drawn import new_drawing, photo_12_megapixels, written
from tests.conftest import development_set
from tests.icc import ADOBE_RGB

HEIC = Path(__file__).parents[1] / "data" / "drawn.heic"


def mug(**more) -> dict:
    data = new_drawing("mug", 1)
    return {"name": "my mug.jpg", "mimeType": "image/jpeg", "buffer": data} | more


def search_with(page: Page, file: dict) -> None:
    page.set_input_files("#file", file)


def names(page: Page) -> list[str]:
    """Return the names of the results, best first, also of weak ones that are folded."""
    expect(page.locator("#answer:not([aria-busy]) .tile:not([hidden])").first).to_be_visible()
    tiles = page.locator(".tile:not([hidden]) .picture img")
    return tiles.evaluate_all("images => images.map((image) => image.alt)")


def kinds(page: Page, best: int = 5) -> set[str]:
    return {re.sub(r"^\w+/|-\d+\.jpg$", "", name) for name in names(page)[:best]}


def test_the_start_page_offers_one_clear_action_and_sample_pictures(page, size):
    expect(page.get_by_role("heading", level=1)).to_have_text("Drop a picture, find similar ones")
    expect(page.get_by_role("button", name="Choose a picture")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Take a photo")).to_be_visible(visible=size == "phone")
    expect(page.locator(".sample")).to_have_count(8)
    expect(page.locator(".sample img").last).to_have_js_property("complete", True)
    save_screenshot(page, f"start-{size}")


def test_one_tap_on_a_sample_finds_similar_pictures(page):
    sample = page.locator(".sample").first
    name = sample.locator("img").get_attribute("alt").removeprefix("Search with ")
    sample.click()

    assert len(names(page)) >= 40
    assert name not in names(page)
    expect(page.locator("#query .name")).to_have_text(name)


def test_a_chosen_picture_is_shown_at_once_and_similar_ones_are_found(page, size):
    search_with(page, mug())

    expect(page.get_by_role("img", name="The picture you are searching with")).to_be_visible()
    assert kinds(page) == {"mug"}
    expect(page.locator("#query")).to_contain_text("Not stored, so")
    save_screenshot(page, f"answer-{size}")


def test_a_phones_camera_can_supply_the_picture(page):
    shot = page.locator("#shot")

    assert shot.get_attribute("capture") == "environment"
    shot.set_input_files(mug(name="image.jpg"))
    assert kinds(page) == {"mug"}


DROP_OR_PASTE = """([text, name, target]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, {type: 'image/jpeg'}));
  const at = target ? document.querySelector(target) : document.body;
  const options = {bubbles: true, cancelable: true};
  if (name === 'pasted') {
    at.dispatchEvent(new ClipboardEvent('paste', {clipboardData: transfer, ...options}));
    return;
  }
  at.dispatchEvent(new DragEvent('dragover', {dataTransfer: transfer, ...options}));
  const covered = !document.querySelector('#cover').hidden;
  at.dispatchEvent(new DragEvent('drop', {dataTransfer: transfer, ...options}));
  return covered;
}"""


@pytest.mark.parametrize("target", ["#target", "footer, .top", "h1"])
def test_a_picture_can_be_dropped_anywhere(desktop, target):
    desktop.goto("/")
    text = base64.b64encode(new_drawing("fish", 2)).decode()

    covered = desktop.evaluate(DROP_OR_PASTE, [text, "fish.jpg", target])

    assert covered
    assert kinds(desktop) == {"fish"}
    expect(desktop.locator("#cover")).to_be_hidden()


def test_a_picture_can_be_pasted_anywhere_even_over_results(desktop):
    desktop.goto("/")
    search_with(desktop, mug())
    assert kinds(desktop) == {"mug"}

    desktop.evaluate(
        DROP_OR_PASTE, [base64.b64encode(new_drawing("tree", 3)).decode(), "pasted", None]
    )

    expect(desktop.locator("#query .name")).to_have_text("pasted")
    assert kinds(desktop) == {"tree"}


RECORD_UPLOAD = """() => {
  const send = XMLHttpRequest.prototype.send;
  XMLHttpRequest.prototype.send = function (body) {
    if (body instanceof FormData) window.sent = body.get('image');
    return send.call(this, body);
  };
}"""
READ_UPLOAD = """async () => {
  const bytes = new Uint8Array(await window.sent.arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
}"""


def sent_picture(page: Page, act) -> bytes:
    """Return the picture that the page uploads for a search; Playwright cannot see file bodies."""
    page.evaluate(RECORD_UPLOAD)
    with page.expect_response("**/v1/search"):
        act()
    return base64.b64decode(page.evaluate(READ_UPLOAD))


def test_a_12_megapixel_photo_is_sent_small_and_upright_with_the_same_results(page, http, size):
    photo = photo_12_megapixels(rotated=size == "phone")
    assert len(photo) > 3_000_000

    body = sent_picture(page, lambda: search_with(page, mug(buffer=photo, name="IMG_0001.JPG")))

    assert len(body) < 500_000
    sent = Image.open(io.BytesIO(body))
    assert sent.width / sent.height == pytest.approx(4 / 3, abs=0.01)
    full_results = http.post("/v1/search", params={"limit": 12}, content=photo).json()["results"]
    # Two more, because pictures at the edge of ten are as near as each other.
    assert set(names(page)[:10]) <= {result["name"] for result in full_results}
    frame = page.locator(".frame img")
    expect(frame).to_have_js_property("complete", True)
    assert frame.evaluate("image => image.naturalWidth / image.naturalHeight > 1")


def test_shrunk_photos_find_what_the_full_photos_find(desktop, http):
    photos = [path for path in development_set("dev-photos") if path.stat().st_size > 400_000]
    readable = [path.read_bytes() for path in photos if path.suffix.lower() in (".jpg", ".jpeg")]
    found_counts = []
    for photo in readable[:4] or [photo_12_megapixels(kind) for kind in ("boat", "mug")]:
        desktop.goto("/?copies=1")
        body = sent_picture(desktop, lambda photo=photo: search_with(desktop, mug(buffer=photo)))
        full_results = http.post("/v1/search", params={"limit": 30}, content=photo).json()[
            "results"
        ]

        assert len(body) < 500_000
        tenth = full_results[9]["similarity"]
        # A result outside the full photo's top ten can be 0.02 less similar than its tenth.
        near = {each["name"] for each in full_results if each["similarity"] > tenth - 0.02}
        found_counts.append(len(near & set(names(desktop)[:10])))

    assert min(found_counts) >= 9


def test_a_small_picture_is_sent_unchanged(desktop):
    desktop.goto("/")
    data = new_drawing("mug", 4, "PNG")

    body = sent_picture(desktop, lambda: search_with(desktop, mug(buffer=data)))

    assert body == data


def test_a_large_white_drawing_is_shrunk_on_the_background_that_shows_it(desktop):
    opacity = np.zeros((1600, 1600), np.uint8)
    opacity[400:1200, 400:1200] = np.random.default_rng(1).integers(200, 256, (800, 800))
    drawing = Image.new("RGBA", (1600, 1600), "white")
    drawing.putalpha(Image.fromarray(opacity))
    data = written(drawing, "PNG")
    assert len(data) > 400_000
    desktop.goto("/")

    body = sent_picture(desktop, lambda: search_with(desktop, mug(buffer=data)))

    sent = Image.open(io.BytesIO(body))
    assert (sent.format, sent.width) == ("JPEG", 800)
    sent = sent.convert("L")
    assert sent.getpixel((5, 5)) < 10
    assert sent.getpixel((sent.width // 2, sent.height // 2)) > 190


def test_a_large_photo_with_a_colour_profile_is_shrunk_in_the_colours_of_the_gallery(desktop):
    rng = np.random.default_rng(2)
    colours = rng.integers(40, 216, (25, 25, 3))
    noise = rng.integers(-9, 10, (1600, 1600, 1))  # so that the file is large
    pixels = colours.repeat(64, axis=0).repeat(64, axis=1) + noise
    photo = Image.fromarray(ADOBE_RGB.from_srgb(pixels))
    data = written(photo, "JPEG", quality=100, subsampling=0, icc_profile=ADOBE_RGB.profile())
    assert len(data) > 400_000
    desktop.goto("/")

    body = sent_picture(desktop, lambda: search_with(desktop, mug(buffer=data)))

    sent = Image.open(io.BytesIO(body)).convert("RGB").resize((25, 25), Image.Resampling.BOX)
    difference = np.abs(np.asarray(sent).astype(int) - colours)
    assert difference.mean() < 4  # JPEG at quality 87; without the profile it is 8.6


def test_a_large_animation_that_begins_blank_is_sent_unchanged(desktop):
    noise = np.random.default_rng(1).integers(0, 256, (700, 700), np.uint8)
    shown = Image.fromarray(noise).convert("P")
    blank = Image.new("P", shown.size)
    data = written(blank, "GIF", save_all=True, append_images=[shown], duration=100)
    assert len(data) > 400_000
    desktop.goto("/")

    body = sent_picture(desktop, lambda: search_with(desktop, mug(buffer=data)))

    assert body == data


def test_a_file_that_the_browser_cannot_open_is_sent_unchanged(desktop):
    heic = HEIC.read_bytes()
    desktop.goto("/")

    body = sent_picture(desktop, lambda: search_with(desktop, mug(buffer=heic, name="IMG.HEIC")))

    assert body == heic
    expect(desktop.locator("#query")).to_contain_text("This browser cannot show this format")
    assert len(names(desktop)) > 10


RECORD_STAGES = """() => {
  window.stages = [];
  new MutationObserver(() => {
    const now = document.querySelector('.stages [aria-current]');
    const bar = document.querySelector('.stages progress');
    if (now) stages.push([now.textContent, bar.hasAttribute('value') ? bar.value : null]);
  }).observe(document.querySelector('#answer'),
    {subtree: true, childList: true, attributes: true, characterData: true});
}"""
DROP_TWO = """() => {
  const transfer = new DataTransfer();
  for (const name of ['a.jpg', 'b.jpg']) transfer.items.add(new File([name], name));
  const options = {dataTransfer: transfer, bubbles: true, cancelable: true};
  document.body.dispatchEvent(new DragEvent('drop', options));
}"""


def test_stages_are_shown_in_order_with_progress(desktop):
    page = desktop
    page.goto("/")
    page.evaluate(RECORD_STAGES)

    search_with(page, mug(buffer=photo_12_megapixels()))
    names(page)

    seen = page.evaluate("window.stages")
    words = [word for word, _ in seen]
    assert [each for each in ("Preparing", "Searching") if each in words] == [
        "Preparing",
        "Searching",
    ]
    sent = [part for word, part in seen if word.startswith("Uploading") and part is not None]
    assert sent == sorted(sent)
    assert words.index("Preparing") < min(
        i for i, w in enumerate(words) if w.startswith("Uploading")
    )


def test_a_search_can_be_cancelled_and_repeated(page, watch, size):
    held = []
    page.route("**/v1/search", lambda route: held.append(route))
    search_with(page, mug())
    page.get_by_role("button", name="Cancel").click()

    expect(page.get_by_role("heading", name="Search cancelled")).to_be_visible()
    save_screenshot(page, f"cancelled-{size}")
    page.unroute_all(behavior="ignoreErrors")
    page.get_by_role("button", name="Search again").click()
    assert kinds(page) == {"mug"}


def test_a_second_search_cancels_the_first(desktop):
    desktop.goto("/")
    held = []
    desktop.route(
        "**/v1/search", lambda route: held.append(route) if not held else route.continue_()
    )
    failed = []
    desktop.on("requestfailed", lambda request: failed.append(request.failure))
    with desktop.expect_request("**/v1/search"):
        search_with(desktop, mug())

    search_with(desktop, mug(buffer=new_drawing("house", 5)))

    assert kinds(desktop) == {"house"}
    assert failed == ["net::ERR_ABORTED"]


def test_several_dropped_pictures_search_with_the_first_and_can_be_added(desktop, watch):
    desktop.goto("/")
    watch.expected = ("415",)  # they are not pictures
    desktop.evaluate(DROP_TWO)

    desktop.get_by_role("button", name="Add them instead").click()

    expect(desktop.get_by_role("heading", name="Add pictures")).to_be_visible()
