"""Recolour pictures of products as shops do: the garment, or a detail of it, greys included."""

import hashlib
import random

import numpy as np
from PIL import Image

from model.quality.alterations import upright

NAMES = ("garment", "garment in grey", "detail")
_BACKGROUND = 24  # how near to white, or to the colour of the edge
_VISIBLE, _LEAST = 30, 0.015  # levels, and the share of the picture that must change so much
_SKIN = (230, 20)  # hues from here to there, of 256


def recolour(name: str, file: str, data: bytes) -> Image.Image | None:
    """Return a colourway of a picture; `name` of NAMES. None if there is too little to recolour."""
    dice = random.Random(hashlib.sha1(f"{file}\0{name}".encode()).hexdigest())
    image = upright(data)
    hsv = np.array(image.convert("HSV")).astype(int)
    garment = _garment(np.asarray(image).astype(int), hsv)
    if name == "detail":
        garment &= _ellipse(garment, dice)
    if not garment.any():
        return None
    if name == "garment in grey":
        # To black, grey or white: the folds stay.
        value = hsv[..., 2][garment]
        aim = min((35, 128, 220), key=lambda grey: -abs(grey - value.mean()))
        hsv[..., 1][garment] = 0
        hsv[..., 2][garment] = aim + (value - value.mean()) * 0.5
    else:
        hsv[..., 0][garment] += dice.randint(50, 200)
        hsv[..., 1][garment] = np.maximum(hsv[..., 1][garment], 90)
        hsv[..., 2][garment] = np.maximum(hsv[..., 2][garment], 70)
    hsv[..., 0] %= 256
    done = Image.fromarray(hsv.clip(0, 255).astype(np.uint8), "HSV").convert("RGB")
    changes = np.abs(np.asarray(done).astype(int) - np.asarray(image)).max(axis=-1)
    return done if (changes > _VISIBLE).mean() >= _LEAST else None


def _garment(pixels: np.ndarray, hsv: np.ndarray) -> np.ndarray:
    """Find what is neither background nor skin, in the middle of the picture."""
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    found: np.ndarray = np.abs(pixels - np.median(edge, axis=0)).max(axis=-1) > _BACKGROUND
    low, high = _SKIN
    skin = ((hsv[..., 0] >= low) | (hsv[..., 0] <= high)) & (hsv[..., 1] > 30) & (hsv[..., 2] > 90)
    return found & ~skin


def _ellipse(garment: np.ndarray, dice: random.Random) -> np.ndarray:
    """Return an ellipse around a place in the garment, about 4 % of the picture."""
    height, width = garment.shape
    rows, columns = np.nonzero(garment)
    if not len(rows):
        return garment
    at = dice.randrange(len(rows))
    middle = rows[at], columns[at]
    y, x = np.ogrid[:height, :width]
    ellipse: np.ndarray = ((y - middle[0]) / height) ** 2 + ((x - middle[1]) / width) ** 2 < 0.0127
    return ellipse
