"""The pages lead somewhere, and say which version this is."""

import re
import tomllib
from pathlib import Path

import pytest

from functions import __version__

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for folder in (ROOT, ROOT / "docs", ROOT / "infra", ROOT / "model")
    for path in folder.glob("*.md")
)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s#]*)(#[^)\s]*)?\)")


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_or_heading_leads_there(page):
    links = _LINK.findall(_CODE.sub("", page.read_text()))
    local = [(path, anchor) for path, anchor in links if not path.startswith(("http", "mailto"))]

    wrong = []
    for path, anchor in local:
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            wrong.append(f"{path}{anchor}")

    assert wrong == []


def test_every_page_can_be_reached_from_the_readme():
    found, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        found.add(page)
        links = {(page.parent / path).resolve() for path, _ in _LINK.findall(page.read_text())}
        waiting += [link for link in links - found if link.suffix == ".md" and link.exists()]

    assert [page.name for page in PAGES if page not in found] == []


def test_the_version_is_in_one_place_and_the_changelog_knows_it():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (first,) = re.findall(r"\A.*?^## (.+?)$", (ROOT / "CHANGELOG.md").read_text(), re.M | re.S)

    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "functions.__version__"}
    assert first == "[Unreleased]" or re.fullmatch(rf"\[{__version__}\] - \d{{4}}-\d\d-\d\d", first)
