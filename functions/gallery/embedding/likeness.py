"""What two pictures have in common: the one rule, and its words. Depends on fingerprints.

How often each word is right, and for which pictures: docs/duplicates.md and the model card.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, Self

from functions.gallery.embedding.fingerprint import (
    SAME_HASH_BITS,
    SAME_PICTURE_BITS,
    Fingerprint,
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

    lookalike: tuple[tuple[int, float], ...]  # least similarity if at most so many bits differ
    similar: float

    @classmethod
    def read(cls, limits: Mapping[str, Any]) -> Self:
        """Read the limits of a model card; raises KeyError, TypeError or ValueError."""
        steps = tuple((int(bits), float(least)) for bits, least in limits["lookalike"])
        similar = float(limits["similar"])
        if list(steps) != sorted(set(steps)) or not steps:
            raise ValueError("the limits of lookalikes are not in order")
        if not 0 <= similar <= min(least for _, least in steps) <= 1:
            raise ValueError("the limits of the bands are not in order")
        return cls(steps, similar)

    def are_lookalikes(self, similarity: float, differing_bits: int) -> bool:
        """Return whether a similarity is enough for hashes that differ in so many bits.

        Vectors of text and of product shots are close without being copies, and those of blurred
        copies are not: the further the hashes are apart, the closer the vectors must be.
        """
        return any(
            differing_bits <= bits and similarity >= least - _ROUNDING
            for bits, least in self.lookalike
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
    found = likeness(one, other)
    a, b = one.fingerprint, other.fingerprint
    distance = a.hash.distance(b.hash) if a and b else None
    if bands is None or similarity is None:
        return Verdict(found, None, distance)
    if found is None and a and b and _are_lookalikes(a, b, similarity, bands):
        found = Likeness.LOOKALIKE
    if found is not None:
        band = Band.SAME_PICTURE if found in REPLACEABLE else Band.NEAR_DUPLICATE
    else:
        band = Band.SIMILAR if similarity >= bands.similar else Band.WEAK
    return Verdict(found, band, distance)


def _are_lookalikes(a: Fingerprint, b: Fingerprint, similarity: float, bands: Bands) -> bool:
    """Return whether one was cropped, framed, rotated or written on to make the other.

    The vectors of text and line drawings are close whatever they say, so those are none; and what
    has other colours is another product, or another screen.
    """
    if similarity < bands.similar or a.drawn or b.drawn or not a.has_colours_of(b):
        return False
    return a.is_covered(b) or bands.are_lookalikes(similarity, bits_apart(a, b))


def bits_apart(a: Fingerprint, b: Fingerprint) -> int:
    """Count the bits that differ, of the whole pictures or of what their frames surround."""
    return min(a.hash.distance(b.hash), a.inside.distance(b.inside))
