"""Small ICC profiles, written by the tests from published primaries, and what they mean.

The meaning is computed with numpy from the same primaries, without any profile or LittleCMS.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

D50, D65 = (0.3457, 0.3585), (0.3127, 0.3290)
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
Curve = Callable[[np.ndarray], np.ndarray]


def srgb_decoded(value: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: the light of an encoded value."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_encoded(light: np.ndarray) -> np.ndarray:
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@dataclass(frozen=True)
class Space:
    """A colour space of three primaries: their x and y, its white, and the power of its curve."""

    primaries: tuple[tuple[float, float], ...]
    white: tuple[float, float] = D65
    gamma: float | None = None  # None: the curve of sRGB

    def to_xyz(self, white: tuple[float, float]) -> np.ndarray:
        """Return the matrix from light to XYZ under another white (Bradford)."""
        columns = np.array([xyz(*each) for each in self.primaries]).T
        matrix = columns * np.linalg.solve(columns, xyz(*self.white))
        scale = (BRADFORD @ xyz(*white)) / (BRADFORD @ xyz(*self.white))
        return np.linalg.inv(BRADFORD) @ np.diag(scale) @ BRADFORD @ matrix

    def profile(self) -> bytes:
        """Return a display profile with a matrix and a curve."""
        matrix = self.to_xyz(D50)
        tags = {name: b"XYZ " + bytes(4) + s15(*matrix[:, n]) for n, name in enumerate(XYZ_TAGS)}
        if self.gamma is None:
            curve = b"para" + bytes(4) + struct.pack(">HH", 3, 0)
            curve += s15(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
        else:
            curve = curve_of(self.gamma)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
        return icc(b"mntr", b"RGB ", b"XYZ ", tags)

    def to_srgb(self, pixels: np.ndarray) -> np.ndarray:
        """Return what pixels of this space (0 to 255) are in sRGB, 0 to 255, clipped."""
        value = pixels / 255
        light = srgb_decoded(value) if self.gamma is None else value**self.gamma
        matrix = np.linalg.inv(SRGB.to_xyz(D65)) @ self.to_xyz(D65)
        return 255 * srgb_encoded(light @ matrix.T)

    def from_srgb(self, pixels: np.ndarray) -> np.ndarray:
        """Return the nearest pixels of this space for those of sRGB, as uint8."""
        matrix = np.linalg.inv(self.to_xyz(D65)) @ SRGB.to_xyz(D65)
        light = np.clip(srgb_decoded(pixels / 255) @ matrix.T, 0, 1)
        value = srgb_encoded(light) if self.gamma is None else light ** (1 / self.gamma)
        return np.rint(255 * value).astype(np.uint8)


def xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1, (1 - x - y) / y])


def s15(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65_536)) for number in numbers)


def curve_of(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def icc(device: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    """Return an ICC profile of version 2.4 with these tags."""
    tags = {b"wtpt": b"XYZ " + bytes(4) + s15(*xyz(*D50))} | tags
    table, bodies = struct.pack(">I", len(tags)), b""
    for name, body in tags.items():
        start = 132 + 12 * len(tags) + len(bodies)
        table += struct.pack(">4sII", name, start, len(body))
        bodies += body + bytes(-len(body) % 4)
    head = bytes(8) + struct.pack(">I", 0x02400000) + device + space + connection + bytes(12)
    head += b"acsp" + bytes(28) + s15(0.9642, 1, 0.8249) + bytes(48)
    return struct.pack(">I", 128 + len(table) + len(bodies)) + (head + table + bodies)[4:]


def grey_profile(gamma: float) -> bytes:
    return icc(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": curve_of(gamma)})


def cmyk_from_srgb(pixels: np.ndarray) -> np.ndarray:
    """Return the inks of a press whose dots grow; black is not used. As uint8, 255 is full ink."""
    return np.concatenate(
        [255 - np.rint(255 * (pixels / 255) ** (1 / DOT_GAIN)), np.zeros_like(pixels[..., :1])], -1
    ).astype(np.uint8)


def cmyk_profile(grid: int = 11) -> bytes:
    """Return a profile of that press: a table of Lab for `grid` amounts of each ink."""
    amounts = np.stack(np.meshgrid(*[np.linspace(0, 1, grid)] * 4, indexing="ij"), -1)
    rgb = ((1 - amounts[..., :3]) * (1 - amounts[..., 3:])) ** DOT_GAIN
    ratio = srgb_decoded(rgb) @ SRGB.to_xyz(D50).T / xyz(*D50)
    root = np.where(ratio > 216 / 24_389, np.cbrt(ratio), (24_389 / 27 * ratio + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    lab = np.stack(
        [(116 * y - 16) * 652.8, (500 * (x - y) + 128) * 256, (200 * (y - z) + 128) * 256]
    )
    table = np.rint(np.moveaxis(lab, 0, -1)).clip(0, 65_535).astype(">u2").tobytes()
    head = b"mft2" + bytes(4) + struct.pack(">BBBx", 4, 3, grid) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    line = struct.pack(">HH", 0, 65_535)
    body = head + struct.pack(">HH", 2, 2) + line * 4 + table + line * 3
    return icc(b"prtr", b"CMYK", b"Lab ", {b"A2B0": body})


XYZ_TAGS = (b"rXYZ", b"gXYZ", b"bXYZ")
DOT_GAIN = 1.5
SRGB = Space(((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)))
DISPLAY_P3 = Space(((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)))
ADOBE_RGB = Space(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), gamma=563 / 256)
PROPHOTO = Space(((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), D50, gamma=1.8)
