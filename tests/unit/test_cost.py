"""docs/cost.md says what its prices and durations make, by arithmetic that was done by hand."""

import json
from pathlib import Path

import pytest

from scripts.costing.arithmetic import (
    Inputs,
    billed_s,
    disk_gb,
    indexing_usd,
    inputs,
    largest_free,
    memory_gb,
    nodes,
    search_usd,
)
from scripts.costing.page import page

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "scripts" / "bench" / "results"
PRICES = ROOT / "scripts" / "costing" / "prices.json"


def read(file: Path):
    return json.loads(file.read_text())


@pytest.fixture
def known() -> Inputs:
    given = inputs(read(PRICES), read(RESULTS / "cold.json"), read(RESULTS / "speed.json"))
    usd = dict.fromkeys(given.usd, 0.0) | {"lambda_gb_second": 1.0, "s3_get": 10.0, "s3_put": 1.0}
    assumed = {
        **given.assumed,
        "cold_share": 0.1,
        "s3_wait_ms": 100,
        "qdrant_wait_ms": 50,
        "memory_factor": 1.5,
        "graph_bytes": 100,
        "node_gb": 10,
        "node_full": 0.5,
        "free_memory_gb": 1.0,
        "free_taken_gb": 0.5,
        "free_disk_gb": 2.0,
    }
    return Inputs(usd, assumed, 100.0, 1100.0, {"small": 300.0}, disk_factor=2.0)


def test_the_page_is_what_prices_and_measurements_make():
    written = page(read(PRICES), read(RESULTS / "cold.json"), read(RESULTS / "speed.json"))

    assert (ROOT / "docs" / "cost.md").read_text() == written


def test_every_price_has_a_source_or_is_called_assumed():
    prices = read(PRICES)["prices"].values()

    assert all(p["source"] == "assumed" or p["source"].startswith("https://") for p in prices)
    assert all(p["usd"] > 0 for p in prices)


def test_half_the_memory_takes_twice_as_long_and_more_than_a_processor_changes_nothing():
    assert billed_s(200, 50, 1769) == pytest.approx(0.25)
    assert billed_s(200, 50, 3008) == pytest.approx(0.25)
    assert billed_s(200, 50, 1769 // 2) == pytest.approx(0.45, rel=1e-3)


def test_a_search_is_mostly_warm_and_sometimes_cold(known):
    # (0.9 x 100 + 0.1 x 1100 + 50) ms = 0.25 s, of 2 GB
    assert search_usd(known, 2048)["Lambda"] == pytest.approx(0.5)


def test_a_picture_is_read_embedded_and_written(known):
    # (300 + 3 x 100 + 2 x 50) ms = 0.7 s, of 2 GB; a PUT and three reads
    told = indexing_usd(known, "small", 2048)

    assert told["Lambda"] == pytest.approx(1.4)
    assert told["S3 requests"] == pytest.approx(31.0)


def test_what_qdrant_needs_grows_with_images_width_and_bits(known):
    # a million x (1000 x 4 x 1.5 + 100) bytes, and a million x (1000 / 2 x 1.5 + 100)
    assert memory_gb(known, 1_000_000, 1000, "float32") == pytest.approx(6.1)
    assert memory_gb(known, 1_000_000, 1000, "4 bit") == pytest.approx(0.85)
    assert disk_gb(known, 1_000_000, 1000) == pytest.approx(8.0)


def test_the_free_cluster_is_full_when_its_memory_or_its_disk_is(known):
    # 0.5 GB / 6,100 bytes, and 2 GB / 8,000 bytes
    assert largest_free(known, 1000, "float32") == (81_967, "memory")
    assert largest_free(known, 1000, "4 bit") == (250_000, "disk")


def test_an_index_is_spread_over_as_many_nodes_as_it_fills(known):
    assert nodes(known, 10_000, 1000, "float32") == 1
    assert nodes(known, 1_000_000, 1000, "float32") == 2  # 6.1 GB into 5 GB each
