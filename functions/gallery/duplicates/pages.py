"""The groups of duplicates of a gallery, page by page, and the duplicates of one image.

Depends on the ports. The gallery is read in the order of ids and a group appears at the position of
its keeper, so a page needs to know nothing about those before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from time import monotonic
from typing import Any

from functions.gallery.duplicates.groups import Find, Neighbourhoods, followers_of
from functions.gallery.duplicates.neighbours import Neighbours
from functions.gallery.duplicates.notions import Duplicate, Rule
from functions.gallery.duplicates.shots import removable
from functions.gallery.duplicates.tables import MOST_VECTOR_BYTES, hash_table, vector_table
from functions.gallery.embedding.fingerprint import SAME_HASH_BITS, PerceptualHash
from functions.gallery.embedding.likeness import REPLACEABLE, Bands, Likeness
from functions.gallery.embedding.vectors import Vector
from functions.gallery.filters import parse_filter
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec, Distance, Filter, Match, Query, StoredImage

NEAR_DUPLICATES = 5

_BY_HASH = {Likeness.SAME_PICTURE, Likeness.EDITED, Likeness.TURNED}

_BATCH = 50  # one request to a Qdrant server
# Laying a picture on its 100 nearest takes 60 ms: of product shots that are all close, a page of
# 200 took 14 s.
_LOOKALIKE_BATCH = 20
# Products with all vectors: fewer passes over them, and 100 MB for 100,000 images.
_VECTOR_TABLE_BATCH = 250
_LIST_BATCH = 1_000
_MOST_KNOWN = 1_000  # neighbourhoods in one page: seconds, of the 30 that a function has
_MOST_SHOWN = 500  # images in one page, about a megabyte of JSON
# Then a page ends, however large the gallery is, if so many neighbourhoods are known; one of
# lookalikes after any batch. Where it ends does not change the groups.
_PAGE_S, _LEAST_KNOWN = 0.6, 200


@dataclass(frozen=True, slots=True)
class DuplicateOptions:
    """What counts as a duplicate, and how many groups at most; the entry points set the limits."""

    kind: Likeness = Likeness.SAME_PICTURE
    limit: int = 20
    min_similarity: float | None = None  # for lookalikes; None: as the model's limits say
    filter: Mapping[str, Any] | None = None  # only among these, see filters.py


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """A keeper and the images similar to it, the best to keep first."""

    kind: Likeness
    keeper: StoredImage
    others: tuple[Duplicate, ...]
    removable: frozenset[str]  # ids of the others that can go; see shots.py

    @property
    def is_of_its_kind(self) -> bool:
        """Whether it says more than a group of a stricter kind."""
        if self.kind in REPLACEABLE:
            return True
        return any(other.matched is self.kind for other in self.others)


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
    bands: Bands | None

    def page(self, options: DuplicateOptions, after: str | None = None) -> DuplicatePage:
        """Return the groups whose keepers come after the id `after`.

        Raises InvalidFilter, InvalidCursor or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        ends_at = monotonic() + _PAGE_S
        batch = _LOOKALIKE_BATCH if options.kind is Likeness.LOOKALIKE else _BATCH
        return self._page(Neighbours(self.store, where), options, after, batch, ends_at)

    def walk(self, options: DuplicateOptions, after: str | None = None) -> Iterator[DuplicatePage]:
        """Return all pages after the id `after`.

        For a report over everything: it keeps all hashes or vectors in memory. The groups are those
        of `page`, plus lookalikes that the graph index of a large store does not find.
        """
        where = parse_filter(options.filter, self.spec.fields)
        table, batch = None, _BATCH
        if options.kind in _BY_HASH:
            table = hash_table(self._all(where))
        elif options.kind is Likeness.LOOKALIKE and self._vectors_fit_in_memory(where):
            table = vector_table(self.store.vectors, self._all(where), self.spec.dims)
            batch = _VECTOR_TABLE_BATCH
        neighbours = Neighbours(self.store, where, table)
        while True:
            page = self._page(neighbours, options, after, batch, inf)
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
        self,
        neighbours: Neighbours,
        options: DuplicateOptions,
        after: str | None,
        batch: int,
        ends_at: float,
    ) -> DuplicatePage:
        rule = Rule(options.kind, self.bands, options.min_similarity)
        near = Neighbourhoods(_find(neighbours, rule))
        least_known = 0 if options.kind is Likeness.LOOKALIKE else _LEAST_KNOWN
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
                if (
                    followers
                    and (group := _group(options.kind, image, followers, rule)).is_of_its_kind
                ):
                    groups.append(group)
            looked_at += done
            after = part.images[done].id if done < len(part.images) else part.after
            known = len(near.known)
            is_over = known >= _MOST_KNOWN or (known >= least_known and monotonic() >= ends_at)
            if after is None or _is_full(groups, options) or is_over:
                return DuplicatePage(tuple(groups), after, looked_at, undecided)


def near_duplicates_of(
    image: StoredImage,
    vector: Vector | str | None,
    store: VectorStore,
    bands: Bands | None,
    limit: int = NEAR_DUPLICATES,
) -> tuple[Duplicate, ...]:
    """Find the nearest few duplicates of an image by any notion, the strictest notion first.

    The image itself, stored or not, is left out. `vector` is its vector, or its id if it is stored;
    without either only fingerprints are compared. Can raise StoreError.
    """
    hash = image.fingerprint and image.fingerprint.hash
    hashes = (hash, *hash.turned) if hash else ()
    query = Query("", limit, without=(image.id,))
    queries = [replace(query, target=hash, most_bits=SAME_HASH_BITS) for hash in hashes]
    queries += [replace(query, target=vector)] if vector is not None else []
    rule = Rule(None, bands)
    found: dict[str, Duplicate] = {}
    for query, matches in zip(queries, store.search_many(queries), strict=True):
        by_vector = not isinstance(query.target, PerceptualHash)
        others = [(near.image, near.similarity if by_vector else None) for near in matches]
        matched = filter(None, rule.match_all(image, others))
        found |= {duplicate.image.id: duplicate for duplicate in matched}
    return tuple(sorted(found.values(), key=lambda duplicate: duplicate.rank)[:limit])


def _group(
    kind: Likeness, keeper: StoredImage, followers: Sequence[Match], rule: Rule
) -> DuplicateGroup:
    by_vector = kind is Likeness.LOOKALIKE
    others = [(each.image, each.similarity if by_vector else None) for each in followers]
    found = tuple(filter(None, rule.match_all(keeper, others)))
    return DuplicateGroup(kind, keeper, found, removable(keeper, (d.image for d in found)))


def _find(neighbours: Neighbours, rule: Rule) -> Find:
    if rule.kind is Likeness.SAME_BYTES:
        return neighbours.same_bytes
    if rule.kind is Likeness.LOOKALIKE:
        return lambda images: neighbours.by_vector(images, rule)
    return lambda images: neighbours.by_hash(images, rule)


def _is_full(groups: Sequence[DuplicateGroup], options: DuplicateOptions) -> bool:
    shown = sum(1 + len(group.others) for group in groups)
    return len(groups) >= options.limit or shown >= _MOST_SHOWN
