"""Puts what a store found in order. Knows records; no store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.records import (
    CollectionSpec,
    Distance,
    Match,
    Query,
    StoredImage,
    hash_similarity,
)

TIES = 16  # asked for beyond the page, so that equal scores at its edge can be put in order
_MOST_TIES = 10_000


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a store before it becomes a Match; the payload may be fetched later."""

    id: str
    score: float
    payload: Mapping[str, Any] | None = None


def hits_in_order(
    hits: list[Hit], more: Callable[[int], list[Hit]], query: Query, distance: Distance
) -> list[Hit]:
    """Give the page that a query asks for: best first, equal scores by id.

    `hits` are the first offset + limit + TIES, `more` gives as many as it is asked for.

    Qdrant leaves the order of equal scores open (copies of one picture have them), so a page could
    repeat or miss some. More are fetched until the page's last score has ended, up to 10,000.
    """
    wanted = query.offset + query.limit
    asked = wanted + TIES
    while len(hits) == asked and hits[-1].score == hits[wanted - 1].score and asked < _MOST_TIES:
        asked = min(asked * 4, _MOST_TIES)
        hits = more(asked)
    near_is_small = distance in (Distance.EUCLID, Distance.MANHATTAN)
    sign = 1 if near_is_small or isinstance(query.target, PerceptualHash) else -1
    hits.sort(key=lambda hit: (sign * hit.score, hit.id))
    return hits[query.offset : wanted]


def match_of(hit: Hit, image: StoredImage, query: Query, spec: CollectionSpec) -> Match:
    """Give a hit its image and its similarity."""
    if isinstance(query.target, PerceptualHash):
        return Match(image, round(hit.score), hash_similarity(hit.score))
    return Match(image, hit.score, spec.distance.similarity(hit.score, spec.dims))
