"""Groups images that are alike, each around its keeper, one part of a gallery at a time.

Being alike is not handed on: a like b and b like c leave a and c strangers, and joining all that
hangs together would put strangers into one group. So a group is made around its keeper:

    Go through all images from the best to the last (`keeper_order`). An image that is like a keeper
    found before follows the best of those; any other is a keeper itself. A keeper with those that
    follow it is a group.

Hence everything in a group is like its keeper, no image is in two groups, no keeper is like
another, and if only the keepers stay, nothing is lost that is not like something that stays.

Whether one image follows another depends on those better ones that it is like, on those that they
are like, and so on, mostly one or two steps: found by looking there, not by going through all. An
image whose answer needs more than MOST_LOOKS looks is undecided, and a keeper in no group. Knows
the records only.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from functions.gallery.records import Match, StoredImage

# Of what a picture is like, the nearest so many count; a group has at most one more. Two images are
# alike if each is among those of the other.
MOST_ALIKE = 100
MOST_LOOKS = 500  # to decide about one image; a group of a hundred takes a hundred and one

Alike = Mapping[str, Match]  # what one image is like, by id
Find = Callable[[Sequence[StoredImage]], Iterable[Alike]]  # for each image, at most MOST_ALIKE


class _TooFar(Exception):
    """The answer hangs on more images than may be looked at."""


def keeper_order(image: StoredImage) -> tuple[int, int, int, str]:
    """Sort the best to keep first: most pixels, then bytes, then metadata fields; then by id."""
    return (-image.width * image.height, -image.bytes, -len(image.metadata), image.id)


@dataclass(slots=True)
class Neighbourhoods:
    """What is known so far of which images are alike."""

    find: Find
    known: dict[str, Alike] = field(default_factory=dict)

    def look(self, images: Iterable[StoredImage]) -> None:
        """Find out about those that are not known yet, in one request."""
        new = list({i.id: i for i in images if i.id not in self.known}.values())
        for image, alike in zip(new, self.find(new) if new else (), strict=True):
            self.known[image.id] = alike


# None: undecided.
Followers = tuple[Match, ...] | None


def followers_of(
    images: Sequence[StoredImage], near: Neighbourhoods, most_known: int
) -> list[Followers]:
    """Tell of each image who follows it, best first; of those that are no keepers nobody does.

    Asks for all of them at once. When `most_known` neighbourhoods are known it comes to an end, and
    the list is shorter than `images`, but never empty.
    """
    inquiries = {place: _Inquiry(near.known).run(image) for place, image in enumerate(images)}
    wanted: dict[int, Sequence[StoredImage]] = dict.fromkeys(inquiries, ())
    answers: dict[int, Followers] = {}
    while inquiries:
        first = min(inquiries)
        if len(near.known) >= most_known:
            if first > 0:
                return [answers[place] for place in range(first)]
            inquiries = {first: inquiries[first]}
        near.look(image for place in inquiries for image in wanted[place])
        for place, inquiry in list(inquiries.items()):
            try:
                wanted[place] = next(inquiry)
            except StopIteration as end:
                answers[place] = end.value
                del inquiries[place]
    done = next((place for place in range(len(images)) if place not in answers), len(images))
    return [answers[place] for place in range(done)]


class _Inquiry:
    """Decides about one image; it stops, with what it needs to know, until that is known.

    It counts what it looks at itself, known or not, so that its answer hangs on nothing else.
    """

    def __init__(self, known: Mapping[str, Alike]) -> None:
        self._known = known
        self._looked: set[str] = set()
        self._keepers: dict[str, StoredImage | None] = {}

    def run(self, image: StoredImage) -> Generator[Sequence[StoredImage], None, Followers]:
        """Find the followers of an image."""
        try:
            if (yield from self._keeper_of(image)) is not None:
                return ()
            alike = sorted(self._known[image.id].values(), key=lambda m: keeper_order(m.image))
            later = [m for m in alike if keeper_order(m.image) > keeper_order(image)]
            yield from self._look([match.image for match in later])
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
        """Give the keeper that an image follows; None if it is a keeper itself."""
        if image.id in self._keepers:
            return self._keepers[image.id]
        yield from self._look([image])
        alike = [match.image for match in self._known[image.id].values()]
        before = [other for other in alike if keeper_order(other) < keeper_order(image)]
        keeper = None
        for other in sorted(before, key=keeper_order):
            yield from self._look([other])
            if image.id in self._known[other.id] and (yield from self._keeper_of(other)) is None:
                keeper = other
                break
        self._keepers[image.id] = keeper
        return keeper

    def _look(self, images: Sequence[StoredImage]) -> Generator[Sequence[StoredImage], None, None]:
        self._looked.update(image.id for image in images)
        if len(self._looked) > MOST_LOOKS:
            raise _TooFar
        if any(image.id not in self._known for image in images):
            yield images
