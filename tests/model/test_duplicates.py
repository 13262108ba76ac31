"""Altered copies are matched to their originals, with the real model and the real store."""

from pathlib import Path

import pytest

from functions.gallery.duplicates.notions import Likeness
from functions.gallery.duplicates.pages import DuplicateOptions, Duplicates, near_duplicates_of
from functions.gallery.embedding.embedder import OnnxEmbedder
from functions.gallery.intake.index import Indexer
from functions.gallery.names import image_id
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from functions.gallery.stores.embedded.store import EdgeStore
from model.quality.alterations import alter
from tests.conftest import development_set
from tests.drawing import scene, written

MODEL = Path(__file__).resolve().parents[2] / "model"
AGAIN = {Likeness.SAME_BYTES, Likeness.SAME_PICTURE}
SAVED_AGAIN = [
    "stripped",
    "png",
    "exif turned",
    "short side 160",
    "short side 64",
    "width x 1.33",
    "JPEG 30",
    "WebP 50",
    "GIF",
    "blur 1 %",
]
# Greys are edited; a picture that hardly had colours is the same.
OTHERWISE = {
    "saturation 0.3": {Likeness.EDITED, Likeness.SAME_PICTURE},
    "grey": {Likeness.EDITED, Likeness.SAME_PICTURE},
    "border 15 %": {Likeness.EDITED, Likeness.LOOKALIKE},
    "mirrored": {Likeness.TURNED},
    "rotated 90": {Likeness.TURNED},
}


def originals() -> dict[str, bytes]:
    """Return ten drawn pictures, and ten photos of two development sets if there are any."""
    drawn = {f"drawn {n}.png": written(scene(n, 500, 375), "PNG") for n in range(10)}
    photos = [
        path
        for name in ("dev-caltech101", "dev-calib-imagenet1k")
        for path in development_set(name)[::150][:5]
    ]
    return drawn | {path.name: path.read_bytes() for path in photos}


class KnownPictures:
    """A store with the originals that can index more pictures."""

    def __init__(self, folder: Path) -> None:
        embedder = OnnxEmbedder(MODEL)
        self.spec = CollectionSpec(embedder.card.id, embedder.card.dims)
        self.store = EdgeStore.open(folder, self.spec)
        self.bands = embedder.card.bands
        self.indexer = Indexer(embedder, Limits())
        self.originals = originals()
        for name, data in self.originals.items():
            self.put(name, data)

    def indexed(self, name: str, data: bytes):
        found = self.indexer.index(image_id("test", name), name, data, {})
        return found.image, found.vector

    def put(self, name: str, data: bytes) -> None:
        image, vector = self.indexed(name, data)
        self.store.put([image], vector[None])

    def hints(self, alteration: str) -> dict[str, dict[str, Likeness]]:
        """Return, for each original, the images that its altered copy matches, and how."""
        found = {}
        for name, data in self.originals.items():
            copy, vector = self.indexed(f"copy of {name}", alter(alteration, name, data))
            near = near_duplicates_of(copy, vector, self.store, self.bands)
            found[name] = {duplicate.image.name: duplicate.matched for duplicate in near}
        return found


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    known = KnownPictures(tmp_path_factory.mktemp("store"))
    yield known
    known.store.close()


@pytest.mark.parametrize("alteration", SAVED_AGAIN)
def test_a_copy_with_the_same_content_is_reported_as_the_same_picture(known, alteration):
    hints = known.hints(alteration)

    reported = [name for name, near in hints.items() if near.get(name) in AGAIN]
    least = 0.8 if alteration == "GIF" else 0.9  # 256 colours are too few for some
    assert len(reported) >= least * len(hints)
    assert all(set(near) <= {name} for name, near in hints.items())


@pytest.mark.parametrize("alteration", SAVED_AGAIN[:3])
def test_a_lossless_copy_has_the_vector_of_its_original(known, alteration):
    for name, data in known.originals.items():
        copy, vector = known.indexed(f"twin of {name}", alter(alteration, name, data))

        original, original_vector = known.indexed(name, data)
        assert float(vector @ original_vector) >= 0.9999
        assert copy.fingerprint == original.fingerprint


@pytest.mark.parametrize("alteration", OTHERWISE)
def test_an_edited_or_turned_copy_is_reported_as_such(known, alteration):
    hints = known.hints(alteration)

    reported = [name for name, near in hints.items() if near.get(name) in OTHERWISE[alteration]]
    # These scenes have plain edges of their own, where a frame seems to end elsewhere.
    least = 0.6 if alteration == "border 15 %" else 0.9
    assert len(reported) >= least * len(hints)
    assert all(set(near) <= {name} for name, near in hints.items())


def test_half_of_a_picture_is_not_reported_as_the_same_picture(known):
    hints = known.hints("crop 50 %")

    assert not [near for near in hints.values() if AGAIN & set(near.values())]


def test_copies_are_grouped_around_the_largest_picture(tmp_path):
    known = KnownPictures(tmp_path)
    for name, data in known.originals.items():
        for alteration in ("short side 160", "WebP 50", "JPEG 30"):
            known.put(f"{name}/{alteration}", alter(alteration, name, data))
        known.put(f"{name}/again", data)

    def groups(kind):
        pages = Duplicates(known.store, known.spec, known.bands).walk(DuplicateOptions(kind))
        return [group for page in pages for group in page.groups]

    of_bytes, of_pictures = groups(Likeness.SAME_BYTES), groups(Likeness.SAME_PICTURE)
    known.store.close()

    assert len(of_bytes) == len(known.originals)
    complete = 0
    for group in of_pictures:
        names = {group.keeper.name, *(each.image.name for each in group.others)}
        (original,) = {name.partition("/")[0] for name in names}
        complete += len(names) == 5
        largest = max(each.width * each.height for each in (d.image for d in group.others))
        assert group.keeper.width * group.keeper.height >= largest
        assert original in known.originals
    assert complete >= 0.9 * len(known.originals)
