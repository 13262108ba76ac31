"""Run the graphs over calibration pictures and fit the head on their pools."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from model.build.float_graph import INPUT_NAME
from model.build.head import Head, Pools, fit_head
from model.build.tflite_weights import Floats
from model.build.views import VIEWS, Pixels, read_copies, read_cuts


def fit(
    floats: onnx.ModelProto,
    int8: onnx.ModelProto,
    files: Sequence[Path],
    classifier: Floats,
    names: tuple[str, ...],
    dims: int,
) -> Head:
    """Fit on every cut of every picture; weaken what altered copies and int8 change.

    `names` are the outputs that hold the pools of the middle layers.
    """
    body, rounded = _Body(floats), _Body(int8)
    cuts, rounded_views, copies, originals = [], [], [], []
    for pixels in read_cuts(files):
        cuts.append(body.pools(pixels))
        rounded_views.append(rounded.pools(pixels[: len(VIEWS)]))
    for cut, (view, pixels) in zip(cuts, read_copies(files), strict=True):
        copies.append(body.pools(pixels))
        originals.append({name: rows[[view] * len(pixels)] for name, rows in cut.items()})
    views = [{name: rows[: len(VIEWS)] for name, rows in cut.items()} for cut in cuts]
    variations = [
        (_stacked(copies), _stacked(originals)),
        (_stacked(rounded_views), _stacked(views)),
    ]
    return fit_head(_stacked(cuts), variations, classifier, names, dims)


class _Body:
    """A graph whose outputs are pools, on one thread."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._names = [output.name for output in self._session.get_outputs()]

    def pools(self, pixels: Pixels) -> Pools:
        return dict(zip(self._names, self._session.run(None, {INPUT_NAME: pixels}), strict=True))


def _stacked(pools: Iterable[Pools]) -> Pools:
    every = list(pools)
    return {name: np.concatenate([each[name] for each in every]) for name in every[0]}
