"""The served graphs do what their card says, on any CPU. Needs only onnxruntime and numpy."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from model.build.drawings import NAMES, draw_all
from tests.model.served import CARD, HEAD, MODEL, NETWORK, join, open_graph, turn

# Outputs of TensorFlow Lite's interpreter and of the float parent for the drawn pictures;
# written by model/build/verify.py.
GOLDEN = Path(__file__).with_name("golden.npz")
RESULTS = json.loads((MODEL / "quality" / "results.json").read_text())
# The lowest is 0.938: drawings are less like photos than the calibration pictures are.
MIN_COSINE = 0.92


@pytest.fixture(scope="module")
def network():
    return open_graph()


@pytest.fixture(scope="module")
def head():
    return open_graph(HEAD)


@pytest.mark.parametrize(("file", "facts"), [(NETWORK, CARD), (HEAD, CARD["head"])])
def test_the_graphs_are_the_files_that_the_card_describes(file, facts):
    content = file.read_bytes()

    assert hashlib.sha256(content).hexdigest() == facts["sha256"]
    assert len(content) == facts["bytes"]


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize("px", [32, 224, 288])
def test_views_of_any_size_give_one_unit_vector_each(network, head, count, px):
    views = np.tile(draw_all()[:count], (1, 2, 2, 1))[:, :px, :px]

    rows = join(network, views)
    vectors = turn(head, rows)

    assert rows.shape == (count, 2240)
    assert vectors.shape == (count, CARD["output"]["dims"])
    assert rows.dtype == vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_batch_gives_the_same_rows_as_single_runs(network):
    drawn = draw_all()

    singly = np.concatenate([join(network, view[np.newaxis]) for view in drawn])

    # Integers up to the pooling layer; only its float sums can run in another order.
    np.testing.assert_allclose(join(network, drawn), singly, atol=1e-6)


def test_a_picture_of_one_colour_gives_a_vector_without_nan(network, head):
    blank = np.stack([np.full((224, 224, 3), level, np.uint8) for level in (0, 128, 255)])

    vectors = turn(head, join(network, blank))

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_the_head_multiplies_as_exactly_as_in_float(head):
    golden = np.load(GOLDEN)

    cosines = (turn(head, golden["rows"]) * golden["turned"]).sum(axis=1)

    # One part of 8 bits reaches 0.99985; signed weights, without VNNI, 0.998.
    assert cosines.min() > 0.999999


def test_the_features_agree_with_tensorflow_lite_on_drawn_pictures(network):
    expected = unit(np.load(GOLDEN)["tensorflow_lite"].astype(np.float32))

    (features,) = network.run(["features"], {"pixels": draw_all()})
    cosines = (unit(features) * expected).sum(axis=1)

    # Two int8 roundings of the same float network, on drawings, which are less like photos than the
    # calibration pictures: 0.975 at worst. Red and blue swapped: 0.83; wrong side padded: 0.50.
    low = {name: cosine for name, cosine in zip(NAMES, cosines, strict=True) if cosine < 0.97}
    assert low == {}


def test_the_vectors_agree_with_the_float_parent_on_drawn_pictures(network, head):
    expected = unit(np.load(GOLDEN)["float"].astype(np.float32))

    cosines = (turn(head, join(network, draw_all())) * expected).sum(axis=1)

    low = {name: cosine for name, cosine in zip(NAMES, cosines, strict=True) if cosine < MIN_COSINE}
    assert low == {}


@pytest.mark.parametrize("width", CARD["widths"])
def test_the_first_dimensions_keep_more_than_their_share(network, head, width):
    kept = (turn(head, join(network, draw_all()))[:, :width] ** 2).sum(axis=1)

    # Of unit vectors, dimensions in random order would keep width / 1280 on average.
    assert (kept > 1.3 * width / CARD["output"]["dims"]).all()


def test_a_cpu_without_vnni_gives_the_same_vectors(network, head):
    # On such a CPU, this makes onnxruntime use weights that cannot overflow; on others it does
    # nothing. With plain 8-bit weights the cosine to the float vectors fell to 0.26 there.
    exact = open_graph(x64quantprecision="1")
    rows = join(network, draw_all())

    np.testing.assert_allclose(rows, join(exact, draw_all()), atol=1e-6)
    exact_head = open_graph(HEAD, x64quantprecision="1")
    np.testing.assert_allclose(turn(head, rows), turn(exact_head, rows), atol=1e-6)


def test_the_graphs_have_only_standard_operators_and_no_padding_steps(network, tmp_path):
    rows = join(network, draw_all()[:1])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")

    def operators(file, run, rows):
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        run(session, rows)
        events = json.loads(Path(session.end_profiling()).read_text())
        return {event["args"]["op_name"] for event in events if event.get("cat") == "Node"}

    assert operators(NETWORK, join, draw_all()[:1]) == {
        "Add",
        "Concat",
        "Conv",
        "DequantizeLinear",
        "Div",
        "Flatten",
        "GlobalAveragePool",
        "Max",
        "Mul",
        "QuantizeLinear",
        "ReduceL2",
        "ReduceMean",
        "Sqrt",
        "Sub",
        "Transpose",
    }
    assert operators(HEAD, turn, rows) == {
        "Add",
        "Cast",
        "DequantizeLinear",
        "Div",
        "DynamicQuantizeLinear",
        "MatMulInteger",
        "Max",
        "Mul",
        "ReduceL2",
        "Sub",
    }


def test_the_card_has_what_the_service_reads():
    assert CARD["input"] == {
        "name": "pixels",
        "layout": "NHWC",
        "dtype": "uint8",
        "multiple_of": 32,
    }
    assert CARD["output"]["dims"] == 1280
    assert CARD["output"]["normalised"] is True
    assert CARD["views"] == [
        {"part": 1.0, "px": 288, "weight": 1.75},
        {"part": 0.5, "px": 224, "weight": 1},
    ]
    assert CARD["widths"] == [640, 320, 160]
    assert CARD["resize"] == "bilinear"
    assert CARD["licence"] == "Apache-2.0"


def test_the_int8_graph_is_close_to_its_float_parent():
    ranking = RESULTS["ranking"]
    for figures in ranking["fidelity"]["served"].values():
        # A release needs a mean of at least 0.98 and a 5th percentile of at least 0.95.
        assert figures["cosine_mean"] >= 0.98
        assert figures["cosine_p5"] >= 0.95
    drops = [
        variants["served, float"]["map"] - variants["served"]["map"]
        for variants in (task["variants"] for task in ranking["tasks"].values())
    ]
    assert max(drops) <= 0.010
    assert np.mean(drops) <= 0.005


def test_the_served_model_ranks_better_than_the_plain_network_on_the_same_views():
    tasks = [task["variants"] for task in RESULTS["ranking"]["tasks"].values()]

    for variants in tasks:
        assert variants["served"]["map"] > variants["plain"]["map"] - 0.010
    means = {
        name: np.mean([variants[name]["map"] for variants in tasks]) for name in ("served", "plain")
    }
    assert means["served"] > means["plain"] + 0.02


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)
