"""A gallery below a path: behind a real proxy that removes the path or not, and on Lambda."""

import hashlib
from urllib.parse import urljoin

import httpx
import pytest

from functions.api.app import create_app
from functions.api.monitoring import monitor
from functions.gallery.settings import OWN_PATHS, Settings
from tests.drawing import jpeg
from tests.end_to_end.lambda_emulator import SAM_LOCAL, event, function
from tests.end_to_end.proxy import proxied
from tests.end_to_end.server import serving

ROOT = "/shop/lookalike"
KEY = {"x-api-key": "a-key"}
SHOP = "https://shop.example"


@pytest.fixture
def app(gallery):
    settings = Settings(
        lookalike_root_path=ROOT,
        lookalike_api_keys={hashlib.sha256(b"a-key").hexdigest(): "admin"},
        lookalike_allowed_origins=[SHOP],
    )
    return create_app(gallery, settings)


@pytest.fixture(params=[True, False], ids=["path removed", "path kept"])
def http(app, request):
    """A client that knows only the proxy, and follows links as a browser does."""
    with (
        serving(app) as upstream,
        proxied(upstream, ROOT, removes_path=request.param) as address,
        httpx.Client(base_url=address, headers=KEY, timeout=30) as client,
    ):
        yield client


def add(http, number=1, **more):
    return http.post(f"{ROOT}/v1/images?name={number}.jpg", content=jpeg(number), **more)


def test_every_link_of_the_api_leads_back_through_the_proxy(http):
    added = add(http)

    location = urljoin(str(added.url), added.headers["location"])
    image = http.get(location).json()
    responses = {name: http.get(link) for name, link in image["links"].items() if link}

    assert added.status_code == 201
    assert image["id"] == added.json()["image"]["id"]
    assert {response.status_code for response in responses.values()} == {200}
    assert responses["self"].json() == image
    assert responses["thumbnail"].headers["content-type"] == "image/jpeg"
    assert responses["original"].content == jpeg(1)


def test_links_in_lists_searches_batches_and_duplicates_are_below_the_path(http):
    id = add(http).json()["image"]["id"]
    http.post(f"{ROOT}/v1/images?name=copy.jpg", content=jpeg(1))
    search = {"queries": [{"id": id, "limit": 1}]}

    found = [
        http.get(f"{ROOT}/v1/images").json()["images"][0],
        http.post(f"{ROOT}/v1/search", content=jpeg(1)).json()["results"][0],
        http.get(f"{ROOT}/v1/images/{id}/similar").json()["results"][0],
        http.post(f"{ROOT}/v1/search/batch", json=search).json()["results"][0]["found"]["results"][
            0
        ],
        http.get(f"{ROOT}/v1/duplicates").json()["groups"][0]["images"][0],
    ]

    links = [link for each in found for link in each["links"].values() if link]
    assert len(links) == 4 * len(found)
    assert [link for link in links if not link.startswith(f"{ROOT}/v1/images/")] == []


def test_a_list_goes_on_with_its_cursor(http):
    for number in range(3):
        add(http, number)

    first = http.get(f"{ROOT}/v1/images?limit=2").json()
    second = http.get(f"{ROOT}/v1/images", params={"limit": 2, "cursor": first["next"]}).json()

    names = {image["name"] for page in (first, second) for image in page["images"]}
    assert names == {"0.jpg", "1.jpg", "2.jpg"}
    assert second["next"] is None


def test_the_documentation_names_the_path_as_its_server(http):
    docs = http.get(f"{ROOT}/docs")
    document = http.get(f"{ROOT}/openapi.json").json()

    assert docs.status_code == 200
    assert [server["url"] for server in document["servers"]] == [ROOT]
    assert "/v1/images" in document["paths"]


def test_preflights_and_calls_of_allowed_origins_work_through_the_proxy(http):
    request = {"origin": SHOP, "access-control-request-method": "POST"}
    request["access-control-request-headers"] = "x-api-key"

    preflight = http.options(f"{ROOT}/v1/search", headers=request)
    answer = add(http, headers={"origin": SHOP})
    other = http.get(f"{ROOT}/v1/stats", headers={"origin": "https://else.example"})

    assert preflight.status_code == 200
    for response in (preflight, answer):
        assert response.headers["access-control-allow-origin"] == SHOP
    assert "Location" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-origin" not in other.headers


def test_a_retry_through_the_proxy_or_past_it_gets_the_first_response(app):
    key = {"Idempotency-Key": "1", **KEY}
    with serving(app) as upstream, proxied(upstream, ROOT) as address:
        first = httpx.post(f"{address}{ROOT}/v1/images?name=1", content=jpeg(1), headers=key)
        again = httpx.post(f"{upstream}{ROOT}/v1/images?name=1", content=jpeg(1), headers=key)

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]


def test_the_path_without_a_slash_leads_to_the_page_with_its_query(app):
    with serving(app) as upstream:
        answer = httpx.get(f"{upstream}{ROOT}?view=add")
        page = httpx.get(f"{upstream}{ROOT}/?view=add")

    assert (answer.status_code, answer.headers["location"]) == (308, f"{ROOT}/?view=add")
    assert "<title>Lookalike</title>" in page.text


def test_a_path_that_only_starts_alike_is_not_found(app):
    with serving(app) as upstream:
        assert httpx.get(f"{upstream}{ROOT}s/healthz").status_code == 404
        assert httpx.get(f"{upstream}{ROOT}/healthz").status_code == 200


@pytest.mark.parametrize("root_path", ["", ROOT])
def test_a_caller_cannot_choose_the_path_of_links(gallery, root_path):
    keys = {hashlib.sha256(b"a-key").hexdigest(): "admin"}
    app = create_app(gallery, Settings(lookalike_root_path=root_path, lookalike_api_keys=keys))
    forged = {"X-Forwarded-Prefix": "//evil.example", "X-Forwarded-Host": "evil.example"}

    with serving(app) as upstream:
        added = httpx.post(f"{upstream}/v1/images", content=jpeg(1), headers=KEY | forged)
        page = httpx.get(f"{upstream}/", headers=forged)

    assert added.headers["location"].startswith(f"{root_path}/v1/images/")
    assert b"evil.example" not in added.content + page.content


def test_a_root_path_that_could_be_taken_for_the_api_is_refused(app, gallery):
    monitor(app, gallery)
    firsts = {route.path.split("/")[1] for route in app.routes} - {""}

    assert firsts == set(OWN_PATHS)


def test_a_stage_of_the_gateway_is_removed_from_the_path(tmp_path):
    staged = event("http-add-binary")
    for path in (staged, staged["requestContext"]["http"]):
        name = "rawPath" if "rawPath" in path else "path"
        path[name] = f"/prod{path[name]}"

    with function(
        "functions.api.handler.handle", tmp_path, **SAM_LOCAL, LOOKALIKE_ROOT_PATH="prod"
    ) as api:
        added = api.invoke(staged)
        plain = api.invoke(event("http-get"))  # a mapping of a domain removes its path itself

    assert added["statusCode"] == 201
    assert added["headers"]["location"].startswith("/prod/v1/images/")
    assert plain["statusCode"] == 200
