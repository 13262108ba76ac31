"""The page of a gallery in place offers nothing that cannot be done, and says that files stay."""

import io

import pytest
from playwright.sync_api import Page, expect
from rich.console import Console

from functions.cli.following import follow
from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.browser.conftest import Watch, context_of
from tests.browser.drawn import new_drawing
from tests.browser.test_search import mug, names, search_with
from tests.contract.test_in_place_contract import listing, put
from tests.end_to_end.server import served


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(4):
        put(folder, f"mug-{number}.jpg", new_drawing("mug", f"place{number}"))
    put(folder, "copy.jpg", new_drawing("mug", "place0"))
    return folder


@pytest.fixture(scope="module")
def address(folder, tmp_path_factory):
    settings = Settings(lookalike_data=tmp_path_factory.mktemp("data"), lookalike_in_place=folder)
    gallery = build_gallery(settings)
    follow(gallery, folder, Console(file=io.StringIO()))
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def tab(browser, address) -> Page:
    watch = Watch(f"{address}/", expected=("Applying inline style",))
    context = context_of(browser, "desktop", base_url=address)
    watch.attach(context)
    yield context.new_page()
    context.close()
    assert watch.problems == []


def test_nothing_can_be_added(tab):
    tab.goto("/")
    expect(tab.get_by_role("link", name="Browse")).to_be_visible()
    expect(tab.get_by_role("link", name="Add", exact=True)).to_be_hidden()
    search_with(tab, mug())
    names(tab)
    expect(tab.get_by_role("button", name="Add to gallery")).to_have_count(0)

    tab.goto("/?view=add")

    expect(tab.get_by_text("Pictures stay in their own folder")).to_be_visible()
    expect(tab.get_by_role("button", name="Choose pictures")).to_be_hidden()


def test_a_deletion_says_that_the_file_stays_and_leaves_it(tab, folder):
    before = listing(folder)
    tab.goto("/?view=duplicates")
    expect(tab.get_by_text("the files stay in their folder")).to_be_visible()
    tab.goto("/?view=browse&find=mug-3")
    tab.get_by_role("button", name="Actions for mug-3.jpg").click()
    tab.get_by_role("menuitem", name="Delete…").click()
    dialog = tab.get_by_role("dialog")

    expect(dialog).to_contain_text("mug-3.jpg leaves the gallery. The file itself stays")
    dialog.get_by_role("button", name="Delete").click()

    expect(tab.get_by_text("Picture deleted.")).to_be_visible()
    expect(tab.get_by_role("button", name="Actions for mug-3.jpg")).to_have_count(0)
    assert listing(folder) == before
