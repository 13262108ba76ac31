"""Run the bodies over calibration pictures and fit the head on what they see."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from model.build.float_graph import INPUT_NAME
from model.build.head import Head, Pools, Scatter, fit_head
from model.build.tflite_weights import Floats
from model.build.variations import read_copies, read_cuts
from model.build.views import VIEWS, Pixels


class Body:
    """A graph whose outputs are pools, ready to run."""

    def __init__(self, graph: onnx.ModelProto) -> None:
        """Open the graph on one thread."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(graph.SerializeToString(), options)
        self._names = [output.name for output in self._session.get_outputs()]

    def pools(self, pixels: Pixels) -> Pools:
        """Give the pools of some views, row by row."""
        return dict(zip(self._names, self._session.run(None, {INPUT_NAME: pixels}), strict=True))


def fit(
    floats: onnx.ModelProto,
    int8: onnx.ModelProto,
    files: Sequence[Path],
    classifier: Floats,
    names: tuple[str, ...],
    dims: int,
) -> Head:
    """Fit on every cut of every picture; what altered copies and int8 change is turned down."""
    body, rounded = Body(floats), Body(int8)
    cuts, twins = [], []
    for pixels in read_cuts(files):
        cuts.append(body.pools(pixels))
        twins.append(rounded.pools(pixels[: len(VIEWS)]))
    copies, originals = [], []
    for cut, (place, pixels) in zip(cuts, read_copies(files), strict=True):
        copies.append(body.pools(pixels))
        originals.append({name: rows[[place] * len(pixels)] for name, rows in cut.items()})
    served = [{name: rows[: len(VIEWS)] for name, rows in cut.items()} for cut in cuts]
    variations = [
        Scatter(_stacked(copies), _stacked(originals)),
        Scatter(_stacked(twins), _stacked(served)),
    ]
    return fit_head(_stacked(cuts), variations, classifier, names, dims)


def _stacked(pools: Iterable[Pools]) -> Pools:
    every = list(pools)
    return {name: np.concatenate([each[name] for each in every]) for name in every[0]}
