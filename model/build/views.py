"""Cut pictures into the views that the graph gets, as the service does; also those of copies.

Depends on Pillow, not on ONNX.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from functions.gallery.embedding.card import View, read_card
from model.quality.alterations import alter, upright

Pixels = NDArray[np.uint8]  # (px, px, 3) or (n, px, px, 3), RGB

MODEL_FOLDER = Path(__file__).resolve().parents[1]
VIEWS = read_card(MODEL_FOLDER).views
_ALTERATIONS = (
    "short side 64",
    "crop 20 %",
    "JPEG 10",
    "blur 1 %",
    "blur 3 %",
    "brightness 1.4",
    "brightness 0.6",
    "contrast 0.6",
    "saturation 0.3",
    "grey",
    "hue + 30",
    "mirrored",
    "rotated 5",
    "rotated 15",
    "text band",
    "sticker 15 %",
    "border 15 %",
)


def read_views(files: Iterable[Path], views: Sequence[View] = VIEWS) -> Iterator[list[Pixels]]:
    """Return the views of each file, (px, px, 3)."""
    for file in files:
        picture = upright(file.read_bytes())
        yield [_cut(picture, view) for view in views]


def read_copies(file: Path) -> Iterator[list[Pixels]]:
    """Return the views of each altered copy of a file."""
    data = file.read_bytes()
    for name in _ALTERATIONS:
        picture = upright(alter(name, file.name, data))
        yield [_cut(picture, view) for view in VIEWS]


def _cut(picture: Image.Image, view: View) -> Pixels:
    side = view.part * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((view.px, view.px), Image.Resampling.BILINEAR, box=box))
