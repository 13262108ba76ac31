"""Searches by a vector that the caller has, over real HTTP and from Python."""

from contextlib import closing

import httpx
import numpy as np
import pytest

from functions.gallery.bootstrap import build_gallery
from functions.gallery.errors import InvalidExamples
from functions.gallery.intake.add import Submission
from functions.gallery.pictures.picture import Region
from functions.gallery.search.search import SearchOptions
from functions.gallery.settings import Settings
from tests.drawing import jpeg
from tests.end_to_end.server import served


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    fields = {"number": "integer"}
    return Settings(lookalike_data=tmp_path_factory.mktemp("data"), lookalike_filter_fields=fields)


@pytest.fixture(scope="module")
def gallery(settings):
    with closing(build_gallery(settings)) as gallery:
        for n in range(6):
            gallery.add(Submission(lambda n=n: jpeg(n), f"{n}.jpg", {"number": n}))
        yield gallery


@pytest.fixture(scope="module")
def http(gallery, settings):
    with served(gallery, settings) as address, httpx.Client(base_url=address) as client:
        yield client


@pytest.fixture(scope="module")
def vectors(gallery):
    return [gallery.embed(jpeg(n)).vector.astype(float) for n in range(6)]


def search(http, **options):
    return http.post("/v1/search", json=options)


def test_a_vector_finds_what_its_picture_finds_whatever_its_length(http, vectors):
    by_picture = http.post("/v1/search", content=jpeg(2)).json()

    for vector in (vectors[2], 7 * vectors[2], 1e-300 * vectors[2], 1e308 * vectors[2]):
        found = search(http, vector=vector.tolist()).json()
        assert [r["name"] for r in found["results"]] == [r["name"] for r in by_picture["results"]]
        assert [r["score"] for r in found["results"]] == pytest.approx(
            [r["score"] for r in by_picture["results"]], abs=1e-5
        )
        # Without the picture nobody knows whether one is a copy of the other.
        assert {(r["matched"], r["band"]) for r in found["results"]} == {(None, None)}
        assert found["query"] is None


def test_vectors_are_examples_like_others_with_every_option(http, vectors):
    two = [{"vector": vectors[0].tolist()}, {"vector": vectors[1].tolist()}]
    mean = (vectors[0] + vectors[1]).tolist()
    options = {"filter": {"number": {"gte": 1}}, "limit": 3}

    together = search(http, positive=two, **options).json()
    by_mean = search(http, vector=mean, **options).json()
    away = search(http, vector=mean, negative=[two[1]], limit=6).json()
    batch = http.post("/v1/search/batch", json={"queries": [{"vector": mean, **options}]}).json()

    names = [[r["name"] for r in found["results"]] for found in (together, by_mean)]
    assert names[0] == names[1]
    assert len(names[0]) == 3 and "0.jpg" not in names[0]
    assert away["results"][0]["name"] == "0.jpg"
    assert [r["name"] for r in batch["results"][0]["found"]["results"]] == names[0]


@pytest.mark.parametrize(
    ("options", "pointer", "detail"),
    [
        ({"vector": [1.0] * 5}, "#/vector", "must have 1280 numbers, as the vectors of this"),
        ({"vector": [0] * 1280}, "#/vector", "must have finite numbers, some of which are not 0"),
        ({"vector": ["1"] * 1280}, "#/vector/0", "Input should be a valid number"),
        ({"vector": [True] * 1280}, "#/vector/0", "Input should be a valid number"),
        ({"positive": [{"vector": [1.0]}]}, "#/positive/0/vector", "must have 1280 numbers"),
        (
            {"vector": [1.0] * 1280, "negative": [{"id": "a"}, {"vector": [1.0]}]},
            "#/negative/1/vector",
            "must have 1280 numbers",
        ),
        (
            {"positive": [{"vector": [1.0] * 1280, "id": "a"}]},
            "#/positive/0",
            "send exactly one of id, image, url and vector",
        ),
        ({"vector": [1.0] * 1280, "id": "a"}, "#/image", "exactly one of image, id, url, vector"),
        (
            {"vector": [1.0] * 1280, "region": {"x": 0, "y": 0, "width": 0.5, "height": 0.5}},
            "#/region",
            "is a part of a picture, which a vector is not",
        ),
    ],
)
def test_a_vector_that_cannot_be_searched_with_is_refused_where_it_is(
    http, options, pointer, detail
):
    response = search(http, **options)

    assert response.status_code == 422, response.text
    problem = response.json()
    assert problem["code"] == "invalid-parameters"
    assert problem["errors"][0]["pointer"] == pointer
    assert detail in problem["errors"][0]["detail"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e400"])
def test_a_number_that_is_not_finite_is_refused(http, number):
    body = f'{{"vector": [{", ".join([number] * 1280)}]}}'

    response = http.post("/v1/search", content=body, headers={"content-type": "application/json"})

    assert (response.status_code, response.json()["code"]) == (400, "malformed-body")


def test_a_comparison_takes_pictures_only(http, vectors):
    sides = {"a": {"vector": vectors[0].tolist()}, "b": {"vector": vectors[0].tolist()}}

    assert http.post("/v1/compare", json=sides).status_code == 422


def test_from_python_an_array_is_an_example(gallery, vectors):
    found = gallery.search([vectors[3]], (), SearchOptions(limit=1))

    assert found.matches[0].image.name == "3.jpg"
    for wrong, region in ((np.ones(3), None), (vectors[3], Region(0, 0, 0.5, 0.5))):
        with pytest.raises(InvalidExamples):
            gallery.search([wrong], (), SearchOptions(region=region))
