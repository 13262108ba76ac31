"""Bytes to vector: ours in turn with the bare libraries."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from functions.gallery.embedding.card import ModelCard
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.embedding.views import cut_views
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.vectors import Graph
from scripts.bench.measuring import ROOT, Timer, photos

MODEL = ROOT / "model"
SMALL, LARGE = "JPEG, 500 x 375", "JPEG, 4032 x 3024"


def measure(rounds: int) -> dict[str, Any]:
    """Return milliseconds of the processor by stage, and ratios to the bare libraries."""
    small = _time_stages(photos(12, 500, 375), rounds)
    large = _time_stages(photos(1, 4032, 3024), rounds)
    stages = {
        picture: {
            "decode": ms["our decode"],
            "resize": ms["our resize"],
            "run": round(ms["our embed"] - ms["our resize"], 2),
        }
        for picture, ms in ((SMALL, small), (LARGE, large))
    }
    ours = small["our decode"] + small["our embed"]
    bare = small["bare decode"] + small["bare run"]
    ratios = {
        "ours / (decode + resize + run)": ours / (bare + small["bare resize"]),
        "ours / (decode + run)": ours / bare,
        "our decode / scaled libjpeg decode": large["our decode"] / large["bare decode"],
    }
    return {
        "bytes to vector, ms": stages,
        "bare libraries": {name: round(ratio, 3) for name, ratio in ratios.items()},
    }


def _time_stages(pictures: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Embed every picture in every round; the first round only warms up."""
    embedder, graph, timer = OnnxEmbedder(MODEL), Graph(MODEL), Timer(warm_up=len(pictures))
    card = embedder.card
    for data in list(pictures) * (rounds + 1):
        with timer.measure("bare decode"):
            image = Image.open(io.BytesIO(data))
            image.draft("RGB", (card.short_side_px, card.short_side_px))
            image.load()
        with timer.measure("bare resize"):
            views = _cut_barely(image, card)
        with timer.measure("bare run"):
            rows = [graph.run(view[np.newaxis])["joined"] for view in views]
            graph.vector(np.mean(rows, axis=(0, 1)))
        with timer.measure("our decode"):
            picture = decode(data, Limits(), short_side_px=card.short_side_px)
        with timer.measure("our embed"):
            embedder.embed([picture])
        with timer.measure("our resize"):  # a part of "our embed", done again by itself
            cut_views(picture, card)
    return timer.processor_ms()


def _cut_barely(image: Image.Image, card: ModelCard) -> list[np.ndarray]:
    """Cut and resize the views with nothing around Pillow."""
    views, (width, height) = [], image.size
    for view in card.views:
        side = view.part * min(width, height)
        box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
        size = (view.px, view.px)
        views.append(np.asarray(image.resize(size, Image.Resampling.BILINEAR, box=box)))
    return views
