"""Pictures that the tests draw themselves; the same numbers give the same bytes."""

import io

import numpy as np
from PIL import Image, ImageDraw


def scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Draw a colourful scene without symmetry: twelve rectangles and discs on a gradient."""
    dice = np.random.default_rng(seed)
    across = np.linspace(*dice.integers(0, 255, 2), width)[None, :, None]
    down = np.linspace(*dice.integers(0, 255, 2), height)[:, None, None]
    ground = (across + down) / 2 + dice.integers(-40, 40, 3)
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for number in range(12):
        x, y = dice.integers(0, width), dice.integers(0, height)
        w, h = dice.integers(8, width // 2), dice.integers(8, height // 2)
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape(
            (int(x), int(y), int(x + w), int(y + h)), fill=tuple(map(int, dice.integers(0, 255, 3)))
        )
    return image


def written(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """Give a picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def jpeg(seed: int, width: int = 320, height: int = 240) -> bytes:
    """Give a scene as a JPEG file."""
    return written(scene(seed, width, height), quality=90)
