"""The contract of originals that are only read: a folder of somebody's own pictures."""

import os
from pathlib import Path

import pytest

from functions.gallery.errors import (
    ImageNotFound,
    ObjectChanged,
    ReadOnlyOriginals,
    StoreError,
    UnreadableOriginal,
)
from functions.gallery.names import image_id
from functions.gallery.originals.in_place import InPlaceOriginals
from functions.gallery.records import Original
from tests.contract.stores import an_image

METADATA = {"category": "hat", "größe": 42, "tags": ["a", "ä"]}


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder of pictures, with a tree that its owner made."""
    put(tmp_path / "pictures", "cat.jpg", b"one")
    return tmp_path / "pictures"


@pytest.fixture
def originals(folder, tmp_path) -> InPlaceOriginals:
    return InPlaceOriginals(tmp_path / "data", folder)


def put(folder: Path, name: str, data: bytes, *, at: int = 1_700_000_000) -> Path:
    """Write a file as its owner does, at this time in seconds."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and time of everything in a folder, and of itself."""
    paths = [folder, *folder.rglob("*")]
    stats = {path.relative_to(folder).as_posix(): path.lstat() for path in paths}
    return {name: (s.st_mode, s.st_size, s.st_mtime_ns) for name, s in stats.items()}


def listed(originals: InPlaceOriginals) -> list[str]:
    return [entry.name for entry in originals.names()]


def test_files_are_read_where_they_are(originals):
    state = originals.head("cat.jpg")

    file, size = originals.open("cat.jpg")

    with file:
        assert (size, file.read()) == (3, b"one")
    assert originals.read("cat.jpg", state.etag) == originals.fetch("cat.jpg").data == b"one"
    assert originals.fetch("cat.jpg").etag == state.etag
    assert originals.exists("cat.jpg") and originals.can_be_read("cat.jpg")
    assert originals.has_bytes(an_image("cat.jpg", etag=state.etag))
    assert originals.head("dog.jpg") is None
    with pytest.raises(ImageNotFound):
        originals.read("dog.jpg")
    with pytest.raises(ImageNotFound):
        originals.read("../data/gallery-id")


def test_whatever_is_done_the_folder_stays_as_it_is(originals, folder):
    put(folder, "b/dog.jpg", b"two")
    before = listing(folder)
    image = an_image("cat.jpg")

    for write in (originals.create, originals.write):
        for name in ("cat.jpg", "new.jpg", "b/new.jpg"):
            with pytest.raises(ReadOnlyOriginals):
                write(name, Original(b"three", METADATA))
    originals.write_metadata("cat.jpg", METADATA, originals.head("cat.jpg"))
    originals.write_thumbnail(image, b"small")
    originals.write_reply("a", b"reply")
    originals.remove_thumbnail(image)
    originals.remove_thumbnails(image.id)
    for name in ("cat.jpg", "b/dog.jpg", "none.jpg"):
        originals.remove(name)
        originals.remove(name)
    originals.bring_back("*")
    for name in listed(originals):
        originals.read(name)

    assert listing(folder) == before


def test_metadata_are_kept_apart_and_go_with_a_removed_picture(originals, folder, tmp_path):
    first = originals.head("cat.jpg")
    originals.write_metadata("cat.jpg", METADATA, first)

    state = originals.head("cat.jpg")
    with pytest.raises(ObjectChanged):
        originals.write_metadata("cat.jpg", {}, first)
    originals.remove("cat.jpg")
    originals.bring_back("cat.jpg")

    assert (state.metadata, state.etag == first.etag) == (METADATA, False)
    assert originals.head("cat.jpg").metadata == {}
    assert (tmp_path / "data" / "records").is_dir()


def test_metadata_outlive_a_missing_file_because_its_drive_may_be_unplugged(originals, folder):
    originals.write_metadata("cat.jpg", METADATA, originals.head("cat.jpg"))
    (folder / "cat.jpg").rename(folder.parent / "unplugged.jpg")

    originals.remove_record("cat.jpg", originals.record_etag("cat.jpg"))
    (folder.parent / "unplugged.jpg").rename(folder / "cat.jpg")

    assert originals.head("cat.jpg").metadata == METADATA


