"""Pair pictures with their ten nearest, and note what the rule of likeness sees in each pair.

Queries are altered copies, and untouched pictures, which search their own set. Pairs of one product
are not judged: shops recolour photos, and nobody has noted which. All other pictures of a set are
different ones, except those of known_copies.csv.
"""

import csv
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.fingerprint import Fingerprint, agreements
from functions.gallery.embedding.likeness import Likeness, likeness
from functions.gallery.embedding.vectors import Vectors
from model.quality.copies import SERVED, Material
from model.quality.metrics import nearest
from model.quality.sets import LabelledSet, Rows, tasks_of
from model.quality.vectors import Fingerprints

# How a hit is related to its query, from nothing to most; OPEN is not judged.
OPEN, NOTHING, LABEL, COPY = range(-1, 3)
NO_NOTION = -1
PAIR = np.dtype(
    [
        ("similarity", float),
        ("notion", int),  # the place in Likeness that holds without vectors, or NO_NOTION
        ("agreement", float),  # of what lies on each other; 0 below LEAST_SIMILAR
        ("comparable", bool),  # vectors count: both have fingerprints, neither is drawn
        ("covered", bool),  # with about as much of each colour
        ("relation", int),
        ("set", "U100"),  # of the query
        ("lower", bool),  # counts for the two lower bands
    ]
)
Pairs = NDArray[np.void]  # of PAIR
# Below, pictures are not laid on each other: of 100 copies cropped by a fifth one is less similar,
# and of different pictures in photo sets each has three that are more similar, at 0.6 twenty.
LEAST_SIMILAR = 0.7
KNOWN_COPIES = Path(__file__).with_name("known_copies.csv")
_LIKENESSES = list(Likeness)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the rule needs of a picture; each has bytes of its own."""

    sha256: str
    fingerprint: Fingerprint | None


def is_held_out(name: str) -> bool:
    """Whether a picture is in the half that measures, by the SHA-256 of its set/file name."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def make_pairs(material: Material, held_out: bool) -> Pairs:
    """Pair the queries of one half with their ten nearest in that half."""
    half = np.array([is_held_out(name) == held_out for name in material.names])
    return np.concatenate([copy_pairs(material, half), *untouched_pairs(material, half)])


def copy_pairs(material: Material, half: NDArray[np.bool_]) -> Pairs:
    """Search for every altered copy among the gallery's pictures of its half."""
    altered = material.roles.altered
    gallery = material.roles.gallery[half[material.roles.gallery]]
    copies = np.flatnonzero(np.tile(half[altered], len(material.alterations)))
    queries = (
        material.copies.vectors[SERVED][copies],
        tuple(material.copies.fingerprints[row] for row in copies),
    )
    return _pairs(material, queries, altered[copies % len(altered)], gallery, copies=True)


def untouched_pairs(material: Material, half: NDArray[np.bool_]) -> Iterator[Pairs]:
    """Search for the pictures of labelled sets among those of their own set and half."""
    first = 0
    for each in material.sets:
        for task in tasks_of(each):
            of, gallery = first + task.queries, first + task.gallery
            of, gallery = of[half[of]], gallery[half[gallery]]
            queries = (
                material.embedded.vectors[SERVED][of],
                tuple(material.embedded.fingerprints[row] for row in of),
            )
            kinds = task.name not in ("view", "colourway")
            yield _pairs(material, queries, of, gallery, copies=False, lower=kinds)
        first += len(each.files)


def _pairs(
    material: Material,
    queries: tuple[Vectors, Fingerprints],
    of: Rows,
    gallery: Rows,
    *,
    copies: bool,
    lower: bool = False,
) -> Pairs:
    """Pair queries with their ten nearest; `of` are the pictures that they are or are made from."""
    itself = None
    if not copies:
        itself = np.where(np.isin(of, gallery), np.searchsorted(gallery, of), -1)
    vectors, fingerprints = queries
    found, similarity = nearest(vectors, material.embedded.vectors[SERVED][gallery], itself)
    hits = gallery[found]
    pairs = np.empty(similarity.shape, PAIR)
    pairs["similarity"], pairs["lower"] = similarity, lower
    pairs["relation"] = _relations(material, of, hits)
    pairs["set"] = np.array([name.partition("/")[0] for name in material.names[of]])[:, None]
    known = material.embedded.fingerprints
    for row, query in enumerate(fingerprints):
        others = [known[hit] for hit in hits[row]]
        seen = [see(query, other) for other in others]
        for name, column in zip(_SEEN, zip(*seen, strict=True), strict=True):
            pairs[name][row] = column
        pairs["agreement"][row] = _agreements(query, others, similarity[row] >= LEAST_SIMILAR)
    return pairs[np.isfinite(similarity)]  # in a gallery of ten or fewer, itself is a hit


_SEEN = ["notion", "comparable", "covered"]


def see(one: Fingerprint | None, other: Fingerprint | None) -> tuple[int, bool, bool]:
    """Return what the rule sees in two pictures of different bytes, without their vectors."""
    if one is None or other is None:
        return NO_NOTION, False, False
    notion = likeness(Seen("one", one), Seen("other", other))
    return (
        NO_NOTION if notion is None else _LIKENESSES.index(notion),
        not (one.drawn or other.drawn),
        one.is_covered(other) and one.has_colours_of(other),
    )


def _agreements(
    one: Fingerprint | None, others: Sequence[Fingerprint | None], near: NDArray[np.bool_]
) -> NDArray[np.float64]:
    found = np.zeros(len(others))
    rows = [row for row in np.flatnonzero(near) if others[row] is not None]
    if one is not None:
        found[rows] = agreements(one, [other for row in rows if (other := others[row])])
    return found


def _relations(material: Material, of: Rows, hits: Rows) -> Rows:
    labels, names = material.labels, material.names
    same_label = (labels[hits] == labels[of][:, None]) & (labels[of] != "")[:, None]
    products = product_sets(material.sets)
    of_products = np.array([name.partition("/")[0] in products for name in names[of]])
    relation = np.where(same_label, np.where(of_products[:, None], OPEN, LABEL), NOTHING)
    groups = read_known_copies()
    group = np.array([groups.get(str(name), -1) for name in names])
    known = (group[hits] == group[of][:, None]) & (group[of] >= 0)[:, None]
    return np.where(known | (hits == of[:, None]), COPY, relation)


def product_sets(sets: Sequence[LabelledSet]) -> set[str]:
    """Return the names of the sets whose labels are products, in several views or colours."""
    products = {"view", "colourway"}
    return {each.name for each in sets if {task.name for task in tasks_of(each)} & products}


def read_known_copies() -> dict[str, int]:
    """Return the number of the group of copies that pictures, as set/file, belong to."""
    with KNOWN_COPIES.open(newline="") as opened:
        return {
            f"{row['set']}/{file}": number
            for number, row in enumerate(csv.DictReader(opened))
            for file in row["files"].split()
        }
