"""The way from the network's pools to the vector: fitted on calibration pictures, never on others.

The pooled features of the last layer are joined with the means and spreads of two earlier ones,
which see more of colour and texture. A matrix then turns down what differs between views and
altered copies of one picture, and turns the rest so that the first numbers tell most.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from model.build.float_graph import FEATURES, finish
from model.build.tflite_weights import Floats

OUTPUT_NAME = "vectors"  # (n, dims) float32, rows of length 1
# The last tensors of these widths, and how much each counts beside the features. 96 and 64
# channels were worse, as were other weights; see docs/quality.md.
MIDDLE_WEIGHTS = {160: 0.4, 320: 0.4}
_CLASSIFIER_POWER = 0.25  # how far the classifier's own view of the features is followed
_POWER = 0.5  # of the inverse scatter; 0.75 was worse
_FLOOR = 1.0  # added to the scatter's eigenvalues, in parts of their mean; 0.3 was worse

Pools = dict[str, Floats]  # by output of the body: FEATURES (n, 1280), middles (n, 2 x channels)


@dataclass(frozen=True, slots=True)
class Head:
    """What is fitted: standardisation of the middle tensors, and one matrix for all."""

    names: tuple[str, ...]  # of the middle tensors
    means: tuple[Floats, ...]
    deviations: tuple[Floats, ...]
    levels: NDArray[np.int8]  # (inputs, dims)
    steps: Floats  # (dims,): matrix = levels * steps

    @property
    def dims(self) -> int:
        """How many numbers a vector has."""
        return len(self.steps)

    def apply(self, pools: Pools) -> Floats:
        """Give the vectors as the graph does."""
        return unit(_joined(self, pools) @ (self.levels * self.steps))


@dataclass(frozen=True, slots=True)
class Scatter:
    """Pairs of pools that should be one vector: another view or copy, and the picture itself."""

    ours: Pools
    theirs: Pools


def fit_head(
    pools: Pools, variations: list[Scatter], classifier: Floats, names: tuple[str, ...], dims: int
) -> Head:
    """Fit on the pools of many views of calibration pictures.

    Each kind of variation counts alike, however many pairs it has. `classifier` is (classes, 1280).
    """
    middles = [pools[name] for name in names]
    means = tuple(middle.mean(axis=0) for middle in middles)
    deviations = tuple(middle.std(axis=0) + 1e-3 for middle in middles)
    width = pools[FEATURES].shape[1] + sum(middle.shape[1] for middle in middles)
    bare = Head(names, means, deviations, np.empty((width, 0), np.int8), np.empty(0, np.float32))
    first = _weights(pools, names, classifier)
    joined = unit(_joined(bare, pools) @ first)
    scatter = np.zeros((width, width))
    for variation in variations:
        differences = unit(_joined(bare, variation.ours) @ first)
        differences = differences - unit(_joined(bare, variation.theirs) @ first)
        own = (differences.T @ differences).astype(np.float64)
        scatter += own / np.trace(own)
    values, directions = np.linalg.eigh(scatter)
    values = np.maximum(values, 0) / values.mean() + _FLOOR
    calm = ((directions * values**-_POWER) @ directions.T).astype(np.float32)
    seen = unit(joined @ calm)
    seen -= seen.mean(axis=0)
    _, turned = np.linalg.eigh((seen.T @ seen).astype(np.float64))
    order = turned[:, ::-1][:, :dims]
    # The sign of an eigenvector is anybody's; fixed, so that rebuilding gives the same numbers.
    order = order * np.sign(order[np.abs(order).argmax(axis=0), np.arange(order.shape[1])])
    matrix = (first @ calm.astype(np.float64) @ order).astype(np.float32)
    steps = np.abs(matrix).max(axis=0) / 127
    levels = np.rint(matrix / steps).astype(np.int8)
    return Head(names, means, deviations, levels, steps.astype(np.float32))


def unit(rows: Floats) -> Floats:
    """Give rows length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def _weights(pools: Pools, names: tuple[str, ...], classifier: Floats) -> NDArray[np.float64]:
    """Give the first matrix: the classifier's view of the features, and the middles' weights."""
    centred = classifier.astype(np.float64) - classifier.mean(axis=0)
    importance = centred.T @ centred
    values, directions = np.linalg.eigh(importance / np.trace(importance) * len(importance))
    seen = directions * np.maximum(values, 0) ** _CLASSIFIER_POWER
    # Made so that features count 1 on average beside the middles' weights.
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
    graph = _Growing(body)
    parts = [graph.normalised(graph.add("Sqrt", [FEATURES], "roots"), "unit_roots")]
    for name, mean, deviation in zip(head.names, head.means, head.deviations, strict=True):
        centre = graph.constant(f"{name}_centre", mean.astype(np.float32))
        centred = graph.add("Sub", [name, centre], f"{name}_centred")
        scale = graph.constant(f"{name}_scale", (1 / deviation).astype(np.float32))
        even = graph.add("Mul", [centred, scale], f"{name}_even")
        parts.append(graph.normalised(even, f"{name}_unit"))
    joined = graph.add("Concat", parts, "joined", axis=1)
    levels = graph.constant("levels", head.levels)
    floats = graph.add("Cast", [levels], "float_levels", to=onnx.TensorProto.FLOAT)
    product = graph.add("MatMul", [joined, floats], "product")
    turned = graph.add("Mul", [product, graph.constant("steps", head.steps)], "turned")
    graph.normalised(turned, OUTPUT_NAME)
    return graph.finished(head.dims)


class _Growing:
    """A graph to which nodes are added at the end."""

    def __init__(self, body: onnx.ModelProto) -> None:
        self._body = body.graph
        self._nodes = list(body.graph.node)
        self._constants = list(body.graph.initializer)
        # A picture may leave every number at 0; it then stays 0 instead of NaN.
        self._least = self.constant("least_length", np.array(1e-12, np.float32))

    def constant(self, name: str, value: np.ndarray) -> str:
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def normalised(self, rows: str, output: str) -> str:
        raw = self.add("ReduceL2", [rows], f"{output}_raw", axes=[1], keepdims=1)
        length = self.add("Max", [raw, self._least], f"{output}_length")
        return self.add("Div", [rows, length], output)

    def finished(self, dims: int) -> onnx.ModelProto:
        """Give vectors and features as outputs, and drop what neither needs."""
        needed, nodes = {OUTPUT_NAME, FEATURES}, []
        for node in reversed(self._nodes):
            if needed & set(node.output):
                needed |= set(node.input)
                nodes.insert(0, node)
        constants = [each for each in self._constants if each.name in needed]
        vectors = helper.make_tensor_value_info(OUTPUT_NAME, onnx.TensorProto.FLOAT, ["n", dims])
        outputs = [vectors, *(each for each in self._body.output if each.name == FEATURES)]
        graph = helper.make_graph(nodes, self._body.name, self._body.input, outputs, constants)
        return finish(graph)
