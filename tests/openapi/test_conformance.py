"""What the document promises about methods, options and texts, on the real application."""

import json

import httpx
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.doors.server import served
from tests.drawing import jpeg

FIELDS = {"category": "keyword", "price": "float", "stock": "integer"}


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("data"), lookalike_filter_fields=FIELDS
    )
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        client.post("/v1/images", params={"name": "1.jpg"}, content=jpeg(1)).raise_for_status()
        client.post("/v1/images", params={"name": "2.jpg"}, content=jpeg(2)).raise_for_status()
        yield client
    gallery.close()


@pytest.fixture
def id(http):
    return http.get("/v1/images").json()["images"][0]["id"]


@pytest.mark.parametrize("path", ["/v1/stats", "/v1/images", "/healthz", "/openapi.json", "/"])
def test_head_answers_as_get_without_a_body(http, path):
    head, get = http.head(path), http.get(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/images", "HEAD, GET, POST"),
        ("TRACE", "/v1/images/x", "HEAD, GET, PATCH, DELETE"),
        ("GET", "/v1/images/batch", "POST"),
        ("HEAD", "/v1/images/delete", "POST"),
        ("OPTIONS", "/v1/search", "POST"),
    ],
)
def test_another_method_is_refused_with_those_there_are(http, method, path, allowed):
    answer = http.request(method, path)

    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"limit": "5"}, "#/limit"),
        ({"limit": True}, "#/limit"),
        ({"exclude_self": 1}, "#/exclude_self"),
        ({"exclude_self": "true"}, "#/exclude_self"),
        ({"min_similarity": "0.5"}, "#/min_similarity"),
        ({"region": {"x": "0", "y": 0, "width": 1, "height": 1}}, "#/region/x"),
        ({"filter": {"a/b~c": 1}}, "#/filter/a~1b~0c"),
        ({"filter": {"price": "x"}}, "#/filter/price"),
        ({"group_by": "colour"}, "#/group_by"),
    ],
)
def test_json_is_taken_by_its_types_and_errors_point_into_it(http, id, body, wrong):
    answer = http.post("/v1/search", json={"id": id, **body})

    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == [wrong]


def test_whole_numbers_may_be_written_with_a_point(http, id):
    demands = {"stock": {"not": 3.0}}

    answer = http.post("/v1/search", json={"id": id, "limit": 1.0, "filter": demands})

    assert len(answer.json()["results"]) == 1


def test_what_stands_in_the_body_counts_before_the_query(http, id):
    asked = {"id": id, "limit": 1}

    found = http.post("/v1/search?limit=2", json=asked).json()["results"]
    plain = http.post("/v1/search?limit=2", json={"id": id}).json()["results"]

    assert (len(found), len(plain)) == (1, 2)


@pytest.mark.parametrize(
    "query",
    [{"limit": "none"}, {"filter": '{"price": "x"}'}, {"filter": "x"}, {"group_by": "colour"}],
)
def test_nonsense_in_the_query_is_refused_although_the_body_counts(http, id, query):
    (name,) = query
    body = {"limit": 1, "filter": {"price": 5}, "group_by": "category"}[name]

    answer = http.post("/v1/search", params=query, json={"id": id, name: body})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(f"#/{name}")


def test_a_picture_by_key_may_have_metadata_but_no_other_name(http):
    by_key = {"key": "1.jpg", "metadata": {"category": "hat"}}

    added = http.post("/v1/images", json=by_key)
    renamed = http.post("/v1/images", json={"key": "1.jpg", "name": "other.jpg"})
    missing = http.post("/v1/images", json={"key": "none.jpg", "name": "other.jpg"})

    assert added.json()["image"]["metadata"] == {"category": "hat"}
    assert (renamed.status_code, renamed.json()["errors"][0]["pointer"]) == (422, "#/name")
    assert missing.status_code == 404


def test_the_second_item_of_one_name_is_refused_alone(http):
    ask = {"key": "1.jpg"}

    answer = http.post("/v1/images/batch", json={"items": [ask, {"key": "2.jpg"}, ask]})

    assert [each["status"] for each in answer.json()["results"]] == [200, 200, 422]


def test_the_largest_integers_are_kept(http, id):
    largest = 2**63 - 1

    kept = http.patch(f"/v1/images/{id}", json={"metadata": {"stock": largest}})
    over = http.patch(f"/v1/images/{id}", json={"metadata": {"stock": largest + 1}})
    wide = http.patch(f"/v1/images/{id}", json={"metadata": {"note": 1e300}})

    assert json.loads(kept.text)["metadata"]["stock"] == largest
    assert (over.status_code, wide.status_code) == (422, 422)


def test_a_filter_of_a_thousand_values_fits_into_a_query(http):
    values = [f"a category with a rather long name, number {number}" for number in range(1_000)]

    listed = http.get("/v1/images", params={"filter": json.dumps({"category": values})})

    assert (listed.status_code, listed.json()["images"]) == (200, [])
