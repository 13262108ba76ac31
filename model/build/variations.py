"""Show calibration pictures in other ways: other cuts and altered copies. Knows Pillow, no ONNX."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from model.build.views import INPUT_PX, VIEWS, Pixels, cut_view
from scripts.bench.evaluation.alterations import alter

# The first are the views that are served. The two ends are squares of the whole short side.
PARTS = (*VIEWS, 0.875, 0.6)
CUTS = len(PARTS) + 3
ALTERATIONS = (
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


def read_cuts(files: Sequence[Path]) -> Iterator[Pixels]:
    """Give each picture cut in CUTS ways: (CUTS, 224, 224, 3)."""
    for file in files:
        picture = _upright(file.read_bytes())
        width, height = picture.size
        side = min(width, height)
        boxes = [(0, 0, side, side), (width - side, height - side, width, height)]
        boxes.append((0, 0, width, height))
        rest = [_resized(picture, box) for box in boxes]
        yield np.stack([*(cut_view(picture, part) for part in PARTS), *rest])


def read_copies(files: Sequence[Path]) -> Iterator[tuple[int, Pixels]]:
    """Give each picture's altered copies in one of its views, in turn, and which view that is."""
    for number, file in enumerate(files):
        place, data = number % len(VIEWS), file.read_bytes()
        copies = (_upright(alter(name, file.name, data)) for name in ALTERATIONS)
        yield place, np.stack([cut_view(copy, VIEWS[place]) for copy in copies])


def _upright(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _resized(picture: Image.Image, box: tuple[int, int, int, int]) -> Pixels:
    return np.asarray(picture.resize((INPUT_PX, INPUT_PX), Image.Resampling.BILINEAR, box=box))
