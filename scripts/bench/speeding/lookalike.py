"""Bytes to vector as the gallery does it, with the served model."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

import numpy as np

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.pictures import Limits, decode
from scripts.bench.speeding.worker import Stages, serve

embedder = OnnxEmbedder(ROOT / "model")
card = embedder.card


def embed(data: bytes, stages: Stages) -> None:
    """Decode, embed; the resizing is then done once more by itself, and taken off the embedding."""
    picture = decode(data, Limits(), short_side_px=card.short_side_px)
    stages.end("decode")
    embedder.embed([picture])
    stages.end("run")
    np.stack([picture.square(part, card.input_px) for part in card.views])
    stages.end("resize")
    stages.ms["run"] -= stages.ms["resize"]


serve(embed)
