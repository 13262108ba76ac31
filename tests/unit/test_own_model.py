"""A model of the user's own: what its card can say, and what is said when graph and card differ."""

import hashlib
import json
import re

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.errors import ModelMismatch
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.drawing import written
from tests.onnx_files import DOUBLE, UINT8, written_graph

# The mean colour of a view: three numbers.
POOLED = [("GlobalAveragePool", ["x"], "pooled"), ("Flatten", ["pooled"], "y")]
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
NCHW = {"layout": "NCHW", "dtype": "float32", **IMAGENET}
COLOUR = (200, 100, 40)


@pytest.fixture
def own(tmp_path):
    """Write a model folder; returns its embedder."""

    def make(graph: bytes, **card) -> OnnxEmbedder:
        (tmp_path / "own.onnx").write_bytes(graph)
        known = {
            "name": "own",
            "version": "1",
            "file": "own.onnx",
            "sha256": hashlib.sha256(graph).hexdigest(),
            "input": NCHW,
            "output": {"dims": 3},
            "views": [{"part": 1.0, "px": 32, "weight": 1}, {"part": 0.5, "px": 32, "weight": 1}],
        }
        (tmp_path / "card.json").write_text(json.dumps(known | card))
        return OnnxEmbedder(tmp_path)

    return make


def vector_of(embedder, colour=COLOUR):
    data = written(Image.new("RGB", (64, 64), colour), "PNG")
    picture = decode(data, Limits(), short_side_px=embedder.card.short_side_px)
    return embedder.embed([picture])[0]


def unit(numbers):
    return np.array(numbers) / np.linalg.norm(numbers)


@pytest.mark.parametrize("batch", [None, 1])
def test_a_network_of_torchvision_takes_normalised_colours_first(own, batch):
    embedder = own(written_graph(POOLED, [batch, 3, 32, 32], [batch, 3]))

    expected = (np.array(COLOUR) / 255 - IMAGENET["mean"]) / IMAGENET["std"]

    np.testing.assert_allclose(vector_of(embedder), unit(expected), atol=1e-5)


def test_a_network_can_take_bytes_and_scale_them_itself(own):
    nodes = [
        ("DequantizeLinear", ["x", "scale"], "light"),
        ("GlobalAveragePool", ["light"], "pooled"),
        ("Flatten", ["pooled"], "y"),
    ]
    embedder = own(
        written_graph(nodes, [None, 3, 32, 32], [None, 3], kind=UINT8, constants={"scale": 0.5}),
        input={"layout": "NCHW"},
    )

    np.testing.assert_allclose(vector_of(embedder), unit(COLOUR), atol=1e-5)


