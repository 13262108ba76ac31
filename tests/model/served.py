"""The served graph, run on one thread, and its card."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

MODEL = Path(__file__).resolve().parents[2] / "model"
CARD = json.loads((MODEL / "card.json").read_text())
GRAPH = MODEL / CARD["file"]


def open_graph(**entries):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for key, value in entries.items():
        options.add_session_config_entry(f"session.{key}", value)
    return onnxruntime.InferenceSession(GRAPH, options, providers=["CPUExecutionProvider"])


def embed(graph, pixels):
    (vectors,) = graph.run([CARD["output"]["name"]], {CARD["input"]["name"]: pixels})
    return vectors


def embed_singly(graph, pixels):
    return np.concatenate([embed(graph, view[np.newaxis]) for view in pixels])
