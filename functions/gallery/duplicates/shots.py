"""Which images of a group can go: a raw file and the picture made from it are one shot.

Does not depend on how similarity is decided. Depends on the records and the formats of pictures.
"""

from collections.abc import Callable, Iterable

from functions.gallery.duplicates.groups import keeper_order
from functions.gallery.pictures.formats import is_raw
from functions.gallery.records import StoredImage

Matches = Callable[[StoredImage, StoredImage], bool]


def removable(
    keeper: StoredImage, others: Iterable[StoredImage], matches: Matches
) -> frozenset[str]:
    """Return the ids of the images that one that stays makes unnecessary.

    Without a raw file, the keeper replaces all others. With one, the best other picture stays as
    well; another goes only if it matches a picture that stays, and a raw file only if its bytes
    equal those of one that stays.
    """
    others = sorted(others, key=keeper_order)
    if not is_raw(keeper.format):  # then no other is, because raw files come first
        return frozenset(image.id for image in others)
    stay, go = [keeper], set()
    for image in others:
        if any(_replaces(each, image, matches) for each in stay):
            go.add(image.id)
        else:
            stay.append(image)
    return frozenset(go)


def _replaces(kept: StoredImage, image: StoredImage, matches: Matches) -> bool:
    if is_raw(kept.format) or is_raw(image.format):
        return kept.sha256 == image.sha256
    return matches(kept, image)
