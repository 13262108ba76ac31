"""The quality bench from a folder to figures, with the served model and drawn pictures."""

import csv
from pathlib import Path

import numpy as np
import pytest

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.pictures import Limits, decode
from scripts.bench.evaluation import copies, ranking
from scripts.bench.evaluation.report import put_table, ranking_table
from scripts.bench.evaluation.sets import SetError, find_sets, hash_of
from scripts.bench.evaluation.vectors import Graph, Variant, embed_all
from tests.drawing import scene, written
from tests.model.served import MODEL


@pytest.fixture(scope="module")
def sets(tmp_path_factory) -> Path:
    """Draw two sets; in each, a label has a scene and its mirrored or smaller copy."""
    folder = tmp_path_factory.mktemp("sets")
    for number, name in enumerate(("one", "two")):
        images = folder / name / "images"
        images.mkdir(parents=True)
        rows = []
        for seed in range(6):
            image = scene(100 * number + seed)
            for role, copy in (("query", image.resize((200, 150))), ("gallery", image)):
                file = f"{seed}-{role}.jpg"
                (images / file).write_bytes(written(copy, quality=90))
                rows.append((file, f"scene {seed}", "", role, ""))
        with (folder / name / "labels.csv").open("w", newline="") as opened:
            csv.writer(opened).writerows([("file", "label", "item", "role", "part"), *rows])
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def compared() -> list[Variant]:
    graph = Graph(MODEL)
    views = graph.card.views
    return [
        Variant("whole", graph, (1.0,)),
        Variant("served", graph, views),
        Variant("narrow", graph, views, width=320),
        Variant("served, float", graph, (1.0,)),
    ]


def test_the_bench_embeds_as_the_service_does(sets, compared, cache):
    file = sets / "one" / "images" / "0-query.jpg"
    embedder = OnnxEmbedder(MODEL)
    picture = decode(file.read_bytes(), Limits(), short_side_px=embedder.card.short_side_px)

    seen = embed_all([("0", file.read_bytes)], compared, cache)

    expected = embedder.embed([picture])
    np.testing.assert_allclose(seen.vectors[compared[1].key], expected, atol=1e-6)
    assert (seen.bits[0] == (picture.perceptual_hash().vector() > 0.5)).all()


def test_what_was_embedded_once_is_read_from_the_cache(sets, compared, cache):
    file = sets / "one" / "images" / "1-query.jpg"
    first = embed_all([("1", file.read_bytes)], compared, cache)

    def read() -> bytes:
        raise AssertionError("read again")

    again = embed_all([("1", read)], compared, cache)

    for key, rows in first.vectors.items():
        assert (again.vectors[key] == rows).all()


def test_a_narrow_variant_keeps_the_first_numbers_at_length_one(compared):
    rows = np.random.default_rng(0).normal(size=(3, 1280)).astype(np.float32)

    cut = compared[2].narrowed(rows)

    assert cut.shape == (3, 320)
    np.testing.assert_allclose(np.linalg.norm(cut, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(cut[0] / cut[0, 0], rows[0, :320] / rows[0, 0], rtol=1e-4)


def test_every_variant_is_measured_on_every_set(sets, compared, cache):
    told = ranking.rank_sets(find_sets(sets), compared, frozenset(), cache)

    assert set(told["tasks"]) == {"one, category", "two, category"}
    figures = told["tasks"]["one, category"]
    assert (figures["queries"], figures["gallery"]) == (6, 6)
    # Smaller copies of drawn scenes are found first by any of them.
    assert {name: of["r1"] for name, of in figures["variants"].items()} == dict.fromkeys(
        ("whole", "served", "narrow", "served, float"), 1.0
    )
    assert set(told["fidelity"]) == {"served"}
    table = ranking_table(told["tasks"])
    assert table[-1].startswith("| mean mAP over sets | | 1.0000 |")


def test_a_set_with_a_picture_that_made_the_model_is_not_measured(sets, compared, cache):
    seen = frozenset({hash_of(sets / "two" / "images" / "3-gallery.jpg")})

    with pytest.raises(SetError, match=r"two: 1 pictures .* 3-gallery\.jpg"):
        ranking.rank_sets(find_sets(sets), compared, seen, cache)


def test_altered_copies_are_found_by_vector_by_hash_and_by_both(
    sets, compared, cache, monkeypatch, tmp_path
):
    # Copies of one scene in a set would be near neighbours, so only the gallery's scenes play.
    few = tmp_path / "few"
    for name in ("one", "two"):
        (few / name / "images").mkdir(parents=True)
        rows = [("file", "label", "item", "role", "part")]
        for file in sorted((sets / name / "images").glob("*-gallery.jpg")):
            (few / name / "images" / f"{name}-{file.name}").write_bytes(file.read_bytes())
            rows.append((f"{name}-{file.name}", "x", "", "file", ""))
        with (few / name / "labels.csv").open("w", newline="") as opened:
            csv.writer(opened).writerows(rows)
    monkeypatch.setattr(copies, "NAMES", ("stripped", "png", "exif turned", "blur 1 %", "mirrored"))

    material = copies.gather(find_sets(few), compared, frozenset(), cache)
    told = copies.near_duplicates(material, compared)

    assert (told["originals"] + told["absent"], told["gallery"]) == (12, 9)
    assert told["lossless_least_cosine"]["served"] > 0.9999
    assert told["variants"]["hash"]["blur 1 %"]["r1"] == 1.0
    assert told["variants"]["hash"]["mirrored"]["r1"] < 1.0
    assert told["variants"]["served or hash"]["all"]["r1"] == 1.0


def test_a_table_replaces_what_the_bench_wrote_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- written by scripts/bench/quality: x -->\nold\n<!-- end -->\nafter\n"
    )

    put_table(page, "x", ["| new |"])
    put_table(page, "x", ["| newer |"])

    assert page.read_text() == (
        "before\n<!-- written by scripts/bench/quality: x -->\n\n| newer |\n\n<!-- end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="no place for y"):
        put_table(page, "y", [])
