"""The HTTPS API with the real model and the real embedded store, over real HTTP."""

import base64
import io
import json
import re
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from PIL import Image

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import served

FIELDS = {"category": "keyword", "price": "float"}
HEIC = Path(__file__).parents[1] / "data" / "drawn.heic"


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def address(data_folder):
    settings = Settings(
        lookalike_data=data_folder,
        lookalike_filter_fields=FIELDS,
        lookalike_max_bytes=1_000_000,
    )
    gallery = build_gallery(settings)
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def http(address):
    """A client for an empty gallery."""
    with httpx.Client(base_url=address, timeout=30) as client:
        for image in client.get("/v1/images", params={"limit": 100}).json()["images"]:
            client.delete(f"/v1/images/{image['id']}")
        yield client


def add(http: httpx.Client, data: bytes, name: str, **metadata: object) -> dict:
    form = {"name": name, "metadata": json.dumps(metadata)}
    response = http.post("/v1/images", files={"image": data}, data=form)
    assert response.status_code == 201, response.text
    return response.json()["image"]


def as_raw(http, path, data, **options):
    return http.post(path, content=data, params=options)


def as_form(http, path, data, **options):
    return http.post(path, files={"image": ("photo.jpg", data, "image/jpeg")}, data=options)


def as_json(http, path, data, **options):
    return http.post(path, json={"image": base64.b64encode(data).decode(), **options})


@pytest.mark.parametrize("send", [as_raw, as_form, as_json])
def test_a_picture_added_in_any_request_format_is_found_by_the_next_search(http, send):
    added = send(http, "/v1/images", jpeg(1), name="cat.jpg")
    found = send(http, "/v1/search", jpeg(1), limit=1)

    assert added.status_code == 201
    assert added.json()["status"] == "added"
    assert added.headers["location"] == f"/v1/images/{added.json()['image']['id']}"
    (best,) = found.json()["results"]
    assert (best["rank"], best["name"]) == (1, "cat.jpg")
    assert best["similarity"] == pytest.approx(1, abs=1e-5)


def test_adding_the_same_bytes_again_returns_the_existing_image(http):
    first = as_raw(http, "/v1/images", jpeg(1))

    again = as_raw(http, "/v1/images", jpeg(1))

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["status"] == "duplicate"
    assert again.json()["image"]["id"] == first.json()["image"]["id"]
    assert http.get("/v1/stats").json()["images"] == 1


def test_other_bytes_under_an_existing_name_conflict_unless_overwrite_is_set(http):
    as_raw(http, "/v1/images", jpeg(1), name="cat.jpg")

    refused = as_raw(http, "/v1/images", jpeg(2), name="cat.jpg")
    replaced = as_raw(http, "/v1/images", jpeg(2), name="cat.jpg", overwrite="true")

    assert (refused.status_code, refused.json()["code"]) == (409, "name-taken")
    assert (replaced.status_code, replaced.json()["status"]) == (200, "replaced")


def test_a_query_is_never_stored(http):
    as_raw(http, "/v1/search", jpeg(1))

    assert http.get("/v1/stats").json()["images"] == 0


def test_the_best_match_for_an_altered_copy_is_the_unaltered_picture(http):
    for n in range(12):
        add(http, jpeg(n), f"{n}.jpg")
    altered = written(scene(7).resize((200, 150)).convert("L").convert("RGB"), quality=40)

    found = as_raw(http, "/v1/search", altered, limit=3).json()

    assert found["results"][0]["name"] == "7.jpg"
    assert found["next_offset"] == 3
    size = {"width": 200, "height": 150}
    assert found["query"] == {**size, "format": "JPEG", "turned": False, "flaws": []}
    assert set(found["took_ms"]) == {"fetch", "decode", "embed", "search", "total"}


def test_the_server_timing_header_lists_every_stage(http):
    response = as_raw(http, "/v1/search", jpeg(1))

    stages = re.findall(r"(\w+);dur=[\d.]+", response.headers["server-timing"])

    assert stages == ["fetch", "decode", "embed", "search", "total"]


