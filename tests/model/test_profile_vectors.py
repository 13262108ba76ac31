"""A picture with a colour profile has the vector of its sRGB twin."""

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from tests.conftest import ROOT
from tests.drawing import scene, written
from tests.icc import ADOBE_RGB, DISPLAY_P3, PROPHOTO, cmyk_from_srgb, cmyk_profile

SPACES = {"Display P3": DISPLAY_P3, "Adobe RGB": ADOBE_RGB, "ProPhoto": PROPHOTO}
SEEDS = (0, 3, 5, 7)  # vivid rectangles and discs


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return OnnxEmbedder(ROOT / "model")


def stored(image: Image.Image, kind: str) -> tuple[Image.Image, bytes]:
    """Return a picture in another colour space, and the profile of the space."""
    pixels = np.asarray(image)
    if kind == "CMYK":
        return Image.fromarray(cmyk_from_srgb(pixels), "CMYK"), cmyk_profile()
    return Image.fromarray(SPACES[kind].from_srgb(pixels)), SPACES[kind].profile()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(320, 240), (1_600, 1_200)], ids=["small", "reduced"])
@pytest.mark.parametrize("kind", [*SPACES, "CMYK"])
def test_a_picture_with_a_profile_has_the_vector_of_its_srgb_twin(embedder, kind, size):
    def vector(image: Image.Image, **profile: bytes) -> np.ndarray:
        picture = decode(written(image, "TIFF", **profile), Limits(), short_side_px=448)
        return embedder.embed([picture])[0]

    with_profile, without = [], []
    for seed in SEEDS:
        image = scene(seed, *size)
        twin = vector(image)
        other, profile = stored(image, kind)
        with_profile.append(float(vector(other, icc_profile=profile) @ twin))
        without.append(float(vector(other) @ twin))

    # Rounding to 8 bits in either space leaves .96 to .999: plain areas and soft edges of these
    # drawings are rounded differently. Without the profile the mean is lower.
    assert min(with_profile) > 0.95
    assert np.mean(with_profile) > np.mean(without) + 0.005
