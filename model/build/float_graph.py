"""Build the float network in ONNX from its layers: pixels in, points on the unit sphere out."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from model.build.tflite_weights import Layer

INPUT_NAME = "pixels"  # (n, 224, 224, 3) uint8, RGB
OUTPUT_NAME = "vectors"  # (n, 1280) float32, rows of length 1
INPUT_PX = 224
DIMS = 1280

# Opset 17 is read by every onnxruntime since 1.12.
_OPSET = 17
_IR_VERSION = 8


def build_float_graph(layers: Sequence[Layer]) -> onnx.ModelProto:
    """Give the whole float graph: cast, scale to [-1, 1], layout, the layers, pool, unit length."""
    nodes, constants = _entrance(f"t{layers[0].inputs[0]}")
    for layer in layers:
        more_nodes, more_constants = layer_nodes(layer)
        nodes += more_nodes
        constants += more_constants
    more_nodes, more_constants = _exit(f"t{layers[-1].output}")
    pixels = ["n", INPUT_PX, INPUT_PX, 3]
    graph = helper.make_graph(
        nodes + more_nodes,
        "mobilenetv2-1.0-224",
        [helper.make_tensor_value_info(INPUT_NAME, TensorProto.UINT8, pixels)],
        [helper.make_tensor_value_info(OUTPUT_NAME, TensorProto.FLOAT, ["n", DIMS])],
        constants + more_constants,
    )
    return finish(graph)


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
        helper.make_node("Cast", [INPUT_NAME], ["levels"], name="cast", to=TensorProto.FLOAT),
        helper.make_node("Sub", ["levels", middle.name], ["centred"], name="centre"),
        helper.make_node("Mul", ["centred", step.name], ["scaled"], name="scale"),
        helper.make_node("Transpose", ["scaled"], [output], name="layout", perm=[0, 3, 1, 2]),
    ]
    return nodes, [middle, step]


def _exit(pooled: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    # A picture may leave every one of the 1280 numbers at 0; it then stays 0 instead of NaN.
    least = _scalar("least_length", 1e-12)
    nodes = [
        helper.make_node("Flatten", [pooled], ["features"], name="flatten", axis=1),
        helper.make_node("ReduceL2", ["features"], ["raw"], name="norm", axes=[1], keepdims=1),
        helper.make_node("Max", ["raw", least.name], ["length"], name="guard"),
        helper.make_node("Div", ["features", "length"], [OUTPUT_NAME], name="unit"),
    ]
    return nodes, [least]


def _scalar(name: str, number: float) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(number, np.float32), name)
