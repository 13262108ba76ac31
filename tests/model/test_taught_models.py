"""What scripts/teach writes: cached vectors, the head, the card, the bands, the page."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.likeness import Bands
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.vectors import unit
from model.teach.bands import Similarities, bands_of, best_others, measured, unrelated_pairs
from model.teach.features import Features, FeaturesInUse
from model.teach.folder import check_free, check_output, read_base, write_model
from model.teach.graph import with_map
from model.teach.maps import LinearMap
from model.teach.page import Example, Shown, page
from model.teach.pictures import Unteachable
from tests.drawing import jpeg

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "model"
BANDS = {"lookalike": [[0.95, 0.5], [0.85, 0.6], [0.7, 0.7]], "similar": 0.4}


def some_map(inputs=1280, width=16, seed=0):
    dice = np.random.default_rng(seed)
    mean, matrix = dice.normal(size=inputs) * 0.01, dice.normal(size=(inputs, width))
    return LinearMap(mean.astype(np.float32), matrix.astype(np.float32))


def run(graph, rows):
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: rows})[0]


def keys(count):
    return [f"{number:064x}" for number in range(count)]


def test_cached_vectors_are_read_again_in_any_order(tmp_path):
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    with Features(tmp_path / "new" / "a.features", 8) as features:
        for key, row in zip(keys(5), rows, strict=True):
            features.add(key, row)

    with Features(tmp_path / "new" / "a.features", 8) as features:
        assert keys(5)[3] in features and "f" * 64 not in features
        assert np.array_equal(features.gather(keys(5)[::-1]), rows[::-1])
        assert features.gather([]).shape == (0, 8)


@pytest.mark.parametrize("kept_bytes", [1, 31, 32, 60, 67])
def test_a_torn_record_is_dropped_and_written_again(tmp_path, kept_bytes):
    path = tmp_path / "a.features"
    with Features(path, 8) as features:
        for number, key in enumerate(keys(3)):
            features.add(key, np.full(8, number, np.float32))
    size = path.stat().st_size // 3
    path.write_bytes(path.read_bytes()[: 2 * size + kept_bytes])

    with Features(path, 8) as features:
        assert [key in features for key in keys(3)] == [True, True, False]
        features.add(keys(3)[2], np.full(8, 9, np.float32))

    with Features(path, 8) as features:
        assert features.gather(keys(3))[:, 0].tolist() == [0, 1, 9]
    assert path.stat().st_size == 3 * size


def test_a_record_that_was_damaged_ends_the_file(tmp_path):
    path = tmp_path / "a.features"
    with Features(path, 8) as features:
        for key in keys(3):
            features.add(key, np.ones(8, np.float32))
    data = bytearray(path.read_bytes())
    data[len(data) // 3 + 40] ^= 1
    path.write_bytes(data)

    with Features(path, 8) as features:
        assert [key in features for key in keys(3)] == [True, False, False]


def test_a_second_process_does_not_write_to_the_same_file(tmp_path):
    with (
        Features(tmp_path / "a.features", 8),
        pytest.raises(FeaturesInUse, match="in use by another scripts/teach"),
    ):
        Features(tmp_path / "a.features", 8)


def test_a_process_that_is_killed_leaves_what_it_wrote(tmp_path):
    path = tmp_path / "a.features"
    script = (
        "import numpy as np, os, sys; from model.teach.features import Features;"
        "f = Features(__import__('pathlib').Path(sys.argv[1]), 8);"
        "[f.add(f'{n:064x}', np.ones(8, np.float32)) for n in range(7)]; os.kill(os.getpid(), 9)"
    )

    killed = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT)

    assert killed.returncode == -9
    with Features(path, 8) as features:
        assert all(key in features for key in keys(7))


def test_the_head_with_a_map_equals_the_map_of_the_heads_vectors():
    head = (MODEL / "head.onnx").read_bytes()
    inputs = onnxruntime.InferenceSession(head).get_inputs()[0].shape[1]
    rows = np.abs(np.random.default_rng(0).normal(size=(4, inputs))).astype(np.float32)
    map = some_map()

    taught = run(with_map(head, map), rows)

    assert np.allclose(taught, map.apply(run(head, rows)), atol=1e-5)


def test_a_network_without_a_head_gets_one_for_its_own_rows():
    rows = np.random.default_rng(0).normal(size=(4, 12)).astype(np.float32)
    map = some_map(12, 3)

    taught = run(with_map(None, map), rows)

    assert np.allclose(taught, map.apply(unit(rows)), atol=1e-5)


def test_what_is_no_graph_is_refused_and_not_read_past_its_end():
    with pytest.raises(ValueError, match="no ONNX file"):
        with_map(b"\x3a\xff\x01abc", some_map())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("taught") / "own"
    return out, write_model(MODEL, out, some_map(), BANDS, {"pictures": 3})


def test_a_taught_folder_embeds_as_the_map_of_what_is_served(written):
    served, taught = OnnxEmbedder(MODEL), OnnxEmbedder(written[0])
    short_side_px = served.card.short_side_px
    pictures = [decode(jpeg(n), Limits(), short_side_px=short_side_px) for n in range(3)]

    vectors = taught.embed(pictures)

    assert vectors.shape == (3, 16)
    assert np.allclose(vectors, some_map().apply(served.embed(pictures)), atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_a_taught_card_has_a_version_width_and_bands_of_its_own(written):
    out, version = written
    card, base = (json.loads((folder / "card.json").read_text()) for folder in (out, MODEL))

    assert card["name"] == base["name"]
    assert card["version"] == version
    assert version.startswith(f"{base['version']}-taught-")
    assert card["output"]["dims"] == 16
    assert card["views"] == base["views"]
    assert card["taught"] == {"base": f"{base['name']}@{base['version']}", "pictures": 3}
    assert OnnxEmbedder(out).card.bands == Bands.read(BANDS)
    assert "widths" not in card and "measured" not in card


def test_other_labels_make_another_version_and_replace_the_files(written, tmp_path):
    out = tmp_path / "own"
    shutil.copytree(written[0], out)

    version = write_model(MODEL, out, some_map(seed=1), BANDS, {})

    assert version != written[1]
    assert len(list(out.glob("head-*.onnx"))) == 1
    assert OnnxEmbedder(out).card.version == version


def test_a_taught_model_is_not_taught_again(written):
    with pytest.raises(Unteachable, match="unset LOOKALIKE_MODEL"):
        read_base(written[0])


def test_only_an_empty_or_a_taught_folder_is_written_to(written, tmp_path):
    (tmp_path / "file").write_text("mine")

    check_output(written[0])
    check_output(tmp_path / "new")
    for mine in (tmp_path, tmp_path / "file", MODEL):
        with pytest.raises(Unteachable, match="choose a"):
            check_output(mine)


def test_the_model_that_a_gallery_uses_is_not_overwritten(written, tmp_path):
    out, version = written

    check_free(out, "another@1")
    check_free(tmp_path / "new", f"{read_base(MODEL)['name']}@{version}")
    with pytest.raises(Unteachable, match="choose another folder"):
        check_free(out, f"{read_base(MODEL)['name']}@{version}")


def test_bands_are_in_order_and_strict_where_pictures_hardly_agree():
    dice = np.random.default_rng(0)
    found = Similarities(
        copies=dice.uniform(0.6, 1, 400),
        others=dice.uniform(0.2, 0.8, 300),
        unrelated=dice.uniform(-0.4, 0.3, 5_000),
    )

    bands = bands_of(found, [0.95, 0.85, 0.7])

    Bands.read(bands)
    (_, loose), (_, between), (_, strict) = bands["lookalike"]
    assert bands["similar"] == pytest.approx(0.3, abs=0.02)
    assert loose == pytest.approx(0.62, abs=0.02)
    assert between == strict == pytest.approx(0.81, abs=0.02)
    figures = measured(found, bands)
    assert figures["copies_above_the_first_limit"] >= 0.93
    assert figures["best_others_above_the_last_limit"] <= 0.01


@pytest.mark.parametrize("level", [-0.5, 0.0, 0.4, 0.999])
def test_bands_can_be_read_whatever_was_measured(level):
    alike = np.full(10, level)

    for copies, others, unrelated in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)):
        found = Similarities(
            *(np.where(flag, alike, -alike) for flag in (copies, others, unrelated))
        )
        Bands.read(bands_of(found, [0.95, 0.85, 0.7]))


def test_copies_in_the_gallery_do_not_raise_the_limits():
    spread = unit(np.random.default_rng(0).normal(size=(4, 8)).astype(np.float32))
    vectors = np.concatenate([spread, spread[:1] + 0.001])  # the last is a copy of the first
    to_two = LinearMap(np.zeros(8, np.float32), np.eye(8, 2, dtype=np.float32))
    mapped = to_two.apply(vectors)
    pairs = [mapped[0] @ mapped[row] for row in (1, 2, 3)]

    best = best_others(vectors, to_two, 0.9, 0)

    assert len(best) == 5
    assert np.isclose(best, max(pairs), atol=0.01).any()
    assert best.max() < 0.9999  # neither itself nor the copy


def test_pairs_of_different_labels_are_drawn_from_all_of_them():
    taught = unit(np.ones((4, 4), np.float32) + np.eye(4, dtype=np.float32))

    pairs = unrelated_pairs(taught[:2], taught, (np.array([0, 1]), np.array([0, 1, 0, 0])), 0)

    assert len(pairs) == 4
    assert np.allclose(pairs, taught[0] @ taught[1])


def test_the_page_shows_names_and_labels_as_text_and_needs_nothing_else():
    row = {"map": [0.5, 0.4, 0.6], "r1": [0.5, 0.4, 0.6]}
    gain = {"difference": -0.1, "low": -0.2, "high": 0.1}
    variants = {name: row | {"gain": gain} for name in ("served", "truncated", "lda")}
    figures = {"known": {"queries": 3, "labels": 2, "gallery": 9, "variants": variants}}
    hostile = Shown('<script>"', "<b>label</b>", None)

    html = page(
        {"facts": ["<i>fact</i>"]},
        figures,
        "lda",
        [Example("known", hostile, [hostile], [hostile])],
    )

    assert "<script" not in html and "<b>" not in html and "<i>" not in html
    assert "&lt;b&gt;label&lt;/b&gt;" in html
    assert "http" not in html.replace("http-equiv", "")
    assert "−0.100 [−0.200, +0.100]" in html
    assert "new labels were not measured" in html
