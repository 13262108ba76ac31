"""How well pictures agree where one is laid on the other: cropped, stretched, shifted or rotated.

Registers the reduced luminance of two pictures by an affine map (Baker and Matthews 2004,
"Lucas-Kanade 20 Years On": inverse compositional, robust) and correlates the details that then lie
on each other. Many pairs at once: (n, side, side) each. Depends on numpy.

Without its matrix products and linalg: when memory runs out, OpenBLAS ends the process.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 24  # of the reduced luminance; at 16 half of the crops of 30 % are missed

Floats = NDArray[np.float32]
Maps = Floats  # (n, 2, 3): from places on one picture to places on the other, as 1, x, y in -1..1

# Scale and degrees where the search begins; then the coarse picture follows shifts of a fifth.
_STARTS = ((1, 0), (0.8, 0), (1.25, 0), (0.6, 0), (1.6, 0), (1, 12), (1, -12))
_FOLLOWED = 3  # of them, those that agree best
_COARSE_STEPS, _FINE_STEPS = 5, 4
_MOST_STEP = 0.15  # of half a side
_DAMPING = 1e-2
_LEAST_OVERLAP = 0.2  # of the area: a crop of a half each way leaves a quarter
_WINDOW = 2  # details are correlated in windows of 5 x 5
_LEAST_IN_WINDOW = 0.6  # of it lies on both pictures
_LEAST_DETAIL = 3.0  # standard deviation in a window, of 255
_FEWEST_DETAILS = 40  # windows; fewer say nothing
_LEAST = np.float32(1e-3)


@dataclass(frozen=True, slots=True)
class Reduced:
    """Pictures in few numbers, 0..255."""

    light: Floats  # (n, SIDE, SIDE) luminance
    chroma: Floats  # (n, side, side, 2) Cb and Cr


def align(ones: Reduced, others: Reduced) -> tuple[Floats, Floats]:
    """Lay each picture on its other.

    Returns for each pair how well they agree (the mean correlation of details, -1..1; 0 if too
    little lies on each other), and the mean difference of chroma there.
    """
    one, other = (_halved(each.light) for each in (ones, others))
    starts = _best_starts(one, other)
    one, other = (np.repeat(each, _FOLLOWED, 0) for each in (one, other))
    maps = _refined(one, other, starts, _COARSE_STEPS)
    agreements = _correlation(one, *_sampled(other, maps))
    best = agreements.reshape(-1, _FOLLOWED).argmax(axis=1)
    maps = maps.reshape(-1, _FOLLOWED, 2, 3)[np.arange(len(best)), best]
    # From the larger part to the smaller one: what is enlarged lacks the details of the other.
    enlarged = _determinant(maps) < 1
    maps[enlarged] = _inverse(maps[enlarged])
    below, above = _swapped(ones, others, enlarged)
    one, other = (each.light.reshape(len(best), -1) for each in (below, above))
    maps = _refined(one, other, maps, _FINE_STEPS)
    return _agreement(one, other, maps), _chroma_difference(below.chroma, above.chroma, maps)


def _swapped(ones: Reduced, others: Reduced, which: NDArray[np.bool_]) -> tuple[Reduced, Reduced]:
    at = which[:, None, None]
    light, chroma = (ones.light, others.light), (ones.chroma, others.chroma)
    return (
        Reduced(np.where(at, *light[::-1]), np.where(at[..., None], *chroma[::-1])),
        Reduced(np.where(at, *light), np.where(at[..., None], *chroma)),
    )


def _chroma_difference(ones: Floats, others: Floats, maps: Maps) -> Floats:
    """Return the mean difference of Cb or of Cr, whichever is larger."""
    differences = []
    for plane in range(ones.shape[3]):
        one, other = (each[..., plane].reshape(len(ones), -1) for each in (ones, others))
        values, inside = _sampled(other, maps)
        total = (np.abs(values - one) * inside).sum(axis=1)
        differences.append(total / np.maximum(inside.sum(axis=1), 1))
    largest: Floats = np.max(differences, axis=0)
    return largest


def _best_starts(ones: Floats, others: Floats) -> Maps:
    """Return where to start, _FOLLOWED maps for each pair in turn."""
    starts, side = _starts(), math.isqrt(ones.shape[1])
    spots = _start_spots(side)
    shape = (len(ones), len(starts), side**2)
    values = _interpolated(others, spots).reshape(-1, side**2)
    inside = np.broadcast_to(spots.inside, shape).reshape(-1, side**2)
    agreements = _correlation(np.repeat(ones, len(starts), 0), values, inside)
    order = np.argsort(-agreements.reshape(shape[:2]), axis=1)[:, :_FOLLOWED]
    return starts[order.ravel()]


@cache
def _starts() -> Maps:
    turns = [(scale, math.radians(degrees)) for scale, degrees in _STARTS]
    maps = [
        [[0, s * math.cos(a), -s * math.sin(a)], [0, s * math.sin(a), s * math.cos(a)]]
        for s, a in turns
    ]
    return np.array(maps, np.float32)


@cache
def _places(side: int) -> Floats:
    """Return the places of a picture, (3, side * side): 1, x, y."""
    across = ((np.arange(side, dtype=np.float32) + np.float32(0.5)) * 2 / side) - 1  # centres
    y, x = np.meshgrid(across, across, indexing="ij")
    return np.stack([np.ones(side * side, np.float32), x.ravel(), y.ravel()])


def _halved(pictures: Floats) -> Floats:
    """Return (n, numbers) of half the side."""
    side = pictures.shape[1] // 2
    halved: Floats = pictures.reshape(-1, side, 2, side, 2).mean(axis=(2, 4))
    return halved.reshape(len(pictures), -1)


def _refined(ones: Floats, others: Floats, maps: Maps, steps: int) -> Maps:
    side = math.isqrt(ones.shape[1])
    slopes = _slopes(ones, side)
    diagonal = np.arange(6)
    for _ in range(steps):
        values, inside = _sampled(others, maps)
        count = inside.sum(axis=1, keepdims=True) + _LEAST
        mine, deviation = _evened(ones, inside, count)
        errors = _evened(values, inside, count)[0] - mine
        usual = np.sqrt(_dot(errors, errors)[:, None] / count)
        # Huber's weights: what covers a part must not pull the rest.
        usual = np.maximum(usual, np.float32(0.1))
        weights = inside * np.minimum(1, usual / (np.abs(errors) + _LEAST))
        weighted = slopes * weights[:, None]
        normal = np.einsum("pin,pjn->pij", weighted, slopes) / (deviation * deviation)[..., None]
        wanted = np.einsum("pin,pn->pi", weighted, errors) / deviation
        trace = np.trace(normal, axis1=1, axis2=2)[:, None]
        normal[:, diagonal, diagonal] += np.float32(_DAMPING / 6) * trace + np.float32(1e-4)
        step = _solved(normal, wanted).clip(-_MOST_STEP, _MOST_STEP)
        maps = _composed(maps, step)
    return maps


def _slopes(pictures: Floats, side: int) -> Floats:
    """Return how each number changes with the six of a map, (n, 6, side * side)."""
    slopes: Sequence[Floats] = np.gradient(pictures.reshape(-1, side, side), axis=(2, 1))
    across, down = (each.reshape(len(pictures), 1, -1) * np.float32(side / 2) for each in slopes)
    return np.concatenate([across * _places(side), down * _places(side)], axis=1)


def _solved(matrices: Floats, sides: Floats) -> Floats:
    """Solve linear equations by elimination; positive definite matrices need no pivots."""
    rows = np.concatenate([matrices, sides[..., None]], axis=2)
    for at in range(matrices.shape[1]):
        rows[:, at] /= rows[:, at, at, None].copy()
        column = rows[:, :, at, None].copy()
        column[:, at] = 0
        rows -= column * rows[:, at, None]
    solution: Floats = rows[..., -1]
    return solution


def _composed(maps: Maps, step: Floats) -> Maps:
    """Return the maps after the inverse of a small step."""
    small = step.reshape(-1, 2, 3).copy()
    small[:, 0, 1] += 1
    small[:, 1, 2] += 1
    inverse = _inverse(small)
    composed: Maps = np.einsum("pij,pjk->pik", maps[:, :, 1:], inverse)
    composed[..., 0] += maps[..., 0]
    return composed


def _inverse(maps: Maps) -> Maps:
    shift, across, down = maps.transpose(2, 1, 0)
    turned = np.array([[down[1], -down[0]], [-across[1], across[0]]]) / _determinant(maps)
    shifts = -np.einsum("ijp,jp->ip", turned, shift)
    inverse: Maps = np.concatenate([shifts[:, None], turned], axis=1).transpose(2, 0, 1)
    return inverse


def _determinant(maps: Maps) -> Floats:
    determinant: Floats = maps[:, 0, 1] * maps[:, 1, 2] - maps[:, 0, 2] * maps[:, 1, 1]
    return determinant


class _Spots(NamedTuple):
    """Where the places of pictures fall on others, (..., places) each."""

    at: NDArray[np.int32]  # the next number to the upper left
    down: Floats  # and how far beyond it
    across: Floats
    inside: Floats  # 1 or 0


def _spots(maps: Maps, side: int) -> _Spots:
    places = np.einsum("pij,jn->pin", maps, _places(side)) + 1
    places = places * np.float32(side / 2) - np.float32(0.5)
    x, y = places[:, 0], places[:, 1]
    inside = (x > -0.5) & (x < side - 0.5) & (y > -0.5) & (y < side - 0.5)
    most = np.float32(side - 1.001)
    x, y = (np.fmin(np.fmax(each, 0), most) for each in (x, y))  # also where it is no number
    row, column = y.astype(np.int32), x.astype(np.int32)
    return _Spots(row * side + column, y - row, x - column, inside.astype(np.float32))


@cache
def _start_spots(side: int) -> _Spots:
    """Return the spots of all starts, (1, starts, places), for any number of pictures."""
    at, down, across, inside = _spots(_starts(), side)
    return _Spots(at[None], down[None], across[None], inside[None])


def _interpolated(pictures: Floats, spots: _Spots) -> Floats:
    side, flat = math.isqrt(pictures.shape[1]), pictures.reshape(-1)
    first = np.arange(0, flat.size, side**2, dtype=np.int32)
    at = spots.at + first.reshape(-1, *[1] * (spots.at.ndim - 1))
    here, right, below, beyond = (flat.take(at + step) for step in (0, 1, side, side + 1))
    upper = here + (right - here) * spots.across
    lower = below + (beyond - below) * spots.across
    values: Floats = upper + (lower - upper) * spots.down
    return values


def _sampled(pictures: Floats, maps: Maps) -> tuple[Floats, Floats]:
    """Return what of each picture lies on the places of another, and where any does."""
    spots = _spots(maps, math.isqrt(pictures.shape[1]))
    return _interpolated(pictures, spots), spots.inside


def _evened(values: Floats, inside: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Return values with mean 0 and deviation 1 where they exist, else 0; and the deviation."""
    centred = (values - _dot(values, inside)[:, None] / count) * inside
    deviation = np.sqrt(_dot(centred, centred)[:, None] / count) + _LEAST
    return centred / deviation, deviation


