"""Compare the graphs with TensorFlow Lite's own interpreter; write the card and golden vectors."""

import argparse
import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import onnx
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from onnx.numpy_helper import to_array

from model.build.build import CARD
from model.build.drawings import draw_all
from model.build.float_graph import FEATURES
from model.build.head import JOINED
from model.build.tflite_weights import Floats, check_weights, read_layers
from model.build.views import MODEL_FOLDER, Pixels, read_views
from model.quality.machine import machine
from model.quality.sets import read_set
from model.quality.vectors import WHOLE, Graph, unit

GOLDEN = MODEL_FOLDER.parent / "tests" / "model" / "golden.npz"
_REFERENCE_SET = "dev-caltech101"
_REFERENCE_VIEWS = 120
_WARM, _TIMED = 20, 200


def main() -> None:
    """Measure, then write the card and the golden vectors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--float", type=Path, required=True, help="as build --float made it")
    parser.add_argument(
        "--sets", type=Path, required=True, help=f"a folder that contains {_REFERENCE_SET}"
    )
    arguments = parser.parse_args()
    card = json.loads(CARD.read_text())
    layers = read_layers(check_weights(arguments.weights, card["origin"]["sha256"]))
    reference = Reference(arguments.weights, layers[-1].output)
    graphs = {"float": Graph(arguments.float), "int8": Graph(MODEL_FOLDER)}
    photos = read_set(arguments.sets / _REFERENCE_SET)
    rows = np.linspace(0, len(photos.files) - 1, _REFERENCE_VIEWS).astype(int)
    pixels = np.concatenate(list(read_views(map(photos.path, rows), [WHOLE])))
    expected = unit(reference.features(pixels).astype(np.float32))
    cosines = {
        f"cosine_features_{name}": _spread(expected, unit(_run(graph, pixels, FEATURES)))
        for name, graph in graphs.items()
    }
    card["measured"] = card.get("measured", {}) | {
        "machine": {"date": f"{datetime.now(UTC).date()}", **machine("onnx", "ai-edge-litert")},
        "tensorflow_lite": {"views": len(pixels), **cosines},
        "one_thread_ms_a_view": _times(graphs, arguments.weights, pixels),
    }
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    rows = _run(graphs["int8"], draw_all(), JOINED)
    np.savez(
        GOLDEN,
        tensorflow_lite=reference.features(draw_all()),
        float=_vectors(graphs["float"], draw_all()).astype(np.float16),
        rows=rows,
        turned=unit(rows @ _matrix(MODEL_FOLDER / card["head"]["file"])).astype(np.float32),
    )
    print(json.dumps(card["measured"], indent=2))


class Reference:
    """The weights file under the interpreter, without delegates, so that tensors can be read."""

    def __init__(self, weights: Path, pooled: int) -> None:
        """Load the file; `pooled` is the number of the tensor after the global average pool."""
        self._pooled = pooled
        self._interpreter = Interpreter(
            str(weights),
            num_threads=1,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        self._interpreter.allocate_tensors()
        details = {each["index"]: each for each in self._interpreter.get_tensor_details()}
        self._zero = details[pooled]["quantization"][1]

    def features(self, pixels: Pixels) -> Pixels:
        """Return pooled features, (n, 1280) uint8, in whole steps above zero."""
        rows = []
        for view in pixels:
            self._interpreter.set_tensor(0, view[np.newaxis])
            self._interpreter.invoke()
            stored = self._interpreter.get_tensor(self._pooled).reshape(-1)
            rows.append(stored.astype(np.int16) - self._zero)
        return np.stack(rows).astype(np.uint8)


def _run(graph: Graph, pixels: Pixels, output: str) -> Floats:
    return np.concatenate([graph.run(view[np.newaxis])[output] for view in pixels])


def _matrix(head: Path) -> Floats:
    constants = {each.name: to_array(each) for each in onnx.load(head).graph.initializer}
    return (constants["levels"].astype(np.float64) - 128) * constants["steps"]


def _vectors(graph: Graph, pixels: Pixels) -> Floats:
    return np.stack([graph.vector(row) for row in _run(graph, pixels, JOINED)])


def _spread(ours: Floats, theirs: Floats) -> dict[str, float]:
    cosines = (ours * theirs).sum(axis=1)
    figures = {"mean": cosines.mean(), "p5": np.percentile(cosines, 5), "min": cosines.min()}
    return {name: round(float(figure), 4) for name, figure in figures.items()}


def _times(graphs: Mapping[str, Graph], weights: Path, pixels: Pixels) -> dict[str, float]:
    """Time the processor, in turn: our graphs as served, and TensorFlow Lite with XNNPACK."""
    lite = Interpreter(str(weights), num_threads=1)
    lite.allocate_tensors()

    def run_lite(view: Pixels) -> None:
        lite.set_tensor(0, view)
        lite.invoke()

    row = _run(graphs["int8"], pixels[:1], JOINED)[0]
    runs: dict[str, Callable[[Pixels], object]] = {name: of.run for name, of in graphs.items()}
    runs |= {"tensorflow_lite": run_lite, "head": lambda _: graphs["int8"].vector(row)}
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(_WARM + _TIMED):
        view = pixels[number % len(pixels)][np.newaxis]
        for name, run in runs.items():
            started = time.process_time()
            run(view)
            taken[name].append((time.process_time() - started) * 1000)
    figures = {name: round(float(np.median(ms[_WARM:])), 2) for name, ms in taken.items()}
    ratio = round(figures["int8"] / figures["tensorflow_lite"], 2)
    return {"rounds": _TIMED, **figures, "int8_by_tensorflow_lite": ratio}


if __name__ == "__main__":
    main()
