"""Transparent pictures, on the background that shows them: white, or black if white hides them.

Black, because what white hides is nearly white and stands out most on black, where programs that
drop transparency usually leave it. Depends on Pillow, numpy and bounds.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Of the contrast on black. A flat #e8e8e8 is just below, #eeeeee at .07. Of 291 product shots cut
# out of their white background, the lightest, white clothes, are at .33; 254 of 255 other cutouts
# are at .21 or more. Of all these and 5,170 icons, 7 are between .09 and .11.
_HIDDEN = 0.1
_GRID = 32  # cells a side, whatever the size of the copy; about what the perceptual hash sees
_BAND_PIXELS = 2_000_000
_GREATEST = {"L;2": 3, "L;4": 15, "L": 255, "RGB": 255}  # samples of PNG, by Pillow's raw mode
_DEEP = "RGB;16B"
# Pillow keeps the upper 8 of 16 bits, so such a PNG with a transparent colour is decoded twice; at
# this size that takes half a second. Of larger ones only the upper bits are compared.
_DEEP_PIXELS = 12_500_000


def load(image: Image.Image) -> None:
    """Decode a picture, so that Pillow can convert the transparent colour of a PNG.

    Pillow keeps it as it is stored: 15 for the white of 4 bits. Bits above those are ignored, as by
    libpng.
    """
    key, raw_mode = image.info.get("transparency"), _raw_mode(image)
    if key is not None and raw_mode == _DEEP:
        small = image.width * image.height <= _DEEP_PIXELS
        lower = _lower_halves(image) if small else None
        image.load()
        image.putalpha(_unlike(key, image, lower))  # in place
        del image.info["transparency"]
        return
    image.load()
    if key is not None and raw_mode in _GREATEST:
        greatest = _GREATEST[raw_mode]
        samples = [(sample & greatest) * 255 // greatest for sample in np.atleast_1d(key).tolist()]
        image.info["transparency"] = tuple(samples) if len(samples) > 1 else samples[0]


def _raw_mode(image: Image.Image) -> str:
    tiles = getattr(image, "tile", ())
    return str(tiles[0].args) if image.format == "PNG" and tiles else ""


def _lower_halves(image: Image.Image) -> Image.Image:
    """Decode a PNG of 3 x 16 bits to the lower 8 bits of each."""
    from functions.gallery.pictures.bounds import BoundedFile

    lower = Image.open(BoundedFile(image.fp.getvalue()), formats=["PNG"])  # type: ignore[attr-defined]
    lower.tile = [lower.tile[0]._replace(args="RGB;16L")]  # the bytes the other way round
    lower.load()
    return lower


def _unlike(key: tuple[int, ...], upper: Image.Image, lower: Image.Image | None) -> Image.Image:
    """Return 0 where 16-bit pixels, in two halves, have the colour `key`, elsewhere 255."""
    from PIL import ImageChops  # here, because no cold start needs it

    mask = Image.new("L", upper.size)
    for box in _bands(upper.size):
        unlike = Image.new("L", (box[2], box[3] - box[1]))
        for half, shift in ((upper, 8), (lower, 0)):
            channels = half.crop(box).split() if half else ()
            for channel, sample in zip(channels, key, strict=False):
                table = [255] * 256
                table[sample >> shift & 255] = 0
                unlike = ImageChops.lighter(unlike, channel.point(table))
        mask.paste(unlike, box)
    return mask


def premultiplied(image: Image.Image) -> Image.Image:
    """Return a transparent picture as RGBa, which can be reduced; as RGB if all of it is opaque.

    RGBa: colours multiplied by their opacity, so that hidden colours never show.
    """
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    opaque = rgba.getchannel("A").getextrema()[0] == 255
    return rgba.convert("RGB" if opaque else "RGBa")


def with_key(grey: Image.Image, deep: Image.Image) -> Image.Image:
    """Return RGB made of a picture of 16 bits as RGBa: its transparent value has no opacity."""
    key = deep.info["transparency"]
    grey.putalpha(Image.fromarray(np.where(np.asarray(deep) == key, 0, 255).astype(np.uint8)))
    return grey.convert("RGBa")


def on_background(image: Image.Image) -> Image.Image:
    """Return an RGBa picture as RGB on white or, if white hides it, on black."""
    white = not _hidden_on_white(image)
    rgb = Image.new("RGB", image.size)
    for box in _bands(image.size):
        band = np.asarray(image.crop(box))
        behind = 255 - band[..., 3] if white else np.uint8(0)
        shown = np.stack([band[..., channel] + behind for channel in range(3)], axis=2)
        rgb.paste(Image.fromarray(shown), box)
    return rgb


def _hidden_on_white(image: Image.Image) -> bool:
    """Compare the contrast on white with that on black, where all that is left out is opaque."""
    grid = image.resize((_GRID, _GRID), Image.Resampling.BOX)
    cells = np.asarray(grid, float)
    on_black = cells[..., :3]
    on_white = on_black + 255 - cells[..., 3:]
    return _contrast(on_white) < _HIDDEN * _contrast(on_black)


def _contrast(cells: NDArray[np.float64]) -> float:
    """Return the standard deviation of (h, w, 3) colours, all three together."""
    return float(np.sqrt(cells.var(axis=(0, 1)).mean()))


def _bands(size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    width, height = size
    rows = max(1, _BAND_PIXELS // width)
    return [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
