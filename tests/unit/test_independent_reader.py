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
from tests.kinds import FADED, SAMPLES, SCENE
from tests.programs import find_program

# Mean difference of all values, in levels of 255, and why there is any. Other kinds: none.
BLENDED = 0.6, "one of the two rounds down when it blends"
UPSAMPLED = 2.5, "colour planes of half the size are enlarged in another way"
TOLERANCES = {
    "PNG, transparent": BLENDED,
    "PNG, transparent grey": BLENDED,
    "PNG, transparent grey of 16 bits": BLENDED,
    "PNG, transparent, 16 bits": BLENDED,
    "WebP, transparent": BLENDED,
    "TIFF, transparent": BLENDED,
    "TIFF, transparent grey": BLENDED,
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
# What ImageMagick 6 does not show: the drawing, and what its compression may change.
ON_WHITE = Image.new("RGB", SCENE.size, "white")
ON_WHITE.paste(FADED, mask=FADED)
DRAWINGS = {
    "AVIF, transparent": (ON_WHITE, 4.0, "ImageMagick 6 drops the transparency of AVIF and HEIC"),
    "HEIC, transparent": (ON_WHITE, 4.0, "ImageMagick 6 drops the transparency of AVIF and HEIC"),
    "JPEG without its end": (SCENE, 4.0, "ImageMagick shows it, but calls it an error"),
    "PNG without its end": (SCENE, 0.0, "ImageMagick shows it, but calls it an error"),
    "WebP without its end": (SCENE, 0.0, "libwebp refuses it"),
    "AVIF, animated": (SCENE, 4.0, "ImageMagick 6 does not read sequences"),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory) -> dict[str, Image.Image]:
    """Every kind as ImageMagick shows it on a white page."""
    program = find_program("convert-im6.q16", "magick", package="imagemagick")
    folder = tmp_path_factory.mktemp("kinds")
    kinds = [kind.name for kind in ACCEPTED if kind.name not in DRAWINGS]
    command = [program]
    for number, name in enumerate(kinds):
        (folder / str(number)).write_bytes(SAMPLES[name]())
        command.append(f"{folder / str(number)}[0]")
    page = ["-auto-orient", "-background", "white", "-alpha", "remove", "-colorspace", "sRGB"]
    names = ["-set", "filename:kind", "%t", str(folder / "%[filename:kind].ppm")]
    done = subprocess.run([*command, *page, "-depth", "8", *names], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return {name: read(folder / f"{number}.ppm") for number, name in enumerate(kinds)}


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
