"""Searches: examples -> vectors -> one target -> matches. Depends on the ports only.

An example is a picture (its bytes) or a stored image (its id). Several are combined as Qdrant's
`average_vector` does: the mean of the positive ones, moved away from the mean of the negative ones.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from functions.gallery.embedding.fingerprint import PerceptualHash
from functions.gallery.embedding.vectors import Vector
from functions.gallery.errors import ImageNotFound, InvalidExamples
from functions.gallery.filters import field_type, parse_filter
from functions.gallery.pictures.decode import Picture, Region, decode
from functions.gallery.pictures.limits import Limits
from functions.gallery.ports import Embedder, Pictures, VectorStore
from functions.gallery.records import CollectionSpec, Condition, Filter, Match, Query, StoredImage
from functions.gallery.search.collapse import collapse
from functions.gallery.stopwatch import Stopwatch

# Cosines of the same vector differ by a few 1e-7, so "at least 1.0" must allow for that.
_ROUNDING = 1e-6
# To fill a page of groups more matches are read, in growing steps, up to this many.
_MOST_READ = 2_000

Example = bytes | str  # a picture (its bytes) or a stored image (its id)


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """What a search returns; the entry points set the limits."""

    limit: int = 10
    offset: int = 0
    min_similarity: float = 0.0
    filter: Mapping[str, Any] | None = None  # as people write it, see filters.py
    exclude_self: bool = False  # leave out the examples: their ids, and images of the same bytes
    region: Region | None = None  # the part of a single example to search for
    group_by: str | None = None  # a declared field: return only the best image of each value
    collapse_duplicates: bool = False  # of images of the same bytes return one
    collapse_copies: bool = False  # and of images whose perceptual hashes nearly agree

    @property
    def collapses(self) -> bool:
        """Whether matches are grouped."""
        return self.group_by is not None or self.collapse_duplicates or self.collapse_copies


@dataclass(frozen=True, slots=True)
class QueryEcho:
    """What was understood of the query picture."""

    width: int
    height: int
    format: str
    turned: bool  # an EXIF orientation was undone


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches, best first, and where the time went."""

    matches: tuple[Match, ...]
    model: str
    more: bool  # there are further matches after these
    query: QueryEcho | None = None
    took_ms: Mapping[str, float] = field(default_factory=dict)  # decode, embed, search


