"""GET /v1/duplicates with the real model and the real embedded store, over real HTTP."""

import json

import httpx
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.doors.server import served
from tests.drawing import jpeg, scene, written


@pytest.fixture(scope="module")
def http(tmp_path_factory):
    """A client of a gallery with three pictures that have copies, and three that have none."""
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
    """Read all pages; returns the names of each group, the keeper first."""
    found, cursor = [], {}
    while True:
        answer = client.get("/v1/duplicates", params={**options, **cursor})
        assert answer.status_code == 200, answer.text
        part = answer.json()
        assert len(part["groups"]) <= int(options.get("limit", 20))
        found += [[image["name"] for image in group["images"]] for group in part["groups"]]
        if part["next"] is None:
            return found
        cursor = {"cursor": part["next"]}


def test_copies_of_one_picture_are_a_group_with_the_largest_to_keep(http):
    found = groups(http)

    assert sorted({name.split("/")[0] for name in group} for group in found) == [
        {"0"},
        {"1"},
        {"2"},
    ]
    for group in found:
        endings = [name.split("/")[1] for name in group]
        assert sorted(endings[:2]) == ["again.png", "original.png"]
        assert endings[2:] == ["small.jpg"]


def test_files_of_the_same_bytes_are_a_group_of_their_own_kind(http):
    found = groups(http, kind="same-bytes")

    assert sorted(sorted(group) for group in found) == [
        [f"{number}/again.png", f"{number}/original.png"] for number in range(3)
    ]


def test_lookalikes_tell_their_similarity(http):
    asked = {"kind": "lookalike", "min_similarity": 0.9}
    answer = http.get("/v1/duplicates", params=asked).json()

    assert len(answer["groups"]) == 3
    for group in answer["groups"]:
        keeper, same, small = group["images"]
        assert keeper["id"] == group["keeper"]
        assert (group["kind"], keeper["matched"]) == ("lookalike", None)
        assert (same["matched"], same["distance"]) == ("same-bytes", 0)
        assert same["similarity"] == pytest.approx(1, abs=1e-5)
        assert (small["matched"], small["distance"] <= 4) == ("same-picture", True)
        assert 0.9 <= small["similarity"] < 1


def test_an_image_of_a_group_is_shown_as_everywhere(http):
    [group, *_] = http.get("/v1/duplicates").json()["groups"]

    shown = group["images"][1]
    alone = http.get(f"/v1/images/{shown['id']}").json()

    assert {key: shown[key] for key in alone} == alone
    assert set(shown) - set(alone) == {"matched", "distance", "similarity"}


@pytest.mark.parametrize("kind", ["same-bytes", "same-picture", "lookalike"])
def test_small_parts_together_are_the_whole(http, kind):
    assert groups(http, kind=kind, limit=1) == groups(http, kind=kind)


def test_a_filter_looks_among_some_only(http):
    found = groups(http, filter=json.dumps({"shelf": "shelf 1"}))

    assert [{name[0] for name in group} for group in found] == [{"1"}]


def test_thresholds_can_be_set(http):
    assert [len(group) for group in groups(http, kind="lookalike", min_similarity=1)] == [2, 2, 2]
    assert sum(map(len, groups(http, max_distance=0))) < sum(map(len, groups(http))) == 9


def test_the_answer_says_how_much_was_looked_at(http):
    answer = http.get("/v1/duplicates").json()

    assert (answer["looked_at"], answer["undecided"], answer["next"]) == (12, 0, None)


@pytest.mark.parametrize(
    ("options", "code", "pointer"),
    [
        ({"kind": "twins"}, "invalid-parameters", "#/kind"),
        ({"limit": "0"}, "invalid-parameters", "#/limit"),
        ({"limit": "101"}, "invalid-parameters", "#/limit"),
        ({"max_distance": "11"}, "invalid-parameters", "#/max_distance"),
        ({"max_distance": "-1"}, "invalid-parameters", "#/max_distance"),
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
def test_what_makes_no_sense_is_refused_with_a_pointer(http, options, code, pointer):
    answer = http.get("/v1/duplicates", params=options)

    # A cursor names a place; one that no answer gave is a place that is not there.
    status = 404 if code == "invalid-cursor" else 422
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_the_openapi_document_names_every_option(http):
    operation = http.get("/openapi.json").json()["paths"]["/v1/duplicates"]["get"]

    named = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert set(named) == {"kind", "limit", "cursor", "max_distance", "min_similarity", "filter"}
    assert named["kind"]["schema"]["enum"] == ["same-bytes", "same-picture", "lookalike"]
    assert named["kind"]["schema"]["default"] == "same-picture"
