"""Measure the int8 graph against float and TensorFlow Lite; write the figures into the card."""

import argparse
import json
import platform
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnxruntime

from model.build.build import CARD, MODEL_FOLDER
from model.build.drawings import draw_all
from model.build.float_graph import INPUT_NAME, build_float_graph
from model.build.reference import Reference
from model.build.retrieval import read_set, score
from model.build.tflite_weights import Floats, check_weights, read_layers
from model.build.views import VIEWS, Pixels, read_views

GOLDEN = MODEL_FOLDER.parent / "tests" / "model" / "golden.npz"
_SETS = {"dev-clothing": False, "dev-caltech101": True}  # name -> leave one out
_REFERENCE_VIEWS = 120

# Figure -> least value. The mAP gates are differences, int8 minus float.
_GATES = {"mean": 0.98, "p5": 0.95, "map_one_set": -0.010, "map_mean": -0.005}


def main() -> int:
    """Measure, write the card and the golden vectors; 1 when a gate is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--sets", type=Path, required=True, help="folder of " + ", ".join(_SETS))
    arguments = parser.parse_args()
    layers = read_layers(check_weights(arguments.weights))
    card = json.loads(CARD.read_text())
    graphs = {
        "float": _session(build_float_graph(layers).SerializeToString()),
        "int8": _session((MODEL_FOLDER / card["file"]).read_bytes()),
    }
    measured = {"machine": _machine(), "sets": {}}
    for name, leave_one_out in _SETS.items():
        measured["sets"][name], pixels, vectors = _compare(
            arguments.sets / name, graphs, leave_one_out
        )
    sample = np.linspace(0, len(pixels) - 1, _REFERENCE_VIEWS).astype(int)
    reference = Reference(arguments.weights, layers)
    theirs = _unit(reference.pooled(pixels[sample]).astype(np.float32))
    measured["tensorflow_lite"] = {
        "views": len(sample),
        "cosine_float": _spread(theirs, vectors["float"][sample]),
        "cosine_int8": _spread(theirs, vectors["int8"][sample]),
        "worst_layer_mean_error_steps": round(reference.worst_layer_steps(pixels[0]), 3),
    }
    measured["one_thread_ms"] = {name: _time(graph, pixels) for name, graph in graphs.items()}
    card["measured"] = measured
    CARD.write_text(json.dumps(card, indent=2) + "\n")
    np.savez(GOLDEN, tensorflow_lite=reference.pooled(draw_all()))
    print(json.dumps(measured, indent=2))
    return _judge(measured)


def _session(graph: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(graph, options)


def _compare(
    folder: Path, graphs: dict[str, onnxruntime.InferenceSession], leave_one_out: bool
) -> tuple[dict, Pixels, dict[str, Floats]]:
    pictures = read_set(folder, leave_one_out=leave_one_out)
    pixels = read_views(pictures.files)
    vectors = {name: _embed(graph, pixels) for name, graph in graphs.items()}
    count = len(VIEWS)
    figures = {
        "pictures": len(pictures.files),
        "queries": int(pictures.asks.sum()),
        "leave_one_out": leave_one_out,
        "cosine_int8_to_float": _spread(vectors["int8"], vectors["float"]),
        "cosine_by_view": {
            str(part): _spread(vectors["int8"][place::count], vectors["float"][place::count])
            for place, part in enumerate(VIEWS)
        },
    }
    for name, rows in vectors.items():
        by_view = rows.reshape(len(pictures.files), count, -1)
        figures[name] = {
            "whole_square": _rounded(score(pictures, by_view[:, 0])),
            "all_views": _rounded(score(pictures, _unit(by_view.mean(axis=1)))),
        }
    return figures, pixels, vectors


def _embed(graph: onnxruntime.InferenceSession, pixels: Pixels) -> Floats:
    return np.concatenate([graph.run(None, {INPUT_NAME: view[np.newaxis]})[0] for view in pixels])


def _unit(rows: Floats) -> Floats:
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def _spread(ours: Floats, theirs: Floats) -> dict[str, float]:
    cosines = (ours * theirs).sum(axis=1)
    p5 = np.percentile(cosines, 5)
    return _rounded({"mean": cosines.mean(), "p5": p5, "min": cosines.min()})


def _rounded(figures: dict[str, float]) -> dict[str, float]:
    return {name: round(float(figure), 4) for name, figure in figures.items()}


def _time(graph: onnxruntime.InferenceSession, pixels: Pixels) -> dict[str, float]:
    taken = []
    for view in pixels[:350]:
        start = time.perf_counter()
        graph.run(None, {INPUT_NAME: view[np.newaxis]})
        taken.append((time.perf_counter() - start) * 1000)
    p50, p95 = np.percentile(taken[50:], [50, 95])  # 50 warm-ups
    return {"views": len(taken) - 50, "p50": round(float(p50), 2), "p95": round(float(p95), 2)}


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


def _judge(measured: dict) -> int:
    drops, missed = [], []
    for name, figures in measured["sets"].items():
        spread = figures["cosine_int8_to_float"]
        missed += [f"{name}: {key}" for key in ("mean", "p5") if spread[key] < _GATES[key]]
        drops.append(figures["int8"]["all_views"]["map"] - figures["float"]["all_views"]["map"])
        if drops[-1] < _GATES["map_one_set"]:
            missed.append(f"{name}: mAP {drops[-1]:+.4f}")
    if np.mean(drops) < _GATES["map_mean"]:
        missed.append(f"mean mAP {np.mean(drops):+.4f}")
    for gate in missed:
        print(f"gate missed: {gate}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
