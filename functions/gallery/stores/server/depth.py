"""How thoroughly the server searches. Depends on ranking.

HNSW finds slightly other images the more it keeps in view (`ef`), and the server keeps in view as
many as it is asked for. Pages of a query that each ask for what they need therefore repeat some
images and miss others: 490 and 1,342 of 24,000 in 48,000 pictures. So all pages of the first 256
share one ef, and what deeper searches find in addition follows after it: none is repeated.
"""

from collections.abc import Sequence
from itertools import takewhile

from functions.gallery.stores.ranking import Hit

_EFS = (256, 1_024, 4_096, 16_384)


def searches(limit: int) -> list[tuple[int, int]]:
    """Return the limit and ef of each search that the first `limit` hits take, deepest last."""
    whole = list(takewhile(lambda ef: ef < limit, _EFS))
    deepest = next((ef for ef in _EFS if ef >= limit), limit)
    return [*((ef, ef) for ef in whole), (limit, deepest)]


def join(found: Sequence[Sequence[Hit]], limit: int) -> list[Hit]:
    """Return the first hits of these searches: those of the first, then what each one adds."""
    hits: dict[str, Hit] = {}
    for depth, each in enumerate(found):
        for hit in each:
            hits.setdefault(hit.id, Hit(hit.id, hit.score, depth))
    return list(hits.values())[:limit]
