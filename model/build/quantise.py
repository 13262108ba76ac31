"""Turn the float network into the int8 one that is served, with onnxruntime's quantizer."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_static,
)

from model.build.calibration import Reach, observe, observe_input
from model.build.channel_order import weight_scales
from model.build.float_graph import INPUT_NAME, build_body, finish
from model.build.tflite_weights import Floats, Layer
from model.build.views import Pixels

# Pixels enter unchanged: level 128 is zero, one level is 1 / 127.5. The middle of [-1, 1] is level
# 127.5; the first convolution's bias makes up for the half level.
_INPUT_ZERO = 128
_INPUT_SCALE = 1 / 127.5


class _OneView(CalibrationDataReader):
    """One view, because the quantizer insists on a run; it gets all ranges as overrides."""

    def __init__(self, view: Pixels) -> None:
        self._left = [{INPUT_NAME: view[np.newaxis]}]

    def get_next(self) -> dict[str, Pixels] | None:
        return self._left.pop() if self._left else None


def quantise(layers: Sequence[Layer], pixels: Sequence[Pixels]) -> onnx.ModelProto:
    """Return the int8 body; the same layers (in pairs) and views give the same bytes."""
    reaches = observe(layers, pixels)
    means = {number: reach.means for number, reach in reaches.items()}
    means[layers[0].inputs[0]] = observe_input(pixels)
    scales = {layer.output: weight_scales(layer) for layer in layers if layer.weights is not None}
    corrected = [
        layer if layer.weights is None else _correct_bias(layer, scales[layer.output], means)
        for layer in layers
    ]
    first = corrected[0]
    half_level = first.weights.sum(axis=(1, 2, 3)) * 0.5 * _INPUT_SCALE
    corrected[0] = replace(first, bias=(first.bias + half_level).astype(np.float32))
    model = _insert_scales(corrected, pixels[0], _all_scales(corrected, reaches, scales))
    return _enter_as_uint8(model, f"t{layers[0].inputs[0]}")


def _correct_bias(layer: Layer, scales: Floats, means: Mapping[int, Floats]) -> Layer:
    """Subtract from the bias what rounding the weights adds to the output on average."""
    steps = scales.reshape(-1, 1, 1, 1)
    rounded = np.clip(np.rint(layer.weights / steps), -127, 127) * steps
    errors = (rounded - layer.weights).sum(axis=(2, 3))  # (out, in); depthwise (out, 1)
    mean = means[layer.inputs[0]]
    shift = errors[:, 0] * mean if layer.kind == "depthwise" else errors @ mean
    return replace(layer, bias=(layer.bias - shift).astype(np.float32))


def _all_scales(
    layers: Sequence[Layer], reaches: Mapping[int, Reach], scales: Mapping[int, Floats]
) -> dict[str, list[dict]]:
    overrides = {f"t{layers[0].inputs[0]}": [_scale(QuantType.QUInt8, _INPUT_SCALE, _INPUT_ZERO)]}
    for layer in layers:
        if layer.kind == "mean":
            continue
        reach = reaches[layer.output]
        low, high = (0.0, min(reach.high, 6.0)) if layer.relu6 else (reach.low, reach.high)
        step = (high - low) / 255
        overrides[f"t{layer.output}"] = [_scale(QuantType.QUInt8, step, round(-low / step))]
        if layer.weights is not None:
            channels = [_scale(QuantType.QInt8, scale, 0) for scale in scales[layer.output]]
            channels[0]["axis"] = 0
            overrides[f"w{layer.output}"] = channels
    return overrides


def _scale(kind: QuantType, scale: float, zero: int) -> dict:
    dtype = np.uint8 if kind is QuantType.QUInt8 else np.int8
    numbers = {"scale": np.array(scale, np.float32), "zero_point": np.array(zero, dtype)}
    return {"quant_type": kind, **numbers}


def _insert_scales(
    layers: Sequence[Layer], view: Pixels, overrides: dict[str, list[dict]]
) -> onnx.ModelProto:
    logging.getLogger().setLevel(logging.ERROR)  # its advice to pre-process does not apply
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "int8.onnx"
        quantize_static(
            build_body(layers),
            target,
            _OneView(view),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "Add", "Clip"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"TensorQuantOverrides": overrides},
        )
        return onnx.load(target)


def _enter_as_uint8(model: onnx.ModelProto, entrance: str) -> onnx.ModelProto:
    """Drop the float entrance: pixels already are what the first quantization would return."""
    graph = model.graph
    quantised = next(node for node in graph.node if node.input[0] == entrance)
    dropped = {"cast", "centre", "scale", "layout", quantised.name}
    layout = helper.make_node(
        "Transpose", [INPUT_NAME], [quantised.output[0]], name="layout", perm=[0, 3, 1, 2]
    )
    nodes = [layout, *(node for node in graph.node if node.name not in dropped)]
    used = {name for node in nodes for name in node.input}
    constants = [constant for constant in graph.initializer if constant.name in used]
    return finish(helper.make_graph(nodes, graph.name, graph.input, graph.output, constants))
