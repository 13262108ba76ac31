"""What two pictures have in common: the one rule, and its words. Depends on fingerprints.

How often each word is right, and for which pictures: docs/duplicates.md and the model card.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from functions.gallery.embedding.fingerprint import (
    SAME_HASH_BITS,
    SAME_PICTURE_BITS,
    Fingerprint,
    agreements,
)

_ROUNDING = 1e-6  # cosines of the same vector differ by a few 1e-7


class Likeness(StrEnum):
    """What makes two pictures copies of each other; the strictest notion first."""

    SAME_BYTES = "same-bytes"  # by SHA-256
    SAME_PICTURE = "same-picture"  # in another size, format or quality: hash and colours agree
    EDITED = "edited"  # edited, recoloured or framed: the hash agrees, the colours do not
    TURNED = "turned"  # mirrored or turned by right angles: the hash agrees with one so turned
    LOOKALIKE = "lookalike"  # cropped, rotated, written on: vectors are close, as are the colours


REPLACEABLE = frozenset({Likeness.SAME_BYTES, Likeness.SAME_PICTURE})  # one can stand for the other


class Band(StrEnum):
    """How similar two pictures are, from most to least."""

    SAME_PICTURE = "same picture"  # same-bytes or same-picture
    NEAR_DUPLICATE = "near-duplicate"  # edited, turned or lookalike: one was made from the other
    SIMILAR = "similar"  # the same kind of thing
    WEAK = "weak"


class Looks(Protocol):
    """What the rule needs of a picture, stored or not, besides its vector."""

    @property
    def sha256(self) -> str:
        """The hash of its bytes, in hex."""

    @property
    def fingerprint(self) -> Fingerprint | None:
        """Its fingerprint; None if it has too little detail."""


@dataclass(frozen=True, slots=True)
class Bands:
    """The limits of similarity (cosine, 0..1), as measured for a model."""

    lookalike: tuple[tuple[float, float], ...]  # least agreement and least similarity, see below
    similar: float

    @classmethod
    def read(cls, limits: Mapping[str, Any]) -> Self:
        """Read the limits of a model card; raises KeyError, TypeError or ValueError."""
        steps = tuple((float(agreement), float(least)) for agreement, least in limits["lookalike"])
        similar = float(limits["similar"])
        enough, least = (list(each) for each in zip(*steps, strict=True))
        if enough != sorted(set(enough), reverse=True) or least != sorted(least):
            raise ValueError("the limits of lookalikes are not in order")
        if not 0 <= similar <= least[0] or least[-1] > 1:
            raise ValueError("the limits of the bands are not in order")
        return cls(steps, similar)

    @property
    def least_lookalike(self) -> float:
        """The similarity below which nothing is a lookalike."""
        return self.lookalike[0][1]

    def are_lookalikes(self, similarity: float, agreement: float) -> bool:
        """Return whether a similarity is enough for pictures that agree so well where they overlap.

        Vectors of product shots are close without being copies, and those of crops are not: the
        less the pictures agree, the closer the vectors must be.
        """
        return any(
            agreement >= enough and similarity >= least - _ROUNDING
            for enough, least in self.lookalike
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What two pictures have in common."""

    likeness: Likeness | None  # the strictest notion that holds
    band: Band | None  # if the limits of the model are known
    distance: int | None  # bits that differ; None if one of them has no fingerprint


def likeness(one: Looks, other: Looks) -> Likeness | None:
    """Return the strictest notion that holds for two pictures without comparing vectors."""
    if one.sha256 == other.sha256:
        return Likeness.SAME_BYTES
    a, b = one.fingerprint, other.fingerprint
    if a is None or b is None:
        return None
    if a.nearest(b) > SAME_HASH_BITS:  # most pairs
        return None
    # Screens and forms with other text in the same places are as close as 23 bits.
    unsure = a.drawn or b.drawn or not a.has_colours_of(b)
    most = SAME_PICTURE_BITS if unsure else SAME_HASH_BITS
    if a.hash.distance(b.hash) <= most:
        return Likeness.SAME_PICTURE if a.is_same_picture(b) else Likeness.EDITED
    if a.inside.distance(b.inside) <= most:
        return Likeness.EDITED
    return Likeness.TURNED if a.nearest(b) <= most else None


def judge(one: Looks, other: Looks, similarity: float | None, bands: Bands | None) -> Verdict:
    """Apply the rule to two pictures; `similarity` is that of their vectors, if it is known.

    Pictures without a fingerprint are never more than similar, unless their bytes are equal.
    """
    (verdict,) = judge_all(one, [(other, similarity)], bands)
    return verdict


def judge_all(
    one: Looks, others: Sequence[tuple[Looks, float | None]], bands: Bands | None
) -> list[Verdict]:
    """Apply the rule to a picture and others, each with its similarity; faster than one by one."""
    found = [likeness(one, other) for other, _ in others]
    if bands is not None:
        unsure = [
            (row, other.fingerprint, similarity)
            for row, (other, similarity) in enumerate(others)
            if found[row] is None and similarity is not None and similarity >= bands.similar
        ]
        for row in _lookalikes(one.fingerprint, unsure, bands):
            found[row] = Likeness.LOOKALIKE
    return [
        Verdict(matched, _band(matched, similarity, bands), _distance(one, other))
        for matched, (other, similarity) in zip(found, others, strict=True)
    ]


def _lookalikes(
    one: Fingerprint | None, others: Sequence[tuple[int, Fingerprint | None, float]], bands: Bands
) -> list[int]:
    """Return which were cropped, rotated or written on to make one of the other.

    The vectors of text and line drawings are close whatever they say, so those are none.
    """
    if one is None or one.drawn:
        return []
    comparable = [(row, other, s) for row, other, s in others if other and not other.drawn]
    covered = [row for row, other, _ in comparable if _is_covered(one, other)]
    laid = [
        (row, other, similarity)
        for row, other, similarity in comparable
        if row not in covered and similarity >= bands.least_lookalike - _ROUNDING
    ]
    agreeing = agreements(one, [other for _, other, _ in laid]).tolist()
    return covered + [
        row
        for (row, _, similarity), agreement in zip(laid, agreeing, strict=True)
        if bands.are_lookalikes(similarity, agreement)
    ]


def _is_covered(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether one has something on top of it; in other colours it is another product."""
    return one.is_covered(other) and one.has_colours_of(other)


def _band(matched: Likeness | None, similarity: float | None, bands: Bands | None) -> Band | None:
    if bands is None or similarity is None:
        return None
    if matched is not None:
        return Band.SAME_PICTURE if matched in REPLACEABLE else Band.NEAR_DUPLICATE
    return Band.SIMILAR if similarity >= bands.similar else Band.WEAK


def _distance(one: Looks, other: Looks) -> int | None:
    if one.fingerprint is None or other.fingerprint is None:
        return None
    return one.fingerprint.hash.distance(other.fingerprint.hash)
