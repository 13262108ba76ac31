"""PNG files of any colour type and depth, written without Pillow, which cannot write them all."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
# Column and row of the first pixel, and the steps, of each pass of Adam7.
_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
_PASSES += [(0, 1, 1, 2)]


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    samples: NDArray[np.integer],
    colour_type: int,
    depth: int,
    *more: bytes,
    interlaced: bool = False,
) -> bytes:
    """Write (height, width, samples) as they are; `more` are chunks before the pixels."""
    height, width = samples.shape[:2]
    samples = samples.reshape(height, width, _SAMPLES[colour_type])
    passes = _PASSES if interlaced else [(0, 0, 1, 1)]
    rows = b"".join(
        b"\x00" + _packed(row.ravel(), depth)
        for left, top, across, down in passes
        for row in samples[top::down, left::across]
    )
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlaced)
    chunks = chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _packed(row: NDArray[np.integer], depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, 8 - depth :]
    return np.packbits(bits.ravel()).tobytes()
