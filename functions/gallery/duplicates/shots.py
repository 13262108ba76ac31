"""Which images of a group can go: a raw file and the picture made from it are one shot.

Only the same bytes and the same picture can be replaced; what is edited, turned or a lookalike is
never proposed for deletion. Depends on the records and the formats of pictures.
"""

from collections.abc import Iterable

from functions.gallery.duplicates.groups import keeper_order
from functions.gallery.embedding.likeness import REPLACEABLE, likeness
from functions.gallery.pictures.formats import is_raw
from functions.gallery.records import StoredImage


def removable(keeper: StoredImage, others: Iterable[StoredImage]) -> frozenset[str]:
    """Return the ids of the images that one that stays makes unnecessary.

    Next to a raw file, the best other picture stays as well; and a raw file goes only if its bytes
    equal those of one that stays.
    """
    stay, go = [keeper], set()
    for image in sorted(others, key=keeper_order):
        if any(_replaces(each, image) for each in stay):
            go.add(image.id)
        else:
            stay.append(image)
    return frozenset(go)


def _replaces(kept: StoredImage, image: StoredImage) -> bool:
    if is_raw(kept.format) or is_raw(image.format):
        return kept.sha256 == image.sha256
    return likeness(kept, image) in REPLACEABLE
