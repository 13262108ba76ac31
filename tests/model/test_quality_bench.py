"""The quality bench from a folder to figures, with the served model and drawn pictures."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.pictures import Limits, decode
from scripts.bench.evaluation import copies, pairs, ranking, results, vectors
from scripts.bench.evaluation.banding import COPY, LABEL, NOTHING, SAME, joined
from scripts.bench.evaluation.report import ranking_table
from scripts.bench.evaluation.sets import SetError, Source, find_sets, hash_of, read_pictures
from scripts.bench.evaluation.vectors import Graph, Variant, embed_all
from scripts.bench.pages import put_table
from tests.drawing import scene, written
from tests.model.served import MODEL

NAMES = ("stripped", "png", "exif turned", "blur 1 %", "mirrored")


def write_set(folder: Path, drawn: dict[str, tuple[str, Image.Image]]) -> Path:
    """Write a set of labelled pictures by file; each is looked for among all others."""
    (folder / "images").mkdir(parents=True)
    rows = [("file", "label", "item", "role", "part")]
    for file, (label, image) in drawn.items():
        (folder / "images" / file).write_bytes(written(image, quality=90))
        rows.append((file, label, "", "file", ""))
    with (folder / "labels.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return folder


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
        Variant("narrow", graph, views, width=320, against="served"),
        Variant("served, float", graph, (1.0,)),
    ]


def test_the_bench_embeds_as_the_service_does(sets, compared, cache):
    file = sets / "one" / "images" / "0-query.jpg"
    embedder = OnnxEmbedder(MODEL)
    picture = decode(file.read_bytes(), Limits(), short_side_px=embedder.card.short_side_px)

    seen = embed_all([Source("0", "0", file.read_bytes)], compared, cache)

    expected = embedder.embed([picture])
    np.testing.assert_allclose(seen.vectors[compared[1].key], expected, atol=1e-6)
    assert (seen.bits[0] == (picture.perceptual_hash().vector() > 0.5)).all()


def test_what_was_embedded_once_is_read_from_the_cache(sets, compared, cache):
    file = sets / "one" / "images" / "1-query.jpg"
    first = embed_all([Source("1", "1", file.read_bytes)], compared, cache)

    def read() -> bytes:
        raise AssertionError("read again")

    again = embed_all([Source("renamed", "1", read)], compared, cache)

    for key, rows in first.vectors.items():
        assert (again.vectors[key] == rows).all()


def test_other_bytes_or_other_code_are_embedded_again(sets, compared, monkeypatch, tmp_path):
    pictures = read_pictures(Path(shutil.copytree(sets / "one", tmp_path / "one")))
    cache, code = tmp_path / "cache", tmp_path / "decoder.py"

    first = embed_all([pictures.source(2)], compared, cache)
    pictures.path(2).write_bytes(written(scene(77), quality=90))
    other = embed_all([pictures.source(2)], compared, cache)
    files = len(list(cache.iterdir()))
    code.write_text("another decoder")
    monkeypatch.setattr(vectors, "CODE", [code])
    embed_all([pictures.source(2)], compared, cache)

    key = compared[1].key
    assert float((first.vectors[key] @ other.vectors[key].T).item()) < 0.99
    assert len(list(cache.iterdir())) == files * 3 / 2


def test_a_picture_that_cannot_be_decoded_is_named(compared, cache):
    with pytest.raises(SetError, match=r"shop/broken\.jpg: "):
        embed_all([Source("shop/broken.jpg", "x", lambda: b"\xff\xd8 broken")], compared, cache)


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
    assert set(told["fidelity"]) == set(told["mixed"]) == {"served"}
    assert told["mixed"]["served"]["one, category"] == 1.0
    assert figures["variants"]["narrow"]["against"] == {
        "variant": "served",
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "better": 0.0,
    }
    assert "against" not in figures["variants"]["served"]
    table = ranking_table(told["tasks"])
    assert table[-1].startswith("| mean mAP over sets | | 1.0000 |")


def test_a_task_in_which_nothing_can_be_found_is_skipped_and_named(compared, cache, tmp_path):
    every_label_once = write_set(
        tmp_path / "alone", {f"{seed}.jpg": (f"scene {seed}", scene(seed)) for seed in range(3)}
    )

    told = ranking.rank_sets([every_label_once], compared, frozenset(), cache)

    assert (told["tasks"], told["skipped"]) == (
        {},
        ["alone, leave one out: no query has anything to find"],
    )


def test_a_single_set_is_ranked_and_told_why_there_is_no_more(sets, compared, cache):
    told = results.measured([sets / "one"], compared, frozenset(), cache, originals=20)

    assert set(told["ranking"]["tasks"]) == {"one, category"}
    assert (told["near_duplicates"], told["bands"]) == (None, None)
    assert "too few pictures" in told["left_out"]


def test_a_set_with_a_picture_that_made_the_model_is_not_measured(sets, compared, cache):
    seen = frozenset({hash_of(sets / "two" / "images" / "3-gallery.jpg")})

    with pytest.raises(SetError, match=r"two: 1 pictures .* 3-gallery\.jpg"):
        ranking.rank_sets(find_sets(sets), compared, seen, cache)


@pytest.fixture(scope="module")
def material(compared, cache, tmp_path_factory):
    """Alter the pictures of two sets without near neighbours; in each all have one label."""
    folder = tmp_path_factory.mktemp("few")
    for number, name in enumerate(("one", "two")):
        drawn = {f"{name}-{seed}.jpg": ("x", scene(100 * number + seed)) for seed in range(6)}
        write_set(folder / name, drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "NAMES", NAMES)
        return copies.gather(find_sets(folder), compared, frozenset(), cache)


def test_altered_copies_are_found_by_vector_by_hash_and_by_both(material, compared, monkeypatch):
    monkeypatch.setattr(copies, "NAMES", NAMES)

    told = copies.near_duplicates(material, compared)

    assert (told["originals"] + told["absent"], told["gallery"]) == (12, 9)
    assert told["lossless_least_cosine"]["served"] > 0.9999
    assert told["variants"]["hash"]["blur 1 %"]["r1"] == 1.0
    assert told["variants"]["hash"]["mirrored"]["r1"] < 1.0
    assert told["variants"]["served or hash"]["mirrored"]["tpr_at_1_percent_fa"] == 1.0


def test_a_query_is_not_its_own_hit_in_a_gallery_of_few(material, compared):
    everything = np.ones(len(material.names), bool)

    found = pairs._untouched(material, compared[1], everything)

    assert [len(each.similarity) for each in found] == [6 * 5, 6 * 5]
    assert set(joined(found).relation) == {LABEL}


def test_of_an_altered_copy_only_its_original_and_other_labels_are_judged(
    material, compared, monkeypatch
):
    monkeypatch.setattr(pairs, "NAMES", NAMES)
    everything = np.ones(len(material.names), bool)

    found = pairs._of_copies(material, compared[1], everything)

    # Each looks at the nine pictures of the gallery: those of its own set are of its label.
    kinds, counts = np.unique(found.relation, return_counts=True)
    own = len(NAMES) * len(material.chosen.originals)
    told = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    assert told[SAME] + told[COPY] == own
    assert told[LABEL] + told[NOTHING] == len(NAMES) * 12 * 9 - own
    in_set = np.array([name.partition("/")[0] for name in material.names])
    alike = [
        (in_set[material.chosen.gallery] == in_set[place]).sum()
        for place in (*material.chosen.originals, *material.chosen.absent)
    ]
    assert told[LABEL] == len(NAMES) * sum(alike) - own


def test_a_table_replaces_what_the_bench_wrote_before(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- written by scripts/bench/quality: x -->\nold\n<!-- end -->\nafter\n"
    )

    put_table(page, "scripts/bench/quality", "x", ["| new |"])
    put_table(page, "scripts/bench/quality", "x", ["| newer |"])

    assert page.read_text() == (
        "before\n<!-- written by scripts/bench/quality: x -->\n\n| newer |\n\n<!-- end -->\nafter\n"
    )
    with pytest.raises(ValueError, match="no place for y"):
        put_table(page, "scripts/bench/quality", "y", [])
