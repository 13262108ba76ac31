"""Finds the duplicates of a gallery, group by group, and those of one image. Changes nothing.

likeness.py says what a duplicate is, grouping.py what a group is. The gallery is walked in the
order of ids, and a group is told where its keeper stands, so a page needs to know nothing of those
before it. Knows the ports and the records.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.gallery.filters import parse_filter
from functions.gallery.grouping import Find, Neighbourhoods, followers_of
from functions.gallery.hash_table import HashTable
from functions.gallery.likeness import (
    LOOKALIKE_SIMILARITY,
    ROUNDING,
    Finder,
    Likeness,
)
from functions.gallery.perceptual_hash import SAME_PICTURE_BITS, PerceptualHash
from functions.gallery.ports import VectorStore
from functions.gallery.records import (
    CollectionSpec,
    Distance,
    Filter,
    Match,
    Query,
    StoredImage,
    Vector,
)
from functions.gallery.vector_table import MOST_BYTES, VectorTable

NEAR_DUPLICATES = 5

_WALKED_AT_ONCE = 50  # one request to a Qdrant server
# Products with all vectors: fewer passes over them, and 100 MB for 100,000 images.
_MULTIPLIED_AT_ONCE = 250
_LISTED_AT_ONCE = 1_000
_MOST_KNOWN = 1_000  # neighbourhoods in one page: seconds, of the 30 that a function has
_MOST_SHOWN = 500  # images in one page, about a megabyte of JSON


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """What counts as a duplicate, and how many groups at most; the limits are those of doors."""

    kind: Likeness = Likeness.SAME_PICTURE
    limit: int = 20
    max_distance: int = SAME_PICTURE_BITS  # bits, of same-picture
    min_similarity: float = LOOKALIKE_SIMILARITY  # of lookalike
    filter: Mapping[str, Any] | None = None  # only among these, see filters.py


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image that is a duplicate of another, and by which notion, the strongest that holds."""

    image: StoredImage
    matched: Likeness
    distance: int | None  # bits that differ; None if one of the two has no hash
    similarity: float | None  # of the vectors, where they were compared


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Images that are like the keeper, the best to keep first; nothing is removed by itself."""

    kind: Likeness
    keeper: StoredImage
    others: tuple[Duplicate, ...]


@dataclass(frozen=True, slots=True)
class DuplicatePage:
    """Groups in the order of their keepers' ids; `after` is where to go on, None at the end.

    There may be more although a page has no group: the work for one is bounded.
    """

    groups: tuple[DuplicateGroup, ...]
    after: str | None
    looked_at: int  # images that were walked
    undecided: int  # of them, those that too much hangs together with; see grouping.py


class Duplicates:
    """Finds groups of duplicates; changes nothing."""

    def __init__(self, store: VectorStore, spec: CollectionSpec) -> None:
        """Look into this store, which is filled as `spec` says."""
        self._store = store
        self._spec = spec

    def page(self, options: DuplicateOptions, after: str | None = None) -> DuplicatePage:
        """Give the groups whose keepers stand from the id `after` on.

        Raises InvalidFilter, InvalidCursor or StoreError.
        """
        where = parse_filter(options.filter, self._spec.fields)
        return self._page(Finder(self._store, where), options, after, _WALKED_AT_ONCE)

    def walk(self, options: DuplicateOptions, after: str | None = None) -> Iterator[DuplicatePage]:
        """Give all pages from the id `after` on.

        For a report over everything: it keeps all hashes or vectors in memory, and has the groups
        of `page`, with those lookalikes too that the graph index of a large store does not find.
        """
        where = parse_filter(options.filter, self._spec.fields)
        finder, at_once = Finder(self._store, where), _WALKED_AT_ONCE
        if options.kind is Likeness.SAME_PICTURE:
            finder = Finder(self._store, where, hashes=HashTable(self._all(where)))
        elif options.kind is Likeness.LOOKALIKE and self._fit_in_memory(where):
            vectors = VectorTable(self._store.vectors, self._all(where), self._spec.dims)
            finder, at_once = Finder(self._store, where, vectors=vectors), _MULTIPLIED_AT_ONCE
        while True:
            page = self._page(finder, options, after, at_once)
            yield page
            after = page.after
            if after is None:
                return

    def _fit_in_memory(self, where: Filter) -> bool:
        by_product = self._spec.distance is not Distance.MANHATTAN
        return by_product and self._store.count(where) * self._spec.dims * 4 <= MOST_BYTES

    def _all(self, where: Filter) -> Iterator[StoredImage]:
        after = None
        while True:
            page = self._store.page(where, _LISTED_AT_ONCE, after)
            yield from page.images
            after = page.after
            if after is None:
                return

    def _page(
        self, finder: Finder, options: DuplicateOptions, after: str | None, at_once: int
    ) -> DuplicatePage:
        near = Neighbourhoods(_finding(finder, options))
        groups: list[DuplicateGroup] = []
        looked_at = undecided = 0
        while True:
            part = self._store.page(finder.where, at_once, after)
            found = followers_of(part.images, near, _MOST_KNOWN)
            done = 0
            for image, followers in zip(part.images, found, strict=False):
                if _is_full(groups, options):
                    break
                done += 1
                undecided += followers is None
                if followers:
                    groups.append(_group(image, followers, options))
            looked_at += done
            after = part.images[done].id if done < len(part.images) else part.after
            if after is None or _is_full(groups, options) or len(near.known) >= _MOST_KNOWN:
                return DuplicatePage(tuple(groups), after, looked_at, undecided)


def near_duplicates_of(
    image: StoredImage,
    vector: Vector | str | None,
    store: VectorStore,
    *,
    limit: int = NEAR_DUPLICATES,
) -> tuple[Duplicate, ...]:
    """Find the nearest few duplicates of an image by any notion, the strongest notion first.

    The image itself, in the store or not, is left out. `vector` is its vector, or its id if it is
    in the store; without either only hashes are compared.
    May raise StoreError.
    """
    targets = [target for target in (image.perceptual_hash, vector) if target is not None]
    queries = [Query(target, limit=limit, without=(image.id,)) for target in targets]
    found: dict[str, Duplicate] = {}
    for query, matches in zip(queries, store.search_many(queries), strict=True):
        for match in matches:
            by_vector = not isinstance(query.target, PerceptualHash)
            similarity = match.similarity if by_vector else None
            if duplicate := _duplicate(image, match.image, similarity):
                found[match.image.id] = duplicate
    return tuple(sorted(found.values(), key=_nearest_first)[:limit])


def _duplicate(
    image: StoredImage,
    other: StoredImage,
    similarity: float | None,
    most_bits: int = SAME_PICTURE_BITS,
    least: float = LOOKALIKE_SIMILARITY,
) -> Duplicate | None:
    """Tell by which notion one image is a duplicate of another, if by any."""
    distance = None
    if image.perceptual_hash is not None and other.perceptual_hash is not None:
        distance = image.perceptual_hash.distance(other.perceptual_hash)
    if image.sha256 == other.sha256:
        matched = Likeness.SAME_BYTES
    elif distance is not None and distance <= most_bits:
        matched = Likeness.SAME_PICTURE
    elif similarity is not None and similarity >= least - ROUNDING:
        matched = Likeness.LOOKALIKE
    else:
        return None
    return Duplicate(other, matched, distance, similarity)


def _nearest_first(duplicate: Duplicate) -> tuple[int, float, float, str]:
    matched = duplicate.matched
    bits = duplicate.distance or 0 if matched is Likeness.SAME_PICTURE else 0
    notion = list(Likeness).index(matched)
    return notion, bits, -(duplicate.similarity or 0.0), duplicate.image.id


def _group(
    keeper: StoredImage, followers: Sequence[Match], options: DuplicateOptions
) -> DuplicateGroup:
    by_vector = options.kind is Likeness.LOOKALIKE
    others = [
        _duplicate(
            keeper,
            match.image,
            match.similarity if by_vector else None,
            options.max_distance,
            options.min_similarity,
        )
        for match in followers
    ]
    return DuplicateGroup(options.kind, keeper, tuple(filter(None, others)))


def _finding(finder: Finder, options: DuplicateOptions) -> Find:
    if options.kind is Likeness.SAME_BYTES:
        return finder.same_bytes
    if options.kind is Likeness.SAME_PICTURE:
        return lambda images: finder.same_picture(images, options.max_distance)
    return lambda images: finder.lookalikes(images, options.min_similarity)


def _is_full(groups: Sequence[DuplicateGroup], options: DuplicateOptions) -> bool:
    shown = sum(1 + len(group.others) for group in groups)
    return len(groups) >= options.limit or shown >= _MOST_SHOWN
