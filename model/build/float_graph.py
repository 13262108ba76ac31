"""Build the float network in ONNX from its layers: pixels in, pooled features out."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.build.tflite_weights import Layer

INPUT_NAME = "pixels"  # (n, 224, 224, 3) uint8, RGB
FEATURES = "features"  # (n, 1280) float32, after the global average pool
INPUT_PX = 224
_MIDDLE_WIDTHS = (160, 320)  # channels of the tensors that are pooled beside the last one

# Opset 17 is read by every onnxruntime since 1.12.
_OPSET = 17
_IR_VERSION = 8


def build_body(layers: Sequence[Layer]) -> onnx.ModelProto:
    """Give the graph of all layers: cast, scale to [-1, 1], layout, and pools as its outputs.

    The outputs are FEATURES and, by the names of `middle_names`, mean and spread of each channel.
    """
    nodes, constants = _entrance(f"t{layers[0].inputs[0]}")
    for layer in layers:
        more_nodes, more_constants = layer_nodes(layer)
        nodes += more_nodes
        constants += more_constants
    flatten = helper.make_node("Flatten", [f"t{layers[-1].output}"], [FEATURES], axis=1)
    nodes.append(flatten)
    outputs = [_output(FEATURES, layers[-2].weights.shape[0])]
    constants.append(_scalar("zero", 0.0))
    for number, width in _middles(layers):
        nodes += _pool_nodes(f"t{number}")
        outputs.append(_output(f"t{number}_pool", 2 * width))
    pixels = ["n", INPUT_PX, INPUT_PX, 3]
    graph = helper.make_graph(
        nodes,
        "mobilenetv2-1.0-224",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, pixels)],
        outputs,
        constants,
    )
    return finish(graph)


def middle_names(layers: Sequence[Layer]) -> tuple[str, ...]:
    """Name the outputs that hold the pools of the middle tensors."""
    return tuple(f"t{number}_pool" for number, _ in _middles(layers))


def _middles(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Give the last tensor of each of the middle widths, with its width."""
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


def _pool_nodes(tensor: str) -> list[onnx.NodeProto]:
    """Pool a tensor over all places: each channel's mean, then its standard deviation."""

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> onnx.NodeProto:
        names = [tensor if name == "" else f"{tensor}_{name}" for name in inputs]
        names = ["zero" if name.endswith("_zero") else name for name in names]
        made = f"{tensor}_{output}"
        return helper.make_node(kind, names, [made], name=made, **attributes)

    places = {"axes": [2, 3], "keepdims": 0}
    return [
        node("ReduceMean", [""], "mean", **places),
        node("Mul", ["", ""], "square"),
        node("ReduceMean", ["square"], "squares", **places),
        node("Mul", ["mean", "mean"], "mean_square"),
        node("Sub", ["squares", "mean_square"], "rounded_variance"),
        node("Max", ["rounded_variance", "zero"], "variance"),  # rounding may fall below 0
        node("Sqrt", ["variance"], "spread"),
        node("Concat", ["mean", "spread"], "pool", axis=1),
    ]


def _output(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", width])


def finish(graph: onnx.GraphProto) -> onnx.ModelProto:
    """Wrap a graph as a checked model of a fixed opset."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)])
    model.ir_version = _IR_VERSION
    model.producer_name = "lookalike"
    onnx.checker.check_model(model, full_check=True)
    return model


def layer_nodes(layer: Layer) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Give the nodes and constants of one layer; its tensors are called t and their number."""
    output = f"t{layer.output}"
    inputs = [f"t{number}" for number in layer.inputs]
    if layer.kind == "add":
        return [helper.make_node("Add", inputs, [output], name=f"add_{output}")], []
    if layer.kind == "mean":
        pool = helper.make_node("GlobalAveragePool", inputs, [output], name="pool")
        return [pool], []
    weights = numpy_helper.from_array(layer.weights, f"w{layer.output}")
    bias = numpy_helper.from_array(layer.bias, f"b{layer.output}")
    size = layer.weights.shape[2]
    before = f"{output}_linear" if layer.relu6 else output
    conv = helper.make_node(
        "Conv",
        [*inputs, weights.name, bias.name],
        [before],
        name=f"conv_{output}",
        group=layer.weights.shape[0] if layer.kind == "depthwise" else 1,
        kernel_shape=[size, size],
        strides=[layer.stride, layer.stride],
        pads=same_pads(size, layer.stride),
    )
    if not layer.relu6:
        return [conv], [weights, bias]
    bounds = [_scalar(f"{output}_low", 0.0), _scalar(f"{output}_high", 6.0)]
    names = [before, bounds[0].name, bounds[1].name]
    clip = helper.make_node("Clip", names, [output], name=f"relu6_{output}")
    return [conv, clip], [weights, bias, *bounds]


def same_pads(size: int, stride: int) -> list[int]:
    """Give TensorFlow's SAME padding as ONNX pads: top, left, bottom, right.

    Every picture side in this network is even where the stride is 2, so the total is
    size - stride and the odd pixel goes to the bottom and the right.
    """
    total = max(size - stride, 0)
    first = total // 2
    return [first, first, total - first, total - first]


def _entrance(output: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    middle, step = _scalar("middle", 127.5), _scalar("step", 1 / 127.5)
    nodes = [
        helper.make_node("Cast", [INPUT_NAME], ["pixel_levels"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["pixel_levels", middle.name], ["centred"], name="centre"),
        helper.make_node("Mul", ["centred", step.name], ["scaled"], name="scale"),
        helper.make_node("Transpose", ["scaled"], [output], name="layout", perm=[0, 3, 1, 2]),
    ]
    return nodes, [middle, step]


def _scalar(name: str, number: float) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(number, np.float32), name)
