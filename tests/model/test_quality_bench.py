"""The quality bench from a folder to figures, with the served model and drawn pictures."""

import csv
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.embedding.likeness import Bands
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.copies import alter_some, find_copies, signs_of
from model.quality.measure import embedded_sets, measure
from model.quality.notions import find_by_notion, measure_drawn, measure_notions
from model.quality.pairs import COPY, LABEL, NOTHING, copy_pairs, untouched_pairs
from model.quality.ranking import rank_sets
from model.quality.report import different_table, drawn_table, found_table, put_table, ranking_table
from model.quality.sets import SetError, find_sets, hash_of
from model.quality.vectors import WHOLE, Graph, Variant, embed
from tests.drawing import scene, written
from tests.model.served import MODEL

NAMES = ("stripped", "png", "exif turned", "blur 1 %", "mirrored")


def options(originals):
    return Namespace(originals=originals, scenes=False, only_copies=False, cache=None)


def write_set(folder: Path, drawn: dict[str, tuple[str, Image.Image]]) -> Path:
    """Write a set of labelled pictures, each of which searches all others."""
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
    """Draw two sets in which each label has a scene and a smaller copy of it."""
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
def variants() -> list[Variant]:
    graph = Graph(MODEL)
    views = graph.card.views
    return [
        Variant("whole", graph, (WHOLE,), ends=False),
        Variant("served", graph, views),
        Variant("narrow", graph, views, width=320, against="served"),
        Variant("served, float", graph, (WHOLE,)),
    ]


def test_the_bench_embeds_as_the_service_does(sets, variants):
    file = sets / "one" / "images" / "0-query.jpg"
    embedder = OnnxEmbedder(MODEL)
    picture = decode(file.read_bytes(), Limits(), short_side_px=embedder.card.short_side_px)

    embedded = embed([("0", file.read_bytes)], variants, "pictures")

    np.testing.assert_allclose(embedded.vectors["served"], embedder.embed([picture]), atol=1e-6)
    assert embedded.fingerprints == (Fingerprint.of(picture),)


def test_the_bench_sees_long_pictures_as_the_service_does(variants):
    data = written(scene(5, 900, 300), "PNG")
    embedder = OnnxEmbedder(MODEL)
    picture = decode(data, Limits(), short_side_px=embedder.card.short_side_px)

    embedded = embed([("long", lambda: data)], variants, "pictures")

    np.testing.assert_allclose(embedded.vectors["served"], embedder.embed([picture]), atol=1e-6)
    whole = Graph(MODEL).run(picture.square(1.0, 224)[np.newaxis])["joined"][0]
    np.testing.assert_allclose(embedded.vectors["whole"][0], Graph(MODEL).vector(whole), atol=1e-6)


def test_signs_multiply_to_hash_distances():
    one, other = (Fingerprint.of_blocks(np.asarray(scene(n, 64, 64))) for n in (1, 2))

    signs = signs_of((one, other, None))

    assert (256 - signs[0] @ signs[1]) / 2 == one.hash.distance(other.hash)
    assert not signs[2].any()


def test_vectors_are_kept_for_the_next_run(variants, tmp_path):
    data = written(scene(5), "PNG")
    made = embed([("one", lambda: data)], variants, "pictures", tmp_path)

    again = embed([("one", lambda: b"not needed")], variants, "pictures", tmp_path)

    assert again.fingerprints == made.fingerprints
    np.testing.assert_array_equal(again.vectors["narrow"], made.vectors["narrow"])
    with pytest.raises(SetError):
        embed([("two", lambda: b"needed")], variants, "pictures", tmp_path)


def test_a_picture_that_cannot_be_decoded_is_named(variants):
    with pytest.raises(SetError, match=r"shop/broken\.jpg"):
        embed([("shop/broken.jpg", lambda: b"\xff\xd8 broken")], variants, "pictures")


def test_a_narrow_variant_keeps_the_first_dimensions_as_unit_vectors(sets, variants):
    file = sets / "one" / "images" / "0-query.jpg"

    vectors = embed([("0", file.read_bytes)], variants, "pictures").vectors

    whole, narrow = vectors["served"][0], vectors["narrow"][0]
    assert narrow.shape == (320,)
    np.testing.assert_allclose(np.linalg.norm(narrow), 1, atol=1e-6)
    np.testing.assert_allclose(narrow / narrow[0], whole[:320] / whole[0], rtol=1e-4)


def test_every_variant_is_measured_on_every_set(sets, variants):
    ranking = rank_sets(embedded_sets(find_sets(sets), variants, frozenset()), variants)

    assert set(ranking["tasks"]) == {"one, category", "two, category"}
    figures = ranking["tasks"]["one, category"]
    assert (figures["queries"], figures["gallery"]) == (6, 6)
    # Every variant finds smaller copies of drawn scenes first.
    assert {name: values["r1"] for name, values in figures["variants"].items()} == dict.fromkeys(
        ("whole", "served", "narrow", "served, float"), 1.0
    )
    assert set(ranking["fidelity"]) == {"served"}
    assert set(ranking["fidelity"]["served"]) == {"one", "two"}
    assert figures["variants"]["narrow"]["against"] == {
        "variant": "served",
        "difference": 0.0,
        "low": 0.0,
        "high": 0.0,
        "better": 0.0,
    }
    assert "against" not in figures["variants"]["served"]
    table = ranking_table(ranking["tasks"])
    assert table[-1].startswith("| mean mAP over sets |  | 1.0000 |")


