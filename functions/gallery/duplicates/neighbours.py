"""Finds which images each of many images matches, by notion. Depends on the ports."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from functions.gallery.duplicates.groups import MOST_SIMILAR, Similar
from functions.gallery.duplicates.notions import ROUNDING, Rule
from functions.gallery.duplicates.tables import Table
from functions.gallery.embedding.fingerprint import SAME_HASH_BITS, PerceptualHash
from functions.gallery.embedding.likeness import Likeness
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound
from functions.gallery.ports import VectorStore
from functions.gallery.records import Condition, Filter, Match, Query, StoredImage

Target = Vector | PerceptualHash | str  # of a Query

_MOST_READ = 1_000  # copies of the same bytes in one request
_MOST_CROWDS = 100  # kept at once
_FIRST_READ = 4  # most images match none; if all of these match, more are read


class Neighbours:
    """Finds, for many images at once, what each matches among the images that pass a filter."""

    def __init__(self, store: VectorStore, where: Filter, table: Table | None = None) -> None:
        """Search this store, or a table of its images that pass the filter, if there is one."""
        self._store = store
        self.where = where
        self._table = table
        self._crowds: dict[PerceptualHash | bytes, list[Match]] = {}

    def same_bytes(self, images: Sequence[StoredImage]) -> Iterator[Similar]:
        """Find the files of the same bytes, the first by id if there are very many."""
        hashes = tuple({image.sha256 for image in images})
        page = self._store.page(self._copies_of(hashes), _MOST_READ)
        pages = [page]
        if page.after is not None:  # some have very many copies
            pages = [self._store.page(self._copies_of((h,)), MOST_SIMILAR + 1) for h in hashes]
        copies: dict[str, list[Match]] = {sha256: [] for sha256 in hashes}
        for image in (image for page in pages for image in page.images):
            copies[image.sha256].append(Match(image, 0.0, 1.0))
        for image in images:
            yield _without(image, copies[image.sha256][: MOST_SIMILAR + 1])

    def by_hash(self, images: Sequence[StoredImage], rule: Rule) -> Iterator[Similar]:
        """Find the images whose hash is near, the nearest if there are very many."""
        targets = {image.id: _hashes(image, rule.kind) for image in images}
        hashes = list({hash: None for each in targets.values() for hash in each})
        if self._table is not None:
            rows = [hash.words() for hash in hashes]
            near = self._table.nearest(rows, -SAME_HASH_BITS, MOST_SIMILAR + 1) if rows else []
        else:
            queries = [Query(hash, where=self.where, most_bits=SAME_HASH_BITS) for hash in hashes]
            near = self._nearest(queries, lambda match: match.score <= SAME_HASH_BITS)
        by_hash = dict(zip(hashes, near, strict=True))
        for image in images:
            found = [match for hash in targets[image.id] for match in by_hash[hash]]
            yield _without(image, [m for m in found if rule.match(image, m.image)])

    def by_vector(self, images: Sequence[StoredImage], rule: Rule) -> Iterator[Similar]:
        """Find the images whose vector is near, the nearest if there are very many."""
        least = rule.least - ROUNDING

        def search(ids: Sequence[str]) -> list[list[Match]]:
            if (table := self._table) is not None:
                rows = {id: row for id in ids if (row := table.row(id)) is not None}
                near = table.nearest([*rows.values()], least, MOST_SIMILAR + 1) if rows else []
                by_id = dict(zip(rows, near, strict=True))
                return [by_id.get(id, []) for id in ids]
            queries = [Query(id, where=self.where, without=(id,)) for id in ids]
            return self._nearest(queries, lambda match: match.similarity >= least)

        ids = [image.id for image in images]
        try:
            found = search(ids)
        except ImageNotFound:  # one was removed in the meantime
            ids = list(self._store.get(ids))
            found = search(ids)
        by_id = dict(zip(ids, found, strict=True))
        for image in images:
            near = by_id.get(image.id, [])
            matched = rule.match_all(image, [(match.image, match.similarity) for match in near])
            yield _without(image, [m for m, found in zip(near, matched, strict=True) if found])

    def _nearest(
        self, queries: Sequence[Query], is_near: Callable[[Match], bool]
    ) -> list[list[Match]]:
        """Find what is near, at most MOST_SIMILAR + 1 for each query, in few requests.

        A placeholder may have thousands of copies: of more than 1,000 beyond MOST_SIMILAR that are
        equally near the store chooses which count, the same for all copies.
        """
        few = [replace(query, limit=_FIRST_READ, ties=False) for query in queries]
        found = [list(takewhile(is_near, matches)) for matches in self._store.search_many(few)]
        full = [position for position, near in enumerate(found) if len(near) == _FIRST_READ]
        crowds = self._crowds_around([queries[position].target for position in full])
        for position, matches in zip(full, crowds, strict=True):
            found[position] = list(takewhile(is_near, matches))
        return found

    def _crowds_around(self, targets: Sequence[Target]) -> list[list[Match]]:
        """Find the nearest MOST_SIMILAR + 1, once for each vector or hash, however many have it."""
        ids = [target for target in targets if isinstance(target, str)]
        vectors = self._store.vectors(ids) if ids else {}
        exact = [vectors.get(t) if isinstance(t, str) else t for t in targets]
        keys = [target.tobytes() if isinstance(target, np.ndarray) else target for target in exact]
        wanted = {
            key: Query(target, MOST_SIMILAR + 1, where=self.where, most_bits=_most_bits(target))
            for key, target in zip(keys, exact, strict=True)
            if key is not None and target is not None and key not in self._crowds
        }
        known = [self._crowds.get(key, []) if key is not None else [] for key in keys]
        new = dict(zip(wanted, self._store.search_many(list(wanted.values())), strict=True))
        if len(self._crowds) + len(new) > _MOST_CROWDS:
            self._crowds.clear()
        self._crowds |= dict(list(new.items())[:_MOST_CROWDS])
        return [
            new.get(key, old) if key is not None else []  # None: removed in the meantime
            for key, old in zip(keys, known, strict=True)
        ]

    def _copies_of(self, hashes: tuple[str, ...]) -> Filter:
        return (*self.where, Condition("sha256", any_of=hashes))


def _most_bits(target: Target) -> int | None:
    return SAME_HASH_BITS if isinstance(target, PerceptualHash) else None


def _hashes(image: StoredImage, kind: Likeness | None) -> tuple[PerceptualHash, ...]:
    """Return the hashes that duplicates of this kind have."""
    if image.fingerprint is None:
        return ()
    hash = image.fingerprint.hash
    return hash.turned if kind is Likeness.TURNED else (hash,)


def _without(image: StoredImage, matches: Sequence[Match]) -> Similar:
    """Return the matches by id, without the image itself; there may be one too many."""
    others = [match for match in matches if match.image.id != image.id]
    return {match.image.id: match for match in others[:MOST_SIMILAR]}
