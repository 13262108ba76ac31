"""What things cost: the arithmetic of docs/cost.md. Knows prices and durations as numbers only."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CPU_MB = 1769  # of memory with which a function has one whole processor
BITS = {"float32": 32.0, "int8": 8.0, "4 bit": 4.0, "1 bit": 1.0}


@dataclass(frozen=True, slots=True)
class Inputs:
    """Prices, assumptions and what was measured, by name."""

    usd: Mapping[str, float]
    assumed: Mapping[str, float]
    search_ms: float  # the processor's, of a warm search with a picture
    cold_ms: float  # the processor's, from the start to the first answer
    embed_ms: Mapping[str, float]  # the processor's, bytes to vector, by kind of picture
    disk_factor: float  # bytes on disk for a byte of vectors


def inputs(prices: Mapping[str, Any], cold: Mapping[str, Any], speed: Mapping[str, Any]) -> Inputs:
    """Read the price table and the results of scripts/bench/cold and scripts/bench/speed."""
    largest = max(speed["search"], key=lambda size: size["points"])
    deployed = cold["search, as deployed"]
    return Inputs(
        usd={name: price["usd"] for name, price in prices["prices"].items()},
        assumed={name: given["value"] for name, given in prices["assumed"].items()},
        search_ms=deployed["warm processor, ms"],
        cold_ms=deployed["processor, ms"],
        embed_ms={
            kind: sum(sides["lookalike"].values())
            for kind, sides in speed["bytes to vector, ms"].items()
        },
        disk_factor=largest["disk, MB"] * 1e6 / (largest["points"] * 1280 * 4),
    )


def billed_s(processor_ms: float, wait_ms: float, memory_mb: int) -> float:
    """Give the seconds that a function is billed: one thread's work, and what it waits for."""
    return (processor_ms / min(1.0, memory_mb / CPU_MB) + wait_ms) / 1000


def compute_usd(seconds: float, memory_mb: int, usd: Mapping[str, float]) -> float:
    """Price the run of a function."""
    return seconds * memory_mb / 1024 * usd["lambda_gb_second"] + usd["lambda_request"]


def search_usd(known: Inputs, memory_mb: int) -> dict[str, float]:
    """Price one search with a picture, by item."""
    usd, assumed = known.usd, known.assumed
    share = assumed["cold_share"]
    ms = (1 - share) * known.search_ms + share * known.cold_ms
    seconds = billed_s(ms, assumed["qdrant_wait_ms"], memory_mb)
    return {
        "Lambda": compute_usd(seconds, memory_mb, usd),
        "HTTP API": assumed["query_512kb"] * usd["http_api_call"],
        "data out": assumed["answer_kb"] / 1e6 * usd["data_out_gb"],
        "logs": assumed["log_kb"] / 1e6 * usd["log_gb"],
    }


def indexing_s(known: Inputs, kind: str, memory_mb: int) -> float:
    """Give the billed seconds of one picture from the bucket: 2 HEAD, 1 GET, 2 of Qdrant."""
    waits = 3 * known.assumed["s3_wait_ms"] + 2 * known.assumed["qdrant_wait_ms"]
    return billed_s(known.embed_ms[kind], waits, memory_mb)


def indexing_usd(known: Inputs, kind: str, memory_mb: int) -> dict[str, float]:
    """Price one picture that comes into the bucket, by item."""
    usd = known.usd
    return {
        "Lambda": compute_usd(indexing_s(known, kind, memory_mb), memory_mb, usd),
        "S3 requests": usd["s3_put"] + 3 * usd["s3_get"],
        "event and queue": usd["bucket_event"] + 3 * usd["queue_request"],
        "logs": known.assumed["log_kb"] / 1e6 * usd["log_gb"],
    }


def idle_usd(known: Inputs) -> dict[str, float]:
    """Price a month in which nobody calls, by item; pictures and Qdrant come on top."""
    usd = known.usd
    return {
        "secret": usd["secret_month"],
        "six alarms": 6 * usd["alarm_month"],
        "dashboard": usd["dashboard_month"],
        "image in ECR": known.assumed["image_gb"] * usd["ecr_gb_month"],
        "30 comparisons": 30 * compute_usd(billed_s(known.cold_ms, 1000, CPU_MB), CPU_MB, usd),
    }


def memory_gb(known: Inputs, images: int, dims: int, kind: str) -> float:
    """Give Qdrant's memory: the vectors that are scored first, and the graph.

    With quantization the full vectors stay on disk, and only the best are read to be scored again.
    """
    vectors = images * dims * BITS[kind] / 8 * known.assumed["memory_factor"]
    return (vectors + images * known.assumed["graph_bytes"]) / 1e9


def disk_gb(known: Inputs, images: int, dims: int) -> float:
    """Give Qdrant's disk: the full vectors and what it keeps beside them, as measured."""
    return images * dims * 4 * known.disk_factor / 1e9


def largest_free(known: Inputs, dims: int, kind: str) -> tuple[int, str]:
    """Give the most images that the free cluster holds, and what is full then."""
    room = known.assumed["free_memory_gb"] - known.assumed["free_taken_gb"]
    by_memory = room / memory_gb(known, 1, dims, kind)
    by_disk = known.assumed["free_disk_gb"] / disk_gb(known, 1, dims)
    return math.floor(min(by_memory, by_disk)), "memory" if by_memory < by_disk else "disk"


def nodes(known: Inputs, images: int, dims: int, kind: str) -> int:
    """Give the nodes, and so the shards, that hold one copy of the index."""
    room = known.assumed["node_gb"] * known.assumed["node_full"]
    return max(1, math.ceil(memory_gb(known, images, dims, kind) / room))
