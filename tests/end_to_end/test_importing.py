"""What an import does with whole archives and with tables that change."""

import hashlib
import io
import os
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

from functions.cli.hashed_files import HashedFiles
from functions.cli.importing import import_listing
from functions.cli.reconcile import convert_fields
from functions.cli.sources import entries_in
from functions.cli.tables import entries_of
from functions.gallery.bootstrap import build_gallery
from functions.gallery.settings import Settings
from tests.drawing import jpeg


@pytest.fixture
def opened(tmp_path):
    """Open the gallery of this test with declared fields; the one before is closed."""
    galleries = []

    def open_gallery(**fields):
        if galleries:
            galleries.pop().close()
        settings = Settings(lookalike_data=tmp_path / "data", lookalike_filter_fields=fields)
        galleries.append(build_gallery(settings))
        return galleries[0]

    yield open_gallery
    galleries.pop().close()


@pytest.fixture
def table(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(jpeg(number))
    return tmp_path / "table.csv"


@pytest.fixture
def imported(tmp_path):
    """Import a listing, and return what is shown."""

    def run(gallery, listing, *, checksum=False, **options) -> str:
        time.sleep(0.05)  # a file that was written just now is not remembered
        console = Console(file=io.StringIO(), width=500)
        with closing(HashedFiles(tmp_path / "data", reads_all=checksum)) as hashed:
            import_listing(gallery, listing, console, hashed=hashed, **options)
        return console.file.getvalue()

    return run


@pytest.fixture
def work(monkeypatch, tmp_path):
    """Count which pictures are opened, and how many are hashed."""
    counts = Counter()
    real_open, real_hash = io.open, hashlib.sha256

    def count_open(file, mode="r", *args, **options):
        path = Path(os.fsdecode(file))
        if path.suffix == ".jpg" and "r" in mode:
            counts[path.relative_to(tmp_path).as_posix()] += 1
        return real_open(file, mode, *args, **options)

    def count_hash(data=b"", **options):
        counts["hashed"] += data[:2] == b"\xff\xd8"
        return real_hash(data, **options)

    monkeypatch.setattr(io, "open", count_open)
    monkeypatch.setattr(hashlib, "sha256", count_hash)
    return counts


def metadata(gallery):
    images = gallery.list(limit=100).images
    return {image.name: dict(image.metadata) for image in images}


def forbid_decoding(monkeypatch):
    def decode(*arguments, **options):
        raise AssertionError("a picture is decoded again")

    monkeypatch.setattr("functions.gallery.intake.index.decode", decode)


def test_a_changed_row_changes_the_metadata_and_the_picture_is_not_embedded_again(
    opened, imported, table, monkeypatch
):
    gallery = opened(price="float")
    table.write_text("path,kind,price\n0.jpg,hat,5\n1.jpg,hat,7\n2.jpg,hat,9\n")
    imported(gallery, entries_of(table))
    gallery.update(next(i.id for i in gallery.list(limit=3).images if i.name == "0.jpg"), {"x": 1})
    forbid_decoding(monkeypatch)
    table.write_text("path,kind,price\n0.jpg,cap,5.50\n1.jpg,,7.0\n2.jpg,hat,9\n")

    changed = imported(gallery, entries_of(table))
    again = imported(gallery, entries_of(table))

    assert "3 duplicate, 0 refused, metadata of 2 changed in" in changed
    assert "3 duplicate, 0 refused in" in again
    assert metadata(gallery) == {
        "0.jpg": {"kind": "cap", "price": 5.5, "x": 1},
        "1.jpg": {"price": 7.0},
        "2.jpg": {"kind": "hat", "price": 9.0},
    }


def test_a_column_of_numbers_is_proposed_as_float(opened, imported, table):
    table.write_text("path,price,code,mixed\n0.jpg,9.5,007,1\n1.jpg,12,42,one\n")

    output = imported(opened(), entries_of(table))

    assert "LOOKALIKE_FILTER_FIELDS=code:keyword,mixed:keyword,price:float each time" in output
    assert "scripts/reconcile --fields" in output


def test_values_get_the_type_that_their_field_is_declared_with_later(opened, imported, table):
    table.write_text("path,price\n0.jpg,9.5\n1.jpg,a lot\n2.jpg,\n")
    imported(opened(), entries_of(table))
    gallery = opened(price="float")
    console = Console(file=io.StringIO(), width=500)

    dry = convert_fields(gallery, console, dry_run=True)
    before = metadata(gallery)
    counts = convert_fields(gallery, console, dry_run=False)
    again = convert_fields(gallery, console, dry_run=False)

    assert (dry["differs"], counts["converted"], counts["failed"], again.total()) == (2, 1, 1, 0)
    assert before["0.jpg"] == {"price": "9.5"}
    assert metadata(gallery) == {"0.jpg": {"price": 9.5}, "1.jpg": {}, "2.jpg": {}}
    assert "left out of 1.jpg: price: " in console.file.getvalue()
    found = gallery.list({"price": {"lt": 10}}, limit=3).images
    assert [image.name for image in found] == ["0.jpg"]


def test_numbers_become_texts_if_their_field_is_declared_as_keyword(opened, imported, table):
    table.write_text("path,price\n0.jpg,9.5\n")
    imported(opened(price="float"), entries_of(table))
    gallery = opened(price="keyword")

    convert_fields(gallery, Console(file=io.StringIO()), dry_run=False)

    assert metadata(gallery) == {"0.jpg": {"price": "9.5"}}
    assert len(gallery.list({"price": "9.5"}, limit=3).images) == 1


def test_raw_files_and_videos_of_an_archive_are_counted_not_listed(opened, imported, tmp_path):
    archive = tmp_path / "archive"
    for name in ("@eaDir/1.jpg", ".thumbnails/1.jpg", "Lightroom.lrdata/1.jpg", "skip/1.jpg"):
        (archive / name).parent.mkdir(parents=True)
        (archive / name).write_bytes(jpeg(1))
    for number in range(4):
        (archive / f"{number}.jpg").write_bytes(jpeg(number))
        (archive / f"{number}.NEF").write_bytes(b"MM\x00\x2a" + bytes(2_000))
        (archive / f"{number}.MOV").write_bytes(b"....ftypqt  ")
        (archive / f"{number}.wmv").write_bytes(b"0&\xb2u")
    (archive / "bad.jpg").write_bytes(jpeg(1)[:900])
    (archive / "worse.jpg").write_bytes(jpeg(2)[:900])
    (archive / "1.xmp").touch()
    (archive / "Thumbs.db").touch()

    output = imported(opened(), entries_in(archive, exclude=["SKIP"]))

    left_out = next(line for line in output.splitlines() if line.startswith("Left out: "))
    assert "8 videos (.mov, .wmv)" in left_out
    assert "2 files next to pictures (.xmp, .db)" in left_out
    assert "3 folders (@eaDir, Lightroom.lrdata, skip)" in left_out
    assert "1 hidden (folders)" in left_out
    refused = [line for line in output.splitlines() if line.startswith("refused ")]
    assert len(refused) == 3
    assert "refused 4 .nef files, first 0.NEF: " in output
    assert "4 added, 0 replaced, 0 duplicate, 6 refused" in output


def test_each_file_is_opened_and_hashed_once(opened, imported, table, work):
    folder = table.parent

    output = imported(opened(), entries_in(folder, folder / "data"))

    assert "3 added, 0 replaced, 0 duplicate" in output
    assert work == {"0.jpg": 1, "1.jpg": 1, "2.jpg": 1, "hashed": 3}


def test_pictures_that_are_there_already_are_not_opened(opened, imported, table, work):
    gallery = opened()
    table.write_text("path,kind\n0.jpg,hat\n1.jpg,hat\n2.jpg,hat\n")
    imported(gallery, entries_of(table))
    work.clear()
    table.write_text("path,kind\n0.jpg,hat\n1.jpg,cap\n2.jpg,hat\n")

    output = imported(gallery, entries_of(table))

    assert "0 added, 0 replaced, 3 duplicate, 0 refused, metadata of 1 changed" in output
    # Only an original, for the etags before and after the change of its metadata.
    assert work == {"data/originals/1.jpg": 2, "hashed": 2}
    assert metadata(gallery)["1.jpg"] == {"kind": "cap"}


def test_a_changed_file_is_replaced_though_size_and_time_stay(opened, imported, table, work):
    gallery, folder = opened(), table.parent
    listing = entries_in(folder, folder / "data")
    imported(gallery, listing)
    changed = folder / "1.jpg"
    before, data = changed.stat(), changed.read_bytes()
    changed.write_bytes(data[:-1] + b"\x00")
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    work.clear()

    refused = imported(gallery, listing)
    replaced = imported(gallery, listing, overwrite=True)

    assert "2 duplicate, 1 refused" in refused
    assert "1 replaced, 2 duplicate, 0 refused" in replaced
    assert {"0.jpg", "2.jpg"}.isdisjoint(work)


def test_all_files_are_read_again_on_demand(opened, imported, table, work):
    gallery, folder = opened(), table.parent
    imported(gallery, entries_in(folder, folder / "data"))
    work.clear()

    output = imported(gallery, entries_in(folder, folder / "data"), checksum=True)

    assert "3 duplicate" in output
    assert work == {"0.jpg": 1, "1.jpg": 1, "2.jpg": 1, "hashed": 3}


def test_a_known_file_is_read_if_its_picture_is_gone(opened, imported, table):
    gallery, folder = opened(), table.parent
    imported(gallery, entries_in(folder, folder / "data"))
    gallery.remove(gallery.list(limit=1).images[0].id)
    (lost, _) = gallery.list(limit=2).images
    (folder / "data" / "originals" / lost.name).unlink()

    output = imported(gallery, entries_in(folder, folder / "data"))

    assert "1 added, 0 replaced, 2 duplicate" in output
    assert {p.name for p in (folder / "data" / "originals").iterdir()} == set(metadata(gallery))
    assert len(metadata(gallery)) == 3
