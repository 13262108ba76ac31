"""WebP files without their last bytes. Depends on Flaw only."""

import struct

from functions.gallery.pictures.picture import Flaw

_MAX_CHUNKS = 10_000  # each takes less than a microsecond; an animation has one for each frame


def whole_chunks(data: bytes) -> tuple[bytes, tuple[Flaw, ...]]:
    """Return a WebP that ends with its last whole chunk, and DAMAGED if that is not its end.

    libwebp refuses a file that is shorter than it says, even if only EXIF or XMP is cut off.
    """
    if 8 + struct.unpack_from("<I", data, 4)[0] <= len(data):
        return data, ()
    at = end = 12
    for _ in range(_MAX_CHUNKS):
        if end > len(data):
            break
        at = end
        if at + 8 > len(data):
            break
        size = struct.unpack_from("<I", data, at + 4)[0]
        end = at + 8 + size + size % 2
    return b"RIFF" + struct.pack("<I", at - 8) + data[8:at], (Flaw.DAMAGED,)
