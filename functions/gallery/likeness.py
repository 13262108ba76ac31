"""Three notions of being a duplicate, and how a store finds what is like an image by each.

- same-bytes: the files are equal, byte for byte (SHA-256).
- same-picture: their perceptual hashes differ by few bits: resized, saved again, without colour.
  A picture that is too plain for a hash is nobody's.
- lookalike: their vectors are close.

Knows the ports, the records and numpy.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import takewhile

import numpy as np

from functions.gallery.errors import ImageNotFound
from functions.gallery.grouping import MOST_ALIKE, Alike
from functions.gallery.hash_table import HashTable
from functions.gallery.perceptual_hash import PerceptualHash
from functions.gallery.ports import VectorStore
from functions.gallery.records import Condition, Filter, Match, Query, StoredImage, Vector
from functions.gallery.vector_table import VectorTable

MOST_PICTURE_BITS = 10
# No pair of two products came so near in a set of product shots; at 0.90 three of 67,896 did.
LOOKALIKE_SIMILARITY = 0.95
LEAST_SIMILARITY = 0.5
ROUNDING = 1e-6  # cosines of the same vector come back a few 1e-7 apart

Target = Vector | PerceptualHash | str  # of a Query

_MOST_READ = 1_000  # copies of the same bytes in one request
_MOST_CROWDS = 100  # kept at once
_FIRST_READ = 4  # most images are like none; if all of these are alike, more are read


class Likeness(StrEnum):
    """Why two images are duplicates; the strongest notion first."""

    SAME_BYTES = "same-bytes"
    SAME_PICTURE = "same-picture"
    LOOKALIKE = "lookalike"


class Finder:
    """Finds, for many images at once, what each is like among the images that pass a filter."""

    def __init__(
        self,
        store: VectorStore,
        where: Filter,
        *,
        hashes: HashTable | None = None,
        vectors: VectorTable | None = None,
    ) -> None:
        """Look into this store only where the filter holds; into tables of the same if given."""
        self._store = store
        self.where = where
        self._hashes = hashes
        self._vectors = vectors
        self._crowds: dict[PerceptualHash | bytes, list[Match]] = {}

    def same_bytes(self, images: Sequence[StoredImage]) -> Iterator[Alike]:
        """Find the files of the same bytes, the first by id if there are very many."""
        hashes = tuple({image.sha256 for image in images})
        page = self._store.page(self._copies_of(hashes), _MOST_READ)
        pages = [page]
        if page.after is not None:  # some have very many copies
            pages = [self._store.page(self._copies_of((h,)), MOST_ALIKE + 1) for h in hashes]
        copies: dict[str, list[Match]] = {sha256: [] for sha256 in hashes}
        for image in (image for page in pages for image in page.images):
            copies[image.sha256].append(Match(image, 0.0, 1.0))
        for image in images:
            yield _without(image, copies[image.sha256][: MOST_ALIKE + 1])

    def same_picture(self, images: Sequence[StoredImage], most_bits: int) -> Iterator[Alike]:
        """Find the images whose hash is near, the nearest if there are very many."""
        hashes = list({image.perceptual_hash for image in images if image.perceptual_hash})
        if self._hashes is not None:
            found = self._hashes.nearest(hashes, most_bits, MOST_ALIKE + 1)
        else:
            queries = [Query(hash, where=self.where) for hash in hashes]
            found = self._nearest(queries, lambda match: match.score <= most_bits)
        of_hash = dict(zip(hashes, found, strict=True))
        for image in images:
            hash = image.perceptual_hash
            yield _without(image, of_hash[hash] if hash else [])

    def lookalikes(self, images: Sequence[StoredImage], least: float) -> Iterator[Alike]:
        """Find the images whose vector is near, the nearest if there are very many."""

        def ask(ids: Sequence[str]) -> list[list[Match]]:
            if self._vectors is not None:
                return self._vectors.nearest(ids, least - ROUNDING, MOST_ALIKE)
            queries = [Query(id, where=self.where, without=(id,)) for id in ids]
            return self._nearest(queries, lambda match: match.similarity >= least - ROUNDING)

        ids = [image.id for image in images]
        try:
            found = ask(ids)
        except ImageNotFound:  # one was removed meanwhile
            ids = list(self._store.get(ids))
            found = ask(ids)
        by_id = dict(zip(ids, found, strict=True))
        for image in images:
            yield _without(image, by_id.get(image.id, []))

    def _nearest(
        self, queries: Sequence[Query], is_near: Callable[[Match], bool]
    ) -> list[list[Match]]:
        """Answer queries with what is near, of each at most MOST_ALIKE + 1, in few requests.

        A placeholder may have thousands of copies: of more than 1,000 beyond MOST_ALIKE that are
        equally near the store picks which count, for all copies the same.
        """
        few = [replace(query, limit=_FIRST_READ, ties=False) for query in queries]
        found = [list(takewhile(is_near, matches)) for matches in self._store.search_many(few)]
        full = [place for place, near in enumerate(found) if len(near) == _FIRST_READ]
        crowds = self._crowds_around([queries[place].target for place in full])
        for place, matches in zip(full, crowds, strict=True):
            found[place] = list(takewhile(is_near, matches))
        return found

    def _crowds_around(self, targets: Sequence[Target]) -> list[list[Match]]:
        """Give the nearest MOST_ALIKE + 1; once for each vector or hash, however many have it."""
        ids = [target for target in targets if isinstance(target, str)]
        vectors = self._store.vectors(ids) if ids else {}
        exact = [vectors.get(t) if isinstance(t, str) else t for t in targets]
        keys = [target.tobytes() if isinstance(target, np.ndarray) else target for target in exact]
        wanted = {
            key: Query(target, limit=MOST_ALIKE + 1, where=self.where)
            for key, target in zip(keys, exact, strict=True)
            if key is not None and target is not None and key not in self._crowds
        }
        known = [self._crowds.get(key, []) if key is not None else [] for key in keys]
        new = dict(zip(wanted, self._store.search_many(list(wanted.values())), strict=True))
        if len(self._crowds) + len(new) > _MOST_CROWDS:
            self._crowds.clear()
        self._crowds |= dict(list(new.items())[:_MOST_CROWDS])
        return [
            new.get(key, old) if key is not None else []  # None: removed meanwhile
            for key, old in zip(keys, known, strict=True)
        ]

    def _copies_of(self, hashes: tuple[str, ...]) -> Filter:
        return (*self.where, Condition("sha256", any_of=hashes))


def _without(image: StoredImage, matches: Sequence[Match]) -> Alike:
    """Give the matches by id, without the image itself; there may be one too many."""
    others = [match for match in matches if match.image.id != image.id]
    return {match.image.id: match for match in others[:MOST_ALIKE]}
