"""scripts/bench/vectors: notices when two machines see the same pictures differently."""

import json

import numpy as np
import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import run

pytestmark = pytest.mark.slow  # each run loads the model


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(jpeg(number, 160, 120))
    (folder / "notes.txt").write_text("no picture")
    return folder


def compare(pictures, tmp_path):
    return run("bench/vectors", pictures, tmp_path / "vectors.npz", data=tmp_path)


def test_vectors_of_another_machine_are_accepted_if_they_are_nearly_the_same(pictures, tmp_path):
    written = compare(pictures, tmp_path)

    same = compare(pictures, tmp_path)
    kept = dict(np.load(tmp_path / "vectors.npz"))
    np.savez(tmp_path / "vectors.npz", **kept | {"vectors": kept["vectors"][::-1]})
    other = compare(pictures, tmp_path)

    assert written.stdout.startswith("Wrote 3 vectors of ")
    assert (same.returncode, json.loads(same.stdout)["least cosine"]) == (0, 1.0)
    assert (other.returncode, json.loads(other.stdout)["with a cosine above 0.9999"]) == (1, 1)


def test_other_pictures_are_not_compared(pictures, tmp_path):
    compare(pictures, tmp_path)
    (pictures / "0.jpg").rename(pictures / "9.jpg")

    refused = compare(pictures, tmp_path)

    assert refused.returncode == 1
    assert "use the same folder" in refused.stderr
