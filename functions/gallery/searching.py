"""The way of a search: examples -> vectors -> one target -> matches. Knows the ports only.

An example is a picture (its bytes) or a stored image (its id). Several are joined as Qdrant's
`average_vector` does: the mean of those to be like, moved away from the mean of those not to.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from functions.gallery.errors import ImageNotFound, InvalidExamples
from functions.gallery.filters import field_type, parse_filter
from functions.gallery.perceptual_hash import SAME_PICTURE_BITS, PerceptualHash
from functions.gallery.pictures import Limits, Picture, decode
from functions.gallery.ports import Embedder, Originals, VectorStore
from functions.gallery.records import (
    BUILT_IN_FIELDS,
    CollectionSpec,
    Condition,
    Example,
    Match,
    Query,
    QueryEcho,
    Region,
    SearchOptions,
    SearchResult,
    StoredImage,
    Vector,
)
from functions.gallery.stopwatch import Stopwatch

# Cosines of the same vector come back a few 1e-7 apart, so "at least 1.0" must forgive as much.
_ROUNDING = 1e-6
# To fill a page of groups more matches are read, in growing steps, up to this many.
_MOST_READ = 2_000


class Searcher:
    """Finds what is like some examples; nothing of them is stored."""

    def __init__(
        self,
        spec: CollectionSpec,
        limits: Limits,
        embedder: Embedder,
        store: VectorStore,
        originals: Originals,
    ) -> None:
        """Join the ports to the limits and the declared fields."""
        self._spec = spec
        self._limits = limits
        self._embedder = embedder
        self._store = store
        self._originals = originals

    def search(
        self, like: Sequence[Example], unlike: Sequence[Example], options: SearchOptions
    ) -> SearchResult:
        """Find the images nearest to the examples `like`, and away from those `unlike`.

        Raises InvalidExamples, InvalidFilter, PictureError, ImageNotFound or StoreError.
        """
        where = parse_filter(options.filter, self._spec.fields)
        if options.group_by is not None:
            field_type(options.group_by, self._spec.fields, option="group_by")
        watch = Stopwatch()
        target, pictures = self._target(like, unlike, options.region, watch)
        ids = tuple(each for each in (*like, *unlike) if isinstance(each, str))
        if options.exclude_self:
            sent = [each for each in (*like, *unlike) if isinstance(each, bytes)]
            same = tuple(hashlib.sha256(data).hexdigest() for data in sent)
            where += (Condition("sha256", any_of=same, negated=True),) if same else ()
        query = Query(target, where=where, without=ids if options.exclude_self else ())
        found = self._found(query, options)
        watch.lap("search")
        first, last = options.offset, options.offset + options.limit
        page, more = found[first:last], len(found) > last
        if len(like) == 1 and not unlike:
            page = self._banded(page, like[0], pictures)
            watch.lap("search")
        shown = _echo(pictures[0]) if len(pictures) == len(like) == 1 else None
        return SearchResult(page, self._spec.model, more, shown, watch.took_ms)

    def _banded(
        self, page: tuple[Match, ...], example: Example, pictures: Sequence[Picture]
    ) -> tuple[Match, ...]:
        """Give each match its band beside a single example, a stored image or a picture."""
        bands = self._embedder.card.bands
        if bands is None or not self._spec.distance.has_bands:
            return page
        if pictures:
            hash = pictures[0].perceptual_hash()
        else:
            image = self._store.get([example]).get(example) if isinstance(example, str) else None
            hash = image.perceptual_hash if image else None
        return tuple(
            replace(match, band=bands.of(match.similarity, _bits(hash, match.image)))
            for match in page
        )

    def _target(
        self,
        like: Sequence[Example],
        unlike: Sequence[Example],
        region: Region | None,
        watch: Stopwatch,
    ) -> tuple[Vector | str, list[Picture]]:
        """Give what the store is to look for, by id if that is all there is to know.

        And the pictures that had to be decoded for it.
        """
        if not like:
            raise InvalidExamples("At least one example of what to find", field="positive")
        if len(like) == 1 and not unlike and region is None and isinstance(like[0], str):
            return like[0], []
        vectors, pictures = self._vectors([*like, *unlike], region, watch)
        target = np.mean(vectors[: len(like)], axis=0)
        if unlike:
            target = 2 * target - np.mean(vectors[len(like) :], axis=0)
        return _unit(target), pictures

    def _vectors(
        self, examples: Sequence[Example], region: Region | None, watch: Stopwatch
    ) -> tuple[list[Vector], list[Picture]]:
        """Give each example its vector, and the picture of a single one if it was decoded."""
        whole = examples if region is None else examples[1:]
        by_id = [each for each in whole if isinstance(each, str)]
        stored = self._store.vectors(by_id) if by_id else {}
        if missing := [each for each in by_id if each not in stored]:
            raise ImageNotFound(f"No image has the id {missing[0]}")
        if by_id:
            watch.lap("search")
        vectors, pictures = [], []
        for position, example in enumerate(examples):
            part = region if position == 0 else None
            if isinstance(example, str) and part is None:
                vectors.append(stored[example])
                continue
            picture = self._decoded(self._bytes_of(example, watch), part)
            watch.lap("decode")
            vectors.append(self._embedder.embed([picture])[0])
            watch.lap("embed")
            if len(examples) == 1:  # of many, not all are to lie in memory at once
                pictures.append(picture)
        return vectors, pictures

    def _bytes_of(self, example: Example, watch: Stopwatch) -> bytes:
        if isinstance(example, bytes):
            return example
        image = self._store.get([example]).get(example)
        if image is None:
            raise ImageNotFound(f"No image has the id {example}")
        data = self._originals.read(image.name)
        watch.lap("fetch")
        return data

    def _decoded(self, data: bytes, region: Region | None) -> Picture:
        needed = self._embedder.card.short_side_px
        if region is None:
            return decode(data, self._limits, short_side_px=needed)
        # Of a smaller part more of the whole must be kept; twice, for its edges are rounded.
        whole = round(2 * needed / min(region.width, region.height))
        return decode(data, self._limits, short_side_px=whole).cropped(region)

    def _found(self, query: Query, options: SearchOptions) -> tuple[Match, ...]:
        """Give the matches down to one behind the page, best first, grouped if asked for."""
        wanted = options.offset + options.limit + 1
        grouped = (
            options.group_by is not None or options.collapse_duplicates or options.collapse_copies
        )
        most = _MOST_READ if grouped else wanted
        read = min(4 * wanted, most)
        while True:
            matches = self._store.search(replace(query, limit=read))
            least = options.min_similarity - _ROUNDING
            alike = [match for match in matches if match.similarity >= least]
            found = _leaders(alike, options) if grouped else alike
            if len(found) >= wanted or len(alike) < read or read >= most:
                return tuple(found[:wanted])
            read = min(4 * read, most)


def _leaders(matches: Sequence[Match], options: SearchOptions) -> list[Match]:
    """Keep the best match of each group, with the number of those behind it."""
    groups: dict[object, list[Match]] = {}
    copies = _Copies(len(matches))
    for match in matches:
        image = match.image
        key: object = image.id
        if options.group_by is not None and (value := _value(image, options.group_by)) is not None:
            key = repr(value)
        elif options.collapse_copies:
            key = copies.leader_of(image)
        elif options.collapse_duplicates:
            key = image.sha256
        groups.setdefault(key, []).append(match)
    return [replace(group[0], hidden=len(group) - 1) for group in groups.values()]


def _value(image: StoredImage, field: str) -> object:
    return getattr(image, field) if field in BUILT_IN_FIELDS else image.metadata.get(field)


class _Copies:
    """Remembers the pictures that were shown, and tells which of them another is a copy of."""

    def __init__(self, most: int) -> None:
        """Have room for so many."""
        self._bits = np.zeros(most, np.uint64)
        self._ids: list[str] = []
        self._of_bytes: dict[str, str] = {}

    def leader_of(self, image: StoredImage) -> str:
        """Give the id of the first that has its bytes, or nearly its hash; else its own."""
        if image.sha256 not in self._of_bytes:
            self._of_bytes[image.sha256] = self._nearly(image) or image.id
        return self._of_bytes[image.sha256]

    def _nearly(self, image: StoredImage) -> str | None:
        if image.perceptual_hash is None:
            return None
        bits, shown = np.uint64(image.perceptual_hash.bits), len(self._ids)
        differing = np.bitwise_count(self._bits[:shown] ^ bits)
        near = np.flatnonzero(differing <= SAME_PICTURE_BITS)
        if near.size:
            return self._ids[int(near[0])]
        self._bits[shown] = bits
        self._ids.append(image.id)
        return None


def _unit(vector: Vector) -> Vector:
    length = np.linalg.norm(vector)
    if length < 1e-6:
        raise InvalidExamples("The negative examples cancel the positive ones", field="negative")
    return np.asarray(vector / length, np.float32)


def _bits(hash: PerceptualHash | None, image: StoredImage) -> int | None:
    other = image.perceptual_hash
    return hash.distance(other) if hash is not None and other is not None else None


def _echo(picture: Picture) -> QueryEcho:
    return QueryEcho(picture.width, picture.height, picture.format, picture.turned)
