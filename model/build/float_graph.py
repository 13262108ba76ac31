"""Build the float network in ONNX from its layers: pixels in, pooled features out."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.build.tflite_weights import Layer

INPUT_NAME = "pixels"  # (n, px, px, 3) uint8, RGB; px is a multiple of 32
FEATURES = "features"  # (n, 1280) float32, after the global average pool
_MIDDLE_WIDTHS = (160, 320)  # channels of the other tensors that are pooled

# Opset 17 is read by every onnxruntime since 1.12.
_OPSET = 17
_IR_VERSION = 8


class Nodes:
    """The nodes and constants of a graph; both are added at the end."""

    def __init__(self, graph: onnx.GraphProto | None = None) -> None:
        """Start with those of a graph, or with none."""
        self.nodes = list(graph.node) if graph else []
        self.constants = list(graph.initializer) if graph else []

    def add(
        self, kind: str, inputs: list[str], output: str, name: str = "", **attributes: object
    ) -> str:
        """Add a node, named like its output unless named; returns the output."""
        name = name or output
        self.nodes.append(helper.make_node(kind, inputs, [output], name=name, **attributes))
        return output

    def constant(self, name: str, value: np.ndarray | float) -> str:
        """Add a constant; a number is a float32 scalar."""
        array = np.array(value, np.float32) if isinstance(value, float) else value
        self.constants.append(numpy_helper.from_array(array, name))
        return name


def build_body(layers: Sequence[Layer]) -> onnx.ModelProto:
    """Return the graph of all layers: cast, scale to [-1, 1], layout; its outputs are the pools.

    The outputs are FEATURES and, for each of the middle widths, mean and spread of each channel.
    """
    graph = Nodes()
    _add_entrance(graph, f"t{layers[0].inputs[0]}")
    for layer in layers:
        _add_layer(graph, layer)
    flatten = helper.make_node("Flatten", [f"t{layers[-1].output}"], [FEATURES], axis=1)
    graph.nodes.append(flatten)
    outputs = [rows_of(FEATURES, layers[-2].weights.shape[0])]
    graph.constant("zero", 0.0)
    for number, width in _middles(layers):
        _add_pool(graph, f"t{number}")
        outputs.append(rows_of(f"t{number}_pool", 2 * width))
    pixels = ["n", "height", "width", 3]
    inputs = [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, pixels)]
    name = "mobilenetv2-1.0-224"
    return finish(helper.make_graph(graph.nodes, name, inputs, outputs, graph.constants))


def _middles(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Return the last tensor of each of the middle widths, with its width."""
    last: dict[int, int] = {}
    width_of: dict[int, int] = {}
    for layer in layers:
        if layer.weights is not None:
            width_of[layer.output] = layer.weights.shape[0]
        elif layer.kind == "add":
            width_of[layer.output] = width_of[layer.inputs[0]]
        if not layer.relu6 and layer.kind != "mean":
            last[width_of[layer.output]] = layer.output
    return [(last[width], width) for width in _MIDDLE_WIDTHS]


def _add_pool(graph: Nodes, tensor: str) -> None:
    """Pool a tensor over all positions: each channel's mean, then its standard deviation."""
    places = {"axes": [2, 3], "keepdims": 0}
    mean = graph.add("ReduceMean", [tensor], f"{tensor}_mean", **places)
    square = graph.add("Mul", [tensor, tensor], f"{tensor}_square")
    squares = graph.add("ReduceMean", [square], f"{tensor}_squares", **places)
    mean_square = graph.add("Mul", [mean, mean], f"{tensor}_mean_square")
    rounded = graph.add("Sub", [squares, mean_square], f"{tensor}_rounded_variance")
    variance = graph.add("Max", [rounded, "zero"], f"{tensor}_variance")  # rounding can go below 0
    spread = graph.add("Sqrt", [variance], f"{tensor}_spread")
    graph.add("Concat", [mean, spread], f"{tensor}_pool", axis=1)


def rows_of(name: str, width: int) -> onnx.ValueInfoProto:
    """Describe an input or output of (n, width) float32."""
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])


def finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Wrap a graph as a checked model of a fixed opset."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    model.producer_name = "lookalike"
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_layer(graph: Nodes, layer: Layer) -> None:
    """Add one layer; tensors are called t and their number."""
    output = f"t{layer.output}"
    inputs = [f"t{number}" for number in layer.inputs]
    if layer.kind == "add":
        graph.add("Add", inputs, output, f"add_{output}")
        return
    if layer.kind == "mean":
        graph.add("GlobalAveragePool", inputs, output, "pool")
        return
    inputs.append(graph.constant(f"w{layer.output}", layer.weights))
    inputs.append(graph.constant(f"b{layer.output}", layer.bias))
    size = layer.weights.shape[2]
    before = f"{output}_linear" if layer.relu6 else output
    graph.add(
        "Conv",
        inputs,
        before,
        f"conv_{output}",
        group=layer.weights.shape[0] if layer.kind == "depthwise" else 1,
        kernel_shape=[size, size],
        strides=[layer.stride, layer.stride],
        pads=same_pads(size, layer.stride),
    )
    if layer.relu6:
        bounds = [graph.constant(f"{output}_low", 0.0), graph.constant(f"{output}_high", 6.0)]
        graph.add("Clip", [before, *bounds], output, f"relu6_{output}")


def same_pads(size: int, stride: int) -> list[int]:
    """Return TensorFlow's SAME padding as ONNX pads: top, left, bottom, right.

    A side that is a multiple of 32 is even wherever the stride is 2, so the total is size - stride
    and the odd pixel goes to the bottom and the right.
    """
    total = max(size - stride, 0)
    first = total // 2
    return [first, first, total - first, total - first]


def _add_entrance(graph: Nodes, output: str) -> None:
    middle, step = graph.constant("middle", 127.5), graph.constant("step", 1 / 127.5)
    graph.add("Cast", [INPUT_NAME], "pixel_levels", "cast", to=TensorProto.FLOAT)
    graph.add("Sub", ["pixel_levels", middle], "centred", "centre")
    graph.add("Mul", ["centred", step], "scaled", "scale")
    graph.add("Transpose", ["scaled"], output, "layout", perm=[0, 3, 1, 2])
