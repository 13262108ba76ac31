"""Choose the limits of the score bands, and measure them on pictures that others were chosen on.

A pair is a query and one of its ten nearest, see pairs.py; no picture is in both halves. For the
two lower bands only untouched pictures count whose labels are kinds of things.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.likeness import REPLACEABLE, Band, Bands, Likeness
from model.quality.copies import Material
from model.quality.pairs import (
    COPY,
    LABEL,
    LEAST_SIMILAR,
    NO_NOTION,
    OPEN,
    Pairs,
    make_pairs,
)

# Below, what agrees is the middle only, or the outline of another product; text bands and what is
# rotated by 15 degrees agree more in nine of ten cases.
LEAST_AGREEMENT, BETTER_AGREEMENT = 0.70, 0.85
_SIMILAR_PRECISION = 0.70
# For so many found copies one pair of different pictures can be above each limit: an odd pair does
# not decide. Three limits share one in a thousand.
_WRONG = 0.0003
_MARGIN = 0.05  # added to the limits, because galleries differ
_STEP = 0.005
_BEST_AGREEMENT = 0.01  # above the best of different pictures, whatever their vectors
_FEWEST = 20  # pairs; fewer say nothing about precision
_REPLACEABLE = [list(Likeness).index(each) for each in REPLACEABLE]


def measure_bands(material: Material) -> dict[str, Any]:
    """Return limits chosen on all pairs, and how right those are that others chose.

    `measured` is of each half with limits chosen on the other one; then of each set with limits
    chosen on the other sets.
    """
    halves = [make_pairs(material, held_out) for held_out in (False, True)]
    every = np.concatenate(halves)
    crosswise = [
        named(choose(other), half) for half, other in zip(halves, halves[::-1], strict=True)
    ]
    left_out = {}
    for name in np.unique(every["set"]).tolist():
        without = choose(every[every["set"] != name])
        measured = measure(without, every[every["set"] == name])
        figures = {b: {k: v for k, v in f.items() if k != "sets"} for b, f in measured.items()}
        left_out[name] = {"limits": _limits(without), **figures}
    return {
        **_limits(choose(every)),
        "measured": _measure(np.concatenate(crosswise), every),
        "limits_of_halves": [_limits(choose(half)) for half in halves],
        "pairs": len(every),
        "chosen_without_the_set_that_measures": left_out,
    }


def _limits(bands: Bands) -> dict[str, Any]:
    return {"lookalike": [list(step) for step in bands.lookalike], "similar": bands.similar}


def choose(pairs: Pairs) -> Bands:
    """Return the lowest limits that keep different pictures out."""
    similar = _least_similar(pairs)
    wrong = pairs[(pairs["relation"] != OPEN) & (pairs["relation"] < COPY)]
    wrong = wrong[(wrong["notion"] == NO_NOTION) & wrong["comparable"] & ~wrong["covered"]]
    allowed = int(_WRONG * (pairs["relation"] == COPY).sum())
    least = max(LEAST_SIMILAR, similar)
    best = _above(wrong["agreement"][wrong["similarity"] >= least], allowed, _BEST_AGREEMENT)
    steps = [(max(best, BETTER_AGREEMENT + _STEP), least)]
    for agreement in (BETTER_AGREEMENT, LEAST_AGREEMENT):
        near = wrong["similarity"][wrong["agreement"] >= agreement]
        least = max(least, _above(near, allowed, _MARGIN))
        steps.append((agreement, least))
    return Bands(tuple(steps), similar)


def _above(values: NDArray[np.float64], allowed: int, margin: float) -> float:
    """Return the limit that at most so many of these values reach, and a margin."""
    highest = np.sort(values)[::-1][allowed : allowed + 1]
    limit = float(highest[0]) + margin if len(highest) else 0.0
    return min(1.0, round(float(np.ceil(limit / _STEP) * _STEP), 3))


def named(bands: Bands, pairs: Pairs) -> NDArray[np.str_]:
    """Return the band of each pair, as likeness.judge does."""
    close = np.any(
        [
            (pairs["agreement"] >= enough) & (pairs["similarity"] >= least - 1e-6)
            for enough, least in bands.lookalike
        ],
        axis=0,
    )
    lookalike = pairs["comparable"] & (pairs["similarity"] >= bands.similar)
    lookalike &= pairs["covered"] | close
    copy = (pairs["notion"] != NO_NOTION) | lookalike
    lower = np.where(pairs["similarity"] >= bands.similar, Band.SIMILAR, Band.WEAK)
    same = np.isin(pairs["notion"], _REPLACEABLE)
    return np.where(same, Band.SAME_PICTURE, np.where(copy, Band.NEAR_DUPLICATE, lower))


def _least_similar(pairs: Pairs) -> float:
    pairs = pairs[pairs["lower"]]
    lowest = 1.0
    for limit in np.arange(1.0, 0.0, -_STEP):
        above = pairs["similarity"] >= limit
        right = pairs["relation"][above] >= LABEL
        if len(right) >= _FEWEST and right.mean() < _SIMILAR_PRECISION:
            break
        lowest = float(limit)
    return round(lowest, 3)


def measure(bands: Bands, pairs: Pairs) -> dict[str, Any]:
    """Return each band's pairs, precision, and how many of its pairs were not judged; also by set.

    Right is a copy in the two upper bands, the same label in `similar`. For `weak` the precision is
    the share with the same label, which should be low.
    """
    return _measure(named(bands, pairs), pairs)


def _measure(given: NDArray[np.str_], pairs: Pairs) -> dict[str, Any]:
    return {
        str(band): _precision(pairs, band, given == band)
        | {
            "sets": {
                str(name): _precision(pairs, band, (given == band) & (pairs["set"] == name))
                for name in np.unique(pairs["set"])
            }
        }
        for band in Band
    }


def _precision(pairs: Pairs, band: Band, in_band: NDArray[np.bool_]) -> dict[str, Any]:
    upper = band in (Band.SAME_PICTURE, Band.NEAR_DUPLICATE)
    judged = pairs[in_band & (pairs["relation"] != OPEN if upper else pairs["lower"])]
    right = judged["relation"] >= (COPY if upper else LABEL)
    return {
        "pairs": len(judged),
        "precision": round(float(right.mean()), 4) if len(judged) else None,
        "not_judged": int(in_band.sum()) - len(judged),
    }
