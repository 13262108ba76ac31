"""Give every variant of the model its vectors of the same decoded pictures, and keep them.

A variant is one way to make a vector of what a graph shows of some views. Pictures are decoded
once, as the service does, large enough for every variant, and each graph sees each view once.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from functions.gallery.embedder import read_card
from functions.gallery.pictures import Limits, Picture, decode
from scripts.bench.evaluation.metrics import Vectors

Output = Literal["vectors", "features"]


class Graph:
    """The graph of a model folder, on one thread."""

    def __init__(self, folder: Path) -> None:
        """Open the graph that the card here names."""
        self.card = read_card(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / self.card.file, options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]

    def run(self, picture: Picture, parts: Sequence[float]) -> dict[str, Vectors]:
        """Give each output for the centre squares of a picture, a row for each part."""
        squares = np.stack([picture.square(part, self.card.input_px) for part in parts])
        (pixels,) = self._session.get_inputs()
        shown = self._session.run(None, {pixels.name: squares})
        return dict(zip(self._outputs, shown, strict=True))


@dataclass(frozen=True, slots=True)
class Variant:
    """The unit mean, over some views, of the vectors or the plain features of a graph.

    The features of our graph are the network's own numbers, before what was fitted on top of
    them. `width` keeps the first numbers only.
    """

    name: str
    graph: Graph
    views: tuple[float, ...]
    output: Output = "vectors"
    width: int | None = None

    @property
    def key(self) -> str:
        """Name the vectors, but for their width."""
        about = f"{self.graph.card.sha256} {self.views} {self.output}"
        return hashlib.sha256(about.encode()).hexdigest()[:16]

    def vector(self, shown: dict[str, Vectors], parts: Sequence[float]) -> Vectors:
        """Give a picture's vector from what its graph showed of these parts."""
        rows = shown[self.output][[parts.index(view) for view in self.views]]
        return unit(unit(rows).mean(axis=0))

    def narrowed(self, vectors: Vectors) -> Vectors:
        """Give vectors their width, made unit again."""
        return unit(vectors[..., : self.width])


@dataclass(frozen=True, slots=True)
class Seen:
    """What was computed of some pictures, row by row."""

    vectors: dict[str, Vectors]  # by Variant.key
    bits: NDArray[np.bool_]  # (n, 64) of the perceptual hash
    known: NDArray[np.bool_]  # (n,) False where a picture is too plain for a hash


def unit(rows: Vectors) -> Vectors:
    """Give rows length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    divided: Vectors = rows / np.maximum(lengths, 1e-12)
    return divided


def served(folder: Path, floats: Path | None, widths: Sequence[int]) -> list[Variant]:
    """Give what is compared: the plain network on one view and on all, and what is served.

    With the folder of its float parent also both in float; `widths` cut what is served.
    """
    graph = Graph(folder)
    views = graph.card.views
    compared = [
        Variant("plain, one view", graph, (1.0,), "features"),
        Variant("plain", graph, views, "features"),
        Variant("served", graph, views),
        *(Variant(f"served, first {width}", graph, views, width=width) for width in widths),
    ]
    if floats is not None:
        parent = Graph(floats)
        compared += [
            Variant("plain, float", parent, views, "features"),
            Variant("served, float", parent, views),
        ]
    return compared


def embed_all(
    files: Iterable[tuple[str, Callable[[], bytes]]],
    variants: Sequence[Variant],
    cache: Path,
    tell: Callable[[int], None] = lambda count: None,
) -> Seen:
    """Embed pictures by every variant; what lies in the cache is not computed again.

    `files` are names, whose bytes they stand for, and ways to read them.
    """
    files = list(files)
    digest = hashlib.sha256("\n".join(name for name, _ in files).encode()).hexdigest()[:16]
    by_key = {each.key: each for each in variants}
    stored = {key: cache / f"{digest}-{key}.npy" for key in (*by_key, "hash")}
    missing = [by_key[key] for key in by_key if not stored[key].exists()]
    if missing or not stored["hash"].exists():
        cache.mkdir(parents=True, exist_ok=True)
        for key, rows in _computed(files, missing, tell).items():
            np.save(stored[key], rows)
    hashes = np.load(stored["hash"])
    return Seen({key: np.load(stored[key]) for key in by_key}, hashes[:, :64], hashes[:, 64])


def _computed(
    files: Sequence[tuple[str, Callable[[], bytes]]],
    variants: Sequence[Variant],
    tell: Callable[[int], None],
) -> dict[str, np.ndarray]:
    short_side = max([each.graph.card.short_side_px for each in variants], default=224)
    by_graph: dict[Graph, list[Variant]] = {}
    for each in variants:
        by_graph.setdefault(each.graph, []).append(each)
    vectors: dict[str, list[np.ndarray]] = {each.key: [] for each in variants}
    hashes = []
    for number, (_, read) in enumerate(files):
        picture = decode(read(), Limits(), short_side_px=short_side)
        for graph, its in by_graph.items():
            parts = sorted({view for each in its for view in each.views}, reverse=True)
            shown = graph.run(picture, parts)
            for each in its:
                vectors[each.key].append(each.vector(shown, parts))
        hashes.append(_hash_row(picture))
        tell(number + 1)
    return {key: np.stack(rows) for key, rows in vectors.items()} | {"hash": np.stack(hashes)}


def _hash_row(picture: Picture) -> NDArray[np.bool_]:
    """Give the 64 bits of the hash, and whether there is one."""
    row = np.zeros(65, bool)
    if (found := picture.perceptual_hash()) is not None:
        row[:64], row[64] = found.vector() > 0.5, True
    return row