def test_similar_images_exclude_the_image_itself_but_a_search_by_id_includes_it(http):
    first = add(http, jpeg(1), "1.jpg")
    add(http, jpeg(2), "2.jpg")

    similar = http.get(f"/v1/images/{first['id']}/similar").json()
    searched = http.post("/v1/search", json={"id": first["id"]}).json()

    assert [r["name"] for r in similar["results"]] == ["2.jpg"]
    assert [r["name"] for r in searched["results"]] == ["1.jpg", "2.jpg"]
    assert set(similar["took_ms"]) == {"search", "total"}


def test_searches_accept_several_examples_grouping_and_a_region(http):
    first = add(http, jpeg(1), "1.jpg", category="hat")
    second = add(http, jpeg(2), "2.jpg", category="dress")
    add(http, jpeg(3), "3.jpg", category="hat")
    examples = [{"id": first["id"]}, {"image": base64.b64encode(jpeg(2)).decode()}]

    by_examples = http.post("/v1/search", json={"positive": examples, "exclude_self": True}).json()
    with_negative = http.post(
        "/v1/search", json={"positive": examples, "negative": [{"id": second["id"]}]}
    ).json()
    grouped = as_raw(http, "/v1/search", jpeg(1), group_by="category").json()
    cropped = as_json(
        http, "/v1/search", jpeg(3), region={"x": 0, "y": 0, "width": 1, "height": 1}
    ).json()

    assert [r["name"] for r in by_examples["results"]] == ["3.jpg"]
    assert with_negative["results"][0]["name"] == "1.jpg"
    assert [(r["name"], r["hidden"]) for r in grouped["results"]] == [("1.jpg", 1), ("2.jpg", 0)]
    assert cropped["results"][0]["name"] == "3.jpg"


def test_filters_narrow_searches_and_lists(http):
    add(http, jpeg(1), "1.jpg", category="hat", price=5)
    add(http, jpeg(2), "2.jpg", category="dress", price=50)

    by_json = as_json(http, "/v1/search", jpeg(2), filter={"price": {"lt": 10}}).json()
    by_query = as_raw(http, "/v1/search", jpeg(2), filter='{"category": "hat"}').json()
    listed = http.get("/v1/images", params={"filter": '{"category": ["dress"]}'}).json()

    assert [r["name"] for r in by_json["results"]] == ["1.jpg"]
    assert [r["name"] for r in by_query["results"]] == ["1.jpg"]
    assert [i["name"] for i in listed["images"]] == ["2.jpg"]


