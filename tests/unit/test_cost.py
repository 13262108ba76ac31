"""docs/cost.md says what its prices and durations make, by arithmetic that was done by hand."""

import json
import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from functions.gallery import reconciling
from functions.gallery.indexing import Indexer
from functions.gallery.objects import Synced
from functions.gallery.pictures import Limits
from functions.gallery.records import CollectionSpec, Query, SearchOptions
from functions.gallery.s3_originals import S3Originals
from functions.gallery.searching import Searcher
from functions.gallery.stores.qdrant_collections import QdrantCollections
from functions.gallery.stores.qdrant_connection import QdrantConnection
from functions.gallery.stores.qdrant_store import QdrantStore
from functions.gallery.syncing import Syncer
from scripts.costing import arithmetic
from scripts.costing.arithmetic import (
    billed_s,
    comparison_s,
    comparison_usd,
    indexing_usd,
    month_usd,
    search_usd,
    stored_usd,
    traced_share,
)
from scripts.costing.index_sizes import disk_gb, index_usd, largest_free, memory_gb, servers
from scripts.costing.inputs import Inputs, disk_bytes, inputs
from scripts.costing.page import page
from scripts.costing.tables import money
from tests.contract.stores import an_image, random_units
from tests.contract.wire_traffic import Wire
from tests.drawing import jpeg
from tests.fakes import FakeEmbedder, FakeOriginals

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "scripts" / "bench" / "results"
PRICES = ROOT / "scripts" / "costing" / "prices.json"
TWO_WIDTHS = [
    {"points": 1_000, "dims": 160, "disk, MB": 9.0},
    {"points": 1_000, "dims": 1280, "disk, MB": 9.0},
    {"points": 10_000, "dims": 160, "disk, MB": 26.0},
    {"points": 10_000, "disk, MB": 138.0},  # of 1,280 numbers, as before they were told
    {"points": 100_000, "dims": 1280, "disk, MB": 1.0},
]


def read(file: Path):
    return json.loads(file.read_text())


def assumed(name: str) -> float:
    return read(PRICES)["assumed"][name]["value"]


@pytest.fixture
def known() -> Inputs:
    speed = {**read(RESULTS / "speed.json"), "search": TWO_WIDTHS}
    given = inputs(read(PRICES), read(RESULTS / "cold.json"), speed)
    usd = dict.fromkeys(given.usd, 0.0) | {"lambda_gb_second": 1.0, "s3_get": 10.0, "s3_put": 1.0}
    usd |= {"trace": 1.0, "metric_month": 72.0, "data_out_gb": 1e6, "s3_gb_month": 2.0}
    usd |= {"server_gb_month": 3.0, "disk_gb_month": 0.5}
    assumed = {
        **given.assumed,
        "cold_share": 0.1,
        "s3_wait_ms": 100,
        "qdrant_wait_ms": 50,
        "start_wait_ms": 500,
        "compare_ms": 0.2,
        "vector_kb": 30,
        "id_kb": 0.5,
        "qdrant_outside": 0.5,
        "searches_a_second": 11,
        "traced_beyond": 0.1,
        "picture_kb": 1000,
        "memory_factor": 1.5,
        "graph_bytes": 100,
        "hash_bytes": 60,
        "record_bytes": 240,
        "node_gb_least": 2,
        "node_gb_most": 8,
        "node_full": 0.5,
        "free_memory_gb": 1.0,
        "free_taken_gb": 0.5,
        "free_disk_gb": 2.0,
    }
    return Inputs(usd, assumed, 100.0, 1100.0, {"small": 300.0}, disk_bytes=(1000.0, 7.0))


class CountedBucket:
    """A client of S3 with one picture and nothing else, which counts what it is asked."""

    def __init__(self, picture: bytes) -> None:
        self.asked: list[str] = []
        self._picture = picture

    def head_object(self, **asked: str):
        return self._answer("HEAD", asked["Key"])

    def get_object(self, **asked: str):
        return self._answer("GET", asked["Key"])

    def _answer(self, method: str, key: str):
        self.asked.append(method)
        if key != "1.jpg":
            raise ClientError({"Error": {"Code": "NoSuchKey"}}, method)
        return {
            "ETag": '"1"',
            "ContentLength": len(self._picture),
            "ContentType": "image/jpeg",
            "Metadata": {},
            "Body": BytesIO(self._picture),
        }


