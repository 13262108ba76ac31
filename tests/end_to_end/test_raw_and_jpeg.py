"""A raw file and its JPEG are one shot: in search, duplicates and the report, over real HTTP."""

import json
from io import BytesIO, StringIO

import httpx
import pytest
from PIL import Image
from rich.console import Console

from functions.cli.duplicate_report import write_report
from functions.cli.duplicate_search import Search, search
from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import run, served
from tests.raw_files import KINDS, SENSOR, dng, nef

SHOT = scene(6, 300, 200).resize((1200, 800))
JPEG, PREVIEW = written(SHOT, quality=95), written(SHOT.resize((960, 640)), quality=70)
NEF = nef(PREVIEW)


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    """A client for a gallery of a shot as raw and JPEG, and another picture."""
    settings = Settings(lookalike_data=tmp_path_factory.mktemp("data"))
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address) as client:
        add(client, "DSC_1.JPG", JPEG)
        add(client, "DSC_1.NEF", NEF)
        add(client, "other.jpg", jpeg(12))
        yield client
    gallery.close()


def add(client: httpx.Client, name: str, data: bytes) -> dict:
    response = client.post("/v1/images", content=data, params={"name": name})
    assert response.status_code == 201, response.text
    return response.json()["image"]


def groups(client: httpx.Client, kind: str) -> list[dict[str, bool]]:
    """Return whether each image of each group can go, the keeper first."""
    page = client.get("/v1/duplicates", params={"kind": kind}).json()
    assert page["next"] is None
    return [
        {image["name"]: image["removable"] for image in group["images"]} for group in page["groups"]
    ]


def image_named(client: httpx.Client, name: str) -> dict:
    params = {"filter": json.dumps({"name": name})}
    [image] = client.get("/v1/images", params=params).json()["images"]
    return image


def test_neither_the_raw_file_nor_the_jpeg_is_proposed_for_deletion(http):
    [group] = groups(http, "same-picture")

    assert list(group.items()) == [("DSC_1.NEF", False), ("DSC_1.JPG", False)]
    assert groups(http, "same-bytes") == []


def test_copies_of_either_are_proposed_for_deletion(http):
    copy = add(http, "copy.NEF", NEF)
    small = add(http, "small.jpg", written(SHOT.resize((300, 200)), quality=70))

    [group] = groups(http, "same-picture")

    http.post("/v1/images/delete", json={"ids": [copy["id"], small["id"]]})
    raws = {"DSC_1.NEF", "copy.NEF"}
    assert {group.pop(name) for name in raws} == {False, True}
    assert group == {"DSC_1.JPG": False, "small.jpg": True}


def test_a_search_finds_a_shot_once(http):
    params = {"collapse_copies": True, "limit": 1}
    for query in (JPEG, NEF, written(SHOT.resize((480, 320)))):
        response = http.post("/v1/search", content=query, params=params).json()
        [found] = response["results"]

        assert found["name"] in ("DSC_1.NEF", "DSC_1.JPG")
        assert found["hidden"] == 1


def test_a_raw_file_is_stored_with_the_size_of_its_sensor(http):
    image = image_named(http, "DSC_1.NEF")

    assert (image["format"], image["width"], image["height"]) == ("NEF", *SENSOR)
    params = {"filter": json.dumps({"format": "NEF"})}
    [only] = http.get("/v1/images", params=params).json()["images"]
    assert only["id"] == image["id"]


def test_the_original_and_a_thumbnail_of_a_raw_file_are_served(http):
    links = image_named(http, "DSC_1.NEF")["links"]

    original, thumbnail = http.get(links["original"]), http.get(links["thumbnail"])

    assert (original.headers["content-type"], original.content) == ("image/x-nikon-nef", NEF)
    with Image.open(BytesIO(thumbnail.content)) as small:
        assert (small.format, small.size) == ("JPEG", (640, 427))


def test_a_raw_file_can_be_compared_with_its_jpeg(http):
    sides = [{"id": image_named(http, f"DSC_1.{kind}")["id"]} for kind in ("NEF", "JPG")]

    compared = http.post("/v1/compare", json={"a": sides[0], "b": sides[1]}).json()

    assert compared["matched"] == "same-picture"


def test_a_raw_file_without_a_large_preview_is_refused_by_its_kind(http):
    response = http.post("/v1/images", content=dng(jpeg(1)), params={"name": "a.dng"})

    assert (response.status_code, response.json()["code"]) == (415, "unsupported-format")
    assert "A raw file (DNG) without" in response.json()["detail"]


def test_the_limits_list_the_kinds_of_raw_files(http):
    assert set(KINDS) < set(http.get("/v1/limits").json()["formats"])


@pytest.fixture
def filled(tmp_path):
    """The gallery itself, with a shot as raw and JPEG and two smaller copies."""
    gallery = build_gallery(Settings(lookalike_data=tmp_path / "data"))
    for name, data in {
        "DSC_1.JPG": JPEG,
        "DSC_1.NEF": NEF,
        "medium.jpg": written(SHOT.resize((600, 400))),
        "small.jpg": written(SHOT.resize((300, 200))),
    }.items():
        gallery.add(Submission(lambda data=data: data, name=name))
    yield gallery
    gallery.close()


def test_the_report_proposes_the_copies_only(tmp_path, filled):
    filled.close()

    result = run(
        "duplicates", tmp_path / "report", "--kind", "same-picture", data=tmp_path / "data"
    )

    assert "same-picture: 1 groups, 2 images that can go" in result.stdout, result.stderr
    [group] = map(json.loads, (tmp_path / "report" / "groups.jsonl").read_text().splitlines())
    assert [(image["name"], image["removable"]) for image in group["images"]] == [
        ("DSC_1.NEF", False),
        ("DSC_1.JPG", False),
        ("medium.jpg", True),
        ("small.jpg", True),
    ]
    html = (tmp_path / "report" / "report.html").read_text()
    assert html.count('class="kept"') == 2
    assert "belong together" not in html


def test_the_report_proposes_nothing_that_lost_its_reason_during_the_search(tmp_path, filled):
    wanted = Search((Likeness.SAME_PICTURE,), None)
    walk = filled.walk_duplicates

    def removing(options, after=None):
        yield from walk(options, after)
        jpegs = [i for i in filled.list(limit=10).images if i.name in ("DSC_1.JPG", "medium.jpg")]
        for image in jpegs:
            filled.remove(image.id)

    filled.walk_duplicates = removing
    found = search(filled, wanted, tmp_path / "report", Console(file=StringIO()))
    page = write_report(filled, found, tmp_path / "report", 10, Console(file=StringIO()))

    [group] = found.groups[Likeness.SAME_PICTURE]
    assert {image["name"]: image["removable"] for image in group["images"]} == {
        "DSC_1.NEF": False,
        "small.jpg": False,
    }
    assert "a raw file and the picture made from it belong together" in page.read_text()
