"""Pictures to vectors: runs the graph that the model card describes. The only user of onnxruntime.

Depends on the card and on pictures.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException

from functions.gallery.embedding.card import read_card
from functions.gallery.embedding.vectors import Vectors, truncate
from functions.gallery.errors import ModelMismatch, OutOfMemory
from functions.gallery.pictures.picture import Picture


class OnnxEmbedder:
    """The graph in a model folder; several threads can use one embedder."""

    def __init__(self, folder: Path, dims: int | None = None) -> None:
        """Load the graph that card.json in this folder describes.

        With `dims`, only the first so many numbers of each vector are kept. Raises ModelMismatch if
        the graph does not fit its card, or SettingsError if it has fewer numbers than that.
        """
        card = read_card(folder)
        graph = (folder / card.file).read_bytes()
        if hashlib.sha256(graph).hexdigest() != card.sha256:
            raise ModelMismatch(f"{folder / card.file} is not the graph that card.json describes")
        options = onnxruntime.SessionOptions()
        # One thread a picture: 1,769 MB of Lambda are one vCPU; an import runs one picture a core.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"]
        )
        # A graph may have more outputs; the vectors come first.
        (pixels,), (vectors, *_) = self._session.get_inputs(), self._session.get_outputs()
        if pixels.shape[1:] != [card.input_px, card.input_px, 3]:
            raise ModelMismatch(f"The graph takes {pixels.shape}, its card says {card.input_px} px")
        if vectors.shape[1:] != [card.dims]:
            raise ModelMismatch(f"The graph returns {vectors.shape}, its card says {card.dims}")
        self._input, self._output = pixels.name, vectors.name
        self._graph_dims = card.dims
        self.card = card.truncated(dims)

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Return one unit vector per picture; similar pictures have similar vectors.

        Shape (len(pictures), dims), float32, in the order given; (0, dims) for no pictures. A
        vector is the unit mean over the views (centre squares) that the card lists. Raises
        OutOfMemory.
        """
        views, px = self.card.views, self.card.input_px
        if not pictures:
            return np.empty((0, self.card.dims), np.float32)
        try:
            squares = np.stack([picture.square(part, px) for picture in pictures for part in views])
            (each,) = self._session.run([self._output], {self._input: squares})
        except (MemoryError, Fail, RuntimeException) as error:
            if not isinstance(error, MemoryError) and "alloc" not in str(error):
                raise
            raise OutOfMemory("Memory ran out while embedding; try again") from error
        mean = each.reshape(len(pictures), len(views), self._graph_dims).mean(axis=1)
        vectors: Vectors = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return truncate(vectors, self.card.dims)
