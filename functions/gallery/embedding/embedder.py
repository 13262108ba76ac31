"""Pictures to vectors: runs the graphs that the model card describes. The only user of onnxruntime.

Depends on the card, pictures and threads.
"""

import hashlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidProtobuf,
    RuntimeException,
)

from functions.gallery.embedding.card import GraphFile, PixelType, read_card
from functions.gallery.embedding.vectors import Vector, Vectors, truncate
from functions.gallery.embedding.views import cut_views
from functions.gallery.errors import ModelMismatch, OutOfMemory
from functions.gallery.pictures.picture import Picture
from functions.gallery.threads import Cores

_TYPES: dict[PixelType, str] = {"uint8": "tensor(uint8)", "float32": "tensor(float)"}


class OnnxEmbedder:
    """The network and the head in a model folder; several threads can use one embedder."""

    def __init__(self, folder: Path, dims: int | None = None, cores: int = 1) -> None:
        """Load the graphs that card.json in this folder describes.

        With `dims`, only the first so many numbers of each vector are kept. Of several cores, one
        without a picture of its own helps with the views of another's. Raises ModelMismatch if a
        graph does not fit the card, or SettingsError if it has fewer numbers than that.
        """
        card = read_card(folder)
        self._network = last = _Graph(folder, card.network)
        self._head = _Graph(folder, card.head) if card.head else None
        boxes = {card.long_views.px} if card.long_views else set()
        for px in {view.px for view in card.views} | boxes:
            self._network.check_input(card.pixels.shape(px), card.pixels.dtype)
        if self._head:
            self._head.check_input(self._network.returns, "float32")
            last = self._head
        if last.returns != [card.dims]:
            raise ModelMismatch(
                f"{last.file} returns rows of the shape {last.returns}, its card says "
                f"[{card.dims}]; correct output.dims, or add a Flatten at its end"
            )
        self._graph_dims = card.dims
        self.card = card.truncated(dims)
        self._cores = Cores(cores)

    def embed(self, pictures: Sequence[Picture]) -> Vectors:
        """Return one unit vector per picture; similar pictures have similar vectors.

        Shape (len(pictures), dims), float32, in the order given; (0, dims) for no pictures. See
        ModelCard for what a vector is. Raises OutOfMemory.
        """
        vectors = [self._embed_one(picture) for picture in pictures]
        whole = np.stack(vectors) if vectors else np.empty((0, self._graph_dims), np.float32)
        return truncate(whole, self.card.dims)

    def joined(self, picture: Picture) -> Vector:
        """Return the weighted mean of the network's rows for a picture: what the head gets."""
        views, at_once = cut_views(picture, self.card), len(self.card.views)
        runs: list[NDArray[Any]] = []
        for _, same in groupby((pixels for pixels, _ in views), key=len):
            pixels = np.stack(list(same))
            # As many at once as other pictures have: onnxruntime keeps the memory of the most.
            runs += [pixels[first : first + at_once] for first in range(0, len(pixels), at_once)]
        prepare, run = self.card.pixels.prepare, self._network.run
        rows = self._cores.map(lambda pixels: run(prepare(pixels)), runs)
        weights = np.array([weight for _, weight in views], np.float32)
        # Not a matrix product: when memory runs out, OpenBLAS ends the process.
        mean: Vector = (weights[:, np.newaxis] * np.concatenate(rows)).sum(axis=0)
        return mean

    def _embed_one(self, picture: Picture) -> Vector:
        try:
            vector: Vector = self.joined(picture)
            if self._head:
                (vector,) = self._head.run(vector[np.newaxis])
        except (MemoryError, Fail, RuntimeException, InvalidArgument) as error:
            if not isinstance(error, MemoryError) and "alloc" not in str(error):
                raise ModelMismatch(
                    f"{self._network.file} fails on a picture of the size in its card; export it "
                    "for this size"
                ) from error
            raise OutOfMemory("Memory ran out while embedding; try again") from error
        # A graph of the user's own can return rows of any length.
        length = np.linalg.norm(vector)
        if not 0 < length < np.inf:  # false for NaN too
            raise ModelMismatch(
                f"{self._network.file} returned only zeros, or numbers that are not finite; check "
                "mean and std in its card"
            )
        unit: Vector = vector / length
        return unit


class _Graph:
    """A graph with one input; of its outputs the first counts."""

    def __init__(self, folder: Path, described: GraphFile) -> None:
        """Load a graph; raises ModelMismatch if it is not the one that the card describes."""
        self.file = described.file
        try:
            graph = (folder / self.file).read_bytes()
        except OSError as error:
            raise ModelMismatch(f"No {self.file} in {folder}; check LOOKALIKE_MODEL") from error
        if (digest := hashlib.sha256(graph).hexdigest()) != described.sha256:
            raise ModelMismatch(
                f"{folder / self.file} is not the graph that card.json describes; its SHA-256 is "
                f"{digest}"
            )
        options = onnxruntime.SessionOptions()
        # One thread a picture: 1,769 MB of Lambda are one vCPU; an import runs one picture a core.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                graph, options, providers=["CPUExecutionProvider"]
            )
        except MemoryError:
            raise
        except Exception as error:  # onnxruntime raises a dozen kinds, and Python's own
            raise ModelMismatch(f"{self.file} {_why_not_opened(error)}") from error
        inputs, (returns, *_) = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or returns.type != _TYPES["float32"]:
            raise ModelMismatch(
                f"{self.file} has {len(inputs)} inputs and returns {returns.type}; it must have "
                f"one and return {_TYPES['float32']}"
            )
        (takes,) = inputs
        self._input, self._output, self._type = takes.name, returns.name, takes.type
        self._at_once, *self._takes = takes.shape  # an open side has a name, or none
        self.returns: list[Any] = returns.shape[1:]

    def check_input(self, shape: Sequence[int], dtype: PixelType) -> None:
        """Raise ModelMismatch if rows of this shape do not fit; an open side fits any."""
        fits = len(shape) == len(self._takes) and all(
            not isinstance(side, int) or side == needed
            for side, needed in zip(self._takes, shape, strict=True)
        )
        if not fits or self._type != _TYPES[dtype]:
            raise ModelMismatch(
                f"{self.file} takes {self._type} of {self._takes}, its card needs {_TYPES[dtype]} "
                f"of {list(shape)}; correct its layout, dtype or px"
            )
        if isinstance(self._at_once, int) and self._at_once != 1:
            raise ModelMismatch(
                f"{self.file} takes {self._at_once} rows at once; export it for one or any number"
            )

    def run(self, rows: NDArray[Any]) -> Vectors:
        """Return one row for each."""
        if self._at_once == 1 < len(rows):
            return np.concatenate([self.run(row[np.newaxis]) for row in rows])
        (returned,) = self._session.run([self._output], {self._input: rows})
        result: Vectors = returned
        return result


def _why_not_opened(error: Exception) -> str:
    """Say in our own words why onnxruntime does not open a graph, and what to do."""
    if isinstance(error, InvalidProtobuf):
        return "is not an ONNX file, or was cut off; export it again"
    if "external" in str(error).lower():
        return "keeps its weights in another file; save it as one file"
    return (
        f"does not open with onnxruntime {onnxruntime.__version__}; export it for an older opset, "
        "with standard operators only"
    )
