"""Embed pictures with every variant of the model that is compared. Decodes as the service does.

A variant is one way to turn a graph's outputs for some views into a vector. Each picture is decoded
once, and each graph runs once for each cut.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from functions.gallery.embedding.card import ModelCard, View, read_card
from functions.gallery.embedding.fingerprint import Fingerprint
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.embedding.views import Cut, cuts_of
from functions.gallery.errors import PictureError
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.pictures.picture import Box
from model.quality.sets import LabelledSet, SetError

WHOLE = View(1.0, 224)  # what the network was trained on
FLOAT = ", float"  # the variant "X, float" is the float parent of "X"
_ROOT = Path(__file__).resolve().parents[2]
_CODE = (  # what results depend on besides the model and the pictures
    "functions/gallery/embedding/fingerprint.py",
    "functions/gallery/embedding/frame.py",
    "model/quality/alterations.py",
    "model/quality/drawn.py",
    "model/quality/recoloured.py",
)
Fingerprints = tuple[Fingerprint | None, ...]
Sources = Sequence[tuple[str, Callable[[], bytes]]]  # a picture's name, and what reads its bytes


class Graph:
    """The network of a model folder with its head, on one thread."""

    def __init__(self, folder: Path) -> None:
        """Open the graphs that card.json in this folder names."""
        self.card = read_card(folder)
        self._network = _open(folder / self.card.network.file)
        self._head = _open(folder / self.card.head.file) if self.card.head else None

    def run(self, pixels: NDArray[np.uint8]) -> dict[str, Vectors]:
        """Return every output of the network by name, one row per view; views of one size."""
        return _run(self._network, pixels)

    def vector(self, row: Vector) -> Vector:
        """Return the unit vector of a picture from the mean of its views."""
        if self._head is None:
            return unit(row)
        (vector,) = _run(self._head, row[np.newaxis]).popitem()[1]
        return vector


def _open(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def _run(session: onnxruntime.InferenceSession, rows: NDArray[Any]) -> dict[str, Vectors]:
    names = [output.name for output in session.get_outputs()]
    values = session.run(names, {session.get_inputs()[0].name: rows})
    return dict(zip(names, values, strict=True))


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to make vectors: the views, and the graph with its head or its plain features.

    The features are the network's own numbers, without what was fitted on top of them.
    """

    name: str
    graph: Graph
    views: tuple[View, ...]
    output: Literal["joined", "features"] = "joined"
    ends: bool = True  # long pictures are also seen from end to end, as the card says
    width: int | None = None  # keep only the first so many numbers
    against: str | None = None  # the variant it is compared with

    @property
    def card(self) -> ModelCard:
        """The card with these views."""
        long_views = self.graph.card.long_views if self.ends else None
        return replace(self.graph.card, views=self.views, long_views=long_views)

    def vector(self, rows: Vectors, cuts: Sequence[Cut]) -> Vector:
        """Make a picture's vector from the rows of its cuts."""
        weights = np.array([cut.weight for cut in cuts], np.float32)
        plain = self.output == "features"
        whole = weights @ unit(rows) if plain else self.graph.vector(weights @ rows)
        return unit(unit(whole)[: self.width])


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was computed for some pictures, row by row."""

    vectors: Mapping[str, Vectors]  # by name of the variant
    fingerprints: Fingerprints


def variants_of(folder: Path, float_folder: Path | None, widths: Sequence[int]) -> list[Variant]:
    """Return what is compared: the plain network on one view and on all, and the served vectors.

    With `float_folder` also both from the float parent; `widths` truncate the served vectors.
    """
    graph = Graph(folder)
    views = graph.card.views
    variants = [
        Variant("plain, one view", graph, (WHOLE,), "features", ends=False),
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


def embed(
    sources: Sources, variants: Sequence[Variant], what: str, cache: Path | None = None
) -> Embedded:
    """Embed pictures with every variant; reports progress as `what`.

    With a folder as `cache` the results are kept there for the next run. Raises SetError with the
    name of a picture that cannot be decoded.
    """
    if cache is None:
        return _embed(sources, variants, what)
    kept = cache / f"{_key([name for name, _ in sources], variants)}.npz"
    if not kept.exists():
        embedded = _embed(sources, variants, what)
        written = [each and each.write() for each in embedded.fingerprints]
        np.savez(kept, fingerprints=json.dumps(written), **embedded.vectors)
    with np.load(kept) as found:
        fingerprints = json.loads(str(found["fingerprints"]))
        return Embedded(
            {each.name: found[each.name] for each in variants},
            tuple(each and Fingerprint.read(each) for each in fingerprints),
        )


def _key(names: Sequence[str], variants: Sequence[Variant]) -> str:
    """Return a name for the results: other pictures, models or code have another."""
    models = [
        (each.name, each.views, each.output, each.width, replace(each.card, bands=None))
        for each in variants
    ]
    code = [(_ROOT / file).read_bytes() for file in _CODE]
    return hashlib.sha256(repr((names, models, code)).encode()).hexdigest()[:16]


def _embed(sources: Sources, variants: Sequence[Variant], what: str) -> Embedded:
    cards = [each.card for each in variants]
    short_side = max(card.short_side_px for card in cards)
    vectors: dict[str, list[Vector]] = {each.name: [] for each in variants}
    fingerprints = []
    for number, (name, read) in enumerate(sources, start=1):
        try:
            picture = decode(read(), Limits(), short_side_px=short_side)
        except (PictureError, OSError) as error:  # OSError: Pillow, while altering
            raise SetError(f"{name} cannot be decoded; remove it from labels.csv") from error
        seen: dict[tuple[Graph, Box, int], dict[str, Vectors]] = {}
        for each, card in zip(variants, cards, strict=True):
            cuts = cuts_of(*picture.pixels.size, card)
            for cut in cuts:
                if (each.graph, *cut[:2]) not in seen:
                    pixels = picture.view(*cut[:2])[np.newaxis]
                    seen[each.graph, *cut[:2]] = each.graph.run(pixels)
            rows = [seen[each.graph, *cut[:2]][each.output] for cut in cuts]
            vectors[each.name].append(each.vector(np.concatenate(rows), cuts))
        fingerprints.append(Fingerprint.of(picture))
        if number % 500 == 0 or number == len(sources):
            print(f"{what}: {number} of {len(sources)}", file=sys.stderr)
    return Embedded({name: np.stack(rows) for name, rows in vectors.items()}, tuple(fingerprints))


def embed_set(
    labelled: LabelledSet, variants: Sequence[Variant], cache: Path | None = None
) -> Embedded:
    """Embed all pictures of a set, in its order."""
    paths = map(labelled.path, range(len(labelled.files)))
    sources = [(f"{labelled.name}/{path.name}", path.read_bytes) for path in paths]
    return embed(sources, variants, labelled.name, cache)


def unit(rows: Vectors) -> Vectors:
    """Scale rows to length 1; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / np.maximum(lengths, 1e-12)
