"""Measure the served graph against its parents; write the figures into the card."""

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime

from functions.gallery.embedder import read_card
from model.build.build import CARD, MODEL_FOLDER, SEEN, WIDTHS
from model.build.drawings import draw_all
from model.build.float_graph import FEATURES, INPUT_NAME
from model.build.head import OUTPUT_NAME, unit
from model.build.reference import Reference, fastest
from model.build.tflite_weights import Floats, check_weights, read_layers
from model.build.views import VIEWS, Pixels, read_views
from scripts.bench.evaluation.ranking import rank_sets
from scripts.bench.evaluation.sets import find_sets, read_pictures, read_seen
from scripts.bench.evaluation.vectors import served

GOLDEN = MODEL_FOLDER.parent / "tests" / "model" / "golden.npz"
_REFERENCE_SET = "dev-caltech101"
_REFERENCE_VIEWS = 120
_WARM, _TIMED = 20, 200
_TOLD = ("map", "r1", "p10")


def main() -> int:
    """Measure, write the card and the golden vectors; 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--float", type=Path, required=True, help="as build --float made it")
    parser.add_argument(
        "--sets", type=Path, required=True, help=f"a folder, {_REFERENCE_SET} in it"
    )
    parser.add_argument("--cache", type=Path, help="keep vectors here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as thrown_away:
        cache = arguments.cache or Path(thrown_away)
        ranked = _rank(arguments.sets, arguments.float, cache)
    graphs = {"float": _session(arguments.float), "int8": _session(MODEL_FOLDER)}
    pictures = read_pictures(arguments.sets / _REFERENCE_SET)
    few = np.linspace(0, len(pictures.files) - 1, _REFERENCE_VIEWS).astype(int)
    pixels = read_views([pictures.path(place) for place in few], (1.0,))
    reference = Reference(arguments.weights, read_layers(check_weights(arguments.weights)))
    theirs = unit(reference.pooled(pixels).astype(np.float32))
    card = json.loads(CARD.read_text())
    card["measured"] = {
        "machine": _machine(),
        **ranked,
        "tensorflow_lite": {
            "views": len(few),
            **{
                f"cosine_features_{name}": _spread(theirs, unit(_run(graph, pixels, FEATURES)))
                for name, graph in graphs.items()
            },
            "worst_layer_mean_error_steps": round(reference.worst_layer_steps(pixels[0]), 3),
        },
        "one_thread_ms_a_view": _times(graphs, fastest(arguments.weights), pixels),
    }
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    np.savez(
        GOLDEN,
        tensorflow_lite=reference.pooled(draw_all()),
        float=_run(graphs["float"], draw_all(), OUTPUT_NAME).astype(np.float16),
    )
    print(json.dumps(card["measured"], indent=2))
    for gate in ranked["missed_gates"]:
        print(f"gate missed: {gate}", file=sys.stderr)
    return 1 if ranked["missed_gates"] else 0


def _rank(sets: Path, parent: Path, cache: Path) -> dict:
    compared = served(MODEL_FOLDER, parent, WIDTHS)
    told = rank_sets(find_sets(sets), compared, read_seen(SEEN), cache)
    tasks = {
        name: {
            "pictures": task["pictures"],
            "queries": task["queries"],
            **{
                each: {metric: figures[metric] for metric in _TOLD}
                for each, figures in task["variants"].items()
            },
        }
        for name, task in told["tasks"].items()
    }
    fidelity = {
        name: {of: {key: round(v, 4) for key, v in each.items()} for of, each in figures.items()}
        for name, figures in told["fidelity"].items()
    }
    return {"tasks": tasks, "int8_to_float": fidelity, "missed_gates": told["missed_gates"]}


def _session(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / read_card(folder).file, options)


def _run(graph: onnxruntime.InferenceSession, pixels: Pixels, output: str) -> Floats:
    each = [graph.run([output], {INPUT_NAME: view[np.newaxis]})[0] for view in pixels]
    return np.concatenate(each)


def _spread(ours: Floats, theirs: Floats) -> dict[str, float]:
    cosines = (ours * theirs).sum(axis=1)
    figures = {"mean": cosines.mean(), "p5": np.percentile(cosines, 5), "min": cosines.min()}
    return {name: round(float(figure), 4) for name, figure in figures.items()}


def _times(
    graphs: Mapping[str, onnxruntime.InferenceSession],
    other: Callable[[Pixels], None],
    pixels: Pixels,
) -> dict[str, float]:
    """Time the processor, in turn: ours as served, all views of a picture at once, and theirs."""
    count = len(VIEWS)
    runs: dict[str, Callable[[Pixels], object]] = {
        name: lambda views, graph=graph: graph.run([OUTPUT_NAME], {INPUT_NAME: views})
        for name, graph in graphs.items()
    }
    runs["tensorflow_lite"] = lambda views: [other(view) for view in views]
    taken: dict[str, list[float]] = {}
    for first in range(_WARM + _TIMED):
        views = pixels[np.arange(first, first + count) % len(pixels)]
        for name, run in runs.items():
            started = time.process_time()
            run(views)
            if first >= _WARM:
                taken.setdefault(name, []).append((time.process_time() - started) * 1000 / count)
    figures = {name: round(float(np.median(ms)), 2) for name, ms in taken.items()}
    ratio = figures["int8"] / figures["tensorflow_lite"]
    return {"rounds": _TIMED, **figures, "int8_by_tensorflow_lite": round(ratio, 2)}


def _machine() -> dict[str, object]:
    about = Path("/proc/cpuinfo")
    words = set(about.read_text().split()) if about.exists() else set()
    wanted = ("avx2", "avx512_vnni", "avx_vnni")
    libraries = ("onnxruntime", "numpy", "pillow", "onnx", "ai-edge-litert")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cpu": platform.machine(),
        "cpu_flags": {flag: flag in words for flag in wanted},
        "python": platform.python_version(),
        "libraries": {library: version(library) for library in libraries},
    }


if __name__ == "__main__":
    sys.exit(main())
