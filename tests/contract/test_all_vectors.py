"""All vectors of a gallery are read page by page, whichever store has them."""

import numpy as np
import pytest

from functions.gallery.gallery import Gallery
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from tests.contract.stores import BACK_ENDS, an_image
from tests.fakes import FakeEmbedder, FakeOriginals

COUNT = 600  # more than two pages


@pytest.mark.parametrize("back_end", BACK_ENDS)
def test_every_image_is_read_once_with_its_own_vector(back_end, tmp_path):
    spec = CollectionSpec("model@1", 4, fields={"kind": "keyword"})
    images = [
        an_image(f"{n}.jpg", metadata={"kind": "odd" if n % 2 else "even"}) for n in range(COUNT)
    ]
    rows = np.random.default_rng(1).normal(size=(COUNT, 4)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    sent = {image.id: row for image, row in zip(images, rows, strict=True)}

    with BACK_ENDS[back_end](spec, tmp_path) as store:
        for first in range(0, COUNT, 200):
            store.put(images[first : first + 200], rows[first : first + 200])
        gallery = Gallery(spec, Limits(), FakeEmbedder(), store, FakeOriginals())
        pages = list(gallery.vectors())
        odd = [image for some, _ in gallery.vectors({"kind": "odd"}) for image in some]

    found = [image for some, _ in pages for image in some]
    assert len(pages) > 2
    assert [image.id for image in found] == sorted(sent)
    np.testing.assert_allclose(
        np.concatenate([vectors for _, vectors in pages]),
        [sent[image.id] for image in found],
        atol=1e-6,
    )
    assert {image.metadata["kind"] for image in odd} == {"odd"}
    assert len(odd) == COUNT // 2


def test_an_image_removed_while_its_page_is_read_is_left_out(tmp_path):
    spec = CollectionSpec("model@1", 4)
    with BACK_ENDS["fake"](spec, tmp_path) as store:
        images = [an_image("1.jpg"), an_image("2.jpg")]
        store.put(images, np.eye(2, 4, dtype=np.float32))
        gallery = Gallery(spec, Limits(), FakeEmbedder(), store, FakeOriginals())
        page, read = store.page, []

        def remove_one(*arguments):
            read.append(page(*arguments))
            store.remove([images[0].id])
            return read[-1]

        store.page = remove_one
        ((left, vectors),) = gallery.vectors()

    assert len(read[0].images) == 2
    assert [image.name for image in left] == ["2.jpg"]
    assert vectors.shape == (1, 4)
