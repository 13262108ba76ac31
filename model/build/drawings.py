"""Draw the pictures of the golden vectors; integers only, so the bytes are the same everywhere."""

import numpy as np

from model.build.views import Pixels

INPUT_PX = 224  # what TensorFlow Lite's file takes
NAMES = ("gradient", "discs", "stripes", "checks", "noise", "rings")


def draw_all() -> Pixels:
    """Return (6, 224, 224, 3) uint8, in the order of NAMES."""
    y, x = np.mgrid[0:INPUT_PX, 0:INPUT_PX]
    gradient = np.stack([x, y, 223 - x], axis=-1)
    discs = np.full((INPUT_PX, INPUT_PX, 3), (240, 235, 220))
    for across, down, radius, colour in (
        (70, 80, 50, (200, 30, 40)),
        (150, 120, 40, (30, 90, 200)),
        (100, 170, 30, (20, 150, 60)),
    ):
        discs[(x - across) ** 2 + (y - down) ** 2 < radius**2] = colour
    stripes = np.where(((x + y) // 16 % 2 == 0)[..., None], (250, 200, 40), (40, 30, 90))
    checks = np.where(((x // 28 + y // 28) % 2 == 0)[..., None], (20, 20, 20), (235, 235, 235))
    # A linear congruence of each position: noise that does not depend on a library's version.
    number = (y * INPUT_PX + x)[..., None] * 3 + np.arange(3)
    noise = (number * 1103515245 + 12345) // 65536 % 256
    distance = (x - 112) ** 2 + (y - 112) ** 2
    rings = np.where((distance // 1500 % 2 == 0)[..., None], (90, 160, 220), (250, 240, 230))
    drawn = [gradient, discs, stripes, checks, noise, rings]
    return np.stack(drawn).astype(np.uint8)
