"""Searches in quantized vectors return what exact ones do, on every back end that quantizes."""

from contextlib import closing
from time import sleep

import numpy as np
import pytest

from functions.gallery.errors import SettingsError
from functions.gallery.records import (
    Collection,
    CollectionSpec,
    Condition,
    Distance,
    Quantization,
    Query,
)
from functions.gallery.stores.embedded import store as embedded
from functions.gallery.stores.embedded.collections import EdgeCollections
from functions.gallery.stores.embedded.store import EdgeStore
from scripts.bench.speeding.made_gallery import KINDS, MadeGallery, id_of, kind_of, made_image
from tests.contract.stores import BACK_ENDS

pytestmark = pytest.mark.slow

DIMS, IMAGES, TOP = 256, 12_000, 10  # 12 MB: below 10 the cores compare full vectors
QUANTIZING = [name for name in BACK_ENDS if name in ("edge", "qdrant-server")]


@pytest.fixture(scope="module")
def made():
    """Vectors near 500 centres, and the exact scores of every one for twenty queries."""
    gallery = MadeGallery(IMAGES, DIMS)
    vectors = np.vstack([block for _, block in gallery.blocks()])
    queries = gallery.queries(20)
    return vectors, queries, queries @ vectors.T


@pytest.fixture(scope="module", params=[(b, q) for b in QUANTIZING for q in Quantization])
def filled(request, made, tmp_path_factory):
    """A store with all of them in its index."""
    back_end, quantization = request.param
    spec = CollectionSpec("test@1", DIMS, fields={"kind": "keyword"}, quantization=quantization)
    with (
        pytest.MonkeyPatch.context() as patch,
        BACK_ENDS[back_end](spec, tmp_path_factory.mktemp("store")) as store,
    ):
        patch.setattr(embedded, "_WORTH_AN_INDEX", 1)
        for start in range(0, IMAGES, 1_000):
            images = [made_image(start + row, "test@1") for row in range(1_000)]
            store.put(images, made[0][start : start + 1_000])
        store.optimize()
        while store.check() != "ready":
            sleep(0.2)
        yield store


def test_the_ten_nearest_are_those_of_an_exact_search_with_its_scores(filled, made):
    vectors, queries, exact = made

    found = [filled.search(Query(query, limit=TOP)) for query in queries]

    shares = []
    for row, matches in zip(exact, found, strict=True):
        tenth = np.sort(row)[-TOP]
        shares.append(np.mean([match.score >= tenth - 1e-5 for match in matches]))
        scores = {id_of(n): row[n] for n in np.argsort(-row)[:200]}
        assert [scores[match.image.id] for match in matches] == pytest.approx(
            [match.score for match in matches], abs=1e-5
        )
        assert [match.score for match in matches] == sorted(
            (match.score for match in matches), reverse=True
        )
    assert np.mean(shares) >= 0.995


def test_the_same_picture_is_found_first_at_a_similarity_of_one(filled, made):
    for number in range(0, IMAGES, IMAGES // 20):
        first = filled.search(Query(made[0][number], limit=2))[0]

        assert first.image.id == id_of(number)
        assert first.similarity == pytest.approx(1.0, abs=1e-6)


def test_a_filtered_search_agrees_with_an_exact_one(filled, made):
    _, queries, exact = made

    for kind, (query, row) in enumerate(zip(queries, exact, strict=True)):
        where = (Condition("kind", any_of=(kind_of(kind),)),)
        found = filled.search(Query(query, limit=TOP, where=where))

        of_kind = np.arange(kind, IMAGES, KINDS)
        best = of_kind[np.argsort(-row[of_kind])][:TOP]
        assert [match.image.id for match in found] == [id_of(int(n)) for n in best]


def test_pages_of_a_search_neither_repeat_nor_miss_images(filled, made):
    _, queries, exact = made

    for query, row in zip(queries[:5], exact[:5], strict=True):
        seen = []
        for offset in range(0, 600, 20):
            page = filled.search(Query(query, limit=20, offset=offset))
            seen += [match.image.id for match in page]

        assert len(seen) == len(set(seen)) == 600
        best = {id_of(int(n)) for n in np.argsort(-row)[:48]}
        assert len(best.intersection(seen)) >= 47


def test_pages_are_parts_of_one_ranking(filled, made):
    query = made[1][0]
    whole = [match.image.id for match in filled.search(Query(query, limit=48))]

    for offset in (0, 12, 24, 36):
        page = filled.search(Query(query, limit=12, offset=offset))

        assert [match.image.id for match in page] == whole[offset : offset + 12]


@pytest.mark.parametrize(
    ("distance", "quantization"),
    [(Distance.COSINE, Quantization.TURBO4), (Distance.MANHATTAN, Quantization.INT8)],
)
def test_the_embedded_store_chooses_its_best(tmp_path, distance, quantization):
    with closing(EdgeCollections(tmp_path)) as collections:
        made = collections.ready(CollectionSpec("test@1", 8, distance))

        assert made.spec.quantization is quantization
        assert collections.read(made.name).spec.quantization is quantization


def test_an_embedded_index_that_records_no_quantization_has_the_one_of_its_version(tmp_path):
    spec = CollectionSpec("test@1", 8)
    with closing(EdgeCollections(tmp_path)) as collections:
        collections.ready(spec)
        info = dict(collections.read_info(spec.name))
        del info["quantization"]
        collections.write_info(spec.name, info)

        assert collections.read(spec.name).spec.quantization is Quantization.TURBO4


def test_four_bits_are_refused_for_manhattan_distances(tmp_path):
    spec = CollectionSpec("t@1", 8, Distance.MANHATTAN, quantization=Quantization.TURBO4)

    with pytest.raises(SettingsError, match="use int8"):
        EdgeStore.open(tmp_path, spec)

    with closing(EdgeCollections(tmp_path)) as collections:
        assert collections.read(Collection(spec.name, spec).name) is None