class CountedWire(Wire):
    """Counts the bytes of requests, too, from the moment that a store is open."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.bytes += len(request.content)
        self.bytes += sum(len(name) + len(value) for name, value in request.headers.raw)
        return super().answer(request)

    def store_of(self, spec: CollectionSpec) -> QdrantStore:
        transport = httpx.MockTransport(self.answer)
        connection = QdrantConnection.to("https://qdrant.test", "k" * 40, transport=transport)
        store = QdrantStore.open(QdrantCollections(connection), spec)
        self.forget()
        return store

    def forget(self) -> None:
        self.requests.clear()
        self.bytes = 0


def test_the_page_is_what_prices_and_measurements_make():
    written = page(read(PRICES), read(RESULTS / "cold.json"), read(RESULTS / "speed.json"))

    assert (ROOT / "docs" / "cost.md").read_text() == written


def test_nothing_on_the_page_is_for_nothing():
    speed = {**read(RESULTS / "speed.json"), "search": TWO_WIDTHS}

    written = page(read(PRICES), read(RESULTS / "cold.json"), speed)

    assert re.findall(r"\| \**0(\.0+)?\** ", written) == []


def test_every_price_has_a_source_or_is_called_assumed():
    prices = read(PRICES)["prices"].values()

    assert all(p["source"] == "assumed" or p["source"].startswith("https://") for p in prices)
    assert all(p["usd"] > 0 for p in prices)


def test_a_new_picture_asks_bucket_and_index_as_often_as_is_paid_for():
    embedder, wire, bucket = FakeEmbedder(), CountedWire(), CountedBucket(jpeg(1))
    store = wire.store_of(CollectionSpec(embedder.card.id, embedder.card.dims))
    place = S3Originals("pictures", bucket)

    outcome = Syncer(Indexer(embedder, Limits()), store, place, Limits(), {}).sync("1.jpg")

    assert outcome is Synced.INDEXED
    assert bucket.asked == ["HEAD", "GET", "GET", "HEAD"]
    assert len(bucket.asked) == arithmetic.S3_READS
    assert len(wire.requests) == arithmetic.QDRANT_A_PICTURE


def test_a_search_asks_the_index_as_often_as_is_waited_for():
    embedder, wire = FakeEmbedder(), CountedWire()
    spec = CollectionSpec(embedder.card.id, embedder.card.dims)
    store = wire.store_of(spec)
    store.put([an_image(f"{n}.jpg") for n in range(30)], random_units(30, spec.dims))
    wire.forget()

    searcher = Searcher(spec, Limits(), embedder, store, FakeOriginals())
    found = searcher.search([jpeg(1)], (), SearchOptions(limit=5))

    assert len(found.matches) == 5
    assert len(wire.requests) == arithmetic.QDRANT_A_SEARCH


def test_a_picture_and_a_search_send_the_index_as_much_as_is_paid_for():
    wire, sent = CountedWire(), []
    store = wire.store_of(CollectionSpec("test@1", 1280))
    images, vectors = [an_image(f"{n}.jpg") for n in range(10)], random_units(10, 1280)

    store.get([images[0].id])
    store.put(images[:1], vectors[:1])
    sent.append(wire.bytes)
    store.put(images[1:], vectors[1:])
    wire.forget()
    store.search(Query(vectors[0]))
    sent.append(wire.bytes)

    assert sent == pytest.approx([1000 * assumed("vector_kb")] * 2, rel=0.05)


def test_an_id_that_is_compared_sends_as_much_as_is_paid_for():
    wire = CountedWire()
    store = wire.store_of(CollectionSpec("test@1", 4))

    store.get([an_image(f"{n}.jpg").id for n in range(arithmetic.COMPARED_AT_ONCE)])

    sent = wire.bytes / arithmetic.COMPARED_AT_ONCE
    assert sent == pytest.approx(1000 * assumed("id_kb"), rel=0.05)


def test_what_the_template_and_the_code_fix_is_what_is_counted():
    template = (ROOT / "template.yaml").read_text()
    handler = (ROOT / "functions" / "ingest" / "handler.py").read_text()

    assert 6 * template.count("Type: HttpApi, Properties") == arithmetic.ROUTE_METRICS
    assert template.count("Type: AWS::CloudWatch::Alarm") == 6
    assert handler.count('("Pictures') == arithmetic.CALL_METRICS
    assert handler.count('add_metric("') == arithmetic.COMPARISON_METRICS
    assert reconciling.CHUNK == arithmetic.COMPARED_AT_ONCE


def test_half_the_memory_takes_twice_as_long_and_more_than_a_processor_changes_nothing():
    assert billed_s(200, 50, 1769) == pytest.approx(0.25)
    assert billed_s(200, 50, 3008) == pytest.approx(0.25)
    assert billed_s(200, 50, 1769 // 2) == pytest.approx(0.45, rel=1e-3)


def test_a_search_is_mostly_warm_and_sometimes_cold(known):
    # (0.9 x 100 + 0.1 x 1100 + 2 x 50 + 0.1 x 500) ms = 0.35 s, of 2 GB
    assert search_usd(known, 2048)["Lambda"] == pytest.approx(0.7)


def test_a_picture_is_looked_at_embedded_and_written(known):
    # (300 + 4 x 100 + 2 x 50) ms = 0.8 s, of 2 GB; a PUT and four reads
    told = indexing_usd(known, "small", 2048)

    assert told["Lambda"] == pytest.approx(1.6)
    assert told["S3 requests"] == pytest.approx(41.0)


def test_the_first_call_of_a_second_is_traced_and_a_share_of_the_others(known):
    assert traced_share(known, 0.3) == traced_share(known, 1) == 1
    assert traced_share(known, 11) == pytest.approx(2 / 11)
    assert search_usd(known, 2048)["traces"] == pytest.approx(2 / 11)
    # 88 functions of 0.8 s: 110 calls a second
    assert indexing_usd(known, "small", 2048, 88)["traces"] == pytest.approx(11.9 / 110)


def test_what_is_sent_to_qdrant_is_paid_as_far_as_it_leaves(known):
    # 30 KB at a dollar a KB, of which half leave
    assert search_usd(known, 2048)["data to Qdrant"] == pytest.approx(15)
    assert indexing_usd(known, "small", 2048)["data to Qdrant"] == pytest.approx(15)


def test_a_metric_is_paid_for_the_hours_in_which_it_is_sent(known):
    # 72 a month, 0.1 an hour: 5 in the hours of 30 comparisons; 16 all the time, and 1 in those
    assert month_usd(known)["metrics"] == pytest.approx(15)
    assert month_usd(known, busy=True)["metrics"] == pytest.approx(16 * 72 + 3)


def test_an_empty_queue_is_asked_by_five_pollers_three_times_a_minute(known):
    usd = {**known.usd, "queue_request": 1.0}

    polls = month_usd(replace(known, usd=usd))["polls of the queue"]

    assert polls == 5 * 3 * 60 * 24 * 30


def test_a_comparison_grows_with_the_gallery(known):
    # 1100 ms and 10,000 x 0.2 of the processor; 500 ms, 50 x 50 of Qdrant, 10 x 100 of S3
    assert comparison_s(known, 10_000) == pytest.approx(7.1)
    # of 1769 MB; 10 lists at a dollar, 5,000 KB at half a dollar
    assert comparison_usd(known, 10_000) == pytest.approx(7.1 * 1769 / 1024 + 10 + 2_500)


def test_pictures_are_paid_by_the_gb(known):
    assert stored_usd(known, 5_000) == pytest.approx(10)  # 5 GB


def test_the_disk_is_fitted_to_the_largest_gallery_of_two_widths():
    # 2,600 bytes an image of 160 numbers, 13,800 of 1,280: 10 a number, 1,000 beside them
    assert disk_bytes(TWO_WIDTHS) == pytest.approx((1000, 10))


def test_one_width_alone_tells_nothing_and_the_bench_is_named():
    with pytest.raises(ValueError, match="scripts/bench/speed"):
        disk_bytes([TWO_WIDTHS[0], TWO_WIDTHS[3]])


def test_what_qdrant_needs_grows_with_images_width_and_bits(known):
    # a million x (1000 x 4 x 1.5 + 400) bytes, and a million x (1000 / 2 x 1.5 + 400)
    assert memory_gb(known, 1_000_000, 1000, "float32") == pytest.approx(6.4)
    assert memory_gb(known, 1_000_000, 1000, "4 bit") == pytest.approx(1.15)
    assert disk_gb(known, 1_000_000, 1000) == pytest.approx(8.0)


def test_the_free_cluster_is_full_when_its_memory_or_its_disk_is(known):
    # 0.5 GB / 6,400 bytes, and 2 GB / 8,000 bytes
    assert largest_free(known, 1000, "float32") == (78_125, "memory")
    assert largest_free(known, 1000, "4 bit") == (250_000, "disk")


def test_an_index_gets_the_smallest_server_that_holds_it_or_several_of_the_largest(known):
    assert servers(known, 10_000, 1000, "float32") == (1, 2)
    assert servers(known, 200_000, 1000, "float32") == (1, 4)  # 1.28 GB, half full
    assert servers(known, 1_000_000, 1000, "float32") == (2, 8)  # 6.4 GB into 4 GB each


def test_every_copy_has_servers_and_disks_of_its_own_which_are_never_for_nothing(known):
    # 2 servers of 8 GB at 3; 8 GB of disk, half full, are 8 GB each at 0.5
    assert index_usd(known, 1_000_000, 1000, "float32", 3) == pytest.approx((144, 24))
    assert index_usd(known, 1, 1000, "float32", 1) == pytest.approx((6, 0.5))


def test_a_sum_is_never_written_as_nothing():
    assert [money(usd) for usd in (0.004, 0.006, 12.345, 12345.6)] == [
        "< 0.01",
        "0.01",
        "12.35",
        "12,346",
    ]
