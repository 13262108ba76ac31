"""Batches, comparisons and repeated requests, over real HTTP."""

import base64
import hashlib
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import httpx
import pytest

from functions.api.app import create_app
from functions.gallery.bootstrap import build_gallery
from functions.gallery.errors import UrlUnreachable
from functions.gallery.settings import Settings
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import serving

FIELDS = {"category": "keyword", "price": "float"}
PICTURES = {f"https://pictures.example/{n}.jpg": jpeg(n) for n in range(6)}


class FakeFetcher:
    """Serves a few pictures; the real fetcher has its own tests."""

    def fetch(self, url: str, max_bytes: int) -> bytes:
        if url not in PICTURES:
            raise UrlUnreachable("pictures.example answered 404")
        return PICTURES[url]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("data"),
        lookalike_filter_fields=FIELDS,
        lookalike_fetch_urls="https",
    )
    gallery = build_gallery(settings)
    app = create_app(gallery, settings)
    app.state.fetcher = FakeFetcher()
    with serving(app) as address:
        yield address
    gallery.close()


@pytest.fixture
def http(address):
    """A client for an empty gallery."""
    with httpx.Client(base_url=address, timeout=30) as client:
        client.post("/v1/images/delete", json={"filter": {"bytes": {"gte": 0}}})
        yield client


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def batch(http, *items, **headers):
    return http.post("/v1/images/batch", json={"items": items}, headers=headers)


def add_four(http) -> list[str]:
    """Add two dresses and two hats."""
    kinds = ["dress", "hat", "dress", "hat"]
    items = [
        {"image": b64(jpeg(n)), "name": f"{n}.jpg", "metadata": {"category": kind, "price": n}}
        for n, kind in enumerate(kinds)
    ]
    results = batch(http, *items).json()["results"]
    return [result["added"]["image"]["id"] for result in results]


def test_every_item_of_a_batch_has_its_own_status(http):
    url = "https://pictures.example/1.jpg"
    results = batch(
        http,
        {"url": url, "name": "a.jpg", "metadata": {"category": "hat"}},
        {"image": b64(b"no picture"), "name": "b.jpg"},
        {"image": b64(jpeg(2))},
        {"name": "empty.jpg"},
        {"image": b64(jpeg(3)), "name": "c.jpg", "metadata": {"price": "dear"}},
        {"key": "not/there.jpg"},
    ).json()["results"]

    assert [result["status"] for result in results] == [201, 415, 201, 400, 422, 404]
    assert results[0]["added"]["image"]["name"] == "a.jpg"
    assert results[2]["added"]["status"] == "added"
    assert results[4]["problem"]["code"] == "invalid-metadata"
    assert results[4]["problem"]["errors"][0]["pointer"] == "#/metadata/price"
    assert http.get("/v1/stats").json()["images"] == 2


def test_an_item_repeated_in_a_later_batch_is_stored_once(http):
    add_four(http)

    again = batch(http, {"image": b64(jpeg(0)), "name": "0.jpg"}, {"image": b64(jpeg(9))})

    results = again.json()["results"]
    assert [result["status"] for result in results] == [200, 201]
    assert results[0]["added"]["status"] == "duplicate"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"items": []},
        {"items": [{"name": "a", "what": 1}]},
        {"items": [{"image": "AA=="}] * 51},
        {"items": [{"image": "not base64"}]},
    ],
    ids=["empty body", "no items", "unknown field", "too many", "not base64"],
)
def test_an_invalid_batch_is_refused_as_a_whole(http, body):
    response = http.post("/v1/images/batch", json=body)

    assert response.status_code == 422
    assert response.json()["errors"]


def test_clients_can_check_by_hash_before_uploading(http):
    add_four(http)
    known, unknown = (hashlib.sha256(data).hexdigest() for data in (jpeg(1), b"else"))

    response = http.post("/v1/images/check", json={"sha256": [unknown, known, known]})

    results = response.json()["results"]
    assert [result["known"] for result in results] == [False, True, True]
    assert results[1]["images"][0]["name"] == "1.jpg"
    assert results[0] == {"sha256": unknown, "known": False, "images": []}


@pytest.mark.parametrize("sha256", [[], ["abc"], ["AB" * 32], "ab" * 32, [1]])
def test_an_invalid_list_of_hashes_is_refused(http, sha256):
    assert http.post("/v1/images/check", json={"sha256": sha256}).status_code == 422


def test_a_dry_run_counts_the_images_that_a_filter_deletes(http):
    add_four(http)
    hats = {"filter": {"category": "hat"}}

    counted = http.post("/v1/images/delete", json=hats | {"dry_run": True}).json()
    deleted = http.post("/v1/images/delete", json=hats).json()

    assert counted == {"matched": 2, "deleted": 0, "remaining": 2, "dry_run": True}
    assert deleted == {"matched": 2, "deleted": 2, "remaining": 0, "dry_run": False}
    left = http.get("/v1/images").json()["images"]
    assert {image["metadata"]["category"] for image in left} == {"dress"}


