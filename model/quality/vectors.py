"""Embed pictures with every variant of the model that is compared. Decodes as the service does.

A variant is one way to turn a graph's outputs for some views into a vector. Each picture is decoded
once and each graph runs once per picture.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from functions.gallery.embedding.card import read_card
from functions.gallery.embedding.fingerprint import HASH_BITS, PerceptualHash
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.embedding.views import cut_views, join_views
from functions.gallery.errors import PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.sets import LabelledSet, SetError

FLOAT = ", float"  # the variant "X, float" is the float parent of "X"
Signs = NDArray[np.float32]  # (n, HASH_BITS), see `hash_signs`
Sources = Sequence[tuple[str, Callable[[], bytes]]]  # a picture's name, and what reads its bytes


class Graph:
    """The graph of a model folder, on one thread."""

    def __init__(self, folder: Path) -> None:
        """Open the graph that card.json in this folder names."""
        self.card = read_card(folder)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            folder / self.card.file, options, providers=["CPUExecutionProvider"]
        )
        self._outputs = [output.name for output in self._session.get_outputs()]
        self._pixels = self._session.get_inputs()[0].name

    def run(self, squares: NDArray[np.uint8]) -> dict[str, Vectors]:
        """Return every output by name, one row per square."""
        values = self._session.run(None, {self._pixels: squares})
        return dict(zip(self._outputs, values, strict=True))


@dataclass(frozen=True, slots=True)
class Variant:
    """The unit mean, over some views, of a graph's vectors or of its plain features.

    The features are the network's own numbers, without what was fitted on top of them.
    """

    name: str
    graph: Graph
    views: tuple[float, ...]  # some of those that the card lists
    output: Literal["vectors", "features"] = "vectors"
    width: int | None = None  # keep only the first so many numbers
    against: str | None = None  # the variant it is compared with

    def vector(self, outputs: Mapping[str, Vectors]) -> Vector:
        """Make a picture's vector from the graph's outputs for all its views.

        All views that the card lists include those of a long picture from end to end.
        """
        card, rows = self.graph.card, unit(outputs[self.output])
        if self.views != card.views:
            rows = rows[[card.views.index(view) for view in self.views]]
        return unit(join_views(rows, replace(card, views=self.views))[: self.width])


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was computed for some pictures, row by row."""

    vectors: Mapping[str, Vectors]  # by name of the variant
    signs: Signs


def variants_of(folder: Path, float_folder: Path | None, widths: Sequence[int]) -> list[Variant]:
    """Return what is compared: the plain network on one view and on all, and the served vectors.

    With `float_folder` also both from the float parent; `widths` truncate the served vectors.
    """
    graph = Graph(folder)
    views = graph.card.views
    variants = [
        Variant("plain, one view", graph, (1.0,), "features"),
        Variant("plain", graph, views, "features", against="plain, one view"),
        Variant("served", graph, views, against="plain, one view"),
    ]
    variants += [
        Variant(f"served, first {width}", graph, views, width=width, against="served")
        for width in widths
    ]
    if float_folder is not None:
        parent = Graph(float_folder)
        variants += [
            Variant("plain" + FLOAT, parent, views, "features", against="plain"),
            Variant("served" + FLOAT, parent, views, against="served"),
        ]
    return variants


def embed(sources: Sources, variants: Sequence[Variant], what: str) -> Embedded:
    """Embed pictures with every variant; reports progress as `what`.

    Raises SetError with the name of a picture that cannot be decoded.
    """
    graphs = {each.graph for each in variants}
    short_side = max(graph.card.short_side_px for graph in graphs)
    vectors: dict[str, list[Vector]] = {each.name: [] for each in variants}
    signs = []
    for number, (name, read) in enumerate(sources, start=1):
        try:
            picture = decode(read(), Limits(), short_side_px=short_side)
        except (PictureError, OSError) as error:  # OSError: Pillow, while altering
            raise SetError(f"{name} cannot be decoded; remove it from labels.csv") from error
        outputs = {graph: graph.run(cut_views(picture, graph.card)) for graph in graphs}
        for each in variants:
            vectors[each.name].append(each.vector(outputs[each.graph]))
        signs.append(hash_signs(PerceptualHash.of(picture)))
        if number % 500 == 0 or number == len(sources):
            print(f"{what}: {number} of {len(sources)}", file=sys.stderr)
    return Embedded({name: np.stack(rows) for name, rows in vectors.items()}, np.stack(signs))


def embed_set(labelled: LabelledSet, variants: Sequence[Variant]) -> Embedded:
    """Embed all pictures of a set, in its order."""
    paths = map(labelled.path, range(len(labelled.files)))
    sources = [(f"{labelled.name}/{path.name}", path.read_bytes) for path in paths]
    return embed(sources, variants, labelled.name)


def hash_signs(found: PerceptualHash | None) -> NDArray[np.float32]:
    """Return the bits as -1 and 1, or zeros for no hash.

    The scalar product of two is HASH_BITS - 2 x distance.
    """
    return np.zeros(HASH_BITS, np.float32) if found is None else found.signs()


def turned_signs(signs: Signs) -> list[Signs]:
    """Return the signs of the pictures mirrored, upside down, and both; see `mirrored_distance`."""
    rows = signs.reshape(-1, 8, 8)
    mirrored = -rows[:, :, ::-1]
    return [each.reshape(signs.shape) for each in (mirrored, rows[:, ::-1], mirrored[:, ::-1])]


def unit(rows: Vectors) -> Vectors:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