CASES = {
    "unflattened": (
        written_graph([("GlobalAveragePool", ["x"], "y")], [None, 3, 32, 32], [None, 3, 1, 1]),
        {},
        "returns rows of the shape [3, 1, 1], its card says [3]; correct output.dims, or add a "
        "Flatten at its end",
    ),
    "colours last": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"input": NCHW | {"layout": "NHWC"}},
        "takes tensor(float) of [3, 32, 32], its card needs tensor(float) of [32, 32, 3]; correct "
        "its layout, dtype or px",
    ),
    "bytes": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"input": {"layout": "NCHW"}},
        "its card needs tensor(uint8) of [3, 32, 32]; correct its layout, dtype or px",
    ),
    "another size": (
        written_graph(POOLED, [None, 3, 64, 64], [None, 3]),
        {},
        "takes tensor(float) of [3, 64, 64], its card needs tensor(float) of [3, 32, 32]",
    ),
    "a batch of eight": (
        written_graph(POOLED, [8, 3, 32, 32], [8, 3]),
        {},
        "takes 8 rows at once; export it for one or any number",
    ),
    "doubles": (
        written_graph(
            [("Flatten", ["x"], "y")], [None, 3, 1, 1], [None, 3], kind=DOUBLE, out=DOUBLE
        ),
        {},
        "returns tensor(double); it must have one and return tensor(float)",
    ),
    "two inputs": (
        written_graph(
            [
                ("Add", ["x", "z"], "sum"),
                ("GlobalAveragePool", ["sum"], "p"),
                ("Flatten", ["p"], "y"),
            ],
            [None, 3, 32, 32],
            [None, 3],
            inputs=("x", "z"),
        ),
        {},
        "has 2 inputs",
    ),
    "an unknown operator": (
        written_graph([("Invented", ["x"], "y")], [None, 3, 32, 32], [None, 3]),
        {},
        "does not open with onnxruntime",
    ),
    "an opset of the future": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3], opset=999),
        {},
        "does not open with onnxruntime",
    ),
    "no graph": (b"not a protocol buffer", {}, "is not an ONNX file"),
    "other bytes": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"sha256": "0" * 64},
        "is not the graph that card.json describes; its SHA-256 is ",
    ),
    "no views": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"views": None},
        "card.json is not valid; docs/own-model.md lists its fields",
    ),
    "two means": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"input": NCHW | {"mean": [0.5, 0.5]}},
        "card.json is not valid",
    ),
    "an unknown layout": (
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        {"input": NCHW | {"layout": "CHWN"}},
        "card.json is not valid",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_graph_that_does_not_fit_its_card_is_refused_with_what_to_do(own, case):
    graph, card, said = CASES[case]

    with pytest.raises(ModelMismatch, match=re.escape(said)) as refused:
        own(graph, **card)

    assert "ONNXRuntime" not in str(refused.value)  # none of its own text


def test_a_missing_field_is_named(own, tmp_path):
    own(written_graph(POOLED, [None, 3, 32, 32], [None, 3]))
    card = json.loads((tmp_path / "card.json").read_text())
    del card["version"]
    (tmp_path / "card.json").write_text(json.dumps(card))

    with pytest.raises(ModelMismatch, match="lacks 'version'"):
        OnnxEmbedder(tmp_path)


def test_the_boxes_of_long_pictures_must_fit_the_graph_too(own):
    long = {"longer_than": 1.5, "longest_box": 2.5, "most": 8, "weight": 0.5, "px": 64}

    with pytest.raises(
        ModelMismatch, match=re.escape("its card needs tensor(float) of [3, 64, 64]")
    ):
        own(written_graph(POOLED, [None, 3, 32, 32], [None, 3]), long_views=long)


# What onnxruntime itself says of graphs that it does not open or run.
FOREIGN = ("ONNXRuntime", "onnxruntime::", "Protobuf", "graph.cc", ":FAIL", "Invalid rank")


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (b"not a protocol buffer", "is not an ONNX file"),
        (
            written_graph(POOLED, [None, 3, 32, 32], [None, 3], opset=999),
            "export it for an older opset",
        ),
        (
            written_graph([("Invented", ["x"], "y")], [None, 3, 32, 32], [None, 3]),
            "with standard operators only",
        ),
    ],
)
def test_why_a_graph_does_not_open_is_said_and_nothing_else_is_printed(own, graph, said, capfd):
    with pytest.raises(ModelMismatch, match=said):
        own(graph)

    assert capfd.readouterr() == ("", "")


def test_a_picture_for_which_the_graph_returns_no_direction_is_refused_not_stored(own):
    black_is_zero = own(
        written_graph(POOLED, [None, 3, 32, 32], [None, 3]),
        input={"layout": "NCHW", "dtype": "float32"},
    )

    with pytest.raises(ModelMismatch, match="returned only zeros, or numbers that are not finite"):
        vector_of(black_is_zero, (0, 0, 0))
    np.testing.assert_allclose(vector_of(black_is_zero), unit(COLOUR), atol=1e-5)


def test_a_graph_that_fails_on_a_picture_is_named_without_its_librarys_words(own):
    nodes = [("Squeeze", ["x"], "s"), ("Gemm", ["s", "s"], "y")]  # of three sides, it turns out
    failing = own(written_graph(nodes, [None, 3, None, None], [None, 3]))

    with pytest.raises(ModelMismatch, match="own.onnx fails on a picture") as refused:
        vector_of(failing)

    assert [word for word in FOREIGN if word in str(refused.value)] == []


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"name": "a/b"}, "name in"),
        ({"version": 1}, "version in"),
        ({"views": []}, "views in"),
        ({"output": {}}, "output in .* has no dims"),
        ({"output": {"dims": "3"}}, "output in"),
        ({"input": NCHW | {"mean": ["a", 0, 0]}}, "input in"),
        ({"input": NCHW | {"mean": [float("nan"), 0, 0]}}, "input in"),
        ({"head": None}, "head in"),
    ],
    ids=str,
)
def test_the_field_of_a_card_that_is_wrong_is_named(own, card, said):
    with pytest.raises(ModelMismatch, match=said):
        own(written_graph(POOLED, [None, 3, 32, 32], [None, 3]), **card)
