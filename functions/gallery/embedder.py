"""Turns pictures into vectors. The only module that calls onnxruntime; reads the model card."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from functions.gallery.bands import Bands
from functions.gallery.errors import ModelMismatch
from functions.gallery.pictures import Picture
from functions.gallery.records import ModelCard, Vectors


class OnnxEmbedder:
    """The graph in a model folder, ready to run; many threads may use one embedder at once."""

    def __init__(self, folder: Path) -> None:
        """Load the graph that card.json here describes; raises ModelMismatch if it does not fit."""
        self.card = read_card(folder)
        graph = (folder / self.card.file).read_bytes()
        if hashlib.sha256(graph).hexdigest() != self.card.sha256:
            raise ModelMismatch(
                f"{folder / self.card.file} is not the graph that card.json describes"
            )
        options = onnxruntime.SessionOptions()
        # One thread a picture: 1,769 MB of Lambda are one vCPU; an import runs one picture a core.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        # A graph may show more than its vectors, which come first.
        (pixels,), (vectors, *_) = self._session.get_inputs(), self._session.get_outputs()
        if pixels.shape[1:] != [self.card.input_px, self.card.input_px, 3]:
            raise ModelMismatch(
                f"The graph takes {pixels.shape}, its card says {self.card.input_px} px"
            )
        if vectors.shape[1:] != [self.card.dims]:
            raise ModelMismatch(
                f"The graph gives {vectors.shape}, its card says {self.card.dims} dims"
            )
        self._input, self._output = pixels.name, vectors.name

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Give each picture a point on the unit sphere; those that look alike lie close.

        Returns (len(pictures), dims) float32 in the order given; no pictures give (0, dims). A
        vector is the unit mean over the views (centre squares) that the card lists.
        """
        views, px = self.card.views, self.card.input_px
        if not pictures:
            return np.empty((0, self.card.dims), np.float32)
        squares = np.stack([picture.square(part, px) for picture in pictures for part in views])
        (each,) = self._session.run([self._output], {self._input: squares})
        mean = each.reshape(len(pictures), len(views), self.card.dims).mean(axis=1)
        vectors: Vectors = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors


def read_card(folder: Path) -> ModelCard:
    """Read card.json of a model folder; raises ModelMismatch when it is missing or incomplete."""
    try:
        card = json.loads((folder / "card.json").read_text())
        return ModelCard(
            name=card["name"],
            version=card["version"],
            file=card["file"],
            sha256=card["sha256"],
            input_px=card["input"]["px"],
            dims=card["output"]["dims"],
            views=tuple(card["views"]),
            bands=Bands.read(card["bands"]) if "bands" in card else None,
        )
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise ModelMismatch(f"No usable card.json in {folder}; set LOOKALIKE_MODEL") from problem
