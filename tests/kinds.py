"""One small file of each kind in docs/formats.md, written here or kept in tests/data."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from tests import icc, raw_files, tiffs
from tests.drawing import scene, written
from tests.heif import auxiliary, encoded, grid, heif, mirror, rotation

DATA = Path(__file__).parent / "data"
SIZE = (160, 120)
SCENE = scene(12, *SIZE)
SCENE_VALUES = np.asarray(SCENE)
GREY = SCENE.convert("L")
FADED = SCENE.copy()  # opaque at the left, transparent at the right
FADED.putalpha(Image.linear_gradient("L").rotate(90).resize(SIZE))
DEEP = np.asarray(SCENE).astype(np.uint16) * 257
STRIPS = {"tiffinfo": {278: 8}}  # rows in each, so that no strip takes much memory


def pages(*first: Image.Image) -> dict[str, object]:
    """Return options of Pillow for more pictures, the last of which must not be seen."""
    more = [*(image.copy() for image in first), Image.new("RGB", SIZE, "#00c000")]
    return {"save_all": True, "append_images": more}


BLANK = Image.new("RGB", SIZE, "white")  # the first frame of animations
FRAMES = {**pages(SCENE), "duration": 100}
VIDEO = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\x00\x00\x00\x08mdat"


def write(format: str, image: Image.Image = SCENE, **options: object) -> Callable[[], bytes]:
    """Return what writes an image with Pillow."""
    return lambda: written(image.copy(), format, **options)  # Pillow keeps state in an image


def png(bits: int, colour_type: int, rows: np.ndarray, *chunks: tuple[bytes, bytes]) -> bytes:
    """Write a PNG as Pillow does not: `rows` has its bytes, (height, bytes in a row)."""
    header = struct.pack(">IIBBBBB", *SIZE, bits, colour_type, 0, 0, 0)
    lines = b"".join(b"\x00" + row.tobytes() for row in rows)
    body = (b"IHDR", header), *chunks, (b"IDAT", zlib.compress(lines)), (b"IEND", b"")
    parts = [
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in body
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


Tags = dict[int, int | tuple[int, ...]]


def strips(size: int, count: int) -> Tags:
    """Return the tags for this many strips, or planes of one strip, that take `size` bytes."""
    each = size // count
    return {273: tuple(range(8, 8 + size, each)), 279: (each,) * count}


def tiff(array: np.ndarray, tags: Tags) -> bytes:
    """Write a TIFF as Pillow does not: array (height, width, samples) as it is, and these tags.

    () removes a tag. In strips of eight rows if the tags do not say otherwise.
    """
    height, width, samples = array.shape
    bits = 8 * array.dtype.itemsize
    layout: Tags = {256: width, 257: height, 258: (bits,) * samples, 259: 1, 277: samples}
    layout |= {262: 2 if samples > 2 else 1, 278: 8} | strips(array.nbytes, height // 8)
    all_tags = {tag: value for tag, value in (layout | tags).items() if value != ()}
    entries, more = b"", b""
    start = 8 + array.nbytes
    after = start + 2 + 12 * len(all_tags) + 4
    for tag, value in sorted(all_tags.items()):
        values = value if isinstance(value, tuple) else (value,)
        data = struct.pack(f"<{len(values)}I", *values)
        field = data if len(data) == 4 else struct.pack("<I", after + len(more))
        more += b"" if len(data) == 4 else data
        entries += struct.pack("<HHI", tag, 4, len(values)) + field
    directory = struct.pack("<H", len(all_tags)) + entries + bytes(4)
    return b"II*\x00" + struct.pack("<I", start) + array.tobytes() + directory + more


def run_length_bmp() -> bytes:
    """Write a BMP of 8 bits with run-length encoding, one run for each pixel."""
    image = SCENE.quantize(64)
    palette = np.zeros((256, 4), np.uint8)
    colours = np.array(image.getpalette()).reshape(-1, 3)
    palette[: len(colours), :3] = colours[:, ::-1]
    rows = np.asarray(image)[::-1]
    runs = np.stack([np.ones_like(rows), rows], axis=-1)
    pixels = b"".join(row.tobytes() + b"\x00\x00" for row in runs) + b"\x00\x01"
    header = struct.pack("<IiiHHIIiiII", 40, *SIZE, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    start = 14 + len(header) + palette.nbytes
    file = struct.pack("<IHHI", start + len(pixels), 0, 0, start)
    return b"BM" + file + header + palette.tobytes() + pixels


def in_space(space: icc.Space, format: str, **options: object) -> Callable[[], bytes]:
    """Return what writes the scene in another colour space, with its profile."""
    image = Image.fromarray(space.from_srgb(SCENE_VALUES))
    return write(format, image, icc_profile=space.profile(), **options)


def kept(name: str) -> bytes:
    """Return a file of tests/data."""
    return (DATA / name).read_bytes()


def _flat(array: np.ndarray) -> np.ndarray:
    return array.reshape(len(array), -1)


def framed(marker: int, bits: int = 8) -> bytes:
    """Write a JPEG whose header says that it is of another kind."""
    data = bytearray(write("JPEG", quality=90)())
    start = data.index(b"\xff\xc0")
    data[start + 1], data[start + 4] = marker, bits
    return bytes(data)


def _tiles(width: int = 32, height: int = 16) -> bytes:
    places = [(x, y) for y in range(0, SIZE[1], height) for x in range(0, SIZE[0], width)]
    tiles = [np.asarray(SCENE.crop((x, y, x + width, y + height))) for x, y in places]
    parts = strips(sum(tile.nbytes for tile in tiles), len(tiles))
    tags: Tags = {322: width, 323: height, 324: parts[273], 325: parts[279]}
    values = np.concatenate(tiles, axis=None).reshape(-1, SIZE[0], 3)
    return tiff(values, {257: SIZE[1], **tags, 273: (), 278: (), 279: ()})


def _turned(brand: str, file: bytes) -> bytes:
    """Turn an encoded picture, so that it is shown as the scene turned and mirrored."""
    item = encoded(file, brand)
    return heif(brand, [replace(item, properties=(*item.properties, rotation(1), mirror(1)))])


def _tiled(brand: str, file: bytes) -> bytes:
    tile = replace(encoded(file, brand), hidden=True)
    return heif(brand, [grid(2, 2, 300, 220), *[tile] * 4], [(b"dimg", 1, [2, 3, 4, 5])])


def _with_depth(brand: str, file: bytes) -> bytes:
    item = encoded(file, brand)
    depth = replace(item, properties=(*item.properties, auxiliary("depth")), hidden=True)
    return heif(brand, [item, depth], [(b"auxl", 2, [1])])


FADED_16 = np.asarray(FADED).astype(">u2") * 257
GREY_VALUES = np.asarray(GREY)[..., None]
SIDEWAYS = Image.Exif()
SIDEWAYS[0x0112] = 6
ON_ITS_SIDE = SCENE.transpose(Image.Transpose.ROTATE_90)
SIXTEENTHS = GREY_VALUES[:, ::2] // 16 * 16 + GREY_VALUES[:, 1::2] // 16
LAB = Image.merge("LAB", (GREY, Image.new("L", SIZE, 100), Image.new("L", SIZE, 160)))
FADED_GREY = np.asarray(FADED.convert("LA"))
WHITE_32 = 0xFFFFFFFF // 255
WHITE_IS_ZERO_16 = 65_535 - GREY_VALUES.astype("u2") * 257
deflated = partial(tiffs.tiff, compression=tiffs.DEFLATE)
WHITE_SHAPES = Image.new("RGBA", SIZE, "white")
WHITE_SHAPES.putalpha(GREY)
TEXTS = PngImagePlugin.PngInfo()
for number in range(3):
    TEXTS.add_text(f"text {number}", "much text " * 200_000, zip=True)
INKS = Image.fromarray(icc.cmyk_from_srgb(SCENE_VALUES), "CMYK")
SAMPLES: dict[str, Callable[[], bytes]] = {
    "JPEG": write("JPEG", quality=90),
    "JPEG, progressive": write("JPEG", quality=90, progressive=True),
    "JPEG, grey": write("JPEG", GREY, quality=90),
    "JPEG, CMYK": write("JPEG", SCENE.convert("CMYK"), quality=90),
    "JPEG, CMYK with a profile": write("JPEG", INKS, quality=95, icc_profile=icc.cmyk_profile()),
    "JPEG, Adobe RGB": in_space(icc.ADOBE_RGB, "JPEG", quality=95, subsampling=0),
    "JPEG, broken profile": write("JPEG", quality=90, icc_profile=b"not a profile" * 20),
    "JPEG, turned by EXIF": write("JPEG", ON_ITS_SIDE, quality=90, exif=SIDEWAYS),
    "JPEG, motion photo": lambda: write("JPEG", quality=90)() + VIDEO + b"\xff\xda" * 500,
    "JPEG without its end": lambda: write("JPEG", quality=90)()[:-2],
    "less than half a JPEG": lambda: write("JPEG", quality=90)()[:1_300],
    "MPO": write("MPO", quality=90, **pages()),
    "PNG": write("PNG"),
    "PNG, Display P3": in_space(icc.DISPLAY_P3, "PNG"),
    "PNG, palette": write("PNG", SCENE.quantize(64)),
    "PNG, black and white": write("PNG", GREY.convert("1")),
    "PNG, grey of 4 bits": lambda: png(4, 0, SIXTEENTHS),
    "PNG, grey of 16 bits": lambda: png(16, 0, _flat(GREY_VALUES.astype(">u2") * 257)),
    "PNG, 16 bits": lambda: png(16, 2, _flat(DEEP.astype(">u2"))),
    "PNG, transparent": write("PNG", FADED),
    "PNG, transparent, white": write("PNG", WHITE_SHAPES),
    "PNG, transparent grey": write("PNG", FADED.convert("LA")),
    "PNG, transparent grey of 16 bits": lambda: png(16, 4, _flat(FADED_16[..., [0, 3]])),
    "PNG, transparent, 16 bits": lambda: png(16, 6, _flat(FADED_16)),
    "PNG, animated": write("PNG", BLANK, **FRAMES),
    "WebP": write("WEBP", quality=90),
    "WebP, lossless": write("WEBP", lossless=True),
    "WebP, transparent": write("WEBP", FADED, lossless=True),
    "WebP, animated": write("WEBP", BLANK, lossless=True, **FRAMES),
    "PNG, megabytes of text": write("PNG", pnginfo=TEXTS),
    "PNG without its end": lambda: write("PNG")()[:-12],
    "WebP without its end": lambda: write("WEBP", lossless=True, exif=SIDEWAYS)()[:-5],
    "AVIF": write("AVIF"),
    "AVIF, 10 bits": lambda: kept("drawn-10-bits.avif"),
    "AVIF, turned": lambda: _turned("avif", write("AVIF")()),
    "AVIF, tiles": lambda: _tiled("avif", write("AVIF")()),
    "AVIF, transparent": write("AVIF", FADED),
    "AVIF, animated": write("AVIF", BLANK, **FRAMES),
    "HEIC": lambda: kept("drawn.heic"),
    "HEIC, 10 bits": lambda: kept("drawn-10-bits.heic"),
    "HEIC, turned": lambda: _turned("heic", kept("drawn.heic")),
    "HEIC, tiles": lambda: _tiled("heic", kept("drawn.heic")),
    "HEIC with a depth map": lambda: _with_depth("heic", kept("drawn.heic")),
    "HEIC, transparent": lambda: kept("drawn-faded.heic"),
    "GIF": write("GIF"),
    "GIF, transparent": write("GIF", SCENE.quantize(64), transparency=5),
    "GIF, animated": write("GIF", BLANK, **FRAMES),
    "BMP": write("BMP"),
    "BMP, palette": write("BMP", SCENE.quantize(64)),
    "BMP, run-length": run_length_bmp,
    "TIFF": write("TIFF", **STRIPS),
    "TIFF, LZW": write("TIFF", compression="tiff_lzw", **STRIPS),
    "TIFF, JPEG": write("TIFF", compression="jpeg", quality=90, tiffinfo={278: 16}),
    "TIFF, fax": write("TIFF", GREY.convert("1"), compression="group4"),
    "TIFF, palette": write("TIFF", SCENE.quantize(64), **STRIPS),
    "TIFF, CMYK": write("TIFF", SCENE.convert("CMYK"), **STRIPS),
    "TIFF, Lab": write("TIFF", LAB, **STRIPS),
    "TIFF, grey of 16 bits": lambda: tiff(GREY_VALUES.astype("<u2") * 257, {}),
    "TIFF, 16 bits": lambda: tiff(DEEP, {}),
    "TIFF, transparent": write("TIFF", FADED, **STRIPS),
    "TIFF, transparent grey": lambda: deflated(FADED_GREY, photometric=1, extra_samples=[2]),
    "TIFF, planes": lambda: deflated(SCENE_VALUES, photometric=2, planar=True),
    "TIFF, planes of 16 bits": lambda: deflated(DEEP, photometric=2, planar=True),
    "TIFF, tiles": _tiles,
    "TIFF, grey floats": lambda: deflated(GREY_VALUES.astype("f4") / 255, photometric=1),
    "TIFF, floats": lambda: deflated(SCENE_VALUES.astype("f4") / 255, photometric=2),
    "TIFF, grey of 32 bits": lambda: deflated(GREY_VALUES.astype("u4") * WHITE_32, photometric=1),
    "TIFF, 32 bits": lambda: deflated(SCENE_VALUES.astype("u4") * WHITE_32, photometric=2),
    "TIFF, white is zero": lambda: tiff(255 - GREY_VALUES, {262: 0}),
    "TIFF, white is zero, 16 bits": lambda: deflated(WHITE_IS_ZERO_16, photometric=0),
    "TIFF, several pages": write("TIFF", **pages(), **STRIPS),
    "BigTIFF": write("TIFF", big_tiff=True, **STRIPS),
    "JPEG XL": lambda: b"\xff\x0a\xfa\x7f\x01\x90\x08\x06\x01",
    "JPEG 2000": write("JPEG2000"),
    "SVG": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "XML or SVG": lambda: b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "PDF": write("PDF"),
    "PostScript": write("EPS"),
    "Photoshop": lambda: b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 120, 160, 8, 3) + bytes(12),
    "Radiance HDR": lambda: b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\x80\x80\x80\x80",
    "ICO": write("ICO", sizes=[(32, 32)]),
    "MP4 or QuickTime video": lambda: VIDEO,
    "XMP": lambda: b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>',
    "HTML": lambda: b"<!DOCTYPE html><html></html>",
    "ZIP": lambda: b"PK\x03\x04" + bytes(26),
    "JPEG, 12 bits": lambda: framed(0xC1, bits=12),
    "JPEG, lossless": lambda: framed(0xC3),
    "JPEG, arithmetic coding": lambda: framed(0xC9),
    "JPEG, hierarchical": lambda: framed(0xC5),
    "JPEG-LS": lambda: framed(0xF7),
    "TIFF, complex numbers": lambda: deflated(GREY_VALUES.astype("c8"), photometric=1),
    "TIFF, LogLuv": lambda: deflated(SCENE_VALUES, photometric=32_845),
    "TIFF, JPEG 2000": lambda: tiff(SCENE_VALUES, {259: 33_003}),
    "TIFF, WebP": lambda: tiff(SCENE_VALUES, {259: 50_001}),
    "anything else": lambda: b"#!/bin/sh\n",
    "half a PNG": lambda: write("PNG")()[:900],
    "no bytes": bytes,
}
# No maker that is known: "RAW".
RAW = raw_files.KINDS | {"RAW": lambda *args: raw_files.nef(*args).replace(b"NIKON", b"OTHER")}
SAMPLES |= {f"{kind}, raw": write for kind, write in RAW.items()}
SAMPLES |= {
    f"{kind} without a large preview": partial(write, raw_files.THUMBNAIL)
    for kind, write in RAW.items()
}
SAMPLES |= {
    "Canon raw (CRW)": lambda: b"II\x1a\x00\x00\x00HEAPCCDR",
    "Sigma raw (X3F)": lambda: b"FOVb" + bytes(20),
    "Minolta raw (MRW)": lambda: b"\x00MRM" + bytes(20),
}
