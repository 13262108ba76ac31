"""What tests of every kind share: a gallery of fakes, and development pictures if at hand."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.gallery.gallery import Gallery
from functions.gallery.pictures.decode import Limits
from functions.gallery.records import CollectionSpec
from tests.fakes import FakeEmbedder, FakeOriginals, FakeStore

ROOT = Path(__file__).resolve().parents[1]
FIELDS = {"category": "keyword", "price": "float", "sold": "bool"}


@dataclass
class Rig:
    """A gallery and the fakes that it stands on."""

    gallery: Gallery
    store: FakeStore
    originals: FakeOriginals


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
    """Give the pictures of a development set; none where it is not at hand."""
    sets = Path(os.environ.get("LOOKALIKE_SETS", "no folder of sets"))
    return sorted(path for path in (sets / name / "images").rglob("*") if path.is_file())
