"""A JPEG of a kind that is not decoded is named by its header, and not called damaged."""

import struct

import numpy as np
import pytest

from functions.gallery.errors import DamagedPicture, UnsupportedFormat
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.tiffs import Page, joined, page


def decoded(data: bytes) -> None:
    decode(data, Limits(), short_side_px=374)


def frame(marker: int, bits: int = 8) -> bytes:
    """Return the start of a JPEG of this kind, and a scan without its bytes."""
    body = struct.pack(">BHHB", bits, 9, 9, 1) + b"\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00\xff\xd9"
    return b"\xff\xd8\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body + scan


# ITU-T T.81, table B.1, and T.87.
JPEGS = {
    "12-bit JPEG": [frame(0xC1, 12), frame(0xC2, 12)],
    "16-bit JPEG": [frame(0xC1, 16)],
    "Lossless JPEG": [frame(0xC3), frame(0xC3, 14), frame(0xCB)],
    "Hierarchical JPEG": [frame(marker) for marker in (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE)],
    "JPEG with arithmetic coding": [frame(0xC9), frame(0xCA)],
    "JPEG-LS": [frame(0xF7)],
}


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_is_not_supported_is_named(kind):
    for data in JPEGS[kind]:
        with pytest.raises(UnsupportedFormat, match=f"^{kind} is not supported; save it"):
            decoded(data)


def test_a_jpeg_without_its_pixels_is_damaged_and_not_unsupported():
    with pytest.raises(DamagedPicture, match="damaged"):
        decoded(frame(0xC0))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_in_a_tiff_that_is_not_supported_is_named(kind):
    grey = page(np.zeros((9, 9), np.uint8), photometric=1, rows_per_strip=9)
    for part in JPEGS[kind]:
        data = joined([Page("<", grey.tags | {259: (3, [7])}, [part])])

        with pytest.raises(UnsupportedFormat, match=f"^TIFF with {kind} is not supported; save it"):
            decoded(data)
