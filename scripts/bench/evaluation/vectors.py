"""Give every variant of the model its vectors of the same decoded pictures, and keep them.

A variant is one way to make a vector of what a graph shows of some views. Pictures are decoded
once, as the service does, large enough for every variant, and each graph sees each view once.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
import PIL
from numpy.typing import NDArray

from functions.gallery import perceptual_hash, picture_limits, pictures
from functions.gallery.embedder import read_card
from functions.gallery.errors import PictureError
from functions.gallery.pictures import Limits, Picture, decode
from scripts.bench.evaluation.metrics import Vectors
from scripts.bench.evaluation.sets import SetError, Source

Output = Literal["vectors", "features"]
# What decides, beside the bytes and the graph, which numbers come out.
CODE = [Path(module.__file__) for module in (pictures, picture_limits, perceptual_hash)]


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
    them. `width` keeps the first numbers only. `against` names the variant that it is compared
    with: what was there before the one thing that it changes.
    """

    name: str
    graph: Graph
    views: tuple[float, ...]
    output: Output = "vectors"
    width: int | None = None
    against: str | None = None

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
        Variant("plain", graph, views, "features", against="plain, one view"),
        Variant("served", graph, views, against="plain, one view"),
    ]
    compared += [
        Variant(f"served, first {width}", graph, views, width=width, against="served")
        for width in widths
    ]
    if floats is not None:
        parent = Graph(floats)
        compared += [
            Variant("plain, float", parent, views, "features", against="plain"),
            Variant("served, float", parent, views, against="served"),
        ]
    return compared


def embed_all(
    sources: Sequence[Source],
    variants: Sequence[Variant],
    cache: Path,
    tell: Callable[[int], None] = lambda count: None,
) -> Seen:
    """Embed pictures by every variant; what lies in the cache is not computed again.

    The cache is known by the bytes and by the code that decodes them. Raises SetError with the
    name of a picture that cannot be decoded.
    """
    digest = _digest(sources)
    by_key = {each.key: each for each in variants}
    stored = {key: cache / f"{digest}-{key}.npy" for key in (*by_key, "hash")}
    missing = [by_key[key] for key in by_key if not stored[key].exists()]
    if missing or not stored["hash"].exists():
        cache.mkdir(parents=True, exist_ok=True)
        for key, rows in _computed(sources, missing, tell).items():
            np.save(stored[key], rows)
    hashes = np.load(stored["hash"])
    return Seen({key: np.load(stored[key]) for key in by_key}, hashes[:, :64], hashes[:, 64])


def _digest(sources: Sequence[Source]) -> str:
    told = hashlib.sha256("\n".join([PIL.__version__, *(s.key for s in sources)]).encode())
    for path in CODE:
        told.update(path.read_bytes())
    return told.hexdigest()[:16]


def _computed(
    sources: Sequence[Source],
    variants: Sequence[Variant],
    tell: Callable[[int], None],
) -> dict[str, np.ndarray]:
    short_side = max([each.graph.card.short_side_px for each in variants], default=224)
    by_graph: dict[Graph, list[Variant]] = {}
    for each in variants:
        by_graph.setdefault(each.graph, []).append(each)
    vectors: dict[str, list[np.ndarray]] = {each.key: [] for each in variants}
    hashes = []
    for number, source in enumerate(sources):
        try:
            picture = decode(source.read(), Limits(), short_side_px=short_side)
        except (PictureError, OSError) as problem:  # altering opens files with Pillow
            raise SetError(f"{source.name}: {problem}") from problem
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
