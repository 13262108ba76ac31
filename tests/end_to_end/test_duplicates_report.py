"""scripts/duplicates as a user runs it: the report, the API's groups, resuming after a kill."""

import json
import signal
import time
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from rich.console import Console

from functions.cli.duplicate_search import Search, search
from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import free_port, run, started, wait_for

# Ends the process as a kill does, when the search is complete and nothing is written yet.
KILLED_AT_THE_END = """
import os

def replace(old, new, real=os.replace):
    if str(new).endswith("groups.jsonl"):
        os._exit(9)
    real(old, new)

os.replace = replace
"""

HOSTILE = [
    "<img src=x onerror=alert(1)>.png",
    "\"'><script>alert(1)</script>.png",
    "</p><style>*{display:none}</style>.png",
    "&lt;b&gt; \N{RIGHT-TO-LEFT OVERRIDE}gnp.exe \N{ZERO WIDTH JOINER}.png",
    "javascript:alert(1) ' onload=alert(1) .png",
]


def add(gallery, name, data):
    gallery.add(Submission(lambda: data, name))


@pytest.fixture
def data(tmp_path):
    """A gallery of five pictures under hostile names, each with two copies and an unrelated one."""
    data = tmp_path / "data"
    gallery = build_gallery(Settings(lookalike_data=data))
    for number, name in enumerate(HOSTILE):
        picture = scene(number)
        add(gallery, f"{number}/{name}", written(picture, "PNG"))
        add(gallery, f"{number}/again.png", written(picture, "PNG"))
        add(gallery, f"{number}/small.jpg", written(picture.resize((200, 150)), quality=70))
        add(gallery, f"{number}/alone.jpg", jpeg(50 + number))
    gallery.close()
    return data


def groups_in(report: Path) -> list[dict]:
    return [json.loads(line) for line in (report / "groups.jsonl").read_text().splitlines()]


def groups_from_api(data: Path) -> list[dict]:
    port, found = free_port(), []
    with started("serve", "--port", port, data=data):
        wait_for(f"http://127.0.0.1:{port}")
        for kind in ("same-bytes", "same-picture", "lookalike"):
            params = {"kind": kind, "limit": 2}
            while True:
                response = httpx.get(f"http://127.0.0.1:{port}/v1/duplicates", params=params).json()
                found += response["groups"]
                if response["next"] is None:
                    break
                params["cursor"] = response["next"]
    return found


def comparable(groups: list[dict]) -> list[dict]:
    """Drop links, which the report omits, and round similarities."""
    for group in groups:
        for image in group["images"]:
            image.pop("links", None)
            image["similarity"] = image["similarity"] and round(image["similarity"], 5)
    return groups


def test_the_report_has_the_same_groups_as_the_api(tmp_path, data):
    report = tmp_path / "report"

    result = run("duplicates", report, data=data)

    assert result.returncode == 0, result.stderr
    assert "same-bytes: 5 groups, 5 images that can go" in result.stdout
    assert "same-picture: 5 groups, 10 images" in result.stdout
    assert comparable(groups_in(report)) == comparable(groups_from_api(data))
    assert sorted(path.name for path in report.iterdir()) == [
        "groups.jsonl",
        "report.html",
        "thumbnails",
    ]


class Page(HTMLParser):
    """A parsed page: its elements, attributes, text and the URLs that it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.loaded: set[str] = set()
        self.kept = 0
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.loaded |= {value for name, value in attributes if name in ("src", "href")}
        self.kept += ("class", "kept") in attributes

    def handle_data(self, text):
        self.text += text


def test_the_page_shows_every_image_and_escapes_every_name(tmp_path, data):
    report = tmp_path / "report"

    run("duplicates", report, "--kind", "same-picture", data=data)

    html = (report / "report.html").read_text()
    page = Page(html)
    assert page.elements.isdisjoint({"script", "iframe", "object", "link", "a", "base"})
    assert not {name for name in page.attributes if name.startswith("on")}
    assert html.count("<style>") == 1
    assert page.kept == 5
    for name in HOSTILE[:3]:
        assert name in page.text
    assert r"\u202egnp.exe \u200d.png" in page.text
    thumbnails = {f"thumbnails/{path.name}" for path in (report / "thumbnails").iterdir()}
    assert page.loaded == thumbnails
    assert len(thumbnails) == 15
    for path in thumbnails:
        with Image.open(report / path) as thumbnail:
            assert thumbnail.format == "JPEG"
    assert "default-src 'none'" in html
    assert "http:" not in html
    assert "https:" not in html


def test_the_kinds_and_the_number_of_groups_shown_can_be_set(tmp_path, data):
    report = tmp_path / "report"
    options = ["--kind", "same-picture", "--kind", "same-bytes"]

    result = run("duplicates", report, *options, "--most-shown", 2, data=data)

    kinds = [group["kind"] for group in groups_in(report)]
    assert kinds[:5] == ["same-bytes"] * 5
    assert set(kinds[5:]) == {"same-picture"}
    assert "lookalike" not in result.stdout
    html = (report / "report.html").read_text()
    assert "2 of 5 groups" in html
    assert html.count("<article>") == 4


@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.4])
def test_a_killed_report_resumes_to_the_same_result(tmp_path, data, seconds):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run("duplicates", whole, data=data)
    with started("duplicates", killed, data=data) as process:
        while not killed.exists() and process.poll() is None:
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()

    result = run("duplicates", killed, data=data)

    assert result.returncode == 0, result.stderr
    assert groups_in(killed) == groups_in(whole)
    assert (killed / "report.html").read_text() == (whole / "report.html").read_text()


def write_unfinished(report: Path, lines: list[str]) -> None:
    (report / "unfinished.jsonl").write_text("".join(lines))


@pytest.fixture
def killing(tmp_path):
    """The environment of a search that is killed at its end."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(KILLED_AT_THE_END)
    return {"PYTHONPATH": str(tmp_path / "site")}


