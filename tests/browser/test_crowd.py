"""Five visitors at once, behind a gateway with ten functions, with the pictures in a bucket."""

import hashlib
from collections.abc import Iterator

import boto3
import pytest
from playwright.sync_api import Browser, Page

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import context_of
from tests.browser.drawn import add, new_drawing
from tests.browser.gateway import Gateway, gateway_to
from tests.cloud import cloud
from tests.end_to_end.server import served

pytestmark = pytest.mark.slow
BUCKET = "pictures-of-a-crowd"
KEY = "reader's key"
VISITORS = 5
PICTURES = 16
SHOWN = """([selector, number]) => number === [...document.querySelectorAll(selector)]
    .filter((img) => img.complete && img.naturalWidth > 0).length"""


@pytest.fixture(scope="module")
def bucket():
    with cloud():
        client = boto3.client("s3")
        region = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        yield client
        client.close()


@pytest.fixture(scope="module")
def application(bucket, tmp_path_factory) -> Iterator[str]:
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("data"),
        lookalike_bucket=BUCKET,
        lookalike_api_keys={hashlib.sha256(KEY.encode()).hexdigest(): "read"},
    )
    gallery = build_gallery(settings)
    for number in range(PICTURES):
        add(gallery, new_drawing("mug", f"crowd{number}"), f"mug-{number}.jpg", {})
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def gateway(application) -> Iterator[Gateway]:
    with gateway_to(application) as gateway:
        yield gateway


@pytest.fixture
def visitors(browser: Browser, gateway) -> Iterator[list[Page]]:
    """Pages of visitors who have nothing cached, each with a key, on the way to the start page."""
    contexts = [context_of(browser, "desktop") for _ in range(VISITORS)]
    pages = [context.new_page() for context in contexts]
    for context in contexts:
        context.add_init_script(f'sessionStorage.setItem("lookalike-key /", {KEY!r})')
    for page in pages:  # not goto, which waits
        page.evaluate("url => void setTimeout(() => location.assign(url), 100)", gateway.address)
    yield pages
    for context in contexts:
        context.close()


def test_everybody_gets_the_page_and_results_without_a_call_for_each_thumbnail(visitors, gateway):
    for page in visitors:
        page.wait_for_function(SHOWN, arg=[".sample img", 8])
    loaded = len(gateway.calls) - gateway.count("icon.svg")  # a tab needs no icon
    search(visitors)

    assert loaded == VISITORS * 3  # page, limits, samples
    assert gateway.count("/v1/search") == VISITORS
    assert gateway.count("/thumbnail") == 0


def test_everybody_gets_results_while_others_keep_most_functions_busy(visitors, gateway):
    for page in visitors:
        page.wait_for_function(SHOWN, arg=[".sample img", 8])

    with gateway.busy(8):
        search(visitors)

    assert "/v1/search" in gateway.turned_away
    assert gateway.count("/v1/search") == VISITORS


def search(visitors: list[Page]) -> None:
    """Have all of them search at once, and wait until each sees every result."""
    for page in visitors:
        page.evaluate("void document.querySelector('.sample').click()")
    for page in visitors:
        page.wait_for_selector(".tile img")
        page.evaluate("document.querySelector('.foot').scrollIntoView()")
        page.wait_for_function(SHOWN, arg=[".tile img", PICTURES - 1])


@pytest.fixture
def removed(application, bucket) -> list[str]:
    """The thumbnails that were in the bucket until now."""
    kept = bucket.list_objects_v2(Bucket=BUCKET, Prefix=".lookalike/thumbnails/")["Contents"]
    for thumbnail in kept:
        bucket.delete_object(Bucket=BUCKET, Key=thumbnail["Key"])
    return [thumbnail["Key"] for thumbnail in kept]


def test_thumbnails_that_the_bucket_does_not_have_are_made_for_everybody(
    removed, visitors, gateway, bucket
):
    with gateway.busy(5):
        for page in visitors:
            page.wait_for_function(SHOWN, arg=[".sample img", 8])

    assert len(removed) == PICTURES
    assert any("/thumbnail" in path for path in gateway.turned_away)
    again = bucket.list_objects_v2(Bucket=BUCKET, Prefix=".lookalike/thumbnails/")
    assert again["KeyCount"] == 8
