"""Run the bodies over calibration pictures and fit the head on their pools."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from model.build.float_graph import INPUT_NAME
from model.build.head import Head, Pools, fit_head
from model.build.tflite_weights import Floats
from model.build.views import VIEWS, Pixels, read_copies, read_views

_COPIES_STEP = 2  # every second picture is altered: 8,500 copies


def fit(
    floats: onnx.ModelProto,
    int8: onnx.ModelProto,
    files: Sequence[Path],
    classifier: Floats,
    names: tuple[str, ...],
    dims: int,
) -> Head:
    """Fit on the int8 pools of every picture; weaken what altered copies and int8 change.

    `names` are the outputs that hold the pools of the middle layers.
    """
    body, exact = _Body(int8), _Body(floats)
    views = list(read_views(files))
    pictures = _stacked(map(body.pools, views))
    rounded = pictures, _stacked(map(exact.pools, views))
    altered = range(0, len(files), _COPIES_STEP)
    copies = [[body.pools(copy) for copy in read_copies(files[row])] for row in altered]
    rows = np.repeat(altered, len(copies[0]))
    originals = {name: pools[rows] for name, pools in pictures.items()}
    copied = _stacked(pools for each in copies for pools in each), originals
    return fit_head([copied, rounded], [view.weight for view in VIEWS], classifier, names, dims)


class _Body:
    """A graph whose outputs are pools, on one thread."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._names = [output.name for output in self._session.get_outputs()]

    def pools(self, views: Sequence[Pixels]) -> Pools:
        """Return the pools of a picture's views, (views, width) each."""
        rows = [self._session.run(None, {INPUT_NAME: view[np.newaxis]}) for view in views]
        pools = zip(self._names, map(np.concatenate, zip(*rows, strict=True)), strict=True)
        return dict(pools)


def _stacked(pools: Iterable[Pools]) -> Pools:
    every = list(pools)
    return {name: np.stack([each[name] for each in every]) for name in every[0]}
