"""An image that duplicates another, and how those of each kind are found. Depends on the records.

The notions are in embedding/likeness.py. The kind `edited` groups all images whose hashes agree,
and `lookalike` all whose vectors are close, whatever else they share.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from functions.gallery.embedding.likeness import REPLACEABLE, Bands, Likeness, Verdict, judge_all
from functions.gallery.records import StoredImage

# Without measured limits. No pair of two products was that similar in a set of product shots; at
# 0.90 three of 67,896 were.
LOOKALIKE_SIMILARITY = 0.95
LEAST_SIMILARITY = 0.5
# Groups of lookalikes are looked for among pictures at least that similar: in sets of photos each
# has one on average, at 0.70 three, at 0.60 twenty, and laying two on each other takes half a ms.
_LEAST_GROUPED = 0.75
ROUNDING = 1e-6  # cosines of the same vector differ by a few 1e-7

_INCLUDED: Mapping[Likeness | None, Collection[Likeness]] = {
    Likeness.SAME_BYTES: {Likeness.SAME_BYTES},
    Likeness.SAME_PICTURE: REPLACEABLE,
    Likeness.EDITED: REPLACEABLE | {Likeness.EDITED},
    Likeness.TURNED: {Likeness.TURNED},
}


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image that duplicates another, and by which notion, the strictest that holds."""

    image: StoredImage
    matched: Likeness
    distance: int | None  # bits that differ; None if one of the two has no fingerprint
    similarity: float | None  # of the vectors, if they were compared

    @property
    def rank(self) -> tuple[int, float, int, str]:
        """Sort key: the strictest notion first, then the nearest, then by id."""
        notion = list(Likeness).index(self.matched)
        return notion, -(self.similarity or 0.0), self.distance or 0, self.image.id


@dataclass(frozen=True, slots=True)
class Rule:
    """Which images are duplicates of one kind; of any kind, if `kind` is None."""

    kind: Likeness | None
    bands: Bands | None  # of the model
    min_similarity: float | None = None  # for lookalikes; None: as the model's limits say

    @property
    def least(self) -> float:
        """The similarity from which vectors are looked at for lookalikes."""
        if self.min_similarity is not None:
            return self.min_similarity
        return (
            max(self.bands.least_lookalike, _LEAST_GROUPED) if self.bands else LOOKALIKE_SIMILARITY
        )

    def match(
        self, image: StoredImage, other: StoredImage, similarity: float | None = None
    ) -> Duplicate | None:
        """Return `other` as a duplicate of `image`, or None; see `match_all`."""
        return self.match_all(image, [(other, similarity)])[0]

    def match_all(
        self, image: StoredImage, others: Sequence[tuple[StoredImage, float | None]]
    ) -> list[Duplicate | None]:
        """Return each of the others as a duplicate of `image`, or None.

        The similarity is that of their vectors, if these were compared. A limit of one's own for it
        holds whatever the pictures are.
        """
        verdicts = judge_all(image, others, self.bands)
        return [
            self._duplicate(other, similarity, verdict)
            for (other, similarity), verdict in zip(others, verdicts, strict=True)
        ]

    def _duplicate(
        self, other: StoredImage, similarity: float | None, verdict: Verdict
    ) -> Duplicate | None:
        matched = verdict.likeness
        if self.kind is Likeness.LOOKALIKE and matched is None and self._is_near(similarity):
            matched = Likeness.LOOKALIKE
        if matched is None or matched not in _INCLUDED.get(self.kind, Likeness):
            return None
        return Duplicate(other, matched, verdict.distance, similarity)

    def _is_near(self, similarity: float | None) -> bool:
        limits_known = self.min_similarity is None and self.bands is not None
        return not limits_known and (similarity or 0.0) >= self.least - ROUNDING
