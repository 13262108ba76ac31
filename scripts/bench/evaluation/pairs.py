"""Pair queries with their ten nearest, for the score bands. Knows what each pair is in truth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.bench.evaluation.alterations import NAMES
from scripts.bench.evaluation.banding import (
    COPY,
    LABEL,
    NO_BITS,
    NOTHING,
    SAME,
    Pairs,
    choose,
    joined,
    limits_of,
    measure,
    measures,
)
from scripts.bench.evaluation.copies import Material
from scripts.bench.evaluation.sets import tasks_of
from scripts.bench.evaluation.vectors import Variant

# Stored anew and nothing else: another size, format or quality, or turned by EXIF.
STORED_ANEW = {"stripped", "png", "exif turned", "short side 160", "short side 64"} | {
    "JPEG 30",
    "JPEG 10",
    "WebP 50",
    "GIF",
}
_NEAREST = 10

Rows = NDArray[np.int64]


def bands_of(material: Material, served: Variant) -> dict[str, Any]:
    """Choose limits on one half of the pictures, measure on the other, and by sets left out."""
    halves = {held: _half(material, served, held) for held in (False, True)}
    chosen = choose(halves[False])
    left_out = {}
    for name in np.unique(halves[True].sets):
        without = choose(halves[False].only(halves[False].sets != name))
        of = measure(without, halves[True].only(halves[True].sets == name))
        left_out[str(name)] = {"limits": limits_of(without)} | {
            band: {key: figures[key] for key in ("pairs", "precision", "not_judged")}
            for band, figures in of.items()
        }
    return {
        **limits_of(chosen),
        "measured": measure(chosen, halves[True]),
        "chosen_on_pairs": len(halves[False].sets),
        "measured_on_pairs": len(halves[True].sets),
        "chosen_without_the_set_that_measures": left_out,
    }


def _half(material: Material, served: Variant, held: bool) -> Pairs:
    mine = np.array([measures(name) == held for name in material.names])
    return joined([_of_copies(material, served, mine), *_untouched(material, served, mine)])


def _of_copies(material: Material, served: Variant, mine: NDArray[np.bool_]) -> Pairs:
    """Let every altered copy look among all pictures of its half, the absent ones left out."""
    places = np.concatenate([material.chosen.originals, material.chosen.absent])
    gallery = material.chosen.gallery[mine[material.chosen.gallery]]
    vectors = served.narrowed(material.seen.vectors[served.key])[gallery]
    altered = served.narrowed(material.copies.vectors[served.key])
    asks = np.flatnonzero(np.tile(mine[places], len(NAMES)))
    of = places[asks % len(places)]
    nearest, similarity = _nearest(altered[asks], vectors)
    anew = np.array([NAMES[ask // len(places)] in STORED_ANEW for ask in asks])
    itself = gallery[nearest] == of[:, None]
    labels = _labels(material)
    alike = (labels[gallery[nearest]] == labels[of][:, None]) & (labels[of] != "")[:, None]
    others = np.where(alike, LABEL, NOTHING)
    relation = np.where(itself, np.where(anew, SAME, COPY)[:, None], others)
    bits = _bits(
        material, material.copies.bits[asks], material.copies.known[asks], gallery[nearest]
    )
    sets = np.array([material.names[place].partition("/")[0] for place in of])
    return _pairs(similarity, bits, relation, sets, untouched=False, kinds=False)


def _labels(material: Material) -> NDArray[np.str_]:
    """Give the label of every picture, after the name of its set; an empty one stays empty."""
    return np.concatenate(
        [
            np.where(each.labels == "", "", np.char.add(f"{each.name}/", each.labels))
            for each in material.pictures
        ]
    )


def _untouched(material: Material, served: Variant, mine: NDArray[np.bool_]) -> list[Pairs]:
    """Let the pictures of labelled sets look among those of their own set and half."""
    found, first = [], 0
    vectors = served.narrowed(material.seen.vectors[served.key])
    for pictures in material.pictures:
        for task in tasks_of(pictures):
            asks = first + task.asks[mine[first + task.asks]]
            gallery = first + task.found[mine[first + task.found]]
            nearest, similarity = _nearest(vectors[asks], vectors[gallery], asks, gallery)
            labels = task.labels
            alike = labels[gallery[nearest] - first] == labels[asks - first][:, None]
            seen = material.seen
            bits = _bits(material, seen.bits[asks], seen.known[asks], gallery[nearest])
            sets = np.full(len(asks), pictures.name)
            relation = np.where(alike, LABEL, NOTHING)
            kinds = task.name not in ("view", "colourway")
            found.append(_pairs(similarity, bits, relation, sets, untouched=True, kinds=kinds))
        first += len(pictures.files)
    return found


def _nearest(
    queries: np.ndarray, rows: np.ndarray, asks: Rows | None = None, gallery: Rows | None = None
) -> tuple[Rows, NDArray[np.float64]]:
    """Give the ten nearest of each query and their cosines; of the query itself, -infinity."""
    places, cosines = [], []
    for start in range(0, max(1, len(queries)), 256):
        products = queries[start : start + 256] @ rows.T
        if asks is not None and gallery is not None:
            products[asks[start : start + 256, None] == gallery[None, :]] = -np.inf
        order = np.argsort(-products, axis=1, kind="stable")[:, :_NEAREST]
        places.append(order)
        cosines.append(np.take_along_axis(products, order, axis=1).astype(float))
    return np.concatenate(places), np.concatenate(cosines)


def _bits(
    material: Material, bits: NDArray[np.bool_], known: NDArray[np.bool_], hits: Rows
) -> NDArray[np.int64]:
    """Count the bits of the hash that differ in each pair."""
    differing = (bits[:, None] != material.seen.bits[hits]).sum(axis=2)
    return np.where(known[:, None] & material.seen.known[hits], differing, NO_BITS)


def _pairs(
    similarity: NDArray[np.float64],
    bits: NDArray[np.int64],
    relation: Rows,
    sets: np.ndarray,
    *,
    untouched: bool,
    kinds: bool,
) -> Pairs:
    sets = np.repeat(sets, similarity.shape[1])
    rows = (np.full(len(sets), untouched), np.full(len(sets), kinds))
    pairs = Pairs(similarity.ravel(), bits.ravel(), relation.ravel(), sets, *rows)
    return pairs.only(np.isfinite(pairs.similarity))  # where ten or fewer are there, itself is one
