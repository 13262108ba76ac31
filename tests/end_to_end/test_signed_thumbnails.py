"""Thumbnails that the bucket serves by signed links, and the responses that contain the links."""

import io
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from PIL import Image

from functions.api.app import MIN_COMPRESSED_BYTES
from functions.gallery.bootstrap import build_gallery
from functions.gallery.originals import s3
from functions.gallery.originals.aws import _session
from functions.gallery.settings import Settings
from tests.cloud import ACCOUNT, cloud
from tests.contract.stores import an_image
from tests.drawing import jpeg
from tests.end_to_end.server import served

BUCKET = "pictures-with-thumbnails"
FOLDER = ".lookalike/thumbnails/"


@pytest.fixture(scope="module")
def bucket():
    with cloud():
        client = boto3.client("s3")
        region = {"LocationConstraint": "eu-west-1"}
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        yield client
        client.close()


@pytest.fixture(scope="module")
def http(bucket, tmp_path_factory):
    settings = Settings(lookalike_data=tmp_path_factory.mktemp("data"), lookalike_bucket=BUCKET)
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address) as client:
        for number in range(12):
            name = {"name": f"{number}.jpg"}
            client.post("/v1/images", content=jpeg(number, 800, 600), params=name)
        bucket.put_object(Bucket=BUCKET, Key="12.jpg", Body=jpeg(12, 800, 600))
        client.post("/v1/images", json={"key": "12.jpg"})
        client.post("/v1/images", content=jpeg(1, 800, 600), params={"name": "copy.jpg"})
        yield client
    gallery.close()


def test_every_response_that_is_not_kept_has_links_that_need_neither_key_nor_call(http):
    listed = http.get("/v1/images").json()["images"]
    image = http.get(listed[0]["links"]["self"]).json()
    found = http.post("/v1/search", content=jpeg(1)).json()["results"]
    similar = http.get(image["links"]["similar"]).json()["results"]
    duplicates = http.get("/v1/duplicates?kind=same-bytes").json()["groups"]

    assert len(listed) == 14
    assert len(duplicates) == 1
    for each in [*listed, image, *found, *similar, *duplicates[0]["images"]]:
        response = httpx.get(each["links"]["signed_thumbnail"])
        assert Image.open(io.BytesIO(response.content)).size == (640, 480)


def test_the_response_to_an_addition_which_is_kept_has_none(http):
    added = http.post("/v1/images", content=jpeg(1, 800, 600), params={"name": "1.jpg"}).json()

    assert added["status"] == "duplicate"
    assert added["image"]["links"]["signed_thumbnail"] is None
    assert "immutable" in http.get(added["image"]["links"]["thumbnail"]).headers["cache-control"]


def test_large_json_is_compressed_for_those_who_accept_it(http):
    compressed = http.get("/v1/images")
    plain = http.get("/v1/images", headers={"accept-encoding": "identity"})
    small = http.get("/v1/images?limit=1")

    assert compressed.headers["content-encoding"] == "gzip"
    assert compressed.headers["vary"] == "Accept-Encoding"
    assert "content-encoding" not in plain.headers
    assert compressed.json() == plain.json()
    assert len(plain.content) > MIN_COMPRESSED_BYTES
    assert int(compressed.headers["content-length"]) < len(plain.content) / 4
    assert "content-encoding" not in small.headers
    assert (
        http.head("/v1/images").headers["content-length"] == (compressed.headers["content-length"])
    )


@pytest.fixture
def connect(monkeypatch):
    """Connect to a bucket of AWS itself: signing sends nothing."""

    def connected(name: str, region: str) -> s3.S3Originals:
        for variable, value in ACCOUNT.items():
            monkeypatch.setenv(variable, region if variable.endswith("_REGION") else value)
        monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
        _session.cache_clear()
        return s3.S3Originals.connect(name)

    yield connected
    _session.cache_clear()


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "cn-north-1"])
@pytest.mark.parametrize("name", ["pictures", "pictures.example"])
def test_the_policy_of_the_page_allows_the_origin_of_the_links(connect, region, name):
    originals = connect(name, region)

    form = urlsplit(originals.sign_form("a.jpg", "image/jpeg", 1).url)
    link = urlsplit(originals.sign_thumbnail(an_image("a.jpg")))

    assert (link.scheme, link.netloc) == (form.scheme, form.netloc)
    assert link.scheme == "https"


def test_a_link_stays_the_same_for_half_its_time_so_that_a_browser_loads_it_once(
    connect, monkeypatch
):
    originals = connect("pictures", "eu-west-1")
    signed = []
    sign = originals.objects.s3.generate_presigned_url
    monkeypatch.setattr(
        originals.objects.s3,
        "generate_presigned_url",
        lambda *request: signed.append(request) or sign(*request),
    )
    image, start = an_image("a.jpg"), s3.time.time()

    first = originals.sign_thumbnail(image)
    for minutes in (0, 29):
        monkeypatch.setattr(s3.time, "time", lambda: start + minutes * 60)  # noqa: B023
        assert originals.sign_thumbnail(image) == first
    monkeypatch.setattr(s3.time, "time", lambda: start + 31 * 60)
    originals.sign_thumbnail(image)

    assert len(signed) == 2
    assert "X-Amz-Expires=3600" in first
    assert "max-age%3D3600" in first
