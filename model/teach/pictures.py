"""Which labelled pictures can be taught, and why not. Depends on nothing.

Files with the same bytes are one picture, so that no picture is both taught and asked about.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_MOST_IN_CONFLICT = 0.05  # of all pictures; fewer are left out


class Unteachable(Exception):
    """Nothing can be learned; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A picture file with its label."""

    name: str
    label: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The pictures to use, each once, and what was left out."""

    pictures: tuple[Labelled, ...]
    copies: int  # files whose bytes another one of the same label has
    in_conflict: int  # files whose bytes have several labels

    def without(self, unreadable: set[str]) -> "Selection":
        """Leave out pictures that cannot be opened, by SHA-256; raises Unteachable."""
        kept = tuple(each for each in self.pictures if each.sha256 not in unreadable)
        _check(kept)
        return Selection(kept, self.copies, self.in_conflict)


def select(files: Sequence[Labelled]) -> Selection:
    """Choose one file for each picture, in the order of their names.

    Raises Unteachable if there are too few labels, if all are different, or if they leak: where
    the same bytes have several labels, or most labels hold only copies of one file.
    """
    if not files:
        raise Unteachable("No picture has a label; check the name of the field, folder or table")
    by_bytes: dict[str, list[Labelled]] = defaultdict(list)
    for each in sorted(files, key=lambda file: (file.name, file.label)):
        by_bytes[each.sha256].append(each)
    conflicts = [same for same in by_bytes.values() if len({each.label for each in same}) > 1]
    if len(conflicts) > _MOST_IN_CONFLICT * len(by_bytes):
        one = conflicts[0][0]
        other = next(each for each in conflicts[0] if each.label != one.label)
        raise Unteachable(
            f"The labels leak: {len(conflicts):,} of {len(by_bytes):,} pictures have several "
            f"labels ({one.name!r} is {one.label!r}, and the same bytes in {other.name!r} are "
            f"{other.label!r}); give each picture one label, or choose another field"
        )
    kept = tuple(same[0] for same in by_bytes.values() if len({each.label for each in same}) == 1)
    in_conflict = sum(map(len, conflicts))
    _check(kept, Counter(each.label for each in files))
    return Selection(kept, len(files) - in_conflict - len(kept), in_conflict)


def _check(pictures: Sequence[Labelled], files: Counter[str] | None = None) -> None:
    counts = Counter(each.label for each in pictures)
    if len(counts) < 2:
        raise Unteachable(
            f"All pictures have the label {next(iter(counts), '')!r}; two labels are the least, "
            "each with several pictures"
        )
    usable = [label for label, count in counts.items() if count > 1]
    several = [label for label, count in (files or counts).items() if count > 1]
    if len(several) > 2 * len(usable):
        raise Unteachable(
            f"The labels leak: of {len(several):,} labels with several files, "
            f"{len(several) - len(usable):,} hold only copies of one file; add other pictures of "
            "the same things, or choose another field"
        )
    if not usable:
        raise Unteachable(
            f"Each of the {len(counts):,} labels has one picture, so nothing shows what a label's "
            "pictures have in common; choose a field whose values several pictures share"
        )
    if len(usable) < 2:
        raise Unteachable(
            f"Only the label {usable[0]!r} has several pictures; two such labels are the least"
        )
