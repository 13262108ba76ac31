"""Each kind of file looks as ImageMagick shows it, or as the drawing that it was made from.

One process reads them all. Debian's ImageMagick shares libraries with Pillow (libjpeg, libtiff,
libheif), in other versions, but none of the code that chooses frames, levels, colours and turns.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.kinds import ACCEPTED
from functions.gallery.pictures.limits import Limits
from tests import icc
from tests.drawing import scene
from tests.kinds import FADED, GREY, RAW, SAMPLES, SCENE
from tests.programs import find_program

# Mean difference of all values, in levels of 255, and why there is any. Other kinds: none.
BLENDED = 0.6, "one of the two rounds down when it blends"
UPSAMPLED = 2.5, "colour planes of half the size are enlarged in another way"
CONVERTED = 1.0, "Pillow rounds CMYK and RGB to 8 bits before LittleCMS converts, ImageMagick after"
TOLERANCES = {
    "PNG, transparent": BLENDED,
    "PNG, transparent grey": BLENDED,
    "PNG, transparent grey of 16 bits": BLENDED,
    "PNG, transparent, 16 bits": BLENDED,
    "WebP, transparent": BLENDED,
    "TIFF, transparent": BLENDED,
    "TIFF, transparent grey": BLENDED,
    "JPEG, Adobe RGB": CONVERTED,
    "PNG, Display P3": CONVERTED,
    "JPEG, CMYK with a profile": CONVERTED,
    "TIFF, palette": (1.0, "16 bits become 8 by 1/256 here and by 1/257 there"),
    "TIFF, Lab": (4.0, "one takes D65 for white, the other D50"),
    "AVIF": UPSAMPLED,
    "AVIF, 10 bits": UPSAMPLED,
    "AVIF, turned": UPSAMPLED,
    "AVIF, tiles": UPSAMPLED,
    "HEIC": UPSAMPLED,
    "HEIC, 10 bits": UPSAMPLED,
    "HEIC, turned": UPSAMPLED,
    "HEIC, tiles": UPSAMPLED,
    "HEIC with a depth map": UPSAMPLED,
}
PROFILED = ("JPEG, Adobe RGB", "JPEG, CMYK with a profile", "PNG, Display P3")
# What ImageMagick 6 does not show: the drawing, and what its compression may change.
ON_BLACK = GREY.convert("RGB")
ON_WHITE = Image.new("RGB", SCENE.size, "white")
ON_WHITE.paste(FADED, mask=FADED)
DRAWINGS = {
    "JPEG, broken profile": (SCENE, 4.0, "ImageMagick calls it an error"),
    "AVIF, transparent": (ON_WHITE, 4.0, "ImageMagick 6 drops the transparency of AVIF and HEIC"),
    "HEIC, transparent": (ON_WHITE, 4.0, "ImageMagick 6 drops the transparency of AVIF and HEIC"),
    "JPEG without its end": (SCENE, 4.0, "ImageMagick shows it, but calls it an error"),
    "PNG without its end": (SCENE, 0.0, "ImageMagick shows it, but calls it an error"),
    "WebP without its end": (SCENE, 0.0, "libwebp refuses it"),
    "AVIF, animated": (SCENE, 4.0, "ImageMagick 6 does not read sequences"),
    "PNG, animated": (SCENE, 0.0, "ImageMagick shows the first frame, which is blank"),
    "WebP, animated": (SCENE, 0.0, "ImageMagick shows the first frame, which is blank"),
    "GIF, animated": (SCENE, 0.0, "ImageMagick shows the first frame, which is blank"),
    "PNG, transparent, white": (ON_BLACK, 1.0, "ImageMagick is asked for a white page"),
}
DRAWINGS |= {
    f"{kind}, raw": (scene(1, 960, 640), 3.0, "it reads no raw files; their preview is a JPEG")
    for kind in RAW
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, Image.Image]:
    """Every kind as ImageMagick shows it on a white page, those with a profile in sRGB."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "srgb.icc").write_bytes(icc.SRGB.profile())
    kinds = [kind.name for kind in ACCEPTED if kind.name not in DRAWINGS]
    for number, name in enumerate(kinds):
        (folder / str(number)).write_bytes(SAMPLES[name]())
    page = ["-auto-orient", "-background", "white", "-alpha", "remove", "-colorspace", "sRGB"]
    # Without a profile of its own, a file would be given this one.
    profile = ["-intent", "Perceptual", "-black-point-compensation", "-profile", "srgb.icc"]
    convert(folder, [number for number, name in enumerate(kinds) if name not in PROFILED], page)
    convert(folder, [number for number, name in enumerate(kinds) if name in PROFILED], profile)
    return {name: read(folder / f"{number}.ppm") for number, name in enumerate(kinds)}


def convert(folder: Path, files: list[int], options: list[str]) -> None:
    program = find_program("convert-im6.q16", "magick", package="imagemagick")
    names = ["-set", "filename:kind", "%t", "%[filename:kind].ppm"]
    command = [program, *(f"{number}[0]" for number in files), *options, "-depth", "8", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr


def read(path: Path) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = None  # each decoding sets it, to what its limits say
    with Image.open(path) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("name", [kind.name for kind in ACCEPTED if kind.name not in DRAWINGS])
def test_a_kind_of_file_looks_as_another_program_shows_it(shown, name):
    assert difference(name, shown[name]) <= TOLERANCES.get(name, (0.0, ""))[0]


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_kind_of_file_that_the_other_program_cannot_show_looks_as_it_was_drawn(name):
    drawing, tolerance, _ = DRAWINGS[name]

    assert difference(name, drawing) <= tolerance


def difference(name: str, expected: Image.Image) -> float:
    image = decode(SAMPLES[name](), Limits(), short_side_px=374).image
    assert image.size == expected.size
    return float(np.abs(np.asarray(image).astype(int) - np.asarray(expected)).mean())
