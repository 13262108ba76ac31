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

from model.build.float_graph import FEATURES, Nodes, finish
from model.build.tflite_weights import Floats
from model.quality.vectors import unit

OUTPUT_NAME = "vectors"  # (n, dims) float32, rows of length 1
# The widths of the middle tensors and their weights next to the features. 96 and 64 channels
# were worse, and so were other weights; see docs/quality.md.
MIDDLE_WEIGHTS = {160: 0.4, 320: 0.4}
_CLASSIFIER_POWER = 0.25  # how much the classifier's weights count
_POWER = 0.5  # of the inverse scatter; 0.75 was worse
_FLOOR = 1.0  # added to the scatter's eigenvalues, in parts of their mean; 0.3 was worse

Pools = dict[str, Floats]  # by output of the body: FEATURES (n, 1280), middles (n, 2 x channels)
Variation = tuple[Pools, Pools]  # what should be one vector: a copy or int8, and the picture itself


@dataclass(frozen=True, slots=True)
class Head:
    """What is fitted: the standardisation of the middle tensors, and one matrix for all."""

    names: tuple[str, ...]  # of the middle tensors
    means: tuple[Floats, ...]
    deviations: tuple[Floats, ...]
    levels: NDArray[np.int8]  # (inputs, dims)
    steps: Floats  # (dims,): matrix = levels * steps


def fit_head(
    pools: Pools, variations: list[Variation], classifier: Floats, names: tuple[str, ...], dims: int
) -> Head:
    """Fit on the pools of many views of calibration pictures.

    Each variation counts the same however many pairs it has. `classifier` is (classes, 1280).
    """
    middles = [pools[name] for name in names]
    means = tuple(middle.mean(axis=0) for middle in middles)
    deviations = tuple(middle.std(axis=0) + 1e-3 for middle in middles)
    width = pools[FEATURES].shape[1] + sum(middle.shape[1] for middle in middles)
    bare = Head(names, means, deviations, np.empty((width, 0), np.int8), np.empty(0, np.float32))
    first = _weights(pools, names, classifier)
    joined = unit(_joined(bare, pools) @ first)
    scatter = np.zeros((width, width))
    for ours, theirs in variations:
        differences = unit(_joined(bare, ours) @ first)
        differences = differences - unit(_joined(bare, theirs) @ first)
        own = (differences.T @ differences).astype(np.float64)
        scatter += own / np.trace(own)
    values, directions = np.linalg.eigh(scatter)
    values = np.maximum(values, 0) / values.mean() + _FLOOR
    calm = ((directions * values**-_POWER) @ directions.T).astype(np.float32)
    seen = unit(joined @ calm)
    seen -= seen.mean(axis=0)
    _, turned = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    order = turned[:, ::-1][:, :dims]
    # The sign of an eigenvector is arbitrary; fix it so that a rebuild gives the same numbers.
    order = order * np.sign(order[np.abs(order).argmax(axis=0), np.arange(order.shape[1])])
    matrix = (first @ calm.astype(np.float64) @ order).astype(np.float32)
    steps = np.abs(matrix).max(axis=0) / 127
    levels = np.rint(matrix / steps).astype(np.int8)
    return Head(names, means, deviations, levels, steps.astype(np.float32))


def _weights(pools: Pools, names: tuple[str, ...], classifier: Floats) -> NDArray[np.float64]:
    """Return the first matrix: features as the classifier weighs them, and the middles' weights."""
    centred = classifier.astype(np.float64) - classifier.mean(axis=0)
    importance = centred.T @ centred
    values, directions = np.linalg.eigh(importance / np.trace(importance) * len(importance))
    seen = directions * np.maximum(values, 0) ** _CLASSIFIER_POWER
    # Scaled so that features count 1 on average next to the middles' weights.
    features = unit(np.sqrt(pools[FEATURES])) @ seen
    blocks = [seen / np.linalg.norm(features, axis=1).mean()]
    for name in names:
        width = pools[name].shape[1]
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


def attach(body: onnx.ModelProto, head: Head) -> onnx.ModelProto:
    """Put the head on a graph whose outputs are the pools; the features stay an output."""
    graph = Nodes(body.graph)
    # For a picture that leaves every number at 0: it stays 0 instead of NaN.
    least = graph.constant("least_length", 1e-12)

    def normalised(rows: str, output: str) -> str:
        raw = graph.add("ReduceL2", [rows], f"{output}_raw", axes=[1], keepdims=1)
        return graph.add("Div", [rows, graph.add("Max", [raw, least], f"{output}_length")], output)

    parts = [normalised(graph.add("Sqrt", [FEATURES], "roots"), "unit_roots")]
    for name, mean, deviation in zip(head.names, head.means, head.deviations, strict=True):
        centre = graph.constant(f"{name}_centre", mean.astype(np.float32))
        centred = graph.add("Sub", [name, centre], f"{name}_centred")
        scale = graph.constant(f"{name}_scale", (1 / deviation).astype(np.float32))
        parts.append(normalised(graph.add("Mul", [centred, scale], f"{name}_even"), f"{name}_unit"))
    joined = graph.add("Concat", parts, "joined", axis=1)
    levels = graph.constant("levels", head.levels)
    floats = graph.add("Cast", [levels], "float_levels", to=onnx.TensorProto.FLOAT)
    product = graph.add("MatMul", [joined, floats], "product")
    steps = graph.constant("steps", head.steps)
    normalised(graph.add("Mul", [product, steps], "turned"), OUTPUT_NAME)
    return _finish(body.graph, graph, len(head.steps))


def _finish(body: onnx.GraphProto, graph: Nodes, dims: int) -> onnx.ModelProto:
    """Make vectors and features the outputs, and drop what neither needs."""
    needed, nodes = {OUTPUT_NAME, FEATURES}, []
    for node in reversed(graph.nodes):
        if needed & set(node.output):
            needed |= set(node.input)
            nodes.insert(0, node)
    constants = [each for each in graph.constants if each.name in needed]
    vectors = helper.make_tensor_value_info(OUTPUT_NAME, onnx.TensorProto.FLOAT, ["n", dims])
    outputs = [vectors, *(each for each in body.output if each.name == FEATURES)]
    return finish(helper.make_graph(nodes, body.name, body.input, outputs, constants))
