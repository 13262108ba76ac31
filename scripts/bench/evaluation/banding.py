"""Choose the limits of the score bands on some pictures and measure them on others.

A pair is a query and one of its ten nearest. Queries are altered copies, of which the gallery holds
the original or not, and untouched pictures of labelled sets, which look among their own set. Half
of the pictures choose the limits, the other half measures; no picture is in both.

Which of two pictures of one label was made from the other, nobody has noted (sets hold duplicates,
and shops recolour photos): such pairs do not count for the two upper bands, but those of a copy and
its own original. Only untouched pairs of sets whose labels are kinds of things count for the two
lower ones.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.bands import Band, Bands

# How a hit is related to its query, from nothing to most.
NOTHING, LABEL, COPY, SAME = range(4)
NO_BITS = 99  # one of the two has no hash

# The least precision that a limit is chosen for.
_WANTED = {Band.SAME_PICTURE: 0.95, Band.NEAR_DUPLICATE: 0.97, Band.SIMILAR: 0.70}
_RIGHT_FROM = {Band.SAME_PICTURE: SAME, Band.NEAR_DUPLICATE: COPY, Band.SIMILAR: LABEL}
_STEP = 0.005
# Added to the limit of near-duplicates, for galleries differ: the similarity that the best stranger
# of one picture in a hundred reaches moves by more than this between sets.
_MARGIN = 0.03


@dataclass(frozen=True, slots=True)
class Pairs:
    """Queries and their nearest, row by row."""

    similarity: NDArray[np.float64]
    bits: NDArray[np.int64]
    relation: NDArray[np.int64]
    sets: NDArray[np.str_]
    untouched: NDArray[np.bool_]  # the query is no altered copy
    kinds: NDArray[np.bool_]  # the label of the query is a kind of thing, not one product

    def only(self, rows: NDArray[np.bool_]) -> "Pairs":
        """Keep some rows."""
        return Pairs(
            self.similarity[rows],
            self.bits[rows],
            self.relation[rows],
            self.sets[rows],
            self.untouched[rows],
            self.kinds[rows],
        )

    def for_band(self, band: Band) -> NDArray[np.bool_]:
        """Tell which pairs count for a band."""
        if band in (Band.SAME_PICTURE, Band.NEAR_DUPLICATE):
            return self.relation != LABEL
        return self.untouched & self.kinds


def joined(every: Iterable[Pairs]) -> Pairs:
    """Put pairs below each other."""
    parts = list(every)
    return Pairs(
        np.concatenate([each.similarity for each in parts]),
        np.concatenate([each.bits for each in parts]),
        np.concatenate([each.relation for each in parts]),
        np.concatenate([each.sets for each in parts]),
        np.concatenate([each.untouched for each in parts]),
        np.concatenate([each.kinds for each in parts]),
    )


def measures(name: str) -> bool:
    """Tell whether a picture is in the half that measures, by the SHA-256 of its name."""
    return hashlib.sha256(name.encode()).digest()[0] % 2 == 1


def choose(pairs: Pairs) -> Bands:
    """Give the lowest limits at which every band is right often enough."""
    similar = _least(pairs, Band.SIMILAR)
    near = max(_least(pairs, Band.NEAR_DUPLICATE, in_every_set=True), similar)
    same_bits = max(
        range(5), key=lambda bits: _kept(pairs.only(pairs.bits <= bits), Band.SAME_PICTURE)
    )
    same = max(_least(pairs.only(pairs.bits <= same_bits), Band.SAME_PICTURE), near)
    near_bits = max(range(2, 13, 2), key=lambda bits: _gained(pairs, bits, near))
    alike = pairs.only(pairs.bits <= near_bits)
    with_bits = _least(alike, Band.NEAR_DUPLICATE, in_every_set=True)
    # A hash alone is no proof: where similarity says nothing, plain pictures share hashes.
    with_bits = min(max(with_bits, similar), near)
    chosen = Bands(same, near, similar, same_bits, near_bits, with_bits)
    # A limit holds for all that lies beyond it, the surest band with it; the band itself must hold.
    while chosen.near_duplicate < 1 and not _holds(chosen, pairs, Band.NEAR_DUPLICATE):
        chosen = _raised(chosen, _STEP)
    return _raised(chosen, _MARGIN)


def _raised(bands: Bands, by: float) -> Bands:
    """Ask more of near-duplicates."""
    near = min(round(bands.near_duplicate + by, 3), 1.0)
    return replace(bands, near_duplicate=near, same_picture=max(bands.same_picture, near))


def _holds(bands: Bands, pairs: Pairs, band: Band) -> bool:
    """Tell whether a band is right as often as wanted in every set of 20 pairs and more."""
    sets = measure(bands, pairs)[str(band)]["sets"].values()
    return all(of["precision"] >= _WANTED[band] for of in sets if of["pairs"] >= 20)


def _kept(pairs: Pairs, band: Band) -> int:
    """Count the right pairs beyond the least limit that is right often enough."""
    right = pairs.relation >= _RIGHT_FROM[band]
    return int((right & (pairs.similarity >= _least(pairs, band))).sum())


def _gained(pairs: Pairs, bits: int, near: float) -> int:
    """Count the right pairs that only a hash distance of at most `bits` adds."""
    alike = pairs.only(pairs.bits <= bits)
    least = _least(alike, Band.NEAR_DUPLICATE, in_every_set=True)
    added = (alike.similarity >= least) & (alike.similarity < near)
    return int((added & (alike.relation >= COPY)).sum())


def _least(pairs: Pairs, band: Band, *, in_every_set: bool = False) -> float:
    """Give the lowest limit from which on the precision holds; fewer than 20 pairs tell nothing."""
    counted = pairs.only(pairs.for_band(band))
    right, similarity = counted.relation >= _RIGHT_FROM[band], counted.similarity
    groups = [np.ones(len(right), bool)]
    if in_every_set:
        groups += [counted.sets == name for name in np.unique(counted.sets)]
    lowest = 1.0
    for limit in np.arange(1.0, 0.0, -_STEP):
        beyond = [(similarity >= limit) & group for group in groups]
        if any(of.sum() >= 20 and right[of].mean() < _WANTED[band] for of in beyond):
            break
        lowest = float(limit)
    return round(lowest, 3)


def measure(bands: Bands, pairs: Pairs) -> dict[str, Any]:
    """Give each band's pairs, precision and how many pairs it took in that do not count.

    Over all and by set. Right is: the same picture stored anew; any copy of it; the same label. Of
    `weak` it is told how many share the label, for they should be few.
    """
    given = np.array(
        [
            bands.of(similarity, None if bits == NO_BITS else int(bits))
            for similarity, bits in zip(
                np.clip(pairs.similarity, 0, 1).tolist(), pairs.bits.tolist(), strict=True
            )
        ]
    )
    told: dict[str, Any] = {}
    for band in Band:
        taken = given == str(band)
        told[str(band)] = _share(pairs, band, taken) | {
            "sets": {
                str(name): _share(pairs, band, taken & (pairs.sets == name))
                for name in np.unique(pairs.sets)
            }
        }
    return told


def _share(pairs: Pairs, band: Band, taken: NDArray[np.bool_]) -> dict[str, Any]:
    counted = taken & pairs.for_band(band)
    right = pairs.relation[counted] >= _RIGHT_FROM.get(band, LABEL)
    return {
        "pairs": len(right),
        "precision": round(float(right.mean()), 4) if len(right) else None,
        "not_judged": int(taken.sum()) - len(right),
    }


def limits_of(bands: Bands) -> dict[str, float]:
    """Write limits as the model card holds them."""
    return {
        "same_picture": bands.same_picture,
        "near_duplicate": bands.near_duplicate,
        "near_duplicate_with_bits": bands.near_duplicate_with_bits,
        "similar": bands.similar,
        "same_picture_bits": bands.same_picture_bits,
        "near_duplicate_bits": bands.near_duplicate_bits,
    }
