"""The real model turns pictures into vectors."""

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from functions.gallery.embedding.card import View
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.errors import ModelMismatch
from functions.gallery.pictures.decode import decode
from functions.gallery.pictures.limits import Limits
from model.quality.vectors import Graph
from tests.conftest import ROOT
from tests.drawing import jpeg, scene, written
from tests.unit.test_pictures import STORED_TRANSPOSE

MODEL = ROOT / "model"
VIEW = {"part": 1.0, "px": 224, "weight": 1}


@pytest.fixture(scope="module")
def embedder():
    return OnnxEmbedder(MODEL)


def vector_of(embedder: OnnxEmbedder, data: bytes) -> np.ndarray:
    picture = decode(data, Limits(), short_side_px=embedder.card.short_side_px)
    return embedder.embed([picture])[0]


def with_orientation(image: Image.Image, orientation: int, format: str, **options: object) -> bytes:
    transpose = STORED_TRANSPOSE[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return written(
        image if transpose is None else image.transpose(transpose), format, exif=exif, **options
    )


def test_vectors_are_in_the_order_of_the_pictures_with_length_one(embedder):
    pictures = [decode(jpeg(n), Limits(), short_side_px=374) for n in range(5)]

    vectors = embedder.embed(pictures)

    assert vectors.shape == (5, embedder.card.dims)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    for picture, vector in zip(pictures, vectors, strict=True):
        np.testing.assert_allclose(embedder.embed([picture])[0], vector, atol=1e-6)


def test_no_pictures_give_no_vectors(embedder):
    assert embedder.embed([]).shape == (0, embedder.card.dims)


@pytest.mark.parametrize("size", [(500, 375), (1601, 1203), (1602, 1203)])
@pytest.mark.parametrize("orientation", STORED_TRANSPOSE)
def test_each_exif_orientation_gives_the_vector_of_the_upright_file(embedder, orientation, size):
    image = scene(3, *size)
    upright = vector_of(embedder, written(image, "PNG"))

    assert vector_of(embedder, with_orientation(image, orientation, "PNG")) @ upright > 0.9999


@pytest.mark.parametrize("orientation", STORED_TRANSPOSE)
def test_a_losslessly_rotated_jpeg_gives_the_vector_of_the_upright_file(embedder, orientation):
    # Blocks of 16 x 16 pixels of one colour: JPEG stores each the same, wherever it is.
    blocks = scene(4, 128, 96).resize((2048, 1536), Image.Resampling.NEAREST)
    upright = vector_of(embedder, written(blocks, quality=95))

    assert (
        vector_of(embedder, with_orientation(blocks, orientation, "JPEG", quality=95)) @ upright
        > 0.9999
    )


def test_a_picture_losslessly_saved_again_gives_the_same_vector(embedder):
    data = jpeg(5, 500, 375)
    again = written(Image.open(io.BytesIO(data)), "PNG")

    assert vector_of(embedder, again) @ vector_of(embedder, data) > 0.9999


def test_a_vector_is_the_head_of_the_weighted_mean_of_the_views(embedder):
    picture = decode(jpeg(6, 500, 375), Limits(), short_side_px=448)
    graph = Graph(MODEL)
    whole, half = (
        graph.run(picture.square(part, px)[np.newaxis])["joined"][0]
        for part, px in ((1.0, 288), (0.5, 224))
    )

    mean = (1.75 * whole + half) / 2.75
    np.testing.assert_allclose(embedder.joined(picture), mean, atol=1e-6)
    np.testing.assert_allclose(embedder.embed([picture])[0], graph.vector(mean), atol=1e-6)


def test_a_card_of_earlier_versions_gives_the_unit_mean_of_the_rows(embedder, tmp_path):
    card = json.loads((MODEL / "card.json").read_text())
    shutil.copy(MODEL / card["file"], tmp_path)
    old = {name: card[name] for name in ("name", "version", "file", "sha256")}
    long_views = {"longer_than": 1.5, "longest_box": 2.5, "most": 8, "weight": 0.5}
    old |= {"input": {"px": 192}, "output": {"dims": 2240}, "views": [1.0, 0.5]}
    (tmp_path / "card.json").write_text(json.dumps(old | {"long_views": long_views}))
    graph = Graph(MODEL)

    def row(box):
        return graph.run(long.view(box, 192)[np.newaxis])["joined"][0]

    own = OnnxEmbedder(tmp_path)
    long = decode(written(scene(7, 600, 300), "PNG"), Limits(), short_side_px=400)
    (vector,) = own.embed([long])

    assert own.card.views == (View(1.0, 192), View(0.5, 192))
    assert own.card.short_side_px == 384
    squares = [(150, 0, 450, 300), (225, 75, 375, 225)]
    mean = sum(map(row, squares)) / 4 + row((0, 0, 600, 300)) / 2
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


WRONG = [
    {"sha256": "0" * 64},
    {"file": "missing.onnx"},
    {"output": {"dims": 640}},
    {"views": None},
    {"views": [1.0]},  # of how many pixels?
    {"views": [{"part": 1.0, "px": 224}]},
    *({"views": [VIEW | wrong]} for wrong in ({"part": 1.1}, {"px": 0}, {"weight": 0})),
    {"head": None},
    {"head": {"file": "head.onnx", "sha256": "0" * 64}},
    {"head": {"file": "missing.onnx", "sha256": "0" * 64}},
    {"head": {"file": "network.onnx", "sha256": "of the network"}},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_card_that_does_not_fit_the_graphs_is_refused(tmp_path, wrong):
    card = json.loads((MODEL / "card.json").read_text())
    for file in (card["file"], card["head"]["file"]):
        shutil.copy(MODEL / file, tmp_path)
    shutil.copy(MODEL / card["file"], tmp_path / "network.onnx")
    written = json.dumps(card | wrong).replace("of the network", card["sha256"])
    (tmp_path / "card.json").write_text(written)

    with pytest.raises(ModelMismatch):
        OnnxEmbedder(tmp_path)


def test_a_folder_without_a_card_is_refused_with_the_setting_to_check(tmp_path):
    with pytest.raises(ModelMismatch, match="LOOKALIKE_MODEL"):
        OnnxEmbedder(tmp_path)
