"""What every place for originals promises; run on the fake and on a real folder."""

import errno
import threading
from pathlib import Path

import pytest

from functions.gallery.errors import ImageNotFound, InvalidName, StoreFull
from functions.gallery.originals import FolderOriginals
from tests.fakes import FakeOriginals
from tests.contract.stores import stored_image  # noqa: I001


@pytest.fixture(params=[FolderOriginals, FakeOriginals])
def originals(request, tmp_path):
    return FolderOriginals(tmp_path) if request.param is FolderOriginals else FakeOriginals()
