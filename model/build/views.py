"""Cut pictures into the views that the graph gets, as the service does; also other cuts and copies.

Depends on Pillow, not on ONNX.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from functions.gallery.embedding.card import read_card
from model.quality.alterations import alter, upright

Pixels = NDArray[np.uint8]  # (n, 224, 224, 3), RGB

MODEL_FOLDER = Path(__file__).resolve().parents[1]
INPUT_PX = read_card(MODEL_FOLDER).input_px
VIEWS = read_card(MODEL_FOLDER).views  # centre squares, as parts of the short side
# The head is fitted on these centre squares too, and on three more cuts: see `read_cuts`.
_MORE_PARTS = (0.875, 0.6)
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


def read_views(files: Sequence[Path], parts: Iterable[float] = VIEWS) -> Pixels:
    """Return the views of each file, (files * parts, 224, 224, 3), file by file."""
    pictures = (upright(file.read_bytes()) for file in files)
    return np.stack([_centre(picture, part) for picture in pictures for part in parts])


def read_cuts(files: Sequence[Path]) -> Iterator[Pixels]:
    """Return all cuts of each file, (cuts, 224, 224, 3); the first are the views.

    The last three are the squares at both ends of the long side, and the whole, squashed.
    """
    for file in files:
        picture = upright(file.read_bytes())
        width, height = picture.size
        side = min(width, height)
        boxes = [(0, 0, side, side), (width - side, height - side, width, height)]
        boxes.append((0, 0, width, height))
        centres = [_centre(picture, part) for part in (*VIEWS, *_MORE_PARTS)]
        yield np.stack([*centres, *(_resized(picture, box) for box in boxes)])


def read_copies(files: Sequence[Path]) -> Iterator[tuple[int, Pixels]]:
    """Return one view of each file's altered copies, and which view that is; views take turns."""
    for number, file in enumerate(files):
        view, data = number % len(VIEWS), file.read_bytes()
        copies = (upright(alter(name, file.name, data)) for name in _ALTERATIONS)
        yield view, np.stack([_centre(copy, VIEWS[view]) for copy in copies])


def _centre(picture: Image.Image, part: float) -> Pixels:
    side = part * min(picture.size)
    left, top = (picture.width - side) / 2, (picture.height - side) / 2
    return _resized(picture, (left, top, left + side, top + side))


def _resized(picture: Image.Image, box: tuple[float, float, float, float]) -> Pixels:
    return np.asarray(picture.resize((INPUT_PX, INPUT_PX), Image.Resampling.BILINEAR, box=box))
