"""The order of what a store found. Depends on records."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from functions.gallery.embedding.fingerprint import HASH_BITS, PerceptualHash, hash_similarity
from functions.gallery.records import CollectionSpec, Distance, Match, Query, StoredImage

_TIES = 16  # read beyond the page, so that equal scores at its edge can be put in order
_MOST_TIES = 1_000  # equal scores beyond the page that are read; a placeholder has more copies


@dataclass(frozen=True, slots=True)
class Hit:
    """A result without its image, which is read for the page only."""

    id: str
    score: float
    depth: int = 0  # hits of a deeper search come after all others, see depth.py


def first_limit(query: Query) -> int:
    """Return how many hits `rank` needs at first."""
    return query.offset + query.limit + _TIES


def rank(
    hits: list[Hit], fetch: Callable[[int], list[Hit]], query: Query, distance: Distance
) -> list[Hit]:
    """Return the page that a query asks for: best first, equal scores by id.

    `hits` are the first `first_limit(query)`; `fetch` returns as many as it is asked for.

    Qdrant leaves the order of equal scores open (copies of one picture have them), so a page could
    repeat or miss some. More are fetched until the page's last score has ended, but at most 1,000
    beyond the page: of more equal ones the store picks which, by the limit, and pages may differ.
    A query without `ties` fetches none.
    """
    wanted, limit = query.offset + query.limit, first_limit(query)
    most = wanted + _MOST_TIES if query.ties else limit
    while len(hits) == limit < most and hits[-1].score == hits[wanted - 1].score:
        limit = min(limit * 4, most)
        hits = fetch(limit)
    small_is_near = distance in (Distance.EUCLID, Distance.MANHATTAN)
    sign = 1 if small_is_near and not isinstance(query.target, PerceptualHash) else -1
    hits.sort(key=lambda hit: (hit.depth, sign * hit.score, hit.id))
    return hits[query.offset : wanted]


def make_matches(
    hits: Sequence[Hit], images: Mapping[str, StoredImage], query: Query, spec: CollectionSpec
) -> list[Match]:
    """Join hits to their images; those removed since the search are left out."""
    there = [(hit, images[hit.id]) for hit in hits if hit.id in images]
    if isinstance(query.target, PerceptualHash):
        bits = [round((HASH_BITS - hit.score) / 2) for hit, _ in there]  # see payload.HASH
        return [
            Match(image, n, hash_similarity(n)) for n, (_, image) in zip(bits, there, strict=True)
        ]
    similarity, dims = spec.distance.similarity, spec.dims
    return [Match(image, hit.score, similarity(hit.score, dims)) for hit, image in there]
