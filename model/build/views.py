"""Cut pictures into the views that the graph sees, as the service does. Knows Pillow, no ONNX."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]  # (n, 224, 224, 3), RGB

INPUT_PX = 224
VIEWS = (1.0, 0.75, 0.5)  # centre squares, as parts of the short side


def cut_view(picture: Image.Image, part: float) -> Pixels:
    """Give the centred square of `part` of the short side as (224, 224, 3) uint8."""
    side = part * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    square = picture.resize((INPUT_PX, INPUT_PX), Image.Resampling.BILINEAR, box=box)
    return np.asarray(square)


def read_views(files: Sequence[Path], parts: Iterable[float] = VIEWS) -> Pixels:
    """Give (len(files) * parts, 224, 224, 3) views, all parts of the first file first."""
    views = []
    for file in files:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        views += [cut_view(picture, part) for part in parts]
    return np.stack(views)
