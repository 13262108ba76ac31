"""export: vectors and metadata as files, of the real store, by the real command."""

import json
import sys
from contextlib import closing

import numpy as np
import pyarrow.parquet
import pytest

from functions.cli.exporting import Unwritable, write
from functions.gallery.bootstrap import build_gallery
from functions.gallery.intake.add import Submission
from functions.gallery.records import CollectionSpec
from functions.gallery.settings import Settings
from tests.contract.stores import an_image
from tests.drawing import jpeg
from tests.end_to_end.server import run

FIELDS = "category:keyword,price:float,stock:integer,sold:bool,since:datetime"
METADATA = [
    {"category": "hat", "price": 5, "stock": 3, "sold": True, "since": "2026-01-02T03:04:05Z"},
    {"category": ["shoe", "boot"], "note": "not declared"},
    {},
]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def vectors(data):
    """A gallery of three pictures; returns their vectors by name."""
    settings = Settings(lookalike_data=data, lookalike_filter_fields=FIELDS)
    with closing(build_gallery(settings)) as gallery:
        for number, metadata in enumerate(METADATA):
            gallery.add(Submission(lambda n=number: jpeg(n), f"ü/{number}.jpg", metadata))
        return {f"ü/{n}.jpg": gallery.embed(jpeg(n)).vector for n in range(len(METADATA))}


def export(data, *arguments):
    return run("export", *arguments, data=data, LOOKALIKE_FILTER_FIELDS=FIELDS)


def test_rows_of_both_files_belong_together(data, vectors, tmp_path):
    result = export(data, tmp_path / "out")

    assert (result.returncode, result.stdout.splitlines()[-1].split(" in ")[0]) == (0, "3 images")
    written = np.load(tmp_path / "out" / "vectors.npy", mmap_mode="r")
    table = pyarrow.parquet.read_table(tmp_path / "out" / "metadata.parquet").to_pylist()
    assert (written.shape, written.dtype) == ((3, 1280), np.float32)
    assert {row["name"] for row in table} == vectors.keys()
    for row, vector in zip(table, written, strict=True):
        np.testing.assert_allclose(vector, vectors[row["name"]], atol=1e-6)
    first, second, third = sorted(table, key=lambda row: row["name"])
    assert (first["metadata.category"], first["metadata.price"], first["metadata.stock"]) == (
        *("hat", 5.0),
        3,
    )
    assert first["metadata.sold"] is True
    assert first["metadata.since"].isoformat() == "2026-01-02T03:04:05+00:00"
    assert second["metadata.category"] == '["shoe", "boot"]'
    assert json.loads(second["metadata"]) == METADATA[1]
    assert json.loads(third["metadata"]) == {}
    assert third["metadata.price"] is None
    assert (first["width"], first["format"]) == (320, "JPEG")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "metadata.parquet",
        "vectors.npy",
    ]


def test_a_filter_and_lines_of_json(data, vectors, tmp_path):
    result = export(data, tmp_path, "--format", "jsonl", "--filter", '{"category": "boot"}')

    assert result.returncode == 0, result.stderr
    (row,) = map(json.loads, (tmp_path / "metadata.jsonl").read_text("utf-8").splitlines())
    assert (row["name"], row["metadata"]) == ("ü/1.jpg", METADATA[1])
    assert np.load(tmp_path / "vectors.npy").shape == (1, 1280)


@pytest.mark.parametrize(
    ("filter", "said"),
    [("{", "must be a JSON object"), ("[]", "must be a JSON object"), ('{"no": 1}', "declare it")],
)
def test_a_filter_that_does_not_hold_is_refused(data, vectors, tmp_path, filter, said):
    result = export(data, tmp_path / "out", "--filter", filter)

    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert not (tmp_path / "out").exists()


def test_files_of_an_earlier_export_are_kept_without_force(data, vectors, tmp_path):
    (tmp_path / "vectors.npy").write_text("mine")

    refused = export(data, tmp_path, "--format", "jsonl")
    kept = (tmp_path / "vectors.npy").read_text("latin-1")
    forced = export(data, tmp_path, "--format", "jsonl", "--force")

    assert (refused.returncode, kept) == (2, "mine")
    assert "replace it with --force" in " ".join(refused.stderr.split())
    assert forced.returncode == 0
    assert np.load(tmp_path / "vectors.npy").shape == (3, 1280)


def test_what_stops_half_way_leaves_nothing(tmp_path):
    spec = CollectionSpec("a@1", 4)

    def stops():
        yield [], np.zeros((0, 4), np.float32)
        raise KeyboardInterrupt

    for format in ("jsonl", "parquet"):
        with pytest.raises(KeyboardInterrupt):
            write(stops(), spec, tmp_path, format, force=False)
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_parquet_is_refused_with_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(Unwritable, match="pip install pyarrow"):
        write(iter([]), CollectionSpec("a@1", 4), tmp_path, "parquet", force=False)

    assert write(iter([]), CollectionSpec("a@1", 4), tmp_path, "jsonl", force=False) == 0
    assert np.load(tmp_path / "vectors.npy").shape == (0, 4)


def test_an_export_in_another_format_leaves_no_table_of_the_one_before(data, vectors, tmp_path):
    assert export(data, tmp_path, "--format", "jsonl").returncode == 0

    refused = export(data, tmp_path)
    forced = export(data, tmp_path, "--force")

    assert (refused.returncode, forced.returncode) == (2, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["metadata.parquet", "vectors.npy"]


def test_a_table_alone_is_not_given_the_vectors_of_another_export(tmp_path):
    (tmp_path / "metadata.jsonl").write_text("mine")

    with pytest.raises(Unwritable, match="metadata.jsonl exists"):
        write(iter([]), CollectionSpec("a@1", 4), tmp_path, "parquet", force=False)


def test_nothing_to_export_is_said_instead_of_written(data, vectors, tmp_path):
    result = export(data, tmp_path / "out", "--filter", '{"name": "missing.jpg"}')

    assert result.returncode == 2
    assert "No image to export" in result.stderr
    assert not (tmp_path / "out").exists()


def test_parquet_has_few_groups_however_small_the_pages_are(tmp_path):
    spec, image = CollectionSpec("a@1", 4), an_image("1.jpg")
    pages = (([image], np.eye(1, 4, dtype=np.float32)) for _ in range(9_000))

    write(pages, spec, tmp_path, "parquet", force=False)

    table = pyarrow.parquet.ParquetFile(tmp_path / "metadata.parquet")
    assert (table.metadata.num_rows, table.metadata.num_row_groups) == (9_000, 3)
    table.close()
