"""Cuts a picture into the views that the graph gets, and joins their vectors. Depends on the card.

Every picture is seen in centre squares. They see all of a square picture and two thirds of a 3:2
photo, but only 56 % of a 16:9 picture and a tenth of a 10:1 strip. So a long picture is also seen
from end to end, in boxes side by side that are resized to squares.
"""

import math

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.card import LongViews, ModelCard
from functions.gallery.embedding.vectors import Vector, Vectors
from functions.gallery.pictures.picture import Box, Picture


def cut_views(picture: Picture, card: ModelCard) -> NDArray[np.uint8]:
    """Return the views of a picture, (n, px, px, 3): the centre squares, then those from the ends.

    A mirrored picture has the mirrored views, perhaps in another order.
    """
    boxes = long_boxes(*picture.pixels.size, card.long_views) if card.long_views else []
    squares = [picture.square(part, card.input_px) for part in card.views]
    return np.stack([*squares, *(picture.view(box, card.input_px) for box in boxes)])


def join_views(vectors: Vectors, card: ModelCard) -> Vector:
    """Return the weighted mean of the vectors of the views, of length 1; rows as in `cut_views`."""
    count = len(card.views)
    mean = vectors[:count].mean(axis=0)
    if card.long_views and len(vectors) > count:
        weight = card.long_views.weight
        mean = (1 - weight) * mean + weight * vectors[count:].mean(axis=0)
    joined: Vector = mean / np.linalg.norm(mean[np.newaxis], axis=1)
    return joined


def long_boxes(width: int, height: int, views: LongViews) -> list[Box]:
    """Divide a long picture into boxes of one size from end to end; none for other pictures."""
    long, short = max(width, height), min(width, height)
    if long <= views.longer_than * short:
        return []
    count = min(views.most, math.ceil(long / short / views.longest_box))
    edges = [long * number / count for number in range(count + 1)]
    spans = list(zip(edges[:-1], edges[1:], strict=True))
    if width > height:
        return [(start, 0, end, height) for start, end in spans]
    return [(0, start, width, end) for start, end in spans]
