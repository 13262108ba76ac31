"""Searches: examples -> vectors -> one target -> matches. Depends on the ports only.

An example is a picture (its bytes), a stored image (its id) or a vector. Several are combined as
Qdrant's `average_vector` does: the mean of the positive ones, moved away from the mean of the
negative ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from functions.gallery.embedding.likeness import Looks, judge_all
from functions.gallery.embedding.vectors import Vector, unit_vector
from functions.gallery.errors import ImageNotFound, InvalidExamples
from functions.gallery.filters import field_type, parse_filter
from functions.gallery.pictures.picture import Region
from functions.gallery.ports import VectorStore
from functions.gallery.records import CollectionSpec, Condition, Filter, Match, Query
from functions.gallery.search.collapse import collapse
from functions.gallery.search.example import EmbeddedPicture, Example, ExampleEmbedder, QueryEcho
from functions.gallery.stopwatch import Stopwatch

# Cosines of the same vector differ by a few 1e-7, so "at least 1.0" must allow for that.
_ROUNDING = 1e-6
# Files of the same bytes have at least this similarity, and so have others with the same views.
_EQUAL = 1 - 1e-5
# To fill a page of groups more matches are read, in growing steps, up to this many.
_MOST_READ = 2_000


_Wanted = str | EmbeddedPicture | Vector  # an example, as far as it is looked at here


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
    collapse_copies: bool = False  # and of images of the same picture, see likeness.py

    @property
    def collapses(self) -> bool:
        """Whether matches are grouped."""
        return self.group_by is not None or self.collapse_duplicates or self.collapse_copies


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches, best first, and where the time went."""

    matches: tuple[Match, ...]
    model: str
    more: bool  # there are further matches after these
    query: QueryEcho | None = None
    took_ms: Mapping[str, float] = field(default_factory=dict)  # decode, embed, search


@dataclass(slots=True)
class _Single:
    """A single example, if there is one; a stored image is read when needed, best with a search."""

    store: VectorStore
    example: str | EmbeddedPicture | Vector | None
    _looks: Looks | None = None

    @property
    def looks(self) -> Looks | None:
        if self._looks is None and isinstance(self.example, str):
            self._looks = self.store.get([self.example]).get(self.example)
        return self.example if isinstance(self.example, EmbeddedPicture) else self._looks

    def search(self, query: Query) -> list[Match]:
        if self._looks is not None or not isinstance(self.example, str):
            return self.store.search(query)
        if self.example in query.without:
            self._looks, matches = self.store.similar(query)
            return matches
        matches = self.store.search(query)
        found = (match.image for match in matches if match.image.id == self.example)
        self._looks = next(found, None)
        return matches


