"""Puts what a store found in order. Knows records; no store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
_MOST_TIES = 1_000  # equal scores beyond the page that are read; a placeholder has more copies


@dataclass(frozen=True, slots=True)
class Hit:
    """One answer of a store before it becomes a Match; its image is fetched for the page only."""

    id: str
    score: float


def hits_in_order(
    hits: list[Hit], more: Callable[[int], list[Hit]], query: Query, distance: Distance
) -> list[Hit]:
    """Give the page that a query asks for: best first, equal scores by id.

    `hits` are the first offset + limit + TIES, `more` gives as many as it is asked for.

    Qdrant leaves the order of equal scores open (copies of one picture have them), so a page could
    repeat or miss some. More are fetched until the page's last score has ended, but at most 1,000
    beyond the page: of more equal ones the store picks which, by the limit, and pages may differ.
    A query without `ties` fetches none.
    """
    wanted = query.offset + query.limit
    asked = wanted + TIES
    most = wanted + _MOST_TIES if query.ties else asked
    while len(hits) == asked < most and hits[-1].score == hits[wanted - 1].score:
        asked = min(asked * 4, most)
        hits = more(asked)
    near_is_small = distance in (Distance.EUCLID, Distance.MANHATTAN)
    sign = 1 if near_is_small or isinstance(query.target, PerceptualHash) else -1
    hits.sort(key=lambda hit: (sign * hit.score, hit.id))
    return hits[query.offset : wanted]


def _match_of(hit: Hit, image: StoredImage, query: Query, spec: CollectionSpec) -> Match:
    """Give a hit its image and its similarity."""
    if isinstance(query.target, PerceptualHash):
        return Match(image, round(hit.score), hash_similarity(hit.score))
    return Match(image, hit.score, spec.distance.similarity(hit.score, spec.dims))


def matches_of(
    pages: Sequence[list[Hit]],
    images: Mapping[str, StoredImage],
    queries: Sequence[Query],
    spec: CollectionSpec,
) -> list[list[Match]]:
    """Give the pages of several queries their images; what was removed meanwhile is left out."""
    return [
        [_match_of(hit, images[hit.id], query, spec) for hit in hits if hit.id in images]
        for hits, query in zip(pages, queries, strict=True)
    ]
