"""What TensorFlow Lite's own interpreter says of the weights file: the judge of our graphs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray
from onnx import TensorProto, helper

from model.build.float_graph import finish, layer_nodes
from model.build.tflite_weights import Floats, Layer
from model.build.views import Pixels


def fastest(weights: Path) -> Callable[[Pixels], None]:
    """Open the file as people run it, with XNNPACK on one thread; gives what runs one view."""
    interpreter = Interpreter(str(weights), num_threads=1)
    interpreter.allocate_tensors()

    def run(view: Pixels) -> None:
        interpreter.set_tensor(0, view[np.newaxis])
        interpreter.invoke()

    return run


class Reference:
    """The weights file under the interpreter, without delegates: every tensor can be read."""

    def __init__(self, weights: Path, layers: Sequence[Layer]) -> None:
        """Load the file that `layers` were read from."""
        self._layers = layers
        self._interpreter = Interpreter(
            str(weights),
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        self._details = {d["index"]: d for d in self._interpreter.get_tensor_details()}

    def pooled(self, pixels: Pixels) -> NDArray[np.uint8]:
        """Give (n, 1280) pooled features in whole steps above zero, as the file's int8 has them."""
        rows = []
        for view in pixels:
            self._run(view)
            number = self._layers[-1].output
            zero = self._details[number]["quantization"][1]
            rows.append(self._interpreter.get_tensor(number).reshape(-1).astype(np.int16) - zero)
        return np.stack(rows).astype(np.uint8)

    def worst_layer_steps(self, view: Pixels) -> float:
        """Give the largest mean difference of any layer, in steps of the file's int8 output.

        Each layer of ours gets the interpreter's own input, so errors do not add up. Rounding
        alone costs a quarter of a step on average; wrong padding or weights cost many.
        """
        self._run(view)
        return max(self._difference(layer) for layer in self._layers)

    def _run(self, view: Pixels) -> None:
        self._interpreter.set_tensor(0, view[np.newaxis])
        self._interpreter.invoke()

    def _difference(self, layer: Layer) -> float:
        nodes, constants = layer_nodes(layer)
        inputs = {f"t{number}": self._floats(number) for number in layer.inputs}
        output = f"t{layer.output}"
        graph = helper.make_graph(
            nodes,
            "layer",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, tensor.shape)
                for name, tensor in inputs.items()
            ],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None] * 4)],
            constants,
        )
        session = onnxruntime.InferenceSession(finish(graph).SerializeToString())
        ours = session.run([output], inputs)[0]
        theirs = self._floats(layer.output)
        scale, zero = self._details[layer.output]["quantization"]
        low, high = scale * (-128 - zero), scale * (127 - zero)
        return float(np.abs(np.clip(ours, low, high) - theirs).mean() / scale)

    def _floats(self, number: int) -> Floats:
        scale, zero = self._details[number]["quantization"]
        stored = self._interpreter.get_tensor(number).astype(np.float32)
        return np.ascontiguousarray(((stored - zero) * scale).transpose(0, 3, 1, 2))
