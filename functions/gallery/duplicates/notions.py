"""Three notions of a duplicate, and by which of them two images are duplicates.

- same-bytes: the files are equal, byte for byte (SHA-256).
- same-picture: their perceptual hashes differ in few bits: resized, saved again, without colour.
  A picture that is too plain for a hash matches none.
- lookalike: their vectors are close.

Depends on the records.
"""

from dataclasses import dataclass
from enum import StrEnum

from functions.gallery.embedding.fingerprint import SAME_PICTURE_BITS
from functions.gallery.records import StoredImage

MOST_PICTURE_BITS = 10
# No pair of two products was that similar in a set of product shots; at 0.90 three of 67,896 were.
LOOKALIKE_SIMILARITY = 0.95
LEAST_SIMILARITY = 0.5
ROUNDING = 1e-6  # cosines of the same vector differ by a few 1e-7


class Likeness(StrEnum):
    """Why two images are duplicates; the strongest notion first."""

    SAME_BYTES = "same-bytes"
    SAME_PICTURE = "same-picture"
    LOOKALIKE = "lookalike"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An image that duplicates another, and by which notion, the strongest that holds."""

    image: StoredImage
    matched: Likeness
    distance: int | None  # bits that differ; None if one of the two has no hash
    similarity: float | None  # of the vectors, if they were compared

    @property
    def rank(self) -> tuple[int, float, float, str]:
        """Sort key: the strongest notion first, then the nearest, then by id."""
        bits = self.distance or 0 if self.matched is Likeness.SAME_PICTURE else 0
        notion = list(Likeness).index(self.matched)
        return notion, bits, -(self.similarity or 0.0), self.image.id


def match(
    image: StoredImage,
    other: StoredImage,
    similarity: float | None,
    most_bits: int = SAME_PICTURE_BITS,
    least_similarity: float = LOOKALIKE_SIMILARITY,
) -> Duplicate | None:
    """Return `other` as a duplicate of `image` by the strongest notion that holds, or None.

    `similarity` is that of their vectors, 0..1; None if they were not compared.
    """
    distance = None
    if image.perceptual_hash is not None and other.perceptual_hash is not None:
        distance = image.perceptual_hash.distance(other.perceptual_hash)
    if image.sha256 == other.sha256:
        matched = Likeness.SAME_BYTES
    elif distance is not None and distance <= most_bits:
        matched = Likeness.SAME_PICTURE
    elif similarity is not None and similarity >= least_similarity - ROUNDING:
        matched = Likeness.LOOKALIKE
    else:
        return None
    return Duplicate(other, matched, distance, similarity)
