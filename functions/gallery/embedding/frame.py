"""What a uniform frame or background surrounds, in (64, 64) blocks. Depends on numpy.

A border, a passepartout, the bars of a film; or the white around a product.
"""

import math

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[np.float32]  # (3, 64, 64), 0..255
Box = tuple[float, float, float, float]  # left, top, right, bottom in blocks

_SIDE = 64
_FRAME = 12  # of 255: how much the colour of a frame varies, mostly through compression
_LEAST_BLOCKS = 16  # a side of what is inside; PDQ needs no more
_NO_FRAME = 0.98  # of the area
_RECTANGLE = 0.6  # of the outermost blocks inside a frame differ from it, if it surrounds a picture


def content_box(planes: Planes) -> Box | None:
    """Return the box without uniform edges; None if there are none, or little is left."""
    top, bottom = _margin(planes), _margin(planes[:, ::-1])
    if top + bottom >= _SIDE:
        return None
    columns = planes[:, int(top) : _SIDE - int(bottom)].swapaxes(1, 2)
    left, right = _margin(columns), _margin(columns[:, ::-1])
    width, height = _SIDE - left - right, _SIDE - top - bottom
    if min(width, height) < _LEAST_BLOCKS or width * height > _NO_FRAME * _SIDE**2:
        return None
    return left, top, _SIDE - right, _SIDE - bottom


def enlarged(luminance: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
    """Return what is inside the box, enlarged to the size of the whole."""
    left, top, right, bottom = box
    return _stretched(_stretched(luminance, top, bottom).T, left, right).T


def framed_share(planes: Planes, box: Box) -> float:
    """Return the share of the area inside a frame, rounded down to blocks; 1 without a frame.

    A frame surrounds a rectangle. The background of a product belongs to the picture.
    """
    # Without the blocks where the frame ends, so that no framed copy has more than the picture.
    left, top = (int(place) + (place > 0) for place in box[:2])
    right, bottom = (math.ceil(place) - (place < _SIDE) for place in box[2:])
    inside = planes[:, top:bottom, left:right]
    sides = (
        (top > 0, planes[:, 0], inside[:, 0]),
        (bottom < _SIDE, planes[:, -1], inside[:, -1]),
        (left > 0, planes[:, :, 0], inside[:, :, 0]),
        (right < _SIDE, planes[:, :, -1], inside[:, :, -1]),
    )
    for has_frame, frame, edge in sides:
        differences = np.abs(edge - frame.mean(axis=1)[:, None]).max(axis=0)
        if has_frame and (differences > _FRAME).mean() < _RECTANGLE:
            return 1.0
    return round((right - left) * (bottom - top) / _SIDE**2, 4)


def _margin(planes: Planes) -> float:
    """Return how many rows from the top are uniform, a fraction where the frame ends."""
    first = planes[:, 0]
    if np.ptp(first, axis=1).max() > 2 * _FRAME:
        return 0.0
    differences = np.abs(planes - first.mean(axis=1)[:, None, None]).max(axis=0)
    inside = np.flatnonzero(differences.max(axis=1) > _FRAME)
    if not len(inside) or inside[0] == 0:
        return 0.0 if len(inside) else float(_SIDE)
    row = int(inside[0])
    here, below = (float(differences[min(at, _SIDE - 1)].mean()) for at in (row, row + 1))
    return row + 1 - min(1.0, here / max(below, 1e-3))


def _stretched(rows: NDArray[np.float32], first: float, last: float) -> NDArray[np.float32]:
    """Return 64 rows between the places `first` and `last` of 64 rows, by interpolation."""
    blocks = np.arange(_SIDE, dtype=np.float32)
    places = np.float32(first) + (blocks + 0.5) * np.float32((last - first) / _SIDE) - 0.5
    places = places.clip(0, _SIDE - 1)
    above = places.astype(int)
    share = (places - above)[:, None]
    below = np.minimum(above + 1, _SIDE - 1)
    stretched: NDArray[np.float32] = rows[above] * (1 - share) + rows[below] * share
    return stretched
