"""Bounds on what Pillow does in Python before it decodes pixels; it has none of its own.

Its loops over the parts of a file read it in every turn, so the number of reads bounds them. The
values of TIFF and EXIF directories are decoded one by one, so their number is limited. So is that
of the scans of a progressive JPEG inside a TIFF, which only libtiff sees.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import IO, Literal

from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from functions.gallery.pictures.limits import MAX_PROFILE_BYTES, MAX_TAGS, overcomplicated

MAX_READS = 1_000_000  # a run-length BMP needs one for each run, other formats a few thousand
_MAX_NUMBERS = 250_000  # of offsets and lengths of 100,000 strips, and some more
_MAX_FRACTIONS = 10_000  # 3.6 microseconds each
_LONG, _LONG_FRACTIONS = 10_000, 100  # of one tag that is not for the pixels
_PLACES = (273, 279, 324, 325)  # offsets and lengths of strips and tiles
_BYTES, _FRACTIONS = (1, 2, 7), (5, 10)  # field types of TIFF 6.0; bytes are not decoded one by one

# libtiff allows 100; of 41 million pixels they take three seconds. Encoders write about ten.
os.environ.setdefault("LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER", "15")


# Pillow refuses a PNG with a longer profile; 1 MB by itself. png.py leaves out longer texts.
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PROFILE_BYTES


class BoundedFile(io.BytesIO):
    """The bytes of a file, which can be read MAX_READS times."""

    _reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as from any file; raises DamagedPicture when it has been read too often."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise overcomplicated("file", "too many parts")
        return super().read(size)


_load = ImageFileDirectory_v2.load


def _load_bounded(self: ImageFileDirectory_v2, fp: IO[bytes]) -> None:
    """Raise SyntaxError, as Pillow does for a damaged directory: it ignores EXIF, not a TIFF."""
    start = fp.tell()
    order: Literal["little", "big"] = "little" if self.prefix == b"II" else "big"
    tags = int.from_bytes(fp.read(8 if self._bigtiff else 2), order)
    if tags > MAX_TAGS:
        raise SyntaxError("too many tags")
    fp.seek(start)
    _load(self, fp)
    numbers = fractions = 0
    for tag, values in list(self._tagdata.items()):
        kind = self.tagtype[tag]
        count = 0 if kind in _BYTES else len(values) // self._load_dispatch[kind][0]
        if count > (_LONG_FRACTIONS if kind in _FRACTIONS else _LONG) and tag not in _PLACES:
            del self._tagdata[tag]  # no picture needs it
            continue
        numbers += count
        fractions += count if kind in _FRACTIONS else 0
    if numbers > _MAX_NUMBERS or fractions > _MAX_FRACTIONS:
        self.reset()
        raise SyntaxError("too many numbers")


ImageFileDirectory_v2.load = _load_bounded  # type: ignore[method-assign]


# A later frame of a GIF can be larger than the first; Pillow then enlarges the picture.
_max_pixels: ContextVar[int | None] = ContextVar("max_pixels", default=None)
_check_size = Image._decompression_bomb_check


@contextmanager
def no_larger_than(pixels: int) -> Iterator[None]:
    """Make Pillow refuse larger pictures inside the block, as it does above MAX_IMAGE_PIXELS."""
    token = _max_pixels.set(pixels)
    try:
        yield
    finally:
        _max_pixels.reset(token)


def _check_size_bounded(size: tuple[int, int], **options: bool) -> None:
    limit = _max_pixels.get()
    if limit is not None and size[0] * size[1] > limit:
        raise Image.DecompressionBombError("larger than the first frame")
    _check_size(size, **options)


Image._decompression_bomb_check = _check_size_bounded
