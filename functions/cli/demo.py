"""Draws a small demonstration set: ten kinds of things, each in several colours and positions.

Free of rights, drawn on each machine, always the same. Depends on Pillow.
"""

import math
import random
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

PIXELS = 320
EACH = 9
_UNIT = 100  # each thing is drawn in a square of -100..100
_COLOURS = [
    "#d1495b",
    "#edae49",
    "#00798c",
    "#30638e",
    "#6a4c93",
    "#f4a261",
    "#2a9d8f",
    "#e76f51",
    "#8ab17d",
    "#3d405b",
]
_GROUNDS = [
    "#f4f1de",
    "#dfe7fd",
    "#e9f5db",
    "#fde2e4",
    "#cddafd",
    "#fff1e6",
    "#d8e2dc",
    "#e2ece9",
    "#f0efeb",
]


def draw_demo(folder: Path) -> list[Path]:
    """Draw the set into a folder as JPEG files, 320 x 320 pixels; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in THINGS:
        for number in range(EACH):
            path = folder / f"{kind}-{number + 1}.jpg"
            if not path.exists():
                picture(kind, random.Random(f"{kind}{number}")).save(path, quality=88)
            paths.append(path)
    return paths


def picture(kind: str, dice: random.Random) -> Image.Image:
    """Draw one thing (a key of THINGS) with random colours, position and size."""
    image = _ground(dice)
    THINGS[kind](_Canvas(image, dice), dice)
    return image.reduce(2)


def _ground(dice: random.Random) -> Image.Image:
    top, bottom = dice.sample(_GROUNDS, 2)
    size = (PIXELS * 2, PIXELS * 2)
    fade = Image.linear_gradient("L").resize(size)
    ground = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), fade)
    grain = Image.frombytes("L", size, dice.randbytes(size[0] * size[1])).convert("RGB")
    return Image.blend(ground, grain, 0.03)


class _Canvas:
    """Draws shapes in units of the thing, at its position, size and tilt in the picture."""

    def __init__(self, image: Image.Image, dice: random.Random) -> None:
        self._draw = ImageDraw.Draw(image)
        self._scale = dice.uniform(2.0, 2.8)
        self._tilt = math.radians(dice.uniform(-12, 12))
        spare = image.width / 2 - _UNIT * self._scale
        self._x = image.width / 2 + dice.uniform(-spare, spare)
        self._y = image.height / 2 + dice.uniform(-spare, spare)

    def polygon(self, colour: str, *points: tuple[float, float]) -> None:
        self._draw.polygon(
            [self._at(x, y) for x, y in points], fill=colour, outline="#222222", width=4
        )

    def oval(self, colour: str, x: float, y: float, rx: float, ry: float) -> None:
        turns = [2 * math.pi * i / 60 for i in range(60)]
        self.polygon(colour, *((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns))

    def box(self, colour: str, left: float, top: float, right: float, bottom: float) -> None:
        self.polygon(colour, (left, top), (right, top), (right, bottom), (left, bottom))

    def line(self, colour: str, width: float, *points: tuple[float, float]) -> None:
        placed = [self._at(x, y) for x, y in points]
        self._draw.line(placed, fill=colour, width=int(width * self._scale), joint="curve")

    def _at(self, x: float, y: float) -> tuple[float, float]:
        cos, sin = math.cos(self._tilt) * self._scale, math.sin(self._tilt) * self._scale
        return self._x + x * cos - y * sin, self._y + x * sin + y * cos


def _boat(c: _Canvas, dice: random.Random) -> None:
    hull, sail = dice.sample(_COLOURS, 2)
    c.line("#5b4636", 4, (0, 40), (0, -95))
    c.polygon(sail, (6, -90), (6, 30), (75, 30))
    c.polygon("#ffffff", (-6, -70), (-6, 30), (-55, 30))
    c.polygon(hull, (-85, 40), (85, 40), (55, 80), (-60, 80))
    c.line("#457b9d", 7, *((x, 90 + 5 * math.sin(x / 9)) for x in range(-98, 99, 4)))


def _house(c: _Canvas, dice: random.Random) -> None:
    wall, roof, door = dice.sample(_COLOURS, 3)
    c.box(wall, -65, -10, 65, 90)
    c.polygon(roof, (-85, -10), (0, -85), (85, -10))
    c.box(door, -14, 35, 14, 90)
    for x in (-42, 42):
        c.box("#fdfcdc", x - 14, 10, x + 14, 38)
        c.line("#222222", 2, (x, 10), (x, 38))
        c.line("#222222", 2, (x - 14, 24), (x + 14, 24))


def _tree(c: _Canvas, dice: random.Random) -> None:
    green = dice.choice(["#386641", "#6a994e", "#a7c957", "#bc6c25", "#2d6a4f"])
    c.box("#7f5539", -10, 55, 10, 98)
    for top, width in ((-95, 45), (-55, 62), (-15, 80)):
        c.polygon(green, (0, top), (width, top + 75), (-width, top + 75))


def _flower(c: _Canvas, dice: random.Random) -> None:
    petal, petals = dice.choice(_COLOURS), dice.choice([5, 6, 7, 8])
    c.line("#386641", 6, (0, 0), (4, 98))
    c.oval("#6a994e", 24, 65, 22, 9)
    for i in range(petals):
        t = 2 * math.pi * i / petals
        c.oval(petal, 36 * math.cos(t), -30 + 36 * math.sin(t), 24, 24)
    c.oval("#ffd166", 0, -30, 20, 20)


def _fish(c: _Canvas, dice: random.Random) -> None:
    body, fin = dice.sample(_COLOURS, 2)
    c.polygon(fin, (45, 0), (95, -45), (80, 0), (95, 45))
    c.polygon(fin, (-15, -40), (25, -75), (35, -25))
    c.oval(body, -10, 0, 75, 45)
    for x in (5, 22, 39):
        c.line(fin, 4, *((x + 8 * math.cos(t / 8), 3.2 * t) for t in range(-10, 11)))
    c.oval("#ffffff", -52, -10, 11, 11)
    c.oval("#222222", -54, -10, 4, 4)


def _mug(c: _Canvas, dice: random.Random) -> None:
    cup, band = dice.sample(_COLOURS, 2)
    turns = [math.pi * i / 20 - math.pi / 2 for i in range(21)]
    c.line("#222222", 16, *((48 + 38 * math.cos(t), 10 + 38 * math.sin(t)) for t in turns))
    c.line(cup, 11, *((48 + 38 * math.cos(t), 10 + 38 * math.sin(t)) for t in turns))
    c.box(cup, -60, -55, 50, 80)
    c.box(band, -60, -5, 50, 25)
    c.oval("#f1faee", -5, -55, 55, 14)
    c.oval("#6f4518", -5, -53, 44, 9)


def _umbrella(c: _Canvas, dice: random.Random) -> None:
    one, two = dice.sample(_COLOURS, 2)
    c.line("#5b4636", 5, (0, -80), (0, 75), (6, 88), (18, 88), (24, 76))
    for i in range(6):
        a, b = math.pi + math.pi * i / 6, math.pi + math.pi * (i + 1) / 6
        rim = [(90 * math.cos(t), 5 + 85 * math.sin(t)) for t in (a, (a + b) / 2, b)]
        c.polygon(two if i % 2 else one, (0, 5), *rim)


def _butterfly(c: _Canvas, dice: random.Random) -> None:
    upper, lower, dot = dice.sample(_COLOURS, 3)
    for side in (-1, 1):
        c.polygon(upper, (0, -5), (side * 40, -85), (side * 95, -70), (side * 75, -5))
        c.polygon(lower, (0, 0), (side * 70, 5), (side * 60, 75), (side * 20, 60))
        c.oval(dot, side * 62, -48, 14, 14)
        c.oval(dot, side * 44, 35, 10, 10)
        c.line("#222222", 2, (0, -45), (side * 22, -92))
    c.oval("#3d2b1f", 0, 5, 8, 55)


def _cactus(c: _Canvas, dice: random.Random) -> None:
    green, pot = dice.choice(["#588157", "#3a5a40", "#80b918", "#52796f"]), dice.choice(_COLOURS)
    for side, height in ((-1, -20), (1, -45)):
        c.line(green, 20, (0, 20), (side * 52, 20), (side * 52, height))
    c.oval(green, 0, -15, 26, 75)
    for y in range(-70, 40, 22):
        c.line("#f1faee", 2, (-8, y), (8, y + 8))
    c.polygon(pot, (-45, 50), (45, 50), (34, 97), (-34, 97))


def _balloon(c: _Canvas, dice: random.Random) -> None:
    one, two = dice.sample(_COLOURS, 2)
    for x in (-20, 20):
        c.line("#5b4636", 2, (x * 1.6, 25), (x * 0.8, 70))
    c.oval(one, 0, -30, 68, 66)
    c.oval(two, 0, -30, 40, 66)
    c.oval(one, 0, -30, 14, 66)
    c.box("#a47148", -20, 68, 20, 95)


THINGS: dict[str, Callable[[_Canvas, random.Random], None]] = {
    "boat": _boat,
    "house": _house,
    "tree": _tree,
    "flower": _flower,
    "fish": _fish,
    "mug": _mug,
    "umbrella": _umbrella,
    "butterfly": _butterfly,
    "cactus": _cactus,
    "balloon": _balloon,
}
