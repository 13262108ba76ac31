"""The vectors of a gallery in memory, all compared with all. Knows the records only.

For a report over everything. A graph index may find b from a and not a from b: of 400 planted
pairs among 100,000 images it lost 35 so. Here every product is worked out, for twice the work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from functions.gallery.records import Match, StoredImage, Vector, Vectors

MOST_BYTES = 1_000_000_000  # 195,000 vectors of 1,280 numbers; beyond, the store is asked
_READ_AT_ONCE = 500

Read = Callable[[Sequence[str]], Mapping[str, Vector]]  # as VectorStore.vectors


class VectorTable:
    """Finds the nearest vectors by their product, which is the similarity of unit vectors.

    For cosine, dot and Euclid, whose similarity is the cosine; not for Manhattan.
    """

    def __init__(self, read: Read, images: Iterable[StoredImage], dims: int) -> None:
        """Read the vectors of these images; one that is gone by now is in no answer."""
        by_id = sorted(images, key=lambda image: image.id)
        vectors = np.empty((len(by_id), dims), np.float32)
        self._images: list[StoredImage] = []
        for start in range(0, len(by_id), _READ_AT_ONCE):
            part = by_id[start : start + _READ_AT_ONCE]
            found = read([image.id for image in part])
            for image in part:
                if image.id in found:
                    vectors[len(self._images)] = found[image.id]
                    self._images.append(image)
        self._vectors = vectors[: len(self._images)]
        self._place = {image.id: place for place, image in enumerate(self._images)}

    def nearest(self, ids: Sequence[str], least: float, most: int) -> list[list[Match]]:
        """Find for each image the others at least so similar, nearest first, equal ones by id."""
        places = [self._place[id] for id in ids if id in self._place]
        products = self._vectors[places] @ self._vectors.T
        products[np.arange(len(places)), places] = -1.0  # not itself
        near = {
            id: self._matches(row, least, most)
            for id, row in zip((id for id in ids if id in self._place), products, strict=True)
        }
        return [near.get(id, []) for id in ids]

    def _matches(self, products: Vectors, least: float, most: int) -> list[Match]:
        columns = np.flatnonzero(products >= least)
        best = columns[np.argsort(-products[columns], kind="stable")][:most]
        return [self._match(int(place), float(products[place])) for place in best]

    def _match(self, place: int, product: float) -> Match:
        return Match(self._images[place], product, min(1.0, product))
