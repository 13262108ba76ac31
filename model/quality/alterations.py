"""Alter pictures as people and programs do; the same file and alteration give the same copy.

The model is built with these too: other pixels here make another model.
"""

import hashlib
import io
import random
from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

# Takes an upright RGB picture and a seeded random generator.
Edit = Callable[[Image.Image, random.Random], Image.Image]
_BILINEAR = Image.Resampling.BILINEAR


def alter(name: str, file: str, data: bytes) -> bytes:
    """Return an altered copy of a picture file as bytes; `name` of NAMES, `file` seeds chance."""
    if name == "stripped":
        return _stripped(data)
    seed = hashlib.sha1(f"{file}\0{name}".encode()).hexdigest()
    edited = _EDITS[name](upright(data), random.Random(seed))
    return _saved(edited, **_STORED.get(name, {}))


def upright(data: bytes) -> Image.Image:
    """Open a picture as people see it, in RGB."""
    with Image.open(io.BytesIO(data)) as opened:
        return ImageOps.exif_transpose(opened).convert("RGB")


def _stripped(data: bytes) -> bytes:
    """Remove comments and all APPn segments except JFIF and Adobe from a JPEG file.

    Other formats, and photos that are upright only through EXIF, are rewritten without loss.
    """
    with Image.open(io.BytesIO(data)) as opened:
        if opened.format != "JPEG" or opened.getexif().get(0x0112, 1) != 1:
            return _saved(upright(data), format="PNG")
    kept, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:  # start of scan
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept += data[at:end]
        at = end
    return bytes(kept + data[at:])


def _saved(image: Image.Image, **options: Any) -> bytes:
    # JPEG quality 92 hardly shows, for alterations that are not compression.
    file = io.BytesIO()
    image.save(file, **({"format": "JPEG", "quality": 92} | options))
    return file.getvalue()


def _shrunk(image: Image.Image, short_side: int) -> Image.Image:
    factor = short_side / min(image.size)
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), _BILINEAR)


def _cropped(image: Image.Image, each_side: float) -> Image.Image:
    # 5 % of each side removes 2.5 % of the width on the left and 2.5 % on the right.
    left, top = image.width * each_side / 2, image.height * each_side / 2
    box = (round(left), round(top), round(image.width - left), round(image.height - top))
    return image.crop(box)


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    # The size stays and the corners become grey, as in a crooked scan.
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))


def _with_text(image: Image.Image, dice: random.Random) -> Image.Image:
    """Draw a band with words across the lower part."""
    done = image.copy()
    draw = ImageDraw.Draw(done)
    height = max(12, round(0.12 * image.height))
    top = image.height - height - round(dice.uniform(0, 0.1) * image.height)
    draw.rectangle((0, top, image.width, top + height), fill=(0, 0, 0))
    words = " ".join(dice.choice(("SALE", "NEW", "2 for 1", "only today")) for _ in range(4))
    font = ImageFont.load_default(size=height * 0.7)
    draw.text((height / 4, top + height * 0.1), words, fill=(255, 255, 255), font=font)
    return done


def _with_sticker(image: Image.Image, dice: random.Random) -> Image.Image:
    """Cover 15 % of the area with a square of one strong colour, at a random place."""
    done = image.copy()
    side = round((0.15 * image.width * image.height) ** 0.5)
    side = min(side, *image.size)
    x, y = dice.randint(0, image.width - side), dice.randint(0, image.height - side)
    colour = tuple(dice.choice((20, 230)) for _ in range(3))
    ImageDraw.Draw(done).rectangle((x, y, x + side, y + side), fill=colour)
    return done


def _hue_turned(image: Image.Image, degrees: float) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point(lambda level: (level + round(degrees / 360 * 256)) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


LOSSLESS = ("stripped", "png", "exif turned")  # the cosine to the original must be 0.9999

_EXIF = Image.Exif()
_EXIF[0x0112] = 6  # rotate by 90 degrees to see it upright

# How copies are stored, if not as JPEG 92.
_STORED: dict[str, dict[str, Any]] = {
    "png": {"format": "PNG"},
    "exif turned": {"format": "PNG", "exif": _EXIF},
    "JPEG 30": {"quality": 30},
    "JPEG 10": {"quality": 10},
    "WebP 50": {"format": "WEBP", "quality": 50},
    "GIF": {"format": "GIF"},
    "combined": {"quality": 40},
}

_EDITS: dict[str, Edit] = {
    "png": lambda image, _: image,
    "exif turned": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "short side 160": lambda image, _: _shrunk(image, 160),
    "short side 64": lambda image, _: _shrunk(image, 64),
    "width x 1.33": lambda image, _: image.resize(
        (round(image.width * 1.33), image.height), _BILINEAR
    ),
    **{
        f"crop {percent} %": lambda image, _, part=percent / 100: _cropped(image, part)
        for percent in (5, 10, 20, 30, 50)
    },
    **dict.fromkeys(("JPEG 30", "JPEG 10", "WebP 50", "GIF"), lambda image, _: image),
    "blur 1 %": lambda image, _: image.filter(ImageFilter.GaussianBlur(0.01 * min(image.size))),
    "blur 3 %": lambda image, _: image.filter(ImageFilter.GaussianBlur(0.03 * min(image.size))),
    "brightness 1.4": lambda image, _: ImageEnhance.Brightness(image).enhance(1.4),
    "brightness 0.6": lambda image, _: ImageEnhance.Brightness(image).enhance(0.6),
    "contrast 0.6": lambda image, _: ImageEnhance.Contrast(image).enhance(0.6),
    "saturation 0.3": lambda image, _: ImageEnhance.Color(image).enhance(0.3),
    "grey": lambda image, _: image.convert("L"),
    "hue + 30": lambda image, _: _hue_turned(image, 30),
    "mirrored": lambda image, _: ImageOps.mirror(image),
    "upside down": lambda image, _: ImageOps.flip(image),
    "rotated 5": lambda image, _: _rotated(image, 5),
    "rotated 15": lambda image, _: _rotated(image, 15),
    "rotated 90": lambda image, _: image.transpose(Image.Transpose.ROTATE_90),
    "rotated 180": lambda image, _: image.transpose(Image.Transpose.ROTATE_180),
    "text band": _with_text,
    "sticker 15 %": _with_sticker,
    "border 15 %": lambda image, _: ImageOps.expand(
        image, round(0.15 * min(image.size)), (255, 255, 255)
    ),
    "combined": lambda image, dice: _with_text(_cropped(_shrunk(image, 240), 0.10), dice),
}

NAMES = ("stripped", *_EDITS)
