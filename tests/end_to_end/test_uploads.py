"""The HTTPS API with a bucket: signed forms, objects already in the bucket, signed links."""

import base64
import json
from pathlib import Path

import boto3
import httpx
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.cloud import cloud
from tests.drawing import jpeg
from tests.end_to_end.server import served

BUCKET = "pictures"
HEIC = Path(__file__).parents[1] / "data" / "drawn.heic"


@pytest.fixture(scope="module")
def bucket():
    with cloud():
        client = boto3.client("s3")
        client.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        yield client
        client.close()


@pytest.fixture
def http(bucket, tmp_path):
    for listed in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        bucket.delete_object(Bucket=BUCKET, Key=listed["Key"])
    settings = Settings(lookalike_data=tmp_path, lookalike_bucket=BUCKET)
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address) as client:
        yield client
    gallery.close()


def test_a_picture_uploaded_with_a_signed_form_can_be_added_by_its_key(http, bucket):
    body = {"name": "shoes/größe 42+.jpg", "media_type": "image/jpeg"}
    form = http.post("/v1/uploads", json=body).json()

    sent = httpx.post(form["url"], data=form["fields"], files={"file": jpeg(1)})
    added = http.post("/v1/images", json={"key": body["name"]})

    assert sent.status_code in (200, 204)
    assert bucket.get_object(Bucket=BUCKET, Key=body["name"])["Body"].read() == jpeg(1)
    assert (added.status_code, added.json()["status"]) == (201, "added")
    assert http.post("/v1/search", content=jpeg(1)).json()["results"][0]["name"] == body["name"]


@pytest.mark.parametrize("sent", [{}, {"media_type": "application/octet-stream"}])
def test_a_picture_of_a_type_that_the_browser_does_not_know_can_be_uploaded(http, bucket, sent):
    form = http.post("/v1/uploads", json={"name": "IMG_1.HEIC"} | sent).json()

    uploaded = httpx.post(form["url"], data=form["fields"], files={"file": HEIC.read_bytes()})
    added = http.post("/v1/images", json={"key": "IMG_1.HEIC"})

    assert uploaded.is_success
    assert bucket.head_object(Bucket=BUCKET, Key="IMG_1.HEIC")["ContentType"] == (
        "application/octet-stream"
    )
    assert (added.status_code, added.json()["image"]["format"]) == (201, "HEIF")


def test_a_form_accepts_only_one_name_one_media_type_and_a_limited_size(http):
    body = {"name": "a.jpg", "media_type": "image/jpeg"}
    form = http.post("/v1/uploads", json=body).json()

    policy = json.loads(base64.b64decode(form["fields"]["policy"]))

    assert ["content-length-range", 1, 20_000_000] in policy["conditions"]
    assert {"key": "a.jpg"} in policy["conditions"]
    assert {"Content-Type": "image/jpeg"} in policy["conditions"]
    assert form["max_bytes"] == 20_000_000


def test_a_form_for_a_name_in_use_is_signed_only_to_overwrite(http, bucket):
    bucket.put_object(Bucket=BUCKET, Key="a.jpg", Body=jpeg(1))  # not indexed yet
    body = {"name": "a.jpg", "media_type": "image/jpeg"}

    refused = http.post("/v1/uploads", json=body)
    signed = http.post("/v1/uploads", json=body | {"overwrite": True})

    assert (refused.status_code, refused.json()["code"]) == (409, "name-taken")
    assert signed.status_code == 201


