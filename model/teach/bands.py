"""What a similarity of a taught model means, measured on the gallery's own pictures: the bands.

Depends on maps. The rule that uses the limits is functions/gallery/embedding/likeness.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.vectors import Vectors
from model.teach.maps import Codes, LinearMap

# The limits of lookalikes of a base model that has none: least agreement, least similarity.
LOOKALIKE = ((0.95, 0.75), (0.85, 0.89), (0.70, 0.93))
# Of model/quality/alterations.py: what people do to a picture without changing what it shows.
ALTERATIONS = (
    "short side 160",
    "JPEG 30",
    "crop 10 %",
    "crop 20 %",
    "brightness 0.6",
    "saturation 0.3",
    "blur 1 %",
    "text band",
    "sticker 15 %",
    "border 15 %",
)
_FALSE_ALARMS = 0.01  # of the pictures: the best other picture counts as a copy
_MISSED = 0.05  # of the copies, if the pictures agree where they overlap
_CHANCE = 0.01  # of the pairs of different labels: they count as similar
_MARGIN = 0.01  # because the next pictures are not these
_STEP = 0.005
_PAIRS = 200_000
_ASKING, _COMPARED = 1_000, 5_000  # pictures

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True, eq=False)
class Similarities:
    """Cosines between pictures, and what they are to each other."""

    copies: Floats  # altered copies and their originals, which were not taught
    others: Floats  # of each taught picture: the most similar one that is no copy, of any label
    unrelated: Floats  # pairs of different labels, one of which was not taught


def bands_of(found: Similarities, agreements: Sequence[float]) -> dict[str, Any]:
    """Return the limits of a model card: `similar`, and that of lookalikes for each agreement.

    A taught model puts pictures of one label close together, so the best other picture of any
    label sets the limit unless the pictures agree fully: 99 of 100 stay below. Two colours of one
    product, or its front and back, agree by up to 0.92; only from the first agreement on is it
    enough that 95 of 100 copies are above. `similar` is above 99 of 100 pairs of different labels.
    """
    similar = _up(float(np.quantile(found.unrelated, 1 - _CHANCE)))
    strict = max(_up(float(np.quantile(found.others, 1 - _FALSE_ALARMS)) + _MARGIN), similar)
    loose = min(max(_up(float(np.quantile(found.copies, _MISSED))), similar), strict)
    first, *less = agreements
    return {
        "lookalike": [[first, loose], *([each, strict] for each in less)],
        "similar": similar,
    }


def measured(found: Similarities, bands: dict[str, Any]) -> dict[str, Any]:
    """Return how often each limit is right on what it was measured on."""

    def share(values: Floats, limit: float) -> float:
        return round(float((values >= limit).mean()), 4)

    loose, strict = bands["lookalike"][0][1], bands["lookalike"][-1][1]
    return {
        "copies": len(found.copies),
        "copies_above_the_first_limit": share(found.copies, loose),
        "copies_above_the_last_limit": share(found.copies, strict),
        "pictures": len(found.others),
        "best_others_above_the_last_limit": share(found.others, strict),
        "pairs_of_different_labels": len(found.unrelated),
        "pairs_above_similar": share(found.unrelated, bands["similar"]),
    }


def best_others(vectors: Vectors, map: LinearMap, copy_from: float, seed: int) -> Floats:
    """Return the best cosine of pictures to another one that is not a copy of it.

    The map was taught all of them, as the one that the gallery uses: pictures that were not taught
    are less close. Catalogues hold copies and colourways of one photo: what is at least
    `copy_from` similar as served, where a lookalike begins, is not another picture.
    """
    dice = np.random.default_rng(seed)
    asking, gallery = (dice.permutation(len(vectors))[:n] for n in (_ASKING, _COMPARED))
    served = vectors[asking] @ vectors[gallery].T
    cosines = map.apply(vectors[asking]) @ map.apply(vectors[gallery]).T
    best: Floats = np.where(served < copy_from, cosines, -1).max(axis=1)
    return best


def unrelated_pairs(
    queries: Vectors, gallery: Vectors, labels: tuple[Codes, Codes], seed: int
) -> Floats:
    """Return cosines of pairs of different labels, drawn by the seed from all such pairs."""
    cosines = queries @ gallery.T
    pairs = cosines[labels[0][:, None] != labels[1][None, :]]
    dice = np.random.default_rng(seed)
    drawn: Floats = pairs[dice.integers(0, len(pairs), min(len(pairs), _PAIRS))]
    return drawn


def _up(value: float) -> float:
    # Rounded first: 0.85 / 0.005 is a little more than 170.
    steps = np.ceil(round(value / _STEP, 6))
    return round(min(1.0, max(0.0, float(steps * _STEP))), 3)