def test_images_are_deleted_by_id_and_unknown_ids_are_not_counted(http):
    ids = add_four(http)

    deleted = http.post(
        "/v1/images/delete", json={"ids": [ids[0], str(uuid.uuid4()), "no id", ids[0]]}
    )

    assert deleted.json() == {"matched": 1, "deleted": 1, "remaining": 0, "dry_run": False}
    assert http.get(f"/v1/images/{ids[0]}").status_code == 404
    assert http.get(f"/v1/images/{ids[0]}/original").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"filter": {}},
        {"ids": ["a"], "filter": {"category": "hat"}},
        {"filter": {"colour": "red"}},
        {"ids": ["a"], "dry": True},
    ],
)
def test_an_invalid_deletion_is_refused_and_deletes_nothing(http, body):
    add_four(http)

    response = http.post("/v1/images/delete", json=body)

    assert response.status_code == 422
    assert http.get("/v1/stats").json()["images"] == 4


def test_the_list_is_sorted_across_pages_in_either_direction(http):
    add_four(http)

    names, cursor = [], None
    while True:
        params = {"sort": "-price", "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = http.get("/v1/images", params=params).json()
        names += [image["name"] for image in page["images"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert names == ["3.jpg", "2.jpg", "1.jpg", "0.jpg"]
    first = http.get("/v1/images", params={"sort": "added_at", "limit": 1}).json()["images"][0]
    newest = http.get("/v1/images", params={"sort": "-added_at"}).json()["images"][0]
    assert datetime.fromisoformat(first["added_at"]) <= datetime.fromisoformat(newest["added_at"])


@pytest.mark.parametrize("sort", ["category", "name", "colour", "--price", ""])
def test_a_list_cannot_be_sorted_by_a_text_field_or_an_unknown_field(http, sort):
    assert http.get("/v1/images", params={"sort": sort}).status_code == 422


def test_searches_in_a_batch_return_the_same_results_as_on_their_own(http):
    ids = add_four(http)
    queries = [
        {"id": ids[0], "limit": 2},
        {"image": b64(jpeg(1)), "filter": {"category": "hat"}},
        {"id": str(uuid.uuid4())},
        {"positive": [{"id": ids[0]}, {"url": "https://pictures.example/2.jpg"}], "limit": 1},
        {"limit": 3},
    ]

    results = http.post("/v1/search/batch", json={"queries": queries}).json()["results"]

    assert [result["status"] for result in results] == [200, 200, 404, 200, 422]
    for position in (0, 1, 3):
        single = http.post("/v1/search", json=queries[position]).json()
        assert results[position]["found"]["results"] == single["results"]
    assert results[2]["problem"]["code"] == "image-not-found"


def test_a_comparison_reports_what_pictures_have_in_common(http):
    ids = add_four(http)
    copy = written(scene(0).resize((160, 120)), quality=60)

    def compare(a, b):
        response = http.post("/v1/compare", json={"a": a, "b": b})
        assert response.status_code == 200, response.text
        return response.json()

    same = compare({"id": ids[0]}, {"url": "https://pictures.example/0.jpg"})
    altered = compare({"id": ids[0]}, {"image": b64(copy)})
    other = compare({"id": ids[0]}, {"id": ids[1]})

    assert (same["matched"], same["hash_distance"]) == ("same-bytes", 0)
    assert same["similarity"] == pytest.approx(1, abs=1e-5)
    assert (altered["matched"], altered["band"]) == ("same-picture", "same picture")
    assert (other["matched"], other["hash_distance"] > 60) == (None, True)
    assert other["similarity"] < altered["similarity"] < 1


@pytest.mark.parametrize("side", [{}, {"id": "a", "image": "AA=="}, {"file": "x"}, None])
def test_a_comparison_needs_two_pictures(http, side):
    assert http.post("/v1/compare", json={"a": {"id": "a"}, "b": side}).status_code == 422


def test_a_retry_with_the_same_idempotency_key_returns_the_first_response(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    files, form = {"image": jpeg(5)}, {"name": "five.jpg", "metadata": json.dumps({"price": 5})}

    first = http.post("/v1/images", files=files, data=form, headers=key)
    again = http.post("/v1/images", files=files, data=form, headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_late_retry_does_not_restore_a_deleted_image(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    request = {"params": {"name": "gone.jpg"}, "content": jpeg(1), "headers": key}
    added = http.post("/v1/images", **request)
    http.delete(added.headers["location"]).raise_for_status()

    again = http.post("/v1/images", **request)

    assert (again.status_code, again.json()["code"]) == (404, "image-not-found")
    assert http.get("/v1/images").json()["images"] == []


def test_an_idempotency_key_reused_for_another_request_is_refused(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    http.post("/v1/images", content=jpeg(5), headers=key)

    other = http.post("/v1/images", content=jpeg(4), headers=key)
    elsewhere = http.post("/v1/images/delete", json={"ids": ["a"]}, headers=key)

    assert (other.status_code, elsewhere.status_code) == (409, 409)
    assert other.json()["code"] == "idempotency-key-reused"
    assert http.get("/v1/stats").json()["images"] == 1


def test_a_failed_request_can_be_retried_with_the_same_idempotency_key(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    http.post("/v1/images", content=jpeg(1), params={"name": "a.jpg"})
    taken = http.post("/v1/images", content=jpeg(2), params={"name": "a.jpg"}, headers=key)
    (image,) = http.get("/v1/images").json()["images"]
    http.delete(f"/v1/images/{image['id']}")

    again = http.post("/v1/images", content=jpeg(2), params={"name": "a.jpg"}, headers=key)

    assert (taken.status_code, again.status_code) == (409, 201)


def test_deletions_and_batches_support_idempotency_keys_too(http):
    ids = add_four(http)
    delete, add = ({"Idempotency-Key": str(uuid.uuid4())} for _ in range(2))

    deleted = [
        http.post("/v1/images/delete", json={"ids": ids[:2]}, headers=delete) for _ in range(2)
    ]
    added = [batch(http, {"image": b64(jpeg(0)), "name": "0.jpg"}, **add) for _ in range(2)]

    assert deleted[0].json() == deleted[1].json()
    assert [response.json()["results"][0]["status"] for response in added] == [201, 201]


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "schlüssel".encode("latin-1")])
def test_an_invalid_idempotency_key_is_refused(http, key):
    response = http.post("/v1/images", content=jpeg(1), headers={"Idempotency-Key": key})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/Idempotency-Key"


def test_adding_an_image_lists_the_images_it_may_be_a_copy_of(http):
    add_four(http)
    small = written(scene(2).resize((200, 150)), quality=70)

    copy = http.post("/v1/images", content=small, params={"name": "copy.jpg"}).json()
    same = http.post("/v1/images", content=jpeg(3), params={"name": "again.jpg"}).json()
    new = http.post("/v1/images", content=jpeg(8)).json()
    twice = http.post("/v1/images", content=jpeg(8)).json()

    (hint,) = copy["near_duplicates"]
    assert (hint["name"], hint["matched"]) == ("2.jpg", "same-picture")
    assert hint["distance"] <= 4
    assert [each["matched"] for each in same["near_duplicates"]] == ["same-bytes"]
    assert new["near_duplicates"] == twice["near_duplicates"] == []


def test_the_limits_list_batch_sizes_scope_and_available_features(http):
    limits = http.get("/v1/limits").json()

    assert (limits["max_batch"], limits["max_queries"]) == (50, 20)
    assert (limits["scope"], limits["uploads"], limits["urls"]) == ("admin", False, True)


def test_the_stats_report_disk_usage_and_the_time_of_the_last_addition(http):
    before = http.get("/v1/stats").json()
    add_four(http)
    after = http.get("/v1/stats").json()

    assert before["last_added_at"] is None
    newest = http.get("/v1/images", params={"sort": "-added_at"}).json()["images"][0]
    assert after["last_added_at"] == newest["added_at"]
    assert after["disk_bytes"] > 1_000_000


def test_concurrent_requests_with_one_idempotency_key_run_once(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}

    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(http.post, "/v1/images", content=jpeg(7), headers=key) for _ in range(4)
        ]
    responses = [each.result() for each in sent]

    assert [response.status_code for response in responses] == [201] * 4
    assert sum("Idempotent-Replayed" in response.headers for response in responses) == 3


def test_a_batch_with_a_temporary_failure_runs_again_on_retry(http):
    key = {"Idempotency-Key": str(uuid.uuid4())}
    url = "https://pictures.example/later.jpg"

    first = batch(http, {"image": b64(jpeg(1))}, {"url": url}, **key).json()["results"]
    PICTURES[url] = jpeg(9)
    again = batch(http, {"image": b64(jpeg(1))}, {"url": url}, **key).json()["results"]
    del PICTURES[url]

    assert [result["status"] for result in first] == [201, 422]
    assert [result["status"] for result in again] == [200, 201]


def test_adding_by_object_key_does_not_accept_overwrite(http):
    http.post("/v1/images", params={"name": "a.jpg"}, content=jpeg(1)).raise_for_status()

    response = http.post("/v1/images", json={"key": "a.jpg", "overwrite": True})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "#/overwrite"


def test_queries_that_exceed_the_total_limit_of_a_batch_are_refused(http):
    added = http.post("/v1/images", params={"name": "1.jpg"}, content=jpeg(1)).json()
    queries = [{"id": added["image"]["id"], "limit": 100}] * 6

    results = http.post("/v1/search/batch", json={"queries": queries}).json()["results"]

    assert [result["status"] for result in results] == [200] * 5 + [422]
    assert results[5]["problem"]["errors"][0]["pointer"] == "#/limit"
