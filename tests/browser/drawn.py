"""Drawn pictures for the browser tests: the demo set and odd ones."""

import io
import random
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from functions.cli.demo import THINGS, draw_demo, picture
from functions.gallery.gallery import Gallery
from functions.gallery.intake.add import Submission

HOSTILE = {  # name -> metadata
    "<img src=x onerror=alert(1)>.jpg": {"kind": "<script>alert(2)</script>", "note": "a\"b'c&<i>"},
    "mug‮gpj.exe": {"kind": "‮desrever"},
    "very-" + "long-" * 48 + "name.jpg": {"kind": "w" * 300, "note": "x" * 3000},
}


def written(image: Image.Image, format: str = "JPEG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **{"quality": 90} | options)
    return file.getvalue()


def fill(gallery: Gallery, folder: Path) -> None:
    """Add ninety drawings of ten kinds, two copies of one of them, and hostile names."""
    for number, path in enumerate(draw_demo(folder)):
        metadata = {"kind": path.stem.partition("-")[0], "price": 5.0 + number}
        add(gallery, path.read_bytes(), f"demo/{path.name}", metadata)
    boat = (folder / "boat-1.jpg").read_bytes()
    add(gallery, boat, "copies/boat-1.jpg", {"kind": "boat"})
    small = Image.open(io.BytesIO(boat)).resize((200, 200))
    add(gallery, written(small, quality=75), "copies/boat-1-small.jpg", {"kind": "boat"})
    for number, (name, metadata) in enumerate(HOSTILE.items()):
        data = written(picture("umbrella", random.Random(f"hostile{number}")))
        add(gallery, data, name, metadata)


def add(gallery: Gallery, data: bytes, name: str, metadata: dict) -> None:
    gallery.add(Submission(lambda: data, name=name, metadata=metadata))


def new_drawing(kind: str, seed: object, format: str = "JPEG", **options: object) -> bytes:
    """Draw a thing that is not in the gallery."""
    assert kind in THINGS
    return written(picture(kind, random.Random(f"new{seed}")), format, **options)


def two_things(left: str, right: str) -> bytes:
    """Draw one thing on the left and another on the right."""
    wide = Image.new("RGB", (1280, 640))
    for x, kind in ((0, left), (640, right)):
        wide.paste(picture(kind, random.Random(f"two{kind}")).resize((640, 640)), (x, 0))
    return written(wide)


@cache
def photo_12_megapixels(kind: str = "mug", *, rotated: bool = False) -> bytes:
    """Return a photo as from a phone: a 4000 x 3000 drawing with sensor noise, over 3 MB.

    If `rotated`, it is stored sideways with an EXIF orientation.
    """
    drawn = picture(kind, random.Random("photo")).resize((3000, 3000), Image.Resampling.BICUBIC)
    wide = Image.new("RGB", (4000, 3000), drawn.getpixel((5, 5)))
    wide.paste(drawn, (500, 0))
    noise = np.random.default_rng(1).integers(0, 24, (3000, 4000, 1), np.uint8)
    wide = Image.fromarray(np.asarray(wide) // 8 * 7 + noise)
    if not rotated:
        return written(wide)
    exif = Image.Exif()
    exif[0x0112] = 6  # shown rotated 90 degrees clockwise
    return written(wide.transpose(Image.Transpose.ROTATE_90), exif=exif.tobytes())


def planted() -> dict[str, bytes]:
    """Return the files of three shop products: copies of each kind, and what is not a copy.

    The names say what each is: `copy` has the same bytes, `small` and `saved` are the same picture,
    `recoloured` has the same lightness and other colours.
    """
    lamp, shoe = (Image.open(io.BytesIO(new_drawing(kind, "shop"))) for kind in ("boat", "house"))
    files = {"shop/lamp.jpg": written(lamp), "shop/shoe.jpg": written(shoe)}
    files["shop/lamp-copy.jpg"] = files["shop/lamp-copy-2.jpg"] = files["shop/lamp.jpg"]
    files["shop/shoe-copy.jpg"] = files["shop/shoe.jpg"]
    files["shop/lamp-small.jpg"] = written(lamp.resize((200, 200)))
    files["shop/lamp-saved.png"] = written(lamp, "PNG")
    files["shop/shoe-recoloured.jpg"] = written(recoloured(shoe))
    files["shop/shoe-mirrored.jpg"] = written(ImageOps.mirror(shoe))
    return files


def recoloured(image: Image.Image) -> Image.Image:
    """Return it in the opposite colours, with the same lightness."""
    light, *colours = image.convert("YCbCr").split()
    turned = [channel.point(lambda value: 255 - value) for channel in colours]
    return Image.merge("YCbCr", [light, *turned]).convert("RGB")
