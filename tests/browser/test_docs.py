"""/docs in a browser: works without a network, breaks no policy, and can try the API."""

import pytest
from playwright.sync_api import expect

from functions.api.openapi.operations import OPERATIONS
from tests.browser.conftest import Watch, context_of, save_screenshot
from tests.browser.test_key import locked  # noqa: F401


def open_operation(page, id: str):
    page.goto("/docs")
    operation = page.locator(f"[id$='-{id}']")
    operation.locator("button").first.click()
    return operation


def execute(operation) -> None:
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()


def test_every_call_is_listed_without_a_request_to_another_host(desktop):
    desktop.goto("/docs")

    expect(desktop.get_by_role("heading", name="Lookalike")).to_be_visible()
    expect(desktop.locator(".opblock")).to_have_count(len(OPERATIONS))
    save_screenshot(desktop, "docs")


def test_a_call_can_be_tried_with_what_the_docs_propose(desktop):
    operation = open_operation(desktop, "listImages")

    execute(operation)

    response = operation.locator(".live-responses-table")
    expect(response.locator(".response-col_status").last).to_contain_text("200")
    expect(response).to_contain_text('"images"')


@pytest.fixture
def with_keys(browser, locked):  # noqa: F811
    watch = Watch(locked, expected=("401",))
    context = context_of(browser, "desktop", base_url=locked)
    watch.attach(context)
    yield context.new_page()
    context.close()
    assert watch.problems == []


def test_a_gallery_with_keys_is_tried_with_a_key_that_is_not_kept(with_keys):
    operation = open_operation(with_keys, "getStats")
    status = operation.locator(".live-responses-table .response-col_status").last
    execute(operation)
    expect(status).to_contain_text("401")

    with_keys.get_by_role("button", name="Authorize").first.click()
    with_keys.get_by_role("textbox", name="Value:").fill("reader's key")
    with_keys.get_by_role("button", name="Apply credentials").click()
    with_keys.get_by_role("button", name="Close").click()
    operation.get_by_role("button", name="Execute").click()

    expect(status).to_contain_text("200")
    assert with_keys.evaluate("localStorage.length + sessionStorage.length") == 0
