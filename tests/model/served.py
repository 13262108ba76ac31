"""The served network and head, run on one thread, and their card."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

MODEL = Path(__file__).resolve().parents[2] / "model"
CARD = json.loads((MODEL / "card.json").read_text())
NETWORK, HEAD = MODEL / CARD["file"], MODEL / CARD["head"]["file"]


def open_graph(file=NETWORK, **entries):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    for key, value in entries.items():
        options.add_session_config_entry(f"session.{key}", value)
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def join(network, pixels):
    """Return the network's rows for views of one size."""
    (rows,) = network.run(["joined"], {"pixels": pixels})
    return rows


def turn(head, rows):
    """Return the vectors of rows, one by one, as the service does."""
    runs = [head.run(["vectors"], {"joined": row[np.newaxis]})[0] for row in rows]
    return np.concatenate(runs)