def test_a_task_in_which_nothing_can_be_found_is_skipped_and_named(variants, tmp_path, capsys):
    every_label_once = write_set(
        tmp_path / "alone", {f"{seed}.jpg": (f"scene {seed}", scene(seed)) for seed in range(3)}
    )

    ranking = rank_sets(embedded_sets([every_label_once], variants, frozenset()), variants)

    assert ranking["tasks"] == {}
    assert "skipped alone, leave one out" in capsys.readouterr().err


def test_a_single_set_is_only_ranked_and_the_report_says_why(sets, variants):
    results = measure([sets / "one"], variants, frozenset(), options(20))

    assert set(results["ranking"]["tasks"]) == {"one, category"}
    assert (results["near_duplicates"], results["bands"]) == (None, None)
    assert "too few pictures" in results["left_out"]


def test_a_set_with_a_picture_used_to_build_the_model_is_not_measured(sets, variants):
    seen = frozenset({hash_of(sets / "two" / "images" / "3-gallery.jpg")})

    with pytest.raises(SetError, match=r"two: 1 pictures .* 3-gallery\.jpg"):
        measure(find_sets(sets), variants, seen, options(0))


@pytest.fixture(scope="module")
def material(variants, tmp_path_factory):
    """Alter the pictures of two sets without near neighbours; all have the same label."""
    folder = tmp_path_factory.mktemp("few")
    for number, name in enumerate(("one", "two")):
        drawn = {f"{name}-{seed}.jpg": ("x", scene(100 * number + seed)) for seed in range(6)}
        write_set(folder / name, drawn)
    sets = embedded_sets(find_sets(folder), variants[:2], frozenset())
    return alter_some(sets, variants[:2], frozenset(), alterations=NAMES)


def test_altered_copies_are_found_by_vector_by_hash_and_by_either(material):
    found = find_copies(material)

    assert (found["originals"] + found["absent"], found["gallery"]) == (12, 9)
    assert found["variants"]["served"]["exif turned"]["r1"] == 1.0
    assert found["variants"]["hash"]["blur 1 %"]["r1"] >= 8 / 9 - 1e-3  # one has no fingerprint
    assert found["variants"]["hash"]["mirrored"]["r1"] < 1.0
    assert found["variants"]["served or hash"]["mirrored"]["tpr_at_1_percent_fa"] == 1.0


def test_a_lossless_copy_has_the_vector_of_its_original(material):
    copies = material.copies.vectors["served"].reshape(len(NAMES), 12, -1)
    originals = material.embedded.vectors["served"][material.roles.altered]

    assert (copies[:3] * originals).sum(axis=2).min() > 0.9999


def test_a_query_is_not_its_own_hit_in_a_small_gallery(material):
    found = list(untouched_pairs(material, np.ones(len(material.names), bool)))

    assert [len(pairs) for pairs in found] == [6 * 5, 6 * 5]
    assert set(np.concatenate(found)["relation"]) == {LABEL}


def test_a_copy_is_judged_only_against_its_original_and_other_labels(material):
    pairs = copy_pairs(material, np.ones(len(material.names), bool))

    # Each copy searches the nine pictures of the gallery; those of its own set have its label.
    kinds, counts = np.unique(pairs["relation"], return_counts=True)
    from_originals = len(NAMES) * len(material.roles.originals)
    count = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    assert count[COPY] == from_originals
    assert count[LABEL] + count[NOTHING] == len(NAMES) * 12 * 9 - from_originals
    set_of = np.array([name.partition("/")[0] for name in material.names])
    same_set = [
        (set_of[material.roles.gallery] == set_of[row]).sum() for row in material.roles.altered
    ]
    assert count[LABEL] == len(NAMES) * sum(same_set) - from_originals


BANDS = Bands(((0.95, 0.87), (0.7, 0.92)), 0.5)


def test_every_notion_finds_its_own_copies(material):
    found = find_by_notion(material, BANDS)

    prints = [material.embedded.fingerprints[row] is not None for row in material.roles.altered]
    hashed = round(sum(prints) / len(prints), 4)
    for name in ("stripped", "png", "exif turned"):
        assert found[name]["same-picture"] == found[name]["any"] == hashed
    assert found["mirrored"]["turned"] == hashed
    table = found_table({"found": found, "altered": 12})
    assert table[0] == "| copy | same-picture | edited | turned | lookalike | any |"


def test_notions_are_counted_for_pictures_that_are_not_copies(material, variants, monkeypatch):
    monkeypatch.setattr("model.quality.notions.KINDS", {})

    notions = measure_notions(
        material, BANDS, lambda sources, what: embed(sources, variants[1:2], what)
    )

    assert notions["different"] == {
        "pairs": 12 * 11 // 2,
        "same-picture": 0,
        "edited": 0,
        "turned": 0,
        "lookalike": 0,
    }
    assert notions["recoloured"]["garment"].get("same-picture", 0) == 0
    assert different_table(notions)[2].startswith("| different pictures of the sets | 66 | 0 |")


def test_drawings_are_found_again_and_not_mistaken_for_each_other(variants, monkeypatch):
    monkeypatch.setattr("model.quality.notions.DRAWINGS", 4)
    monkeypatch.setattr("model.quality.notions.COPIED", 1)

    counts = measure_drawn(
        "pages of text", BANDS, lambda sources, what: embed(sources, variants[1:2], what)
    )

    assert counts["found"]["saved again"] == {"same-picture": 6}
    assert counts["different"] == {"none": 10 * 3 + 4 * 3 // 2}
    assert drawn_table({"pages": counts})[2].startswith("| pages | 4 of 4 | 6 of 6 | 6 |")


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
