"""Give every variant of the model its vectors of the same decoded pictures, and keep them.

A variant is a model folder (graph and card), perhaps with other views or cut to a width. Pictures
are decoded once, as the service does, large enough for every variant.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedder import OnnxEmbedder
from functions.gallery.pictures import Limits, Picture, decode
from scripts.bench.evaluation.metrics import Vectors


@dataclass(frozen=True, slots=True)
class Variant:
    """A name and what turns pictures into vectors; `width` keeps the first numbers only."""

    name: str
    embedder: OnnxEmbedder
    width: int | None = None

    @property
    def key(self) -> str:
        """Name the vectors: the graph and the card's way of cutting views."""
        card = self.embedder.card
        return hashlib.sha256(f"{card.sha256} {card.views}".encode()).hexdigest()[:16]

    def narrowed(self, vectors: Vectors) -> Vectors:
        """Give the vectors their width, made unit again."""
        kept = vectors[..., : self.width]
        unit: Vectors = kept / np.maximum(np.linalg.norm(kept, axis=-1, keepdims=True), 1e-12)
        return unit


@dataclass(frozen=True, slots=True)
class Seen:
    """What was computed of some pictures, row by row."""

    vectors: dict[str, Vectors]  # by Variant.key
    bits: NDArray[np.bool_]  # (n, 64) of the perceptual hash
    known: NDArray[np.bool_]  # (n,) False where a picture is too plain for a hash


def variant(name: str, folder: Path, views: Sequence[float] | None = None) -> Variant:
    """Open a model folder, perhaps with other views than its card's."""
    embedder = OnnxEmbedder(folder)
    if views is not None:
        embedder.card = replace(embedder.card, views=tuple(views))
    return Variant(name, embedder)


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
    short_side = max([each.embedder.card.short_side_px for each in variants], default=224)
    vectors: dict[str, list[np.ndarray]] = {each.key: [] for each in variants}
    hashes = []
    for number, (_, read) in enumerate(files):
        picture = decode(read(), Limits(), short_side_px=short_side)
        for each in variants:
            vectors[each.key].append(each.embedder.embed([picture])[0])
        hashes.append(_hash_row(picture))
        tell(number + 1)
    return {key: np.stack(rows) for key, rows in vectors.items()} | {"hash": np.stack(hashes)}


def _hash_row(picture: Picture) -> NDArray[np.bool_]:
    """Give the 64 bits of the hash, and whether there is one."""
    row = np.zeros(65, bool)
    if (found := picture.perceptual_hash()) is not None:
        row[:64], row[64] = found.vector() > 0.5, True
    return row
