"""Groups similar images around a keeper, one part of a gallery at a time. Depends on the records.

Similarity is not transitive: if a is similar to b and b to c, a and c need not be similar, and
joining everything that is connected would group unrelated images. So a group forms around its
keeper:

    Go through all images from the best to the last (`keeper_order`). An image that is similar to an
    earlier keeper follows the best of those; any other image is a keeper itself. A keeper and its
    followers are a group.

Hence everything in a group is similar to its keeper, no image is in two groups, no two keepers are
similar, and if only the keepers stay, everything deleted is still represented.

Whether one image follows another depends on the better images that it is similar to, on those that
these are similar to, and so on, usually for one or two steps: so it is found by looking there, not
by going through all. An image that needs more than MOST_LOOKS of them is undecided: it is no keeper
of a group.
"""

import re
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from functions.gallery.pictures.formats import is_raw
from functions.gallery.records import Match, StoredImage

# Of the images similar to one, the nearest so many count; a group has at most one more. Two images
# are similar if each is among those of the other.
MOST_SIMILAR = 100
MOST_LOOKS = 500  # to decide about one image; a group of a hundred takes a hundred and one

Similar = Mapping[str, Match]  # the images similar to one image, by id
Find = Callable[[Sequence[StoredImage]], Iterable[Similar]]  # for each image, at most MOST_SIMILAR


# "p0 (1)", "p0 copy 2", "p0 - Kopie", "Copy of p0", as browsers and desktops name copies.
_NAMED_AS_COPY = re.compile(
    r"\(\d+\)$|[ _-](copy|copia|copie|kopie)( ?\(?\d+\)?)?$"
    r"|^(copy of|copie de|copia de|kopie von) ",
    re.IGNORECASE,
)


class _TooFar(Exception):
    """The decision depends on more images than MOST_LOOKS."""


def keeper_order(image: StoredImage) -> tuple[bool, int, int, int, bool, int, str]:
    """Sort the best to keep first.

    Raw files; then most pixels, frames not counted; most bytes; most metadata; a name that no
    program gives to a copy; the shorter name; then by id.
    """
    content = image.fingerprint.content if image.fingerprint else 1.0
    pixels = round(image.width * image.height * content)
    file = image.name.rpartition("/")[2]
    return (
        not is_raw(image.format),
        -pixels,
        -image.bytes,
        -len(image.metadata),
        _NAMED_AS_COPY.search(file.rpartition(".")[0] or file) is not None,
        len(file),
        image.id,
    )


@dataclass(slots=True)
class Neighbourhoods:
    """Which images are similar, as far as it is known."""

    find: Find
    known: dict[str, Similar] = field(default_factory=dict)

    def add(self, images: Iterable[StoredImage]) -> None:
        """Find the neighbours of the images that are not known yet, in one request."""
        new = list({i.id: i for i in images if i.id not in self.known}.values())
        for image, similar in zip(new, self.find(new) if new else (), strict=True):
            self.known[image.id] = similar


# None: undecided.
Followers = tuple[Match, ...] | None


def followers_of(
    images: Sequence[StoredImage], near: Neighbourhoods, most_known: int
) -> list[Followers]:
    """Return the followers of each image, best first; () for images that are not keepers.

    Decides about all images at once. It stops when `most_known` neighbourhoods are known; then the
    list is shorter than `images`, but never empty.
    """
    decisions = {
        position: _Decision(near.known).run(image) for position, image in enumerate(images)
    }
    wanted: dict[int, Sequence[StoredImage]] = dict.fromkeys(decisions, ())
    results: dict[int, Followers] = {}
    while decisions:
        first = min(decisions)
        if len(near.known) >= most_known:
            if first > 0:
                return [results[position] for position in range(first)]
            decisions = {first: decisions[first]}
        near.add(image for position in decisions for image in wanted[position])
        for position, decision in list(decisions.items()):
            try:
                wanted[position] = next(decision)
            except StopIteration as end:
                results[position] = end.value
                del decisions[position]
    done = next((at for at in range(len(images)) if at not in results), len(images))
    return [results[position] for position in range(done)]


class _Decision:
    """Decides about one image; yields the images whose neighbours it needs to know next.

    It counts every image that it looks at, known or not, so that nothing else affects the result.
    """

    def __init__(self, known: Mapping[str, Similar]) -> None:
        self._known = known
        self._looked: set[str] = set()
        self._keepers: dict[str, StoredImage | None] = {}

    def run(self, image: StoredImage) -> Generator[Sequence[StoredImage], None, Followers]:
        """Find the followers of an image."""
        try:
            if (yield from self._keeper_of(image)) is not None:
                return ()
            similar = sorted(self._known[image.id].values(), key=lambda m: keeper_order(m.image))
            later = [m for m in similar if keeper_order(m.image) > keeper_order(image)]
            yield from self._look_at([match.image for match in later])
            followers = []
            for match in later:
                keeper = yield from self._keeper_of(match.image)
                if keeper is not None and keeper.id == image.id:
                    followers.append(match)
            return tuple(followers)
        except _TooFar:
            return None

    def _keeper_of(
        self, image: StoredImage
    ) -> Generator[Sequence[StoredImage], None, StoredImage | None]:
        """Find the keeper that an image follows; None if it is a keeper itself."""
        if image.id in self._keepers:
            return self._keepers[image.id]
        yield from self._look_at([image])
        similar = [match.image for match in self._known[image.id].values()]
        better = [other for other in similar if keeper_order(other) < keeper_order(image)]
        keeper = None
        for other in sorted(better, key=keeper_order):
            yield from self._look_at([other])
            if image.id in self._known[other.id] and (yield from self._keeper_of(other)) is None:
                keeper = other
                break
        self._keepers[image.id] = keeper
        return keeper

    def _look_at(
        self, images: Sequence[StoredImage]
    ) -> Generator[Sequence[StoredImage], None, None]:
        self._looked.update(image.id for image in images)
        if len(self._looked) > MOST_LOOKS:
            raise _TooFar
        if any(image.id not in self._known for image in images):
            yield images
