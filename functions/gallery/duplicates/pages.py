"""The groups of duplicates of a gallery, page by page, and the duplicates of one image.

Depends on the ports. The gallery is read in the order of ids and a group appears at the position of
its keeper, so a page needs to know nothing about those before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from functions.gallery.duplicates.groups import Find, Neighbourhoods, followers_of
from functions.gallery.duplicates.neighbours import Neighbours
from functions.gallery.duplicates.notions import (
    LOOKALIKE_SIMILARITY,
    Duplicate,
    Likeness,
    match,
)
from functions.gallery.duplicates.shots import removable
from functions.gallery.duplicates.tables import MOST_VECTOR_BYTES, hash_table, vector_table
from functions.gallery.embedding.bands import Bands
from functions.gallery.embedding.fingerprint import (
    SAME_PICTURE_BITS,
    PerceptualHash,
    distances,
)
from functions.gallery.embedding.vectors import Vector
from functions.gallery.filters import parse_filter
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec, Distance, Filter, Match, Query, StoredImage

NEAR_DUPLICATES = 5

_BATCH = 50  # one request to a Qdrant server
# Products with all vectors: fewer passes over them, and 100 MB for 100,000 images.
_VECTOR_TABLE_BATCH = 250
_LIST_BATCH = 1_000
_MOST_KNOWN = 1_000  # neighbourhoods in one page: seconds, of the 30 that a function has
_MOST_SHOWN = 500  # images in one page, about a megabyte of JSON


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """What counts as a duplicate, and how many groups at most; the entry points set the limits."""

    kind: Likeness = Likeness.SAME_PICTURE
    limit: int = 20
    max_distance: int = SAME_PICTURE_BITS  # bits, for same-picture
    min_similarity: float = LOOKALIKE_SIMILARITY  # for lookalike
    filter: Mapping[str, Any] | None = None  # only among these, see filters.py

    def matches(self, image: StoredImage, other: StoredImage) -> bool:
        """Return whether two images match without comparing their vectors."""
        return match(image, other, None, self.max_distance, self.min_similarity) is not None


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """A keeper and the images similar to it, the best to keep first."""

    kind: Likeness
    keeper: StoredImage
    others: tuple[Duplicate, ...]
    removable: frozenset[str]  # ids of the others that can go; see shots.py


@dataclass(frozen=True, slots=True)
class DuplicatePage:
    """Groups in the order of their keepers' ids; `after` is where to continue, None at the end.

    A page without groups need not be the last one, because the work for one page is limited.
    """

    groups: tuple[DuplicateGroup, ...]
    after: str | None
    looked_at: int  # images that were read
    undecided: int  # of them, those that depend on too many others; see groups.py


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Finds groups of duplicates in a store; changes nothing."""

    store: VectorStore
    spec: CollectionSpec

    def page(self, options: DuplicateOptions, after: str | None = None) -> DuplicatePage:
        """Return the groups whose keepers come after the id `after`.

        Raises InvalidFilter, InvalidCursor or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        return self._page(Neighbours(self.store, where), options, after, _BATCH)

    def walk(self, options: DuplicateOptions, after: str | None = None) -> Iterator[DuplicatePage]:
        """Return all pages after the id `after`.

        For a report over everything: it keeps all hashes or vectors in memory. The groups are those
        of `page`, plus lookalikes that the graph index of a large store does not find.
        """
        where = parse_filter(options.filter, self.spec.fields)
        table, batch = None, _BATCH
        if options.kind is Likeness.SAME_PICTURE:
            table = hash_table(self._all(where))
        elif options.kind is Likeness.LOOKALIKE and self._vectors_fit_in_memory(where):
            table = vector_table(self.store.vectors, self._all(where), self.spec.dims)
            batch = _VECTOR_TABLE_BATCH
        neighbours = Neighbours(self.store, where, table)
        while True:
            page = self._page(neighbours, options, after, batch)
            yield page
            after = page.after
            if after is None:
                return

    def _vectors_fit_in_memory(self, where: Filter) -> bool:
        is_cosine = self.spec.distance is not Distance.MANHATTAN
        return is_cosine and self.store.count(where) * self.spec.dims * 4 <= MOST_VECTOR_BYTES

    def _all(self, where: Filter) -> Iterator[StoredImage]:
        after = None
        while True:
            page = self.store.page(where, _LIST_BATCH, after)
            yield from page.images
            after = page.after
            if after is None:
                return

    def _page(
        self, neighbours: Neighbours, options: DuplicateOptions, after: str | None, batch: int
    ) -> DuplicatePage:
        near = Neighbourhoods(_find(neighbours, options))
        groups: list[DuplicateGroup] = []
        looked_at = undecided = 0
        while True:
            part = self.store.page(neighbours.where, batch, after)
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
    bands: Bands | None = None,
) -> tuple[Duplicate, ...]:
    """Find the nearest few duplicates of an image by any notion, the strongest notion first.

    The image itself, stored or not, is left out, and with `bands` a lookalike whose hash shows that
    it is another picture. `vector` is its vector, or its id if it is stored; without either only
    hashes are compared. Can raise StoreError.
    """
    targets = [target for target in (image.perceptual_hash, vector) if target is not None]
    queries = [Query(target, limit=limit, without=(image.id,)) for target in targets]
    found: dict[str, Duplicate] = {}
    for query, matches in zip(queries, store.search_many(queries), strict=True):
        for near in matches:
            by_vector = not isinstance(query.target, PerceptualHash)
            duplicate = match(image, near.image, near.similarity if by_vector else None)
            if duplicate is not None and not _has_veto(image, duplicate, bands):
                found[near.image.id] = duplicate
    return tuple(sorted(found.values(), key=lambda duplicate: duplicate.rank)[:limit])


def _has_veto(image: StoredImage, duplicate: Duplicate, bands: Bands | None) -> bool:
    if bands is None or duplicate.matched is not Likeness.LOOKALIKE:
        return False
    return bands.differ(*distances(image.perceptual_hash, duplicate.image.perceptual_hash))


def _group(
    keeper: StoredImage, followers: Sequence[Match], options: DuplicateOptions
) -> DuplicateGroup:
    by_vector = options.kind is Likeness.LOOKALIKE
    limits = options.max_distance, options.min_similarity
    others = [
        match(keeper, follower.image, follower.similarity if by_vector else None, *limits)
        for follower in followers
    ]
    found = tuple(filter(None, others))
    can_go = removable(keeper, (each.image for each in found), options.matches)
    return DuplicateGroup(options.kind, keeper, found, can_go)


def _find(neighbours: Neighbours, options: DuplicateOptions) -> Find:
    if options.kind is Likeness.SAME_BYTES:
        return neighbours.same_bytes
    if options.kind is Likeness.SAME_PICTURE:
        return lambda images: neighbours.same_picture(images, options.max_distance)
    return lambda images: neighbours.lookalikes(images, options.min_similarity)


def _is_full(groups: Sequence[DuplicateGroup], options: DuplicateOptions) -> bool:
    shown = sum(1 + len(group.others) for group in groups)
    return len(groups) >= options.limit or shown >= _MOST_SHOWN