def test_a_list_is_read_page_by_page(http):
    names = {add(http, jpeg(n), f"{n}.jpg")["name"] for n in range(7)}
    read, cursor = [], None

    while True:
        position = {"cursor": cursor} if cursor else {}
        page = http.get("/v1/images", params={"limit": 3, **position}).json()
        read += [image["name"] for image in page["images"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert len(read) == 7
    assert set(read) == names


def test_an_image_can_be_read_changed_downloaded_and_deleted(http):
    image = add(http, jpeg(1), "a b/ü.jpg", category="hat", note="x")
    path = image["links"]["self"]

    changed = http.patch(path, json={"metadata": {"note": None, "price": 3}}).json()
    original = http.get(image["links"]["original"])
    thumbnail = http.get(image["links"]["thumbnail"])
    deleted = http.delete(path)

    assert changed["metadata"] == {"category": "hat", "price": 3.0}
    assert original.content == jpeg(1)
    assert original.headers["content-type"] == "image/jpeg"
    assert "immutable" in thumbnail.headers["cache-control"]
    assert Image.open(io.BytesIO(thumbnail.content)).size == (320, 240)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for request in (http.get, http.delete):
        assert request(path).status_code == 404


def test_twenty_concurrent_clients_each_find_their_own_picture(http):
    def add_and_search(number: int) -> str:
        data = jpeg(100 + number)
        as_raw(http, "/v1/images", data, name=f"{number}.jpg").raise_for_status()
        return as_raw(http, "/v1/search", data, limit=1).json()["results"][0]["name"]

    with ThreadPoolExecutor(20) as clients:
        found = list(clients.map(add_and_search, range(40)))

    assert found == [f"{n}.jpg" for n in range(40)]
    assert http.get("/v1/stats").json()["images"] == 40


def bad_requests() -> list[tuple[str, dict, int, str]]:
    post = {"method": "POST", "url": "/v1/search"}
    return [
        ("no picture or id", {**post}, 422, "invalid-parameters"),
        (
            "both picture and id",
            {**post, "json": {"id": "x", "image": "eA=="}},
            422,
            "invalid-parameters",
        ),
        ("not a picture", {**post, "content": b"hello"}, 415, "unsupported-format"),
        ("half a picture", {**post, "content": jpeg(1)[:900]}, 422, "damaged-picture"),
        ("too many bytes", {**post, "content": bytes(1_000_001)}, 413, "picture-too-large"),
        (
            "too many bytes without a length",
            {**post, "content": iter([bytes(600_000)] * 2)},
            413,
            "picture-too-large",
        ),
        ("not JSON", {**post, "content": b"{", "headers": JSON}, 400, "malformed-body"),
        ("not an object", {**post, "json": [1]}, 400, "malformed-body"),
        (
            "not a number",
            {**post, "content": b'{"id":"x","limit":NaN}', "headers": JSON},
            400,
            "malformed-body",
        ),
        ("broken form", {**post, "content": b"x", "headers": FORM}, 400, "malformed-body"),
        (
            "the same name twice",
            {**post, "content": b'{"id": "x", "id": "y"}', "headers": JSON},
            400,
            "malformed-body",
        ),
        ("JSON as curl -d sends it", {**post, "content": b'{"id": "x"}'}, 400, "malformed-body"),
        ("not base64", {**post, "json": {"image": "@@"}}, 422, "invalid-parameters"),
        ("unknown field", {**post, "json": {"id": "x", "top": 3}}, 422, "invalid-parameters"),
        ("limit too high", {**post, "json": {"id": "x", "limit": 101}}, 422, "invalid-parameters"),
        (
            "limit twice",
            {**post, "json": {"id": "x"}, "params": [("limit", 5), ("limit", 6)]},
            422,
            "invalid-parameters",
        ),
        (
            "undeclared filter",
            {**post, "json": {"id": "x", "filter": {"a": 1}}},
            422,
            "invalid-filter",
        ),
        ("unknown id", {**post, "json": {"id": "x"}}, 404, "image-not-found"),
        ("unknown parameter", {"method": "GET", "url": "/v1/stats?x=1"}, 422, "invalid-parameters"),
        ("bad cursor", {"method": "GET", "url": "/v1/images?cursor=@"}, 404, "invalid-cursor"),
        (
            "unreadable cursor",
            {"method": "GET", "url": "/v1/images?cursor=eA=="},
            404,
            "invalid-cursor",
        ),
        ("unknown path", {"method": "GET", "url": "/v2"}, 404, "not-found"),
        ("unsupported method", {"method": "PUT", "url": "/v1/stats"}, 405, "method-not-allowed"),
        (
            "bad name",
            {"method": "POST", "url": "/v1/images?name=../x", "content": jpeg(1)},
            422,
            "invalid-name",
        ),
        ("no picture to add", {"method": "POST", "url": "/v1/images"}, 400, "empty-picture"),
    ]


NON_UTF8_PART = b'--b\r\nContent-Disposition: form-data; name="n\xff"\r\n\r\n\xff\r\n--b--'
REGION_OUT_OF_BOUNDS = '{"x": 0.5, "y": 0, "width": 0.6, "height": 1}'
JSON = {"content-type": "application/json"}
FORM = {"content-type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("request_", "status", "code"), [pytest.param(*r[1:], id=r[0]) for r in bad_requests()]
)
def test_a_bad_request_returns_a_problem(http, request_, status, code):
    response = http.request(**request_)

    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["code"] == code
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["detail"]
    assert http.get("/v1/stats").json()["images"] == 0


def test_without_keys_other_hosts_and_other_origins_are_refused(http):
    rebound = http.get("/v1/stats", headers={"host": "lookalike.example"})
    other_page = http.post(
        "/v1/images", content=jpeg(1), headers={"origin": "https://evil.example"}
    )
    own_page = http.get("/v1/stats", headers={"origin": str(http.base_url).rstrip("/")})

    assert (rebound.status_code, rebound.json()["code"]) == (401, "key-missing")
    assert (other_page.status_code, other_page.json()["code"]) == (403, "key-refused")
    assert own_page.status_code == 200


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_form_that_was_cut_off_is_refused_rather_than_read_without_its_last_field(http, cut):
    part = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
    form = part.format("image", '; filename="a"').encode() + jpeg(1) + b"\r\n"
    form += part.format("name", "").encode() + b"wanted.jpg\r\n--b--"

    whole = http.post("/v1/images", content=form, headers=FORM)
    response = http.post("/v1/images", content=form[:-cut], headers=FORM)

    assert whole.json()["image"]["name"] == "wanted.jpg"
    assert (response.status_code, response.json()["code"]) == (400, "malformed-body")
    assert http.get("/v1/stats").json()["images"] == 1


def test_a_photo_without_its_last_bytes_is_stored_and_searched_with_a_mark(http):
    whole, cut = jpeg(1), jpeg(1)[:-2]
    http.post("/v1/images", content=whole, params={"name": "whole.jpg"})

    added = http.post("/v1/images", content=cut, params={"name": "cut.jpg"}).json()["image"]
    read = http.get(f"/v1/images/{added['id']}").json()
    found = http.post("/v1/search", content=cut).json()
    half = http.post("/v1/images", content=whole[: len(whole) // 3])

    assert added["flaws"] == read["flaws"] == found["query"]["flaws"] == ["damaged"]
    assert http.get(read["links"]["original"]).content == cut
    similarities = {result["name"]: result["similarity"] for result in found["results"]}
    assert similarities == pytest.approx({"whole.jpg": 1, "cut.jpg": 1}, abs=1e-4)
    assert (half.status_code, half.json()["code"]) == (422, "damaged-picture")


def test_an_upload_that_breaks_off_stores_nothing(http):
    photo = jpeg(1)
    host, port = http.base_url.host, http.base_url.port
    with socket.create_connection((host, port), timeout=10) as connection:
        head = f"POST /v1/images HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {len(photo)}"
        connection.sendall(head.encode() + b"\r\n\r\n" + photo[:-2])
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(9_000)

    assert not answer.startswith(b"HTTP/1.1 2")
    assert http.get("/v1/stats").json()["images"] == 0


@pytest.mark.parametrize("content_type", ["application/octet-stream", "", "image/heic"])
@pytest.mark.parametrize("path", ["/v1/images", "/v1/search"])
def test_a_picture_is_recognised_by_its_content_whatever_type_it_is_sent_as(
    http, path, content_type
):
    headers = {"content-type": content_type} if content_type else {}

    response = http.post(path, content=HEIC.read_bytes(), headers=headers)

    assert response.is_success, response.text


def test_the_limit_of_json_without_pictures_is_listed_and_its_refusal_does_not_mention_pictures(
    http,
):
    most = http.get("/v1/limits").json()["max_json_bytes"]
    thousand = {"filter": {"name": [f"{n:04}{'x' * 1_020}" for n in range(1_000)]}, "dry_run": True}
    body = json.dumps(thousand).encode()

    fits = http.post("/v1/images/delete", content=body.ljust(most))
    exceeds = http.post("/v1/images/delete", content=body.ljust(most + 1))

    assert (fits.status_code, fits.json()["matched"]) == (200, 0)
    assert (exceeds.status_code, exceeds.json()["code"]) == (413, "body-too-large")
    assert "picture" not in exceeds.text
    assert "copy" not in exceeds.text
    assert str(most) in exceeds.json()["detail"]


LONG = "x" * 1_000_000
QUOTED = [  # bodies whose error quotes a part of them
    {"id": LONG},
    {"id": "x", "group_by": LONG},
    {"id": "x", "filter": {LONG: 1}},
    {"id": "x", "filter": {"format": {"gte": LONG}}},
    {"id": "x", "filter": {"price": [[LONG]]}},
    {"id": "x", LONG: 1},
    {"id": "x", "region": {LONG: 1}},
    {"positive": [{"id": LONG}]},
    {"id": "x"} | {f"{n}{LONG[:200]}": 1 for n in range(5_000)},
]


@pytest.mark.parametrize("body", QUOTED, ids=range(len(QUOTED)))
def test_a_problem_quotes_only_the_start_and_end_of_a_long_input(http, body, caplog):
    response = http.post("/v1/search", json=body)
    inside_batch = http.post("/v1/search/batch", json={"queries": [body]})

    assert 400 <= response.status_code < 500
    assert len(response.content) < 15_000
    assert len(inside_batch.content) < 15_000
    assert sum(len(record.getMessage()) for record in caplog.records) < 15_000


def test_a_batch_of_the_longest_problems_fits_through_the_gateway(http):
    item = {"key": "a"} | {f"{n:02}{LONG[:1_500]}": 1 for n in range(12)}
    metadata = {"key": "a", "metadata": {chr(1) * 1_000: 1}}

    whole = http.post("/v1/images/batch", json={"items": [item] * 50})
    each = http.post("/v1/images/batch", json={"items": [metadata] * 50})

    assert (whole.status_code, each.status_code) == (422, 200)
    assert len(whole.json()["errors"]) == 10
    assert "590 more" in whole.json()["detail"]
    assert max(len(whole.content), len(each.content)) < 1_000_000


def test_without_keys_a_proxy_that_only_downgrades_to_http_1_0_is_refused(http):
    """nginx does so by default, and adds no header."""
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        connection.sendall(b"GET /v1/stats HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        answer = connection.makefile("rb").read()

    assert b" 401 " in answer.partition(b"\r\n")[0]
    assert b"LOOKALIKE_API_KEYS" in answer


def test_limits_readiness_and_documentation_are_served(http):
    limits = http.get("/v1/limits").json()

    assert limits["max_bytes"] == 1_000_000
    assert {"JPEG", "PNG", "WEBP", "AVIF", "HEIF"} <= set(limits["formats"])
    assert [each["name"] for each in limits["file_types"]] == limits["formats"]
    assert limits["file_types"][0] == {
        "name": "JPEG",
        "media_type": "image/jpeg",
        "suffixes": [".jpg", ".jpeg", ".jpe", ".jfif"],
        "max_pixels": limits["max_pixels"],
    }
    assert min(each["max_pixels"] for each in limits["file_types"]) == limits["max_pixels_whole"]
    assert ".xmp" in limits["skipped_suffixes"]
    assert limits["filter_fields"] == FIELDS
    assert http.get("/readyz").json() == {"status": "ready", "index": "ready"}
    assert http.get("/v1/stats").json()["index"] == "ready"
    assert http.get("/docs").status_code == 200
    assert http.get("/openapi.json").json()["openapi"].startswith("3.1")


def test_a_local_folder_signs_no_forms_but_files_already_in_it_can_be_added(http, data_folder):
    refused = http.post("/v1/uploads", json={"name": "a.jpg", "media_type": "image/jpeg"})
    (data_folder / "originals").mkdir(exist_ok=True)
    (data_folder / "originals" / "put.jpg").write_bytes(jpeg(1))

    added = http.post("/v1/images", json={"key": "put.jpg"})

    assert (refused.status_code, refused.json()["code"]) == (404, "no-bucket")
    assert (added.status_code, added.json()["image"]["name"]) == (201, "put.jpg")


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"method": "PATCH", "url": "/v1/images/x", "content": iter([bytes(600_000)] * 4)}, 413),
        ({"method": "PATCH", "url": "/v1/images/x", "content": b'{"metadata":{"\\ud800":1}}'}, 400),
        ({"method": "PATCH", "url": "/v1/images/x", "content": b'{"metadata":[]}'}, 422),
        ({"method": "POST", "url": "/v1/uploads", "content": iter([bytes(600_000)] * 4)}, 413),
        ({"method": "GET", "url": "/v1/images", "params": {"filter": nested(900)}}, 422),
        (
            {
                "method": "POST",
                "url": "/v1/search",
                "content": b'{"x":[' + b"[]," * 100_000 + b"1]}",
                "headers": {"content-type": "application/json"},
            },
            400,
        ),
        (
            {
                "method": "POST",
                "url": "/v1/search",
                "json": {"id": "x", "filter": {"name": ["a"] * 1_001}},
            },
            422,
        ),
        (
            {
                "method": "GET",
                "url": "/v1/images",
                "params": {"filter": '{"added_at": {"gte": "2020-01-01T00:00:00+00:00:30"}}'},
            },
            200,
        ),
        (
            {
                "method": "POST",
                "url": "/v1/search",
                "content": NON_UTF8_PART,
                "headers": {"content-type": "multipart/form-data; boundary=b; charset=undefined"},
            },
            400,
        ),
        ({"method": "GET", "url": "/v1/stats", "headers": {"origin": "http://["}}, 403),
    ],
)
def test_hostile_bodies_and_headers_never_hang_or_cause_a_500(http, request_, status):
    response = http.request(**request_)

    assert response.status_code == status, response.text


@pytest.mark.parametrize(
    "host",
    [
        "a{b.evil.example:8123",
        "a`b.evil.example",
        'a"b.evil.example',
        "[",
        "127.0.0.1/evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1:99999999",
    ],
)
def test_a_host_header_that_only_resembles_localhost_is_refused(http, host):
    assert http.get("/v1/stats", headers={"host": host}).status_code == 401


def test_a_picture_in_the_browser_cache_is_not_sent_again(http):
    links = add(http, jpeg(1), "1.jpg")["links"]
    for link in (links["thumbnail"], links["original"]):
        etag = http.get(link).headers["etag"]

        again = http.get(link, headers={"if-none-match": etag})

        assert (again.status_code, again.content) == (304, b"")


def test_concurrent_additions_and_deletions_in_one_folder_all_succeed(http):
    def add_and_delete(number: int) -> set[int]:
        codes = set()
        for _ in range(8):
            added = as_raw(http, "/v1/images", jpeg(number), name=f"r/{number}.jpg")
            codes.add(added.status_code)
            codes.add(http.delete(f"/v1/images/{added.json()['image']['id']}").status_code)
        return codes

    with ThreadPoolExecutor(8) as clients:
        codes = set().union(*clients.map(add_and_delete, range(8)))

    assert codes == {201, 204}


def test_without_its_data_folder_the_gallery_refuses_additions_and_is_not_ready(tmp_path):
    settings = Settings(lookalike_data=tmp_path / "data")
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address) as http:
        add(http, jpeg(1), "1.jpg")
        shutil.rmtree(tmp_path / "data")

        refused = http.post("/v1/images", content=jpeg(2))
        ready = http.get("/readyz")

    gallery.close()
    assert (refused.status_code, refused.json()["code"]) == (502, "store-failed")
    assert ready.status_code == 502
