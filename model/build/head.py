"""The step from the network's pools to the vector, fitted on calibration pictures only.

The pooled features of the last layer are joined with the means and spreads of two earlier ones,
which carry more colour and texture. A matrix then weakens what differs between a picture and its
altered copies, and rotates the rest so that the first numbers carry most.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from model.build.float_graph import FEATURES, Nodes, finish, rows_of
from model.build.tflite_weights import Floats
from model.quality.vectors import unit

JOINED = "joined"  # (n, inputs) float32, a view; the head gets the mean of a picture's views
VECTORS = "vectors"  # (n, dims) float32, rows of length 1
# The widths of the middle tensors and their weights next to the features. 96 and 64 channels
# were worse, and so were other weights; see docs/quality.md.
MIDDLE_WEIGHTS = {160: 0.4, 320: 0.4}
_CLASSIFIER_POWER = 0.5  # how much the classifier's weights count
_TOTAL = 0.15  # how much the scatter of all pictures counts, next to that of copies
_POWER = 0.5  # of the inverse scatter; 0.75 was worse
_LEAST_LENGTH = 1e-12
_FLOOR = 1.0  # added to the scatter's eigenvalues, in parts of their mean; 0.3 was worse

# By output of the body: FEATURES (n, views, 1280), middles (n, views, 2 x channels).
Pools = dict[str, Floats]
Variation = tuple[Pools, Pools]  # what should have the same vectors: copies, and originals


@dataclass(frozen=True, slots=True)
class Head:
    """What is fitted: the standardisation of the middle tensors, and one matrix for all."""

    names: tuple[str, ...]  # of the middle tensors
    means: tuple[Floats, ...]
    deviations: tuple[Floats, ...]
    levels: NDArray[np.int8]  # (inputs, dims)
    steps: Floats  # (dims,): matrix = levels * steps


def fit_head(
    pools: Pools, copies: Variation, weights: Floats, classifier: Floats, dims: int
) -> Head:
    """Fit on the pools of pictures, and on those of altered copies, each next to its original.

    `weights` are those of the views; `classifier` is (classes, 1280).
    """
    names = tuple(name for name in pools if name != FEATURES)
    middles = [pools[name] for name in names]
    means = tuple(middle.mean(axis=(0, 1)) for middle in middles)
    deviations = tuple(middle.std(axis=(0, 1)) + 1e-3 for middle in middles)
    width = sum(rows.shape[2] for rows in pools.values())
    bare = Head(names, means, deviations, np.empty((width, 0), np.int8), np.empty(0, np.float32))

    def joined(views: Pools) -> Floats:
        return np.tensordot(_joined(bare, views), weights / weights.sum(), axes=(1, 0))

    seen = joined(pools)
    first = _weights(pools, names, classifier)
    whole = unit(seen @ first)
    altered, originals = (unit(joined(views) @ first) for views in copies)
    scatter = _scatter(altered - originals) + _TOTAL * _scatter(whole - whole.mean(axis=0))
    values, directions = np.linalg.eigh(scatter)
    values = np.maximum(values, 0) / values.mean() + _FLOOR
    matrix = first @ (directions * values**-_POWER) @ directions.T
    # Single views too, because the pictures alone are fewer than the numbers of a vector.
    rows = np.concatenate([seen, joined(copies[0]), *_joined(bare, pools).swapaxes(0, 1)])
    turned = unit(rows @ matrix)
    _, axes = np.linalg.eigh(_scatter(turned - turned.mean(axis=0)))
    order = axes[:, ::-1][:, :dims]
    # The sign of an eigenvector is arbitrary; fix it so that a rebuild gives the same numbers.
    order = order * np.sign(order[np.abs(order).argmax(axis=0), np.arange(order.shape[1])])
    matrix = (matrix @ order).astype(np.float32)
    steps = np.abs(matrix).max(axis=0) / 127
    levels = np.rint(matrix / steps).astype(np.int8)
    return Head(names, means, deviations, levels, steps.astype(np.float32))


def _scatter(differences: Floats) -> NDArray[np.float64]:
    """Return the scatter of rows, which counts the same however many there are."""
    own = (differences.T @ differences).astype(np.float64)
    scatter: NDArray[np.float64] = own / np.trace(own)
    return scatter


def _weights(pools: Pools, names: tuple[str, ...], classifier: Floats) -> NDArray[np.float64]:
    """Return the first matrix: features as the classifier weighs them, and the middles' weights."""
    centred = classifier.astype(np.float64) - classifier.mean(axis=0)
    importance = centred.T @ centred
    values, directions = np.linalg.eigh(importance / np.trace(importance) * len(importance))
    seen = directions * np.maximum(values, 0) ** _CLASSIFIER_POWER
    # Scaled so that features count 1 on average next to the middles' weights.
    features = unit(np.sqrt(pools[FEATURES])) @ seen
    blocks = [seen / np.linalg.norm(features, axis=2).mean()]
    for name in names:
        width = pools[name].shape[2]
        blocks.append(np.eye(width) * MIDDLE_WEIGHTS[width // 2])
    size = [sum(block.shape[axis] for block in blocks) for axis in (0, 1)]
    joined, down, across = np.zeros(size), 0, 0
    for block in blocks:
        joined[down : down + len(block), across : across + block.shape[1]] = block
        down, across = down + len(block), across + block.shape[1]
    return joined


def _joined(head: Head, pools: Pools) -> Floats:
    parts = [unit(np.sqrt(pools[FEATURES]))]
    for name, mean, deviation in zip(head.names, head.means, head.deviations, strict=True):
        parts.append(unit((pools[name] - mean) / deviation))
    return np.concatenate(parts, axis=-1)


def join(body: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """Join the pools of a body to one row per view, JOINED; the features stay an output."""
    graph = Nodes(body.graph)
    graph.constant("least_length", _LEAST_LENGTH)
    parts = [_normalised(graph, graph.add("Sqrt", [FEATURES], "roots"), "unit_roots")]
    for name, mean, deviation in zip(head.names, head.means, head.deviations, strict=True):
        centre = graph.constant(f"{name}_centre", mean.astype(np.float32))
        centred = graph.add("Sub", [name, centre], f"{name}_centred")
        scale = graph.constant(f"{name}_scale", (1 / deviation).astype(np.float32))
        even = graph.add("Mul", [centred, scale], f"{name}_even")
        parts.append(_normalised(graph, even, f"{name}_unit"))
    graph.add("Concat", parts, JOINED, axis=1)
    features = [output for output in body.graph.output if output.name == FEATURES]
    outputs = [rows_of(JOINED, len(head.levels)), *features]
    return finish(
        helper.make_graph(graph.nodes, body.graph.name, body.graph.input, outputs, graph.constants)
    )


def build_head(head: Head) -> onnx.ModelProto:
    """Return the graph from joined rows to unit vectors, in integers.

    A row is the sum of two parts of 8 bits: with one part, vectors have a cosine of 0.99985 to the
    exact ones at worst, with two 1.0. The weights are unsigned, because x86 without VNNI clips the
    sums of signed ones; see channel_order.py.
    """
    graph = Nodes()
    graph.constant("least_length", _LEAST_LENGTH)
    levels = (head.levels.astype(np.int16) + 128).astype(np.uint8)
    graph.constant("levels", levels)
    graph.constant("middle", np.array(128, np.uint8))

    def multiplied(rows: str, part: str) -> tuple[str, list[str]]:
        rounded = [f"{part}_levels", f"{part}_step", f"{part}_zero"]
        graph.nodes.append(helper.make_node("DynamicQuantizeLinear", [rows], rounded, name=part))
        sums = [rounded[0], "levels", rounded[2], "middle"]
        whole = graph.add("MatMulInteger", sums, f"{part}_sums")
        floats = graph.add("Cast", [whole], f"{part}_floats", to=onnx.TensorProto.FLOAT)
        return graph.add("Mul", [floats, rounded[1]], f"{part}_product"), rounded

    coarse, rounded = multiplied(JOINED, "coarse")
    nearest = graph.add("DequantizeLinear", rounded, "nearest")
    rest, _ = multiplied(graph.add("Sub", [JOINED, nearest], "difference"), "fine")
    product = graph.add("Add", [coarse, rest], "product")
    turned = graph.add("Mul", [product, graph.constant("steps", head.steps)], "turned")
    _normalised(graph, turned, VECTORS)
    inputs, outputs = rows_of(JOINED, len(levels)), rows_of(VECTORS, len(head.steps))
    return finish(helper.make_graph(graph.nodes, "head", [inputs], [outputs], graph.constants))


def _normalised(graph: Nodes, rows: str, output: str) -> str:
    raw = graph.add("ReduceL2", [rows], f"{output}_raw", axes=[1], keepdims=1)
    # For a picture that leaves every number at 0: it stays 0 instead of NaN.
    length = graph.add("Max", [raw, "least_length"], f"{output}_length")
    return graph.add("Div", [rows, length], output)
