"""Alter pictures as people and programs do; the same file and name give the same copy.

Each alteration takes an upright RGB picture and a seeded dice and gives the altered file's bytes:
they are decoded again by the service, as any picture that comes in.
"""

import hashlib
import io
import random
from collections.abc import Callable

from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Alter = Callable[[Image.Image, random.Random], bytes]

BILINEAR = Image.Resampling.BILINEAR


def alter(name: str, file: str, data: bytes) -> bytes:
    """Give the altered copy of a picture's bytes as the bytes of a file; `file` is its name."""
    if name == "stripped":
        return stripped(data)
    seed = hashlib.sha1(f"{file}\0{name}".encode()).hexdigest()
    with Image.open(io.BytesIO(data)) as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    return ALTERATIONS[name](upright, random.Random(seed))


def stripped(data: bytes) -> bytes:
    """Take all APPn segments but JFIF and Adobe, and all comments, out of a JPEG file.

    Other files, and photos that only their EXIF turns, are written anew without loss.
    """
    with Image.open(io.BytesIO(data)) as opened:
        if opened.format != "JPEG" or opened.getexif().get(0x0112, 1) != 1:
            return _saved(ImageOps.exif_transpose(opened).convert("RGB"), "PNG")
    kept, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:  # start of scan
        marker, end = data[at + 1], at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if not (0xE1 <= marker <= 0xED or marker in (0xEF, 0xFE)):
            kept += data[at:end]
        at = end
    return bytes(kept + data[at:])


def _saved(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    """Write a file; what is no test of compression is saved at a quality that hardly shows."""
    file = io.BytesIO()
    image.save(file, format, **({"quality": 92} if format == "JPEG" else {}) | options)
    return file.getvalue()


def _shrunk(image: Image.Image, short_side: int) -> Image.Image:
    factor = short_side / min(image.size)
    width, height = (max(1, round(side * factor)) for side in image.size)
    return image.resize((width, height), BILINEAR)


def _cropped(image: Image.Image, each_side: float) -> Image.Image:
    # 5 % of each side: of the width, 2.5 % fall left and 2.5 % right, so that 50 % leaves a half.
    left, top = image.width * each_side / 2, image.height * each_side / 2
    box = (round(left), round(top), round(image.width - left), round(image.height - top))
    return image.crop(box)


def _blurred(image: Image.Image, part: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(part * min(image.size)))


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    # The corners show grey, and the size stays: what a scanner or a hand gives.
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(128, 128, 128))


def _with_text(image: Image.Image, dice: random.Random) -> Image.Image:
    """Draw a band with words over the lower part of the picture."""
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
    """Cover 15 % of the area by an opaque square of one strong colour, anywhere."""
    done = image.copy()
    side = round((0.15 * image.width * image.height) ** 0.5)
    side = min(side, *image.size)
    x, y = dice.randint(0, image.width - side), dice.randint(0, image.height - side)
    colour = tuple(dice.choice((20, 230)) for _ in range(3))
    ImageDraw.Draw(done).rectangle((x, y, x + side, y + side), fill=colour)
    return done


def _bordered(image: Image.Image, part: float) -> Image.Image:
    return ImageOps.expand(image, round(part * min(image.size)), (255, 255, 255))


def _hue_turned(image: Image.Image, degrees: float) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point(lambda level: (level + round(degrees / 360 * 256)) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _combined(image: Image.Image, dice: random.Random) -> bytes:
    return _saved(_with_text(_cropped(_shrunk(image, 240), 0.10), dice), quality=40)


def _turned_by_exif(image: Image.Image, dice: random.Random) -> bytes:
    """Store the pixels turned and say so: a lossless twin."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return _saved(image.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)


LOSSLESS = ("stripped", "png", "exif turned")  # must score 0.9999

ALTERATIONS: dict[str, Alter] = {
    "png": lambda image, dice: _saved(image, "PNG"),
    "exif turned": _turned_by_exif,
    "short side 160": lambda image, dice: _saved(_shrunk(image, 160)),
    "short side 64": lambda image, dice: _saved(_shrunk(image, 64)),
    "width x 1.33": lambda image, dice: _saved(
        image.resize((round(image.width * 1.33), image.height), BILINEAR)
    ),
    **{
        f"crop {percent} %": lambda image, dice, part=percent / 100: _saved(_cropped(image, part))
        for percent in (5, 10, 20, 30, 50)
    },
    "JPEG 30": lambda image, dice: _saved(image, quality=30),
    "JPEG 10": lambda image, dice: _saved(image, quality=10),
    "WebP 50": lambda image, dice: _saved(image, "WEBP", quality=50),
    "GIF": lambda image, dice: _saved(image, "GIF"),
    "blur 1 %": lambda image, dice: _saved(_blurred(image, 0.01)),
    "blur 3 %": lambda image, dice: _saved(_blurred(image, 0.03)),
    "brightness 1.4": lambda image, dice: _saved(ImageEnhance.Brightness(image).enhance(1.4)),
    "brightness 0.6": lambda image, dice: _saved(ImageEnhance.Brightness(image).enhance(0.6)),
    "contrast 0.6": lambda image, dice: _saved(ImageEnhance.Contrast(image).enhance(0.6)),
    "saturation 0.3": lambda image, dice: _saved(ImageEnhance.Color(image).enhance(0.3)),
    "grey": lambda image, dice: _saved(image.convert("L")),
    "hue + 30": lambda image, dice: _saved(_hue_turned(image, 30)),
    "mirrored": lambda image, dice: _saved(ImageOps.mirror(image)),
    "upside down": lambda image, dice: _saved(ImageOps.flip(image)),
    "rotated 5": lambda image, dice: _saved(_rotated(image, 5)),
    "rotated 15": lambda image, dice: _saved(_rotated(image, 15)),
    "rotated 90": lambda image, dice: _saved(image.transpose(Image.Transpose.ROTATE_90)),
    "rotated 180": lambda image, dice: _saved(image.transpose(Image.Transpose.ROTATE_180)),
    "text band": lambda image, dice: _saved(_with_text(image, dice)),
    "sticker 15 %": lambda image, dice: _saved(_with_sticker(image, dice)),
    "border 15 %": lambda image, dice: _saved(_bordered(image, 0.15)),
    "combined": _combined,
}

NAMES = ("stripped", *ALTERATIONS)