def test_a_killed_search_resumes_after_its_last_complete_page(tmp_path, data, killing):
    report = tmp_path / "report"
    report.mkdir()
    run("duplicates", report, "--kind", "same-bytes", data=data)
    whole = groups_in(report)
    run("duplicates", report, "--kind", "same-bytes", data=data, **killing)
    first_line = (report / "unfinished.jsonl").read_text().splitlines(keepends=True)[0]
    keeper, copy = whole[0]["images"]
    found_before = {**whole[0], "images": [keeper, {**copy, "distance": 1}]}  # in truth 0
    mark = {"kind": "same-bytes", "after": whole[1]["keeper"], "looked_at": 7, "undecided": 0}
    lines = [first_line, *(json.dumps(each) + "\n" for each in (found_before, {"mark": mark}))]
    cut_off = [json.dumps({**whole[1], "keeper": "no mark behind it"}) + "\n", '{"kind": "same-by']

    write_unfinished(report, [*lines, *cut_off])
    run("duplicates", report, "--kind", "same-bytes", data=data)
    resumed = groups_in(report)
    write_unfinished(report, [*lines, *cut_off])
    run("duplicates", report, "--kind", "same-bytes", "--min-similarity", 0.9, data=data)
    restarted = groups_in(report)

    assert resumed == [found_before, *whole[1:]]
    assert restarted == whole


def test_a_search_starts_again_when_pictures_were_removed_since_it_was_killed(
    tmp_path, data, killing
):
    killed = run("duplicates", tmp_path / "report", data=data, **killing)
    gallery = build_gallery(Settings(lookalike_data=data))
    before = {image.name: image.id for image in gallery.list(limit=100).images}
    for number, name in list(enumerate(HOSTILE))[:3]:
        gallery.remove(before[f"{number}/{name}"])
    gallery.close()

    resumed = run("duplicates", tmp_path / "report", data=data)
    fresh = run("duplicates", tmp_path / "fresh", data=data)

    assert killed.returncode == 9
    assert resumed.returncode == fresh.returncode == 0, resumed.stderr
    assert "the search starts again" in resumed.stdout
    assert groups_in(tmp_path / "report") == groups_in(tmp_path / "fresh")
    assert {group["kind"] for group in groups_in(tmp_path / "report")} >= {"same-picture"}


def test_groups_contain_only_what_still_matches_their_keeper_at_the_end_of_the_search(
    tmp_path, data
):
    gallery, output = build_gallery(Settings(lookalike_data=data)), StringIO()
    wanted = Search((Likeness.SAME_PICTURE,), None)
    walk, whole = gallery.walk_duplicates, []

    def changing(options, after=None):
        for page in walk(options, after):
            whole.extend(page.groups)
            yield page
        lost, smaller, replaced, outranked, _ = whole
        gallery.remove(lost.keeper.id)
        gallery.remove(smaller.others[0].image.id)
        other = jpeg(99)
        name = replaced.others[0].image.name
        gallery.add(Submission(lambda: other, name, overwrite=True))
        gallery.update(outranked.others[0].image.id, {"note": "now the one with more metadata"})

    gallery.walk_duplicates = changing
    try:
        found = search(gallery, wanted, tmp_path / "report", Console(file=output))
        stored = {image.id: image for image in gallery.list(limit=100).images}
    finally:
        gallery.close()

    groups = groups_in(tmp_path / "report")
    assert found.groups[Likeness.SAME_PICTURE] == groups
    assert [(g["keeper"], [i["id"] for i in g["images"]]) for g in groups] == [
        (g.keeper.id, [g.keeper.id, *(other.image.id for other in g.others[skipped:])])
        for g, skipped in zip(whole[1:], (1, 1, 1, 0), strict=True)
    ]
    assert all(stored[i["id"]].sha256 == i["sha256"] for g in groups for i in g["images"])
    assert "The gallery changed during the search: 4 groups" in output.getvalue()


def test_an_empty_gallery_has_an_empty_report(tmp_path):
    result = run("duplicates", tmp_path / "report", data=tmp_path / "data")

    assert result.returncode == 0, result.stderr
    assert "lookalike: 0 groups" in result.stdout
    assert (tmp_path / "report" / "groups.jsonl").read_text() == ""
    assert "<p>None.</p>" in (tmp_path / "report" / "report.html").read_text()


def test_an_image_whose_original_is_missing_is_shown_without_a_picture(tmp_path, data):
    (data / "originals" / "0" / "again.png").unlink()

    result = run("duplicates", tmp_path / "report", "--kind", "same-bytes", data=data)

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "report" / "report.html").read_text().count("no picture") == 1


def test_a_gallery_in_use_is_refused_at_once(tmp_path, data):
    gallery = build_gallery(Settings(lookalike_data=data))
    try:
        result = run("duplicates", tmp_path / "report", data=data)
    finally:
        gallery.close()

    assert result.returncode == 2
    assert "in use by process" in result.stderr