def test_a_removed_picture_is_not_seen_again_until_its_file_changes(originals, folder):
    originals.remove("cat.jpg")
    with pytest.raises(ImageNotFound):
        originals.read("cat.jpg")
    after_removal = (listed(originals), originals.head("cat.jpg"), originals.exists("cat.jpg"))

    put(folder, "cat.jpg", b"one", at=1_800_000_000)  # restored from a backup
    after_restoring = listed(originals)
    put(folder, "cat.jpg", b"two", at=1_800_000_001)

    assert after_removal == ([], None, False)
    assert after_restoring == []
    assert listed(originals) == ["cat.jpg"]


def test_another_process_does_not_see_it_either_until_it_is_brought_back(originals, folder):
    put(folder, "a/cat.jpg", b"two")
    originals.remove("cat.jpg")
    originals.remove("a/cat.jpg")

    other = InPlaceOriginals(folder.parent / "data", folder)

    assert listed(other) == []
    assert (other.bring_back("a/*"), listed(other)) == (["a/cat.jpg"], ["a/cat.jpg"])
    assert (other.bring_back("*"), listed(other)) == (["cat.jpg"], ["a/cat.jpg", "cat.jpg"])


def test_pictures_are_listed_by_name_and_what_an_import_leaves_out_is_not(originals, folder):
    put(folder, "a/1.jpg", b"12")
    for name in (".hidden.jpg", ".thumbnails/1.jpg", "a/@eaDir/1.jpg", "Thumbs.db", "1.MOV"):
        put(folder, name, b"no picture of its owner")
    (folder / "z").symlink_to(folder / "a")  # read once, under its own name
    (folder / "gone.jpg").symlink_to(folder / "nowhere")

    found = list(originals.names())

    assert [(entry.name, entry.bytes) for entry in found] == [("a/1.jpg", 2), ("cat.jpg", 3)]
    assert found[0].etag == originals.head("a/1.jpg").etag
    assert [entry.name for entry in originals.names("a/1.jpg")] == ["cat.jpg"]
    assert "(gone.jpg)" in originals.left_out and "1 videos (.mov)" in originals.left_out
    for name in (".hidden.jpg", ".thumbnails/1.jpg", "a/@eaDir/1.jpg", "1.MOV"):
        assert originals.head(name) is None, name


def test_links_to_other_folders_are_followed(originals, folder, tmp_path):
    put(tmp_path / "elsewhere", "1.jpg", b"12")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "loop").symlink_to(folder)

    assert listed(originals) == ["cat.jpg", "link/1.jpg"]
    assert originals.read("link/1.jpg") == b"12"


def test_a_folder_that_is_not_there_is_not_taken_for_an_empty_one(originals, folder):
    (folder / "cat.jpg").unlink()
    folder.rmdir()

    with pytest.raises(StoreError, match="check that its drive is connected"):
        listed(originals)


def test_a_file_that_changes_while_it_is_read_is_noticed(originals, folder):
    state = originals.head("cat.jpg")
    put(folder, "cat.jpg", b"two", at=1_700_000_001)

    with pytest.raises(ObjectChanged):
        originals.read("cat.jpg", state.etag)
    with pytest.raises(ObjectChanged):
        originals.fetch("cat.jpg", state.etag)


def test_a_file_without_permission_says_so(originals, folder, monkeypatch):
    # The tests may run as root, who can read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    assert "permissions" in originals.head("cat.jpg").unreadable
    assert not originals.can_be_read("cat.jpg")
    assert listed(originals) == ["cat.jpg"]


def test_opening_a_file_without_permission_is_no_failure_of_the_data_folder(
    originals, folder, monkeypatch
):
    opened = Path.open

    def refuse(path, *arguments, **options):
        if path.parent == folder:
            raise PermissionError(13, "Permission denied")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)

    with pytest.raises(UnreadableOriginal, match="check its permissions"):
        originals.read("cat.jpg")


def test_ids_are_those_of_a_folder_of_copies(originals):
    assert originals.bucket == "local"
    assert image_id(originals.bucket, "cat.jpg") == image_id("local", "cat.jpg")
