"""Run the float network: the range of each tensor, and the means of its channels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnxruntime
from onnx import TensorProto, helper

from model.build.float_graph import INPUT_NAME, build_body
from model.build.tflite_weights import Floats, Layer
from model.build.views import Pixels

# A quarter of the views exceed their tensor's range and are clipped. 0.85 is the same within 0.0001
# of mean cosine; a quarter, the mean range and the outermost values were worse.
_SHARE_WITHIN = 0.75


@dataclass(frozen=True, slots=True)
class Reach:
    """The range and the means of one tensor over all views."""

    low: float
    high: float
    means: Floats  # (channels,)


def observe(layers: Sequence[Layer], pixels: Sequence[Pixels]) -> dict[int, Reach]:
    """Run every view through the float graph; return the reach of each layer's output."""
    numbers = [layer.output for layer in layers if layer.kind != "mean"]
    names = [f"t{number}" for number in numbers]
    graph = build_body(layers)
    graph.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    extremes: dict[int, list[tuple[float, float]]] = {number: [] for number in numbers}
    sums: dict[int, Floats] = {}
    for view in pixels:
        seen = session.run(names, {INPUT_NAME: view[np.newaxis]})
        for number, tensor in zip(numbers, seen, strict=True):
            extremes[number].append((float(tensor.min()), float(tensor.max())))
            sums[number] = sums.get(number, 0.0) + tensor.mean(axis=(0, 2, 3), dtype=np.float64)
    reaches = {}
    for number in numbers:
        low = np.quantile([pair[0] for pair in extremes[number]], 1 - _SHARE_WITHIN)
        high = np.quantile([pair[1] for pair in extremes[number]], _SHARE_WITHIN)
        means = sums[number] / len(pixels)
        reaches[number] = Reach(min(float(low), 0.0), max(float(high), 0.0), means)
    return reaches


def observe_input(pixels: Sequence[Pixels]) -> Floats:
    """Return the mean of red, green and blue over all views, on the network's scale of -1 to 1."""
    means = [view.mean(axis=(0, 1), dtype=np.float64) for view in pixels]
    return np.mean(means, axis=0) / 127.5 - 1
