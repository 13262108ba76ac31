"""The real application treats methods, options and values as the OpenAPI document says."""

import json

import httpx
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.drawing import jpeg
from tests.end_to_end.server import served

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
def test_head_responds_like_get_but_without_a_body(http, path):
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
def test_an_unsupported_method_is_refused_with_the_allowed_ones(http, method, path, allowed):
    response = http.request(method, path)

    assert (response.status_code, response.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    ("body", "pointer"),
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
def test_json_types_are_strict_and_errors_point_to_the_value(http, id, body, pointer):
    response = http.post("/v1/search", json={"id": id, **body})

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


def test_integers_can_be_written_with_a_decimal_point(http, id):
    condition = {"stock": {"not": 3.0}}

    response = http.post("/v1/search", json={"id": id, "limit": 1.0, "filter": condition})

    assert len(response.json()["results"]) == 1


def test_the_body_takes_precedence_over_the_query_string(http, id):
    body = {"id": id, "limit": 1}

    overridden = http.post("/v1/search?limit=2", json=body).json()["results"]
    from_query = http.post("/v1/search?limit=2", json={"id": id}).json()["results"]

    assert (len(overridden), len(from_query)) == (1, 2)


@pytest.mark.parametrize(
    "query",
    [{"limit": "none"}, {"filter": '{"price": "x"}'}, {"filter": "x"}, {"group_by": "colour"}],
)
def test_an_invalid_query_parameter_is_refused_even_if_the_body_overrides_it(http, id, query):
    (name,) = query
    body = {"limit": 1, "filter": {"price": 5}, "group_by": "category"}[name]

    response = http.post("/v1/search", params=query, json={"id": id, name: body})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith(f"#/{name}")


def test_adding_by_key_accepts_metadata_but_no_other_name(http):
    by_key = {"key": "1.jpg", "metadata": {"category": "hat"}}

    added = http.post("/v1/images", json=by_key)
    renamed = http.post("/v1/images", json={"key": "1.jpg", "name": "other.jpg"})
    missing = http.post("/v1/images", json={"key": "none.jpg", "name": "other.jpg"})

    assert added.json()["image"]["metadata"] == {"category": "hat"}
    assert (renamed.status_code, renamed.json()["errors"][0]["pointer"]) == (422, "#/name")
    assert missing.status_code == 404


def test_only_the_second_item_with_the_same_name_is_refused(http):
    item = {"key": "1.jpg"}

    response = http.post("/v1/images/batch", json={"items": [item, {"key": "2.jpg"}, item]})

    assert [each["status"] for each in response.json()["results"]] == [200, 200, 422]


def test_the_largest_integers_are_stored_exactly(http, id):
    largest = 2**53

    kept = http.patch(f"/v1/images/{id}", json={"metadata": {"stock": largest}})
    over = http.patch(f"/v1/images/{id}", json={"metadata": {"stock": largest + 1}})
    wide = http.patch(f"/v1/images/{id}", json={"metadata": {"note": 1e300}})

    assert json.loads(kept.text)["metadata"]["stock"] == largest
    assert (over.status_code, wide.status_code) == (422, 422)


def test_a_filter_with_a_thousand_values_fits_in_a_query_string(http):
    values = [f"a category with a rather long name, number {number}" for number in range(1_000)]

    listed = http.get("/v1/images", params={"filter": json.dumps({"category": values})})

    assert (listed.status_code, listed.json()["images"]) == (200, [])
