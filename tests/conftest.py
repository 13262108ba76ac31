"""Shared by all tests: a gallery on fakes, and the development pictures if they are available."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.gallery.gallery import Gallery
from functions.gallery.pictures.limits import Limits
from functions.gallery.records import CollectionSpec
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

ROOT = Path(__file__).resolve().parents[1]
# A shell starts what is in its background with Ctrl-C ignored, and all that the tests start would
# inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
FIELDS = {"category": "keyword", "price": "float", "sold": "bool"}


@dataclass
class Rig:
    """A gallery and the fakes it is built on."""

    gallery: Gallery
    store: FakeStore
    originals: FakeOriginals

    def process(self) -> Gallery:
        """Start another process on the same store and originals."""
        return Gallery(self.gallery.spec, Limits(), FakeEmbedder(), self.store, self.originals)


@pytest.fixture
def rig() -> Rig:
    embedder, originals = FakeEmbedder(), FakeOriginals()
    spec = CollectionSpec(embedder.card.id, embedder.card.dims, fields=FIELDS)
    store = FakeStore(spec)
    return Rig(Gallery(spec, Limits(), embedder, store, originals), store, originals)


@pytest.fixture
def gallery(rig: Rig) -> Gallery:
    return rig.gallery


def development_set(name: str) -> list[Path]:
    """Return the pictures of a development set; none if it is not available."""
    sets = Path(os.environ.get("LOOKALIKE_SETS", "no folder of sets"))
    return sorted(path for path in (sets / name / "images").rglob("*") if path.is_file())
