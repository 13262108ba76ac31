"""What an import does with whole archives and with tables that change."""

import io

import pytest
from rich.console import Console

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


def imported(gallery, listing) -> str:
    console = Console(file=io.StringIO(), width=500)
    import_listing(gallery, listing, console)
    return console.file.getvalue()


def metadata(gallery):
    images = gallery.list(limit=100).images
    return {image.name: dict(image.metadata) for image in images}


def forbid_decoding(monkeypatch):
    def decode(*arguments, **options):
        raise AssertionError("a picture is decoded again")

    monkeypatch.setattr("functions.gallery.intake.index.decode", decode)


def test_a_changed_row_changes_the_metadata_and_the_picture_is_not_embedded_again(
    opened, table, monkeypatch
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


def test_a_column_of_numbers_is_proposed_as_float(opened, table):
    table.write_text("path,price,code,mixed\n0.jpg,9.5,007,1\n1.jpg,12,42,one\n")

    output = imported(opened(), entries_of(table))

    assert "LOOKALIKE_FILTER_FIELDS=code:keyword,mixed:keyword,price:float each time" in output
    assert "scripts/reconcile --fields" in output


def test_values_get_the_type_that_their_field_is_declared_with_later(opened, table):
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


def test_numbers_become_texts_if_their_field_is_declared_as_keyword(opened, table):
    table.write_text("path,price\n0.jpg,9.5\n")
    imported(opened(price="float"), entries_of(table))
    gallery = opened(price="keyword")

    convert_fields(gallery, Console(file=io.StringIO()), dry_run=False)

    assert metadata(gallery) == {"0.jpg": {"price": "9.5"}}
    assert len(gallery.list({"price": "9.5"}, limit=3).images) == 1


def test_raw_files_and_videos_of_an_archive_are_counted_not_listed(opened, tmp_path):
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
