"""The served graph does what its card says, on any CPU. Needs only onnxruntime and numpy."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from model.build.drawings import NAMES, draw_all
from tests.model.served import CARD, GRAPH, MODEL, embed, embed_singly, open_graph

# Outputs of TensorFlow Lite's interpreter and of the float parent for the drawn pictures;
# written by model/build/verify.py.
GOLDEN = Path(__file__).with_name("golden.npz")
RESULTS = json.loads((MODEL / "quality" / "results.json").read_text())
# The lowest is 0.938: drawings are less like photos than the calibration pictures are.
MIN_COSINE = 0.92


@pytest.fixture(scope="module")
def graph():
    return open_graph()


def test_the_graph_is_the_file_that_the_card_describes():
    content = GRAPH.read_bytes()

    assert hashlib.sha256(content).hexdigest() == CARD["sha256"]
    assert len(content) == CARD["bytes"]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_view_gives_one_unit_vector(graph, count):
    vectors = embed(graph, draw_all()[:count])

    assert vectors.shape == (count, CARD["output"]["dims"])
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_a_batch_gives_the_same_vectors_as_single_runs(graph):
    drawn = draw_all()

    together = embed(graph, drawn)

    # Integers up to the pooling layer; only its float sums can run in another order.
    np.testing.assert_allclose(together, embed_singly(graph, drawn), atol=1e-6)


def test_a_picture_of_one_colour_gives_a_vector_without_nan(graph):
    blank = np.stack([np.full((224, 224, 3), level, np.uint8) for level in (0, 128, 255)])

    vectors = embed(graph, blank)

    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


def test_the_features_agree_with_tensorflow_lite_on_drawn_pictures(graph):
    expected = unit(np.load(GOLDEN)["tensorflow_lite"].astype(np.float32))

    (features,) = graph.run(["features"], {CARD["input"]["name"]: draw_all()})
    cosines = (unit(features) * expected).sum(axis=1)

    # Two int8 roundings of the same float network, on drawings, which are less like photos than the
    # calibration pictures: 0.975 at worst. Red and blue swapped: 0.83; wrong side padded: 0.50.
    low = {name: cosine for name, cosine in zip(NAMES, cosines, strict=True) if cosine < 0.97}
    assert low == {}


def test_the_vectors_agree_with_the_float_parent_on_drawn_pictures(graph):
    expected = unit(np.load(GOLDEN)["float"].astype(np.float32))

    cosines = (embed(graph, draw_all()) * expected).sum(axis=1)

    low = {name: cosine for name, cosine in zip(NAMES, cosines, strict=True) if cosine < MIN_COSINE}
    assert low == {}


@pytest.mark.parametrize("width", CARD["widths"])
def test_the_first_dimensions_keep_more_than_their_share(graph, width):
    kept = (embed(graph, draw_all())[:, :width] ** 2).sum(axis=1)

    # Of unit vectors, dimensions in random order would keep width / 1280 on average.
    assert (kept > 1.3 * width / CARD["output"]["dims"]).all()


def test_a_cpu_without_vnni_gives_the_same_vectors(graph):
    # On such a CPU, this makes onnxruntime use weights that cannot overflow; on others it does
    # nothing. With plain 8-bit weights the cosine to the float vectors fell to 0.26 there.
    exact = open_graph(x64quantprecision="1")
    drawn = draw_all()

    np.testing.assert_allclose(embed(graph, drawn), embed(exact, drawn), atol=1e-6)


def test_the_graph_has_only_standard_operators_and_no_padding_steps(tmp_path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])

    embed(session, draw_all()[:1])

    events = json.loads(Path(session.end_profiling()).read_text())
    operators = {event["args"]["op_name"] for event in events if event.get("cat") == "Node"}
    assert operators == {
        "Add",
        "Cast",
        "Concat",
        "Conv",
        "DequantizeLinear",
        "Div",
        "Flatten",
        "GlobalAveragePool",
        "MatMul",
        "Max",
        "Mul",
        "QuantizeLinear",
        "ReduceL2",
        "ReduceMean",
        "Sqrt",
        "Sub",
        "Transpose",
    }


def test_the_card_has_what_the_service_reads():
    assert CARD["input"] == {"name": "pixels", "layout": "NHWC", "dtype": "uint8", "px": 224}
    assert CARD["output"]["dims"] == 1280
    assert CARD["output"]["normalised"] is True
    assert CARD["views"] == [1.0, 0.75, 0.5]
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
