"""Cuts a picture into the views that the network gets. Depends on the card.

Every picture is seen in centre squares. They see all of a square picture and two thirds of a 3:2
photo, but only 56 % of a 16:9 picture and a tenth of a 10:1 strip. So a long picture is also seen
from end to end, in boxes side by side that are resized to squares.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from functions.gallery.embedding.card import LongViews, ModelCard
from functions.gallery.pictures.picture import Box, Picture, centre_square


class Cut(NamedTuple):
    """A part of a picture, as the network gets it."""

    box: Box
    px: int
    weight: float  # those of a picture add up to 1


def cuts_of(width: int, height: int, card: ModelCard) -> list[Cut]:
    """Return the cuts of a picture: the centre squares, then the boxes.

    A mirrored picture has the mirrored cuts, perhaps in another order.
    """
    long = card.long_views
    boxes = long_boxes(width, height, long) if long else []
    whole = long.weight if long and boxes else 0.0
    share = (1 - whole) / sum(view.weight for view in card.views)
    cuts = [
        Cut(centre_square(width, height, view.part), view.px, share * view.weight)
        for view in card.views
    ]
    if long:
        cuts += [Cut(box, long.px, whole / len(boxes)) for box in boxes]
    return cuts


def cut_views(picture: Picture, card: ModelCard) -> list[tuple[NDArray[np.uint8], float]]:
    """Return each view of a picture, (px, px, 3), and its weight."""
    cuts = cuts_of(*picture.pixels.size, card)
    return [(picture.view(cut.box, cut.px), cut.weight) for cut in cuts]


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
