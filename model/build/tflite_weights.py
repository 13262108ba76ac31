"""Read the public TensorFlow Lite file as plain float layers. Independent of ONNX."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tflite
from numpy.typing import NDArray

Floats = NDArray[np.float32]

Kind = Literal["conv", "depthwise", "add", "mean"]
_KINDS: dict[int, Kind] = {
    tflite.BuiltinOperator.CONV_2D: "conv",
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D: "depthwise",
    tflite.BuiltinOperator.ADD: "add",
    tflite.BuiltinOperator.MEAN: "mean",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of the network in float; tensors are named by their number in the file."""

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    weights: Floats | None = None  # (out, in / groups, height, width)
    bias: Floats | None = None  # (out,)
    stride: int = 1
    relu6: bool = False


def check_weights(path: Path, sha256: str) -> bytes:
    """Read the weights file; raises ValueError if it is not the one that the card names."""
    content = path.read_bytes()
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise ValueError(f"{path.name} has sha256 {found}, not {sha256}; see model/README.md")
    return content


def read_layers(content: bytes) -> list[Layer]:
    """Return the layers from the first convolution to the global average pool, in running order.

    Batch normalisation is already folded into weights and bias; per-channel int8 weights become
    float32 by their scales, without loss. The classifier is left out.
    """
    model = tflite.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    layers: list[Layer] = []
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = model.OperatorCodes(operator.OpcodeIndex())
        kind = _KINDS.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()))
        if kind is None and not layers:
            continue  # the file's quantization of the input
        if kind is None:
            raise ValueError(f"operator {index} is not one of MobileNetV2's")
        layers.append(_read_layer(model, graph, operator, kind))
        if kind == "mean":
            return layers
    raise ValueError("the file holds no global average pool")


def read_classifier(content: bytes) -> Floats:
    """Return the weights of the file's classifier, (1001, 1280)."""
    model = tflite.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    for index in range(graph.OperatorsLength()):
        inputs = graph.Operators(index).InputsAsNumpy()
        weights = graph.Tensors(int(inputs[1])) if np.size(inputs) > 1 else None
        if weights is not None and weights.ShapeAsNumpy().tolist() == [1001, 1, 1, 1280]:
            return _dequantise(model, weights).reshape(1001, 1280)
    raise ValueError("the file holds no classifier")


def _read_layer(model: tflite.Model, graph: tflite.SubGraph, operator, kind: Kind) -> Layer:
    inputs = tuple(int(number) for number in operator.InputsAsNumpy())
    output = operator.Outputs(0)
    if kind in ("mean", "add"):
        return Layer(kind, inputs[:1] if kind == "mean" else inputs, output)
    options = tflite.Conv2DOptions() if kind == "conv" else tflite.DepthwiseConv2DOptions()
    table = operator.BuiltinOptions()
    options.Init(table.Bytes, table.Pos)
    activation = options.FusedActivationFunction()
    known = (tflite.ActivationFunctionType.NONE, tflite.ActivationFunctionType.RELU6)
    if options.Padding() != tflite.Padding.SAME or activation not in known:
        raise ValueError(f"tensor {output}: only SAME padding and ReLU6 are supported")
    weights = _dequantise(model, graph.Tensors(inputs[1]))
    # The file has (out, height, width, in) and, depthwise, (1, height, width, channels).
    order = (0, 3, 1, 2) if kind == "conv" else (3, 0, 1, 2)
    return Layer(
        kind,
        inputs[:1],
        output,
        weights=np.ascontiguousarray(weights.transpose(order)),
        bias=_dequantise(model, graph.Tensors(inputs[2])),
        stride=options.StrideH(),
        relu6=activation == tflite.ActivationFunctionType.RELU6,
    )


def _dequantise(model: tflite.Model, tensor: tflite.Tensor) -> Floats:
    dtype = {tflite.TensorType.INT8: np.int8, tflite.TensorType.INT32: np.int32}[tensor.Type()]
    raw = model.Buffers(tensor.Buffer()).DataAsNumpy().tobytes()
    shape = tensor.ShapeAsNumpy()
    stored = np.frombuffer(raw, dtype=dtype).reshape(shape)
    parameters = tensor.Quantization()
    scale = parameters.ScaleAsNumpy().astype(np.float64)
    # Weights have no zero points: they are zero.
    zero = np.broadcast_to(np.asarray(parameters.ZeroPointAsNumpy(), np.float64), scale.shape)
    along = [1] * stored.ndim
    along[parameters.QuantizedDimension()] = scale.size
    floats = (stored - zero.reshape(along)) * scale.reshape(along)
    return floats.astype(np.float32)