def _dot(ones: Floats, others: Floats) -> Floats:
    sums: Floats = np.einsum("pn,pn->p", ones, others)
    return sums


def _correlation(ones: Floats, values: Floats, inside: Floats) -> Floats:
    """Return the correlation of what lies on each other, less if that is little."""
    count = inside.sum(axis=1, keepdims=True) + _LEAST
    product = _dot(_evened(ones, inside, count)[0], _evened(values, inside, count)[0])
    area = count[:, 0]
    correlation: Floats = product / area * np.minimum(1, area / (_LEAST_OVERLAP * ones.shape[1]))
    return correlation


def _agreement(ones: Floats, others: Floats, maps: Maps) -> Floats:
    side = math.isqrt(ones.shape[1])
    values, inside = _sampled(others, maps)
    shape = (-1, side, side)
    # Centred first: the squares of 255 are too large for sums in single precision.
    one, other = (
        (each - each.mean(axis=1, keepdims=True)).reshape(shape) for each in (ones, values)
    )
    weight = inside.reshape(shape)
    count = _window_sums(weight) + _LEAST

    def mean(product: Floats) -> Floats:
        return _window_sums(product * weight) / count

    means = mean(one), mean(other)
    spreads = [mean(each * each) - its * its for each, its in zip((one, other), means, strict=True)]
    shared = mean(one * other) - means[0] * means[1]
    least = np.float32(1e-2)
    correlation = shared / np.sqrt(np.maximum(spreads[0], least) * np.maximum(spreads[1], least))
    full = (2 * _WINDOW + 1) ** 2
    counts = (weight > 0) & (count > _LEAST_IN_WINDOW * full)
    counts &= np.maximum(*spreads) > _LEAST_DETAIL**2
    details = counts.sum(axis=(1, 2))
    agreement = (correlation * counts).sum(axis=(1, 2)) / np.maximum(details, 1)
    enough = (details >= _FEWEST_DETAILS) & (weight.mean(axis=(1, 2)) >= _LEAST_OVERLAP)
    return np.where(enough, agreement, 0).astype(np.float32)


def _window_sums(planes: Floats) -> Floats:
    across = 2 * _WINDOW + 1
    padding: Any = ((0, 0), (_WINDOW + 1, _WINDOW), (_WINDOW + 1, _WINDOW))
    sums = np.pad(planes, padding).cumsum(axis=1).cumsum(axis=2)
    windows: Floats = sums[:, across:, across:] - sums[:, :-across, across:]
    windows += sums[:, :-across, :-across] - sums[:, across:, :-across]
    return windows
