"""The recipes, followed as printed: real files, commands, servers and pictures."""

import hashlib
import json
import re
import shutil

import httpx
import pytest

from functions.api.app import create_app
from functions.cli.demo import draw_demo
from functions.gallery.bootstrap import build_gallery
from functions.gallery.originals.aws import client
from functions.gallery.settings import Settings
from tests.cloud import cloud
from tests.drawing import jpeg
from tests.end_to_end.server import answered, serving
from tests.end_to_end.test_fetch_live import HostileServer, fetcher, redirect, sized, url
from tests.recipes.reading import Reader


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """The folder of drawn pictures that the first `scripts/serve` creates."""
    folder = tmp_path_factory.mktemp("drawn")
    draw_demo(folder)
    return folder


@pytest.fixture
def reader(tmp_path, drawn):
    with answered("\n\n") as terminal:  # yes, fill the empty gallery
        reader = Reader(tmp_path / "clone", terminal)
        shutil.copytree(drawn, reader.clone / "data" / "originals" / "demo")
        yield reader
        reader.press_ctrl_c()


def images(reader, key=""):
    headers = {"x-api-key": key}
    return httpx.get(f"{reader.address}/v1/images", headers=headers).json()["images"]


def kinds(output):
    return {result["name"].rpartition("-")[0] for result in json.loads(output)["results"]}


def test_a_shop_keeps_its_products_in_sync_from_node_with_a_key_that_can_write(reader):
    digest = hashlib.sha256(b"the shop").hexdigest()
    reader.environment |= {"LOOKALIKE_API_KEYS": f"write:{digest}", "LOOKALIKE_KEY": "the shop"}

    reader.follow("A product catalogue, from Node.js")

    mug = {"product": "mug-12", "category": "kitchen", "price": 11.0}
    umbrella = {"product": "umbrella-3", "category": "outdoors", "price": 19.0, "sale": True}
    assert {image["name"]: image["metadata"] for image in images(reader, "the shop")} == {
        "products/mug-12/front": mug,
        "products/mug-12/side": mug,
        "products/umbrella-3/open": umbrella,
    }


def test_a_search_by_part_of_a_picture_finds_that_part(reader):
    _, found = reader.follow("Search by a part of a picture")

    assert kinds(found) == {"demo/boat"}


def test_positive_and_negative_examples_steer_a_search(reader):
    _, output = reader.follow("More like this, less like that")

    like, unlike = output.split("Like the boat, but not like the tree:")
    assert like.count("demo/boat-") == 8
    assert like.count("demo/tree-") == 4
    assert unlike.count("demo/boat-") == 8
    assert unlike.count("demo/tree-") == 0


def test_a_table_of_urls_is_imported_corrected_and_resumed(reader):
    # With the real guard: the server does not fetch from this machine.
    (reader.clone / "public.csv").write_text("url\nhttps://127.0.0.1/mug-1.jpg\n")

    *_, public = reader.follow("A catalogue as a CSV of URLs")

    assert public == "1 url-refused, 0 to go\n"


@pytest.fixture
def public(tmp_path):
    """Serve a gallery that can fetch from pictures.test, our own server on loopback."""
    settings = Settings(lookalike_data=tmp_path / "fetched", lookalike_fetch_urls="http")
    gallery = build_gallery(settings)
    web = HostileServer()
    app = create_app(gallery, settings)
    # The real guard, but the test resolves the name and allows one address.
    app.state.fetcher = fetcher(web)
    with serving(app) as address:
        yield web, address
    web.close()
    gallery.close()


def test_the_server_fetches_pictures_from_the_public_internet(reader, public):
    web, address = public
    names = [f"{number}.jpg" for number in range(25)]  # more than fit in one call
    web.answers |= {f"/{name}": sized(jpeg(number)) for number, name in enumerate(names)}
    web.answers["/moved.jpg"] = redirect("http://169.254.169.254/latest/meta-data/")
    web.answers["/gone.jpg"] = b"HTTP/1.1 404 Not Found\r\n\r\n"
    urls = [url(web, f"/{name}") for name in [*names, "moved.jpg", "gone.jpg", "0.jpg"]]
    (reader.clone / "public.csv").write_text("\n".join(["url", *urls, "http://10.0.0.1/a.jpg"]))
    reader.save("A catalogue as a CSV of URLs")
    reader.environment["LOOKALIKE_URL"] = address

    first = reader.type("python3 import_urls.py public.csv")
    requests_before = len(web.requests)
    web.answers["/gone.jpg"] = sized(jpeg(99))
    second = reader.type("python3 import_urls.py public.csv")

    assert first.splitlines()[-1] == "25 added, 2 url-refused, 1 url-unreachable, 0 to go"
    assert second.splitlines()[-1] == "25 in already, 2 url-refused, 1 added, 0 to go"
    assert requests_before == 25 + 2
    assert len(web.requests) == requests_before + 2


def test_copies_in_an_archive_are_found_reviewed_and_removed(reader):
    outputs = reader.follow("Duplicates in a photo archive")

    assert (reader.clone / "duplicates" / "report.html").is_file()
    assert outputs[-1].split() == ["20"]
    assert sorted(image["name"] for image in images(reader)) == sorted(
        f"2021/{kind}-{number}.jpg" for kind in ("mug", "boat") for number in range(1, 10)
    )
    aside = reader.clone / "aside" / "phone"
    assert {path.name for path in aside.iterdir()} == {"IMG_0001.jpg", "IMG_0002.jpg"}


def test_a_catalogue_is_taught_and_then_finds_what_belongs_together(reader):
    _, _, before, taught, _, _, after = reader.follow("Teach it what belongs together")

    right = [sum(map(int, re.findall(r"(\d) of 4", output))) for output in (before, after)]
    assert "Known labels:" in taught
    assert right[1] >= right[0] + 3
    assert right[1] >= 18  # of 24
    assert (reader.clone / "own" / "report.html").is_file()


def test_an_existing_bucket_is_indexed(reader, drawn):
    files = sorted(drawn.iterdir())[:3]
    with cloud() as environment:
        s3 = client("s3")
        region = {"LocationConstraint": environment["AWS_REGION"]}
        s3.create_bucket(Bucket="my-pictures", CreateBucketConfiguration=region)
        for file in files:
            s3.put_object(Bucket="my-pictures", Key=file.name, Body=file.read_bytes())
        reader.environment |= environment

        (output,) = reader.follow("An existing bucket")

    expected = [f"{outcome} {file.name}" for outcome in ("differs", "indexed") for file in files]
    assert sorted(line for line in output.splitlines() if ".jpg" in line) == sorted(expected)