def test_a_picture_in_the_bucket_that_is_not_indexed_yet_is_not_replaced(http, bucket):
    bucket.put_object(Bucket=BUCKET, Key="a.jpg", Body=jpeg(1))

    refused = http.post("/v1/images?name=a.jpg", content=jpeg(2))
    same_bytes = http.post("/v1/images?name=a.jpg", content=jpeg(1))

    assert (refused.status_code, refused.json()["code"]) == (409, "name-taken")
    assert same_bytes.status_code == 201
    assert bucket.get_object(Bucket=BUCKET, Key="a.jpg")["Body"].read() == jpeg(1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"name": "a.jpg", "media_type": "text/html"}, "invalid-parameters"),
        ({"name": "../a.jpg", "media_type": "image/png"}, "invalid-name"),
        ({"name": ".lookalike/a.jpg", "media_type": "image/png"}, "invalid-name"),
        ({"name": "a.svg", "media_type": "application/xhtml+xml"}, "invalid-parameters"),
    ],
)
def test_no_form_is_signed_for_an_invalid_name_or_media_type(http, body, code):
    response = http.post("/v1/uploads", json=body)

    assert (response.status_code, response.json()["code"]) == (422, code)


def test_adding_a_key_again_picks_up_a_changed_object(http, bucket):
    bucket.put_object(Bucket=BUCKET, Key="cat.jpg", Body=jpeg(1))
    first = http.post("/v1/images", json={"key": "cat.jpg"})
    again = http.post("/v1/images", json={"key": "cat.jpg"})
    bucket.put_object(Bucket=BUCKET, Key="cat.jpg", Body=jpeg(2))
    changed = http.post("/v1/images", json={"key": "cat.jpg"})

    assert [a.json()["status"] for a in (first, again, changed)] == [
        "added",
        "duplicate",
        "replaced",
    ]


def test_a_key_without_a_picture_is_refused_and_listed_in_the_stats(http, bucket):
    bucket.put_object(Bucket=BUCKET, Key="notes.txt", Body=b"no picture")

    missing = http.post("/v1/images", json={"key": "missing.jpg"})
    refused = http.post("/v1/images", json={"key": "notes.txt"})
    stats = http.get("/v1/stats").json()

    assert (missing.status_code, missing.json()["code"]) == (404, "image-not-found")
    assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-format")
    assert (stats["refused"], stats["refusals"][0]["name"]) == (1, "notes.txt")


@pytest.mark.parametrize("extra", [{"name": "b.jpg"}, {"overwrite": True}])
def test_adding_by_key_accepts_neither_a_name_nor_overwrite(http, bucket, extra):
    bucket.put_object(Bucket=BUCKET, Key="a.jpg", Body=jpeg(1))

    response = http.post("/v1/images", json={"key": "a.jpg"} | extra)

    assert (response.status_code, response.json()["code"]) == (422, "invalid-parameters")
    assert response.json()["errors"][0]["pointer"] == f"#/{next(iter(extra))}"
    assert http.get("/v1/stats").json()["images"] == 0


def test_adding_by_key_accepts_metadata(http, bucket):
    bucket.put_object(Bucket=BUCKET, Key="a.jpg", Body=jpeg(1))

    added = http.post("/v1/images", json={"key": "a.jpg", "metadata": {"colour": "red"}})

    assert (added.status_code, added.json()["image"]["metadata"]) == (201, {"colour": "red"})


def test_originals_are_served_through_signed_links(http):
    image = http.post("/v1/images", content=jpeg(1), params={"name": "a b.jpg"}).json()["image"]
    (found,) = http.post("/v1/search", content=jpeg(1)).json()["results"]

    redirect = http.get(image["links"]["original"])
    thumbnail = http.get(image["links"]["thumbnail"])

    assert redirect.status_code == 302
    assert httpx.get(redirect.headers["location"]).content == jpeg(1)
    assert "X-Amz-Signature" in found["links"]["original"]
    assert httpx.get(found["links"]["original"]).content == jpeg(1)
    assert thumbnail.headers["content-type"] == "image/jpeg"


def test_deleting_an_image_deletes_its_objects_from_the_bucket(http, bucket):
    image = http.post("/v1/images", content=jpeg(1), params={"name": "a.jpg"}).json()["image"]
    http.get(image["links"]["thumbnail"])

    assert http.delete(image["links"]["self"]).status_code == 204
    assert "Contents" not in bucket.list_objects_v2(Bucket=BUCKET)
