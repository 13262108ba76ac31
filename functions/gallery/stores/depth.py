"""How thoroughly a store searches. Depends on ranking.

Two numbers decide which images a search finds: how many HNSW keeps in view (`ef`), and how many of
the best by their quantized vectors are scored again with the full ones. Qdrant derives both from
the limit. Pages of a query that each ask for what they need therefore repeat some images and miss
others: 490 and 1,342 of 24,000 in 48,000 pictures. So all pages of the first 64 share both numbers,
those of the first 256 as well, and what deeper searches find in addition follows after what the
others found: none is repeated.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple

from functions.gallery.stores.ranking import Hit

_SIZES = (64, 256, 1_024, 4_096, 16_384)
_OVERSAMPLING = 2
_LEAST_EF = 256


class Depth(NamedTuple):
    """One search: how many hits it returns, and how they are found."""

    limit: int
    ef: int
    oversampling: float  # images scored again, as a multiple of the limit


def searches(limit: int) -> list[Depth]:
    """Return the searches that the first `limit` hits take, deepest last."""
    whole = list(takewhile(lambda size: size < limit, _SIZES))
    deepest = next((size for size in _SIZES if size >= limit), limit)
    return [*(_depth(size, size) for size in whole), _depth(limit, deepest)]


def _depth(limit: int, size: int) -> Depth:
    rescored = size * _OVERSAMPLING
    # The core multiplies the two and cuts the fraction off.
    return Depth(limit, max(_LEAST_EF, rescored), (rescored + 0.5) / limit)


def join(found: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """Return the first hits of these searches: those of the first, then what each one adds."""
    hits: dict[str, Hit] = {}
    for depth, each in enumerate(found):
        for hit in each:
            hits.setdefault(hit.id, Hit(hit.id, hit.score, depth))
    return list(hits.values())[:limit]
