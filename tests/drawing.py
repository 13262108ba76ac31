"""Pictures drawn by the tests; the same seed gives the same bytes."""

import io

import numpy as np
from PIL import Image, ImageDraw


def scene(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Draw a colourful, asymmetric scene: twelve rectangles and discs on a gradient."""
    rng = np.random.default_rng(seed)
    across = np.linspace(*rng.integers(0, 255, 2), width)[None, :, None]
    down = np.linspace(*rng.integers(0, 255, 2), height)[:, None, None]
    background = (across + down) / 2 + rng.integers(-40, 40, 3)
    image = Image.fromarray(np.clip(background, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for number in range(12):
        x, y = rng.integers(0, width), rng.integers(0, height)
        w, h = rng.integers(8, width // 2), rng.integers(8, height // 2)
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape(
            (int(x), int(y), int(x + w), int(y + h)), fill=tuple(map(int, rng.integers(0, 255, 3)))
        )
    return image


def written(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """Return a picture as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def jpeg(seed: int, width: int = 320, height: int = 240) -> bytes:
    """Return a scene as a JPEG file."""
    return written(scene(seed, width, height), quality=90)
