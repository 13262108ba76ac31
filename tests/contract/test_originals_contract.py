"""What every place for originals promises; run on the fake and on a real folder."""

import errno
import os
import threading

import pytest

from functions.gallery.errors import ImageNotFound, InvalidName, StoreFull, StoreRejected
from functions.gallery.objects import Original
from functions.gallery.originals import FolderOriginals
from tests.contract.stores import an_image
from tests.fakes import FakeOriginals


@pytest.fixture(params=["folder", "fake"])
def originals(request, tmp_path):
    return FolderOriginals(tmp_path) if request.param == "folder" else FakeOriginals()


@pytest.mark.parametrize(
    "name", ["cat.jpg", "a/b/c.jpg", "Ä 猫 🐈.jpg", "a+b %20#?.jpg", "x" * 255]
)
def test_bytes_come_back_as_they_went_in(originals, name):
    originals.write(name, Original(b"\x00one"))

    assert originals.read(name) == b"\x00one"


def test_the_last_bytes_of_a_name_win_and_have_their_own_etag(originals):
    first = originals.write("cat.jpg", Original(b"one"))

    second = originals.write("cat.jpg", Original(b"two"))

    assert originals.read("cat.jpg") == b"two"
    assert first == "f97c5d29941bfb1b2fdab0874906ab82"  # md5, as S3 gives it
    assert second != first


def test_what_is_removed_is_not_found_and_its_neighbour_stays(originals):
    originals.write("a/1.jpg", Original(b"one"))
    originals.write("a/2.jpg", Original(b"two"))

    originals.remove("a/1.jpg")
    originals.remove("a/1.jpg")

    assert originals.read("a/2.jpg") == b"two"
    with pytest.raises(ImageNotFound):
        originals.read("a/1.jpg")


def test_a_thumbnail_belongs_to_the_very_bytes(originals):
    image, changed = an_image("cat.jpg"), an_image("cat.jpg", sha256="cd" * 32)
    originals.write_thumbnail(image, b"small")

    assert originals.read_thumbnail(image) == b"small"
    assert originals.read_thumbnail(changed) is None
    originals.remove_thumbnail(image)
    originals.remove_thumbnail(image)
    assert originals.read_thumbnail(image) is None


def test_originals_lie_in_the_folder_under_their_own_names(tmp_path):
    FolderOriginals(tmp_path).write("shoes/red.jpg", Original(b"one"))

    assert (tmp_path / "originals" / "shoes" / "red.jpg").read_bytes() == b"one"


def test_folders_that_became_empty_go_away(tmp_path):
    originals = FolderOriginals(tmp_path)
    originals.write("a/b/c.jpg", Original(b"one"))
    originals.write("a/d.jpg", Original(b"two"))

    originals.remove("a/b/c.jpg")

    assert os.listdir(tmp_path / "originals" / "a") == ["d.jpg"]


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a")])
def test_a_picture_cannot_lie_inside_a_picture(tmp_path, first, second):
    originals = FolderOriginals(tmp_path)
    originals.write(first, Original(b"one"))

    with pytest.raises(InvalidName):
        originals.write(second, Original(b"two"))

    assert originals.read(first) == b"one"


@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, StoreFull), (errno.EACCES, StoreRejected)]
)
def test_a_disk_that_refuses_leaves_the_bytes_before(tmp_path, monkeypatch, number, error):
    originals = FolderOriginals(tmp_path)
    originals.write("cat.jpg", Original(b"one"))

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refuse)

    with pytest.raises(error, match="cat.jpg"):
        originals.write("cat.jpg", Original(b"two"))

    assert originals.read("cat.jpg") == b"one"
    assert os.listdir(tmp_path / "unfinished") == []


def test_a_reader_never_sees_half_a_picture(tmp_path):
    originals = FolderOriginals(tmp_path)
    one, two = b"1" * 3_000_000, b"2" * 3_000_000
    originals.write("cat.jpg", Original(one))
    done = threading.Event()

    def rewrite() -> None:
        for number in range(20):
            originals.write("cat.jpg", Original(one if number % 2 else two))
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(originals.read("cat.jpg"))
    writer.join()

    assert seen <= {one, two}
