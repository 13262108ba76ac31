"""Choose the limits of the score bands on one half of the pictures and measure them on the other.

A pair is a query and one of its ten nearest. Queries are altered copies, and untouched pictures of
labelled sets, which search their own set. No picture is in both halves.

Nobody has noted which of two pictures with one label was made from the other: sets hold duplicates
and shops recolour photos. So for the two upper bands such a pair counts only if it is a copy and
its own original; for the two lower bands only untouched pictures count whose labels are kinds of
things.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.bands import ALL_BITS, Band, Bands
from functions.gallery.embedding.fingerprint import HASH_BITS
from functions.gallery.embedding.vectors import Vectors
from model.quality.copies import SERVED, Material
from model.quality.metrics import nearest
from model.quality.sets import Rows, tasks_of
from model.quality.vectors import Signs, turned_signs

# How a hit is related to its query, from nothing to most.
NOTHING, LABEL, COPY, SAME = range(4)
NO_BITS = 99  # the hash distance where one of the two has no hash
PAIR = np.dtype(
    [
        ("similarity", float),
        ("bits", int),  # hash distance
        ("mirrored", int),  # the same if one is mirrored or upside down
        ("relation", int),
        ("set", "U100"),  # of the query
        ("lower", bool),  # counts for the two lower bands
    ]
)
Pairs = NDArray[np.void]  # of PAIR
# Copies that were only stored again: another size, format or quality, or upright through EXIF.
_STORED_AGAIN = {"stripped", "png", "exif turned", "short side 160", "short side 64"}
_STORED_AGAIN |= {"JPEG 30", "JPEG 10", "WebP 50", "GIF"}

_WANTED = {Band.SAME_PICTURE: 0.95, Band.NEAR_DUPLICATE: 0.97, Band.SIMILAR: 0.70}  # precision
_RIGHT_FROM = {Band.SAME_PICTURE: SAME, Band.NEAR_DUPLICATE: COPY, Band.SIMILAR: LABEL}
_FEWEST = 20  # pairs; fewer say nothing about precision
_STEP = 0.005
_COPIES_KEPT = 0.995  # of the near-duplicates by vector; the hash has a veto over the others
_MIRRORED_BITS = 16  # 95 % of mirrored copies stay within them, equal neighbours are the others
# Added to the limit of near-duplicates because galleries differ: the similarity that the best
# unrelated picture of one in a hundred reaches moves by more than this between sets.
_MARGIN = 0.03


def measure_bands(material: Material) -> dict[str, Any]:
    """Return limits chosen on one half and measured on the other, also with each set left out."""
    chosen_on, measured_on = (make_pairs(material, held_out) for held_out in (False, True))
    bands = choose(chosen_on)
    left_out = {}
    for name in np.unique(measured_on["set"]).tolist():
        without = choose(chosen_on[chosen_on["set"] != name])
        measured = measure(without, measured_on[measured_on["set"] == name])
        figures = {b: {k: v for k, v in f.items() if k != "sets"} for b, f in measured.items()}
        left_out[name] = {"limits": asdict(without), **figures}
    return {
        **asdict(bands),
        "measured": measure(bands, measured_on),
        "chosen_on_pairs": len(chosen_on),
        "measured_on_pairs": len(measured_on),
        "chosen_without_the_set_that_measures": left_out,
    }


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
    names = np.array(material.alterations)[copies // len(altered)]
    own = np.where(np.isin(names, list(_STORED_AGAIN)), SAME, COPY)
    of = altered[copies % len(altered)]
    queries = material.copies.vectors[SERVED][copies], material.copies.signs[copies]
    return _pairs(material, queries, of, gallery, own, lower=False)


def untouched_pairs(material: Material, half: NDArray[np.bool_]) -> Iterator[Pairs]:
    """Search for the pictures of labelled sets among those of their own set and half."""
    first = 0
    for each in material.sets:
        for task in tasks_of(each):
            of, gallery = first + task.queries, first + task.gallery
            of, gallery = of[half[of]], gallery[half[gallery]]
            queries = material.embedded.vectors[SERVED][of], material.embedded.signs[of]
            kinds = task.name not in ("view", "colourway")
            yield _pairs(material, queries, of, gallery, None, lower=kinds)
        first += len(each.files)


def _pairs(
    material: Material,
    queries: tuple[Vectors, Signs],
    of: Rows,
    gallery: Rows,
    own: Rows | None,
    *,
    lower: bool,
) -> Pairs:
    """Pair queries with their ten nearest; `of` are the pictures that they are or are made from.

    `own` is the relation of each query to that picture; None if a query must not find itself.
    """
    itself = None
    if own is None:
        itself = np.where(np.isin(of, gallery), np.searchsorted(gallery, of), -1)
    vectors, signs = queries
    found, similarity = nearest(vectors, material.embedded.vectors[SERVED][gallery], itself)
    hits = gallery[found]
    labels = material.labels
    same_label = (labels[hits] == labels[of][:, None]) & (labels[of] != "")[:, None]
    relation = np.where(same_label, LABEL, NOTHING)
    if own is not None:
        relation = np.where(hits == of[:, None], own[:, None], relation)
    pairs = np.empty(similarity.shape, PAIR)
    pairs["similarity"], pairs["relation"], pairs["lower"] = similarity, relation, lower
    found_signs = material.embedded.signs[hits]
    pairs["bits"] = _differing_bits(signs, found_signs)
    turned = [_differing_bits(each, found_signs) for each in turned_signs(signs)]
    pairs["mirrored"] = np.min(turned, axis=0)
    pairs["set"] = np.array([name.partition("/")[0] for name in material.names[of]])[:, None]
    return pairs[np.isfinite(similarity)]  # in a gallery of ten or fewer, itself is a hit


def _differing_bits(queries: Signs, hits: Signs) -> Rows:
    """Count the hash bits that differ, from (n, bits) and (n, 10, bits)."""
    both = queries.any(axis=1)[:, None] & hits.any(axis=2)
    products = np.einsum("nb,nhb->nh", queries, hits)
    return np.where(both, (HASH_BITS - products) / 2, NO_BITS).astype(int)


def choose(pairs: Pairs) -> Bands:
    """Return the lowest limits at which every band is right often enough."""
    similar = _least(pairs, Band.SIMILAR)
    near = max(_least(pairs, Band.NEAR_DUPLICATE, in_every_set=True), similar)
    same_bits = max(range(5), key=lambda bits: _kept(_within(pairs, bits)))
    same = max(_least(_within(pairs, same_bits), Band.SAME_PICTURE), near)
    near_bits = max(range(2, 13, 2), key=lambda bits: _gained(_within(pairs, bits), near))
    with_bits = _least(_within(pairs, near_bits), Band.NEAR_DUPLICATE, in_every_set=True)
    # A hash alone proves nothing: plain pictures that are not similar share hashes.
    with_bits = min(max(with_bits, similar), near)
    bands = Bands(same, near, similar, same_bits, near_bits, with_bits)
    bands = replace(
        bands,
        near_duplicate_most_bits=_most_bits(pairs, bands),
        near_duplicate_mirrored_bits=_MIRRORED_BITS,
    )
    # The limit holds for all pairs above it, the surest band included; the band itself must hold.
    while bands.near_duplicate < 1 and not _near_duplicate_holds(bands, pairs):
        bands = _raised(bands, _STEP)
    return _raised(bands, _MARGIN)


def _most_bits(pairs: Pairs, bands: Bands) -> int:
    """Return the fewest bits that keep nearly all copies among the near-duplicates by vector."""
    copies = pairs[(pairs["relation"] >= COPY) & (pairs["similarity"] >= bands.near_duplicate)]
    hashed = copies[copies["bits"] < NO_BITS]
    if not len(hashed):
        return ALL_BITS
    needed = np.where(hashed["mirrored"] <= _MIRRORED_BITS, 0, hashed["bits"])
    most = int(np.quantile(needed, _COPIES_KEPT, method="higher"))
    return max(most, bands.same_picture_bits, bands.near_duplicate_bits)


def _within(pairs: Pairs, bits: int) -> Pairs:
    return pairs[pairs["bits"] <= bits]


def _raised(bands: Bands, by: float) -> Bands:
    near = min(round(bands.near_duplicate + by, 3), 1.0)
    return replace(bands, near_duplicate=near, same_picture=max(bands.same_picture, near))


def _near_duplicate_holds(bands: Bands, pairs: Pairs) -> bool:
    sets = measure(bands, pairs)[Band.NEAR_DUPLICATE]["sets"].values()
    wanted = _WANTED[Band.NEAR_DUPLICATE]
    return all(of["precision"] >= wanted for of in sets if of["pairs"] >= _FEWEST)


def _kept(pairs: Pairs) -> int:
    """Count the right pairs above the least limit of `same picture`."""
    above = pairs["similarity"] >= _least(pairs, Band.SAME_PICTURE)
    return int((above & (pairs["relation"] >= SAME)).sum())


def _gained(pairs: Pairs, near: float) -> int:
    """Count the right pairs below `near` that the hash adds to the near-duplicates."""
    least = _least(pairs, Band.NEAR_DUPLICATE, in_every_set=True)
    added = (pairs["similarity"] >= least) & (pairs["similarity"] < near)
    return int((added & (pairs["relation"] >= COPY)).sum())


def _least(pairs: Pairs, band: Band, *, in_every_set: bool = False) -> float:
    """Return the lowest limit above which the precision is as wanted."""
    pairs = pairs[_counts(pairs, band)]
    right, similarity = pairs["relation"] >= _RIGHT_FROM[band], pairs["similarity"]
    groups = [np.ones(len(pairs), bool)]
    if in_every_set:
        groups += [pairs["set"] == name for name in np.unique(pairs["set"])]
    lowest = 1.0
    for limit in np.arange(1.0, 0.0, -_STEP):
        above = [(similarity >= limit) & group for group in groups]
        if any(of.sum() >= _FEWEST and right[of].mean() < _WANTED[band] for of in above):
            break
        lowest = float(limit)
    return round(lowest, 3)


def _counts(pairs: Pairs, band: Band) -> NDArray[np.bool_]:
    upper = band in (Band.SAME_PICTURE, Band.NEAR_DUPLICATE)
    return pairs["relation"] != LABEL if upper else pairs["lower"]


def measure(bands: Bands, pairs: Pairs) -> dict[str, Any]:
    """Return each band's pairs, precision, and how many of its pairs were not judged; also by set.

    Right is: the same picture stored again; any copy; the same label. For `weak` the precision is
    the share with the same label, which should be low.
    """
    similarities = np.clip(pairs["similarity"], 0, 1).tolist()
    every = zip(similarities, pairs["bits"].tolist(), pairs["mirrored"].tolist(), strict=True)
    given = np.array(
        [str(bands.of(s, *((None, None) if b == NO_BITS else (b, m)))) for s, b, m in every]
    )
    return {
        str(band): _precision(pairs, band, given == str(band))
        | {
            "sets": {
                str(name): _precision(pairs, band, (given == str(band)) & (pairs["set"] == name))
                for name in np.unique(pairs["set"])
            }
        }
        for band in Band
    }


def _precision(pairs: Pairs, band: Band, in_band: NDArray[np.bool_]) -> dict[str, Any]:
    judged = pairs[in_band & _counts(pairs, band)]
    right = judged["relation"] >= _RIGHT_FROM.get(band, LABEL)
    return {
        "pairs": len(judged),
        "precision": round(float(right.mean()), 4) if len(judged) else None,
        "not_judged": int(in_band.sum()) - len(judged),
    }
