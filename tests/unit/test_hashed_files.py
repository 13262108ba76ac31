"""What an import remembers of the files that it read."""

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from functions.cli.hashed_files import FILE, HashedFiles

_STEP_S = 0.05  # longer than that of the clock of a file system with nanoseconds


@pytest.fixture
def picture(tmp_path) -> Path:
    path = tmp_path / "pictures" / os.fsdecode(b"caf\xe9.jpg")  # not UTF-8
    path.parent.mkdir()
    path.write_bytes(b"one")
    time.sleep(_STEP_S)
    return path


def found(folder: Path, path: Path, **options) -> dict[Path, str]:
    """Look a file up as one import does, which then reads it if need be."""
    with closing(HashedFiles(folder, **options)) as hashed:
        known = hashed.find([path])
        hashed.keep(path, "of one")
        return known


def test_a_file_is_known_once_it_was_read(tmp_path, picture):
    first = found(tmp_path, picture)

    again = found(tmp_path, picture)

    assert (first, again) == ({}, {picture: "of one"})


def test_a_file_is_known_by_its_whole_path(tmp_path, picture, monkeypatch):
    found(tmp_path, picture)
    monkeypatch.chdir(picture.parent)

    assert found(tmp_path, Path(picture.name)) == {Path(picture.name): "of one"}


def rewrite(path: Path) -> None:
    path.write_bytes(b"two")


def replace(path: Path) -> None:
    other = path.with_name("older.jpg")
    other.write_bytes(b"two")
    os.utime(other, ns=(0, path.stat().st_mtime_ns))
    os.replace(other, path)


def rewrite_at_the_same_time(path: Path) -> None:
    modified = path.stat().st_mtime_ns
    path.write_bytes(b"two")
    os.utime(path, ns=(0, modified))


def restore_earlier(path: Path) -> None:
    path.write_bytes(b"two")
    os.utime(path, ns=(0, 10**18))


@pytest.mark.parametrize("change", [rewrite, replace, rewrite_at_the_same_time, restore_earlier])
def test_a_file_of_the_same_size_is_read_again_after_any_change(tmp_path, picture, change):
    found(tmp_path, picture)

    change(picture)

    assert found(tmp_path, picture) == {}


def test_a_file_that_could_still_change_unseen_is_not_remembered(tmp_path, picture, monkeypatch):
    written = max(picture.stat().st_mtime_ns, picture.stat().st_ctime_ns)
    monkeypatch.setattr(time, "time_ns", lambda: written + 10_000_000)

    found(tmp_path, picture)

    assert found(tmp_path, picture) == {}


def test_all_files_can_be_read_again(tmp_path, picture):
    found(tmp_path, picture)

    assert found(tmp_path, picture, reads_all=True) == {}


@pytest.mark.parametrize("content", [b"no database" * 100, b""])
def test_a_damaged_record_only_means_that_files_are_read(tmp_path, picture, content):
    (tmp_path / FILE).write_bytes(content)

    assert found(tmp_path, picture) == {}


def test_more_files_are_kept_than_are_written_at_once(tmp_path):
    paths = [tmp_path / f"{number}.jpg" for number in range(1_500)]
    for path in paths:
        path.touch()
    time.sleep(_STEP_S)
    hashed = HashedFiles(tmp_path)
    hashed.find(paths)
    for path in paths:
        hashed.keep(path, path.name)

    with closing(HashedFiles(tmp_path)) as other:  # as after a kill
        known = other.find(paths)
    hashed.close()

    assert known == {path: path.name for path in paths[:1_000]}


@pytest.mark.parametrize("path", ["missing.jpg", "nul\0l.jpg", "half \ud83d.jpg"])
def test_what_is_no_file_is_not_remembered(tmp_path, path):
    found(tmp_path, tmp_path / path)

    assert found(tmp_path, tmp_path / path) == {}


def test_without_a_folder_to_write_to_files_are_only_read(tmp_path, picture):
    (tmp_path / "file").touch()

    found(tmp_path / "file", picture)

    assert found(tmp_path / "file", picture) == {}
