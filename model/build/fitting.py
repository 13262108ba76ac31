"""Run the int8 body over calibration pictures, for the pools that the head is fitted on."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from model.build.float_graph import INPUT_NAME
from model.build.head import Pools, Variation
from model.build.views import Pixels, read_copies, read_views

_COPIES_STEP = 4  # every fourth picture is altered: 4,250 copies


def see(body: onnx.ModelProto, files: Sequence[Path]) -> tuple[Pools, Variation]:
    """Return the pools of all pictures, and those of copies of some, next to their originals."""
    graph = _Body(body)
    pictures = _stacked(map(graph.pools, read_views(files)))
    altered = range(0, len(files), _COPIES_STEP)
    copies = [[graph.pools(copy) for copy in read_copies(files[row])] for row in altered]
    rows = np.repeat(altered, len(copies[0]))
    originals = {name: pools[rows] for name, pools in pictures.items()}
    return pictures, (_stacked(pools for each in copies for pools in each), originals)


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
