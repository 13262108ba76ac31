"""GET /v1/duplicates with the real model and the real embedded store, over real HTTP."""

import json

import httpx
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.settings import Settings
from tests.drawing import jpeg, scene, written
from tests.end_to_end.server import served


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    """A client for a gallery of three pictures with copies and three without."""
    settings = Settings(
        lookalike_data=tmp_path_factory.mktemp("data"),
        lookalike_filter_fields={"shelf": "keyword"},
    )
    gallery = build_gallery(settings)
    with served(gallery, settings) as address, httpx.Client(base_url=address) as client:
        for number in range(3):
            small = scene(number).resize((240, 180))
            copies = {
                "original.png": written(scene(number), "PNG"),
                "again.png": written(scene(number), "PNG"),
                "small.jpg": written(small, quality=90),
            }
            for name, data in copies.items():
                add(client, f"{number}/{name}", data, f"shelf {number}")
            add(client, f"{number}/alone.jpg", jpeg(10 + number), f"shelf {number}")
        yield client
    gallery.close()


def add(client, name, data, shelf):
    options = {"name": name, "metadata": json.dumps({"shelf": shelf})}
    assert client.post("/v1/images", content=data, params=options).status_code == 201


def groups(client, **options):
    """Read all pages and return the names in each group, keeper first."""
    found, cursor = [], {}
    while True:
        response = client.get("/v1/duplicates", params={**options, **cursor})
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["groups"]) <= int(options.get("limit", 20))
        found += [[image["name"] for image in group["images"]] for group in page["groups"]]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def test_copies_of_one_picture_form_a_group_that_keeps_the_largest(http):
    found = groups(http)

    assert sorted({name.split("/")[0] for name in group}.pop() for group in found) == [*"012"]
    for group in found:
        endings = [name.split("/")[1] for name in group]
        assert endings == ["again.png", "original.png", "small.jpg"]  # the shorter name first


def test_kind_same_bytes_groups_only_identical_files(http):
    found = groups(http, kind="same-bytes")

    assert sorted(sorted(group) for group in found) == [
        [f"{number}/again.png", f"{number}/original.png"] for number in range(3)
    ]


def test_lookalike_groups_include_the_similarity(http):
    params = {"kind": "lookalike", "min_similarity": 0.5}
    response = http.get("/v1/duplicates", params=params).json()

    assert response["groups"]
    for group in response["groups"]:
        keeper, *others = group["images"]
        assert keeper["id"] == group["keeper"]
        assert (group["kind"], keeper["matched"]) == ("lookalike", None)
        assert "lookalike" in {image["matched"] for image in others}
        assert all(0.5 <= image["similarity"] <= 1 for image in others)


def test_an_image_in_a_group_has_the_same_fields_as_on_its_own(http):
    [group, *_] = http.get("/v1/duplicates").json()["groups"]

    grouped = group["images"][1]
    alone = http.get(f"/v1/images/{grouped['id']}").json()

    assert {key: grouped[key] for key in alone} == alone
    assert set(grouped) - set(alone) == {"matched", "distance", "similarity", "removable"}


@pytest.mark.parametrize("kind", ["same-bytes", "same-picture", "edited", "lookalike"])
def test_small_pages_contain_the_same_groups_as_large_pages(http, kind):
    assert groups(http, kind=kind, limit=1) == groups(http, kind=kind)


def test_a_filter_limits_which_images_are_compared(http):
    found = groups(http, filter=json.dumps({"shelf": "shelf 1"}))

    assert [{name[0] for name in group} for group in found] == [{"1"}]


def test_the_least_similarity_of_lookalikes_can_be_set(http):
    assert groups(http, kind="lookalike", min_similarity=1) == []
    assert groups(http, kind="lookalike", min_similarity=0.5)


def test_the_response_reports_how_many_images_were_compared(http):
    response = http.get("/v1/duplicates").json()

    assert (response["looked_at"], response["undecided"], response["next"]) == (12, 0, None)


@pytest.mark.parametrize(
    ("options", "code", "pointer"),
    [
        ({"kind": "twins"}, "invalid-parameters", "#/kind"),
        ({"limit": "0"}, "invalid-parameters", "#/limit"),
        ({"limit": "101"}, "invalid-parameters", "#/limit"),
        ({"max_distance": "4"}, "invalid-parameters", "#/max_distance"),
        ({"min_similarity": "0.4"}, "invalid-parameters", "#/min_similarity"),
        ({"min_similarity": "1.1"}, "invalid-parameters", "#/min_similarity"),
        ({"page": "2"}, "invalid-parameters", "#/page"),
        ({"cursor": "bW9vbg=="}, "invalid-cursor", "#/cursor"),
        ({"cursor": "not base64"}, "invalid-cursor", "#/cursor"),
        ({"cursor": ""}, "invalid-cursor", "#/cursor"),
        ({"cursor": "é"}, "invalid-cursor", "#/cursor"),
        ({"filter": '{"colour": "red"}'}, "invalid-filter", "#/filter/colour"),
    ],
    ids=str,
)
def test_invalid_options_are_refused_with_a_pointer(http, options, code, pointer):
    response = http.get("/v1/duplicates", params=options)

    # A cursor refers to a page, so an invalid one means not found.
    status = 404 if code == "invalid-cursor" else 422
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.json()["errors"][0]["pointer"] == pointer


def test_the_openapi_document_lists_every_option(http):
    operation = http.get("/openapi.json").json()["paths"]["/v1/duplicates"]["get"]

    options = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert set(options) == {"kind", "limit", "cursor", "min_similarity", "filter"}
    assert options["kind"]["schema"]["enum"] == list(Likeness)
    assert options["kind"]["schema"]["default"] == "same-picture"