@dataclass(frozen=True, slots=True)
class Searcher:
    """Finds the images similar to some examples; stores nothing of them."""

    spec: CollectionSpec
    limits: Limits
    embedder: Embedder
    store: VectorStore
    originals: Pictures

    def search(
        self, positive: Sequence[Example], negative: Sequence[Example], options: SearchOptions
    ) -> SearchResult:
        """Find the images nearest to the positive examples and away from the negative ones.

        Raises InvalidExamples, InvalidFilter, PictureError, ImageNotFound or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        if options.group_by is not None:
            field_type(options.group_by, self.spec.fields, option="group_by")
        watch = Stopwatch()
        target, pictures = self._target(positive, negative, options.region, watch)
        query = Query(target, where=where)
        if options.exclude_self:
            query = _without_examples(query, [*positive, *negative])
        matches = self._matches(query, options)
        watch.lap("search")
        first, last = options.offset, options.offset + options.limit
        more = len(matches) > last
        page: Sequence[Match] = matches[first:last]
        if len(positive) == 1 and not negative:
            page = self._with_bands(page, positive[0], pictures)
            watch.lap("search")
        echo = _echo(pictures[0]) if len(pictures) == len(positive) == 1 else None
        return SearchResult(tuple(page), self.spec.model, more, echo, watch.took_ms)

    def _with_bands(
        self, page: Sequence[Match], example: Example, pictures: Sequence[Picture]
    ) -> Sequence[Match]:
        """Add the band of each match to a single example, a stored image or a picture."""
        bands = self.embedder.card.bands
        if bands is None or not self.spec.distance.has_bands:
            return page
        if pictures:
            hash = PerceptualHash.of(pictures[0])
        else:
            image = self.store.get([example]).get(example) if isinstance(example, str) else None
            hash = image.perceptual_hash if image else None
        return [
            replace(match, band=bands.of(match.similarity, _distance(hash, match.image)))
            for match in page
        ]

    def _target(
        self,
        positive: Sequence[Example],
        negative: Sequence[Example],
        region: Region | None,
        watch: Stopwatch,
    ) -> tuple[Vector | str, list[Picture]]:
        """Return what the store is to search for, and the pictures that were decoded for it.

        That is an id if the only example is a whole stored image, otherwise a vector.
        """
        if not positive:
            raise InvalidExamples("At least one positive example is needed", field="positive")
        single = positive[0] if len(positive) == 1 and not negative and region is None else None
        if isinstance(single, str):
            return single, []
        vectors, pictures = self._vectors([*positive, *negative], region, watch)
        target = np.mean(vectors[: len(positive)], axis=0)
        if negative:
            target = 2 * target - np.mean(vectors[len(positive) :], axis=0)
        return _unit(target), pictures

    def _vectors(
        self, examples: Sequence[Example], region: Region | None, watch: Stopwatch
    ) -> tuple[list[Vector], list[Picture]]:
        """Return the vector of each example, and the picture of a single one if it was decoded."""
        whole = examples if region is None else examples[1:]
        ids = [each for each in whole if isinstance(each, str)]
        stored = self.store.vectors(ids) if ids else {}
        if missing := [id for id in ids if id not in stored]:
            raise ImageNotFound(f"No image has the id {missing[0]}")
        if ids:
            watch.lap("search")
        vectors, pictures = [], []
        for position, example in enumerate(examples):
            part = region if position == 0 else None
            if isinstance(example, str) and part is None:
                vectors.append(stored[example])
                continue
            picture = self._decode(self._bytes_of(example, watch), part)
            watch.lap("decode")
            vectors.append(self.embedder.embed([picture])[0])
            watch.lap("embed")
            if len(examples) == 1:  # several would fill the memory
                pictures.append(picture)
        return vectors, pictures

    def _bytes_of(self, example: Example, watch: Stopwatch) -> bytes:
        if isinstance(example, bytes):
            return example
        image = self.store.get([example]).get(example)
        if image is None:
            raise ImageNotFound(f"No image has the id {example}")
        data = self.originals.read(image.name)
        watch.lap("fetch")
        return data

    def _decode(self, data: bytes, region: Region | None) -> Picture:
        needed = self.embedder.card.short_side_px
        if region is None:
            return decode(data, self.limits, short_side_px=needed)
        # For a smaller part more of the whole must be kept; twice, because its edges are rounded.
        whole = round(2 * needed / min(region.width, region.height))
        return decode(data, self.limits, short_side_px=whole).cropped(region)

    def _matches(self, query: Query, options: SearchOptions) -> list[Match]:
        """Return the matches up to one after the page, best first, collapsed if requested."""
        wanted = options.offset + options.limit + 1
        most = _MOST_READ if options.collapses else wanted
        read = min(4 * wanted, most)
        least = options.min_similarity - _ROUNDING
        while True:
            matches = self.store.search(replace(query, limit=read))
            similar = found = [match for match in matches if match.similarity >= least]
            if options.collapses:
                found = collapse(
                    similar,
                    group_by=options.group_by,
                    duplicates=options.collapse_duplicates,
                    copies=options.collapse_copies,
                )
            if len(found) >= wanted or len(similar) < read or read >= most:
                return found[:wanted]
            read = min(4 * read, most)


def _without_examples(query: Query, examples: Sequence[Example]) -> Query:
    ids = tuple(each for each in examples if isinstance(each, str))
    hashes = [hashlib.sha256(each).hexdigest() for each in examples if isinstance(each, bytes)]
    where: Filter = query.where
    if hashes:
        where += (Condition("sha256", any_of=tuple(hashes), negated=True),)
    return replace(query, where=where, without=ids)


def _unit(vector: Vector) -> Vector:
    length = np.linalg.norm(vector)
    if length < 1e-6:
        raise InvalidExamples(
            "The negative examples cancel out the positive ones; use fewer", field="negative"
        )
    return np.asarray(vector / length, np.float32)


def _distance(hash: PerceptualHash | None, image: StoredImage) -> int | None:
    other = image.perceptual_hash
    return hash.distance(other) if hash is not None and other is not None else None


def _echo(picture: Picture) -> QueryEcho:
    return QueryEcho(picture.width, picture.height, picture.format, picture.turned)
