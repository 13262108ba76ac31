"""Find altered copies of pictures again: by vector, by perceptual hash, and by either of both.

300 originals and 100 absent pictures by the SHA-1 of their file names, from at least two sets; a
picture with a near neighbour cannot be one, for its neighbour would be as right. The gallery holds
the originals and all other pictures, but not the absent ones. Every one of the 400 is altered.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scripts.bench.evaluation.metrics import Figures, Vectors
from scripts.bench.evaluation.sets import Places, SetError

Bits = NDArray[np.float32]  # (n, 64) of -1 and 1; a picture too plain for a hash has zeros

ORIGINALS = 300  # and a third as many absent
TOO_NEAR = 0.90
FALSE_ALARMS = 0.01


@dataclass(frozen=True, slots=True)
class Cast:
    """Who plays what; places count over all pictures of all sets."""

    originals: Places
    absent: Places
    gallery: Places  # in order

    @property
    def rows(self) -> Places:
        """Give the rows of the originals in the gallery."""
        return np.searchsorted(self.gallery, self.originals)


def cast(
    names: Sequence[str],
    sets: Sequence[str],
    reference: Vectors,
    barred: NDArray[np.bool_],
    most: int = ORIGINALS,
) -> Cast:
    """Choose originals and absent pictures; `reference` decides who has a near neighbour.

    The reference is the same for all variants: the plain network on the whole centre square.
    `barred` pictures, those that made the model, only fill the gallery. At most `most` originals.
    """
    alone = ~_has_near(reference) & ~barred
    order = sorted(range(len(names)), key=lambda i: hashlib.sha1(names[i].encode()).hexdigest())
    chosen = [place for place in order if alone[place]][: most + most // 3]
    share = len(chosen) * 3 // 4
    originals, absent = chosen[:share], chosen[share:]
    if len({sets[place] for place in originals}) < 2 or not absent:
        raise SetError("too few pictures without a near neighbour for near-duplicates")
    gallery = sorted(set(range(len(names))) - set(absent))
    return Cast(np.array(originals), np.array(absent), np.array(gallery))


def _has_near(vectors: Vectors) -> NDArray[np.bool_]:
    near = np.zeros(len(vectors), bool)
    for first in range(0, len(vectors), 256):
        cosines = vectors[first : first + 256] @ vectors.T
        cosines[np.arange(len(cosines)), first + np.arange(len(cosines))] = -1
        near[first : first + 256] = cosines.max(axis=1) >= TOO_NEAR
    return near


@dataclass(frozen=True, slots=True)
class Answers:
    """What each altered copy got; rows are alterations, columns the originals or the absent."""

    first: NDArray[np.bool_]  # (alterations, originals): the original came first
    score: Figures  # (alterations, originals), of the first answer
    absent: Figures  # (alterations, absent), of the first answer
    of_original: Figures  # (alterations, originals): the score of the original itself


def answers(copies: np.ndarray, gallery: np.ndarray, originals: Places) -> Answers:
    """Rank the gallery, in which the originals are these rows, by scalar products, ties by row.

    `copies` is (alterations, originals + absent, dims) in the order of the cast. A copy of zeros,
    too plain for a hash, finds nothing.
    """
    first, score, absent, of_original = [], [], [], []
    count = len(originals)
    for rows in copies:
        products = rows @ gallery.T
        best = products.argmax(axis=1)
        top = products.max(axis=1).astype(float)
        first.append((best[:count] == originals) & rows[:count].any(axis=1))
        score.append(top[:count])
        absent.append(top[count:])
        of_original.append(products[np.arange(count), originals])
    stacked = (np.stack(part) for part in (first, score, absent, of_original))
    return Answers(*stacked)


def threshold(absent: Figures, false_alarms: float = FALSE_ALARMS) -> float:
    """Give the score that only this share of absent pictures' first answers goes beyond."""
    return float(np.percentile(absent, 100 * (1 - false_alarms), method="higher"))


def found(given: Answers, false_alarms: float = FALSE_ALARMS) -> NDArray[np.bool_]:
    """Tell which copies have their original first, beyond the threshold."""
    return given.first & (given.score > threshold(given.absent, false_alarms))


def alarms(given: Answers, false_alarms: float = FALSE_ALARMS) -> NDArray[np.bool_]:
    """Tell which altered copies of absent pictures seem to be found: fewer where scores tie."""
    return given.absent > threshold(given.absent, false_alarms)


def judge(given: Answers, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Give each alteration its figures, and all together a micro-AP."""
    accepted = found(given)
    each = {
        name: {
            "r1": float(given.first[i].mean()),
            "score_median": float(np.median(given.of_original[i])),
            "score_p5": float(np.percentile(given.of_original[i], 5)),
            "tpr_at_1_percent_fa": float(accepted[i].mean()),
        }
        for i, name in enumerate(names)
    }
    each["all"] = {
        "r1": float(given.first.mean()),
        "tpr_at_1_percent_fa": float(accepted.mean()),
        "threshold": threshold(given.absent),
        "false_alarms": float(alarms(given).mean()),
        "micro_ap": micro_ap(given),
    }
    return each


def judge_both(
    by_vector: Answers, by_hash: Answers, names: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Judge a pair by cosine or hash: either finds it.

    Both may raise the same share of false alarms, the largest with which they stay within the
    allowed share together; with half of it they surely do.
    """
    for share in np.linspace(FALSE_ALARMS, FALSE_ALARMS / 2, 51):
        raised = alarms(by_vector, share) | alarms(by_hash, share)
        if raised.mean() <= FALSE_ALARMS:
            break
    accepted = found(by_vector, share) | found(by_hash, share)
    each = {
        name: {"tpr_at_1_percent_fa": float(accepted[i].mean())} for i, name in enumerate(names)
    }
    each["all"] = {
        "tpr_at_1_percent_fa": float(accepted.mean()),
        "false_alarms": float(raised.mean()),
    }
    return each


def micro_ap(given: Answers) -> float:
    """Rank all (query, first answer) pairs of all alterations by score; AP over them.

    A pair is right when the answer is the original; what is never found counts as missed. Among
    equal scores the wrong ones come first.
    """
    scores = np.concatenate([given.score.ravel(), given.absent.ravel()])
    right = np.concatenate([given.first.ravel(), np.zeros(given.absent.size, bool)])
    ranked = right[np.lexsort((right, -scores))]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float((precision * ranked).sum() / given.first.size)


def as_signs(bits: NDArray[np.bool_], known: NDArray[np.bool_]) -> Bits:
    """Turn hash bits, (n, 64), into signs whose scalar product is 64 - 2 x distance."""
    return np.where(known[:, None], np.where(bits, 1.0, -1.0), 0.0).astype(np.float32)
