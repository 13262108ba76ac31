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
from functions.gallery.embedding.vectors import Vector, Vectors, truncate
from functions.gallery.embedding.views import cut_views, join_views
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
        vector is the unit mean over the views of the picture, see views.py. Raises OutOfMemory.
        """
        vectors = [self._embed_one(picture) for picture in pictures]
        whole = np.stack(vectors) if vectors else np.empty((0, self._graph_dims), np.float32)
        return truncate(whole, self.card.dims)

    def _embed_one(self, picture: Picture) -> Vector:
        try:
            views, at_once = cut_views(picture, self.card), len(self.card.views)
            # As many at once as other pictures have: onnxruntime keeps the memory of the most.
            parts = [views[first : first + at_once] for first in range(0, len(views), at_once)]
            runs = [self._session.run([self._output], {self._input: part}) for part in parts]
        except (MemoryError, Fail, RuntimeException) as error:
            if not isinstance(error, MemoryError) and "alloc" not in str(error):
                raise
            raise OutOfMemory("Memory ran out while embedding; try again") from error
        return join_views(np.concatenate([vectors for (vectors,) in runs]), self.card)