@dataclass(frozen=True, slots=True)
class Searcher:
    """Finds the images similar to some examples; stores nothing of them."""

    spec: CollectionSpec
    store: VectorStore
    examples: ExampleEmbedder

    def search(
        self, positive: Sequence[Example], negative: Sequence[Example], options: SearchOptions
    ) -> SearchResult:
        """Find the images nearest to the positive examples and away from the negative ones.

        Raises InvalidExamples, InvalidFilter, PictureError, ImageNotFound or StoreError.
        """
        where = parse_filter(options.filter, self.spec.fields)
        if options.group_by is not None:
            field_type(options.group_by, self.spec.fields, option="group_by")
        if not positive:
            raise InvalidExamples("At least one positive example is needed", field="positive")
        wanted = self._embed([*positive, *negative], options.region)
        watch = Stopwatch()
        single = wanted[0] if len(wanted) == 1 else None
        target = single if isinstance(single, str) else self._target(wanted, len(positive))
        query = Query(target, where=where)
        if options.exclude_self:
            query = _without_examples(query, wanted)
        example = _Single(self.store, single)
        matches = self._matches(query, options, example)
        first, last = options.offset, options.offset + options.limit
        more = len(matches) > last
        page: Sequence[Match] = matches[first:last]
        page = self._judged(page, example)
        watch.lap("search")
        pictures = [each for each in wanted if isinstance(each, EmbeddedPicture)]
        took_ms = _sum(*(picture.took_ms for picture in pictures), watch.took_ms)
        echo = pictures[0].echo if len(pictures) == len(positive) == 1 else None
        return SearchResult(tuple(page), self.spec.model, more, echo, took_ms)

    def _embed(self, examples: Sequence[Example], region: Region | None) -> list[_Wanted]:
        """Embed the examples that are not whole stored images; the region is of the first one."""
        parts = [region, *[None] * (len(examples) - 1)]
        return [self._wanted(*each) for each in zip(examples, parts, strict=True)]

    def _wanted(self, example: Example, part: Region | None) -> _Wanted:
        if isinstance(example, np.ndarray):
            if part is not None:
                raise InvalidExamples("A vector has no region", field="region")
            try:
                return unit_vector(example, self.spec.dims)
            except ValueError as error:
                raise InvalidExamples(f"A vector {error}", field="vector") from None
        if isinstance(example, str) and part is None:
            return example
        return self.examples.embed(example, part)

    def _target(self, examples: Sequence[_Wanted], positives: int) -> Vector:
        ids = [each for each in examples if isinstance(each, str)]
        stored = self.store.vectors(ids) if ids else {}
        if missing := [id for id in ids if id not in stored]:
            raise ImageNotFound(f"No image has the id {missing[0]}")
        vectors = [stored[each] if isinstance(each, str) else _vector(each) for each in examples]
        target = np.mean(vectors[:positives], axis=0)
        if len(vectors) > positives:
            target = 2 * target - np.mean(vectors[positives:], axis=0)
        return _unit(target)

    def _judged(self, page: Sequence[Match], example: _Single) -> Sequence[Match]:
        """Add what each match has in common with a single example."""
        if (known := example.looks) is None:
            return page
        bands = self.examples.bands(self.spec)
        verdicts = judge_all(known, [(match.image, match.similarity) for match in page], bands)
        return [
            replace(match, matched=verdict.likeness, band=verdict.band)
            for match, verdict in zip(page, verdicts, strict=True)
        ]

    def _matches(self, query: Query, options: SearchOptions, example: _Single) -> list[Match]:
        """Return the matches up to one after the page, best first, collapsed if requested."""
        wanted = options.offset + options.limit + 1
        most = _MOST_READ if options.collapses else wanted
        read = min(4 * wanted, most)
        least = options.min_similarity - _ROUNDING
        while True:
            matches = self._same_bytes_first(replace(query, limit=read), example)
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

    def _same_bytes_first(self, query: Query, example: _Single) -> list[Match]:
        """Find matches; of those that equal a single example, the files of its bytes come first.

        Only if all matches that were read equal it, a second request looks for its bytes.
        """
        matches = example.search(query)
        equal = [match for match in matches if match.similarity >= _EQUAL]
        if len(equal) < 2 or (known := example.looks) is None:
            return matches
        same = [match for match in equal if match.image.sha256 == known.sha256]
        if len(same) < len(equal) == query.limit:
            with_bytes = (*query.where, Condition("sha256", any_of=(known.sha256,)))
            found = self.store.search(replace(query, where=with_bytes))
            same = [match for match in found if match.similarity >= _EQUAL]
        first = {match.image.id for match in same}
        return [*same, *(match for match in matches if match.image.id not in first)]


def _vector(example: EmbeddedPicture | Vector) -> Vector:
    return example.vector if isinstance(example, EmbeddedPicture) else example


def _without_examples(query: Query, examples: Sequence[_Wanted]) -> Query:
    pictures = [each for each in examples if isinstance(each, EmbeddedPicture)]
    ids = [each for each in examples if isinstance(each, str)]
    ids += [picture.id for picture in pictures if picture.id is not None]
    hashes = tuple(picture.sha256 for picture in pictures if picture.id is None)
    where: Filter = query.where
    if hashes:
        where += (Condition("sha256", any_of=hashes, negated=True),)
    return replace(query, where=where, without=tuple(ids))


def _sum(*took_ms: Mapping[str, float]) -> dict[str, float]:
    total: dict[str, float] = {}
    for stages in took_ms:
        for stage, ms in stages.items():
            total[stage] = total.get(stage, 0.0) + ms
    return total


def _unit(vector: Vector) -> Vector:
    length = np.linalg.norm(vector)
    if length < 1e-6:
        raise InvalidExamples(
            "The negative examples cancel out the positive ones; use fewer", field="negative"
        )
    return np.asarray(vector / length, np.float32)
