"""Writes docs/cost.md, all of it, from prices and measured durations."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.costing.arithmetic import (
    BITS,
    CPU_MB,
    Inputs,
    billed_s,
    disk_gb,
    idle_usd,
    indexing_s,
    indexing_usd,
    inputs,
    largest_free,
    memory_gb,
    nodes,
    search_usd,
)

MEMORIES = (1024, CPU_MB, 3008)
WIDTHS = (1280, 640, 320, 160)
SMALL, LARGE = "JPEG, 500 x 375", "JPEG, 4032 x 3024"
# Images, quantization, copies of the index, ingest functions at once.
SCALES = (
    (10_000, "float32", 1, 5),
    (100_000, "float32", 1, 5),
    (1_000_000, "int8", 2, 20),
    (10_000_000, "4 bit", 2, 50),
    (100_000_000, "4 bit", 2, 200),
    (1_000_000_000, "4 bit", 2, 500),
)
M = 1_000_000


def page(prices: Mapping[str, Any], cold: Mapping[str, Any], speed: Mapping[str, Any]) -> str:
    """Write the whole page."""
    known = inputs(prices, cold, speed)
    parts = [
        _opening(prices),
        "## While nobody calls",
        "A month, pictures and Qdrant left out:",
        _items([idle_usd(known)], ["USD"], 1),
        f"Pictures cost {prices['prices']['s3_gb_month']['usd']} USD a GB and month: a million of "
        f"{known.assumed['picture_kb']:g} KB, "
        f"{known.assumed['picture_kb'] * known.usd['s3_gb_month']:,.2f} USD. "
        "A free Qdrant Cloud cluster costs nothing, but is suspended after a week without a call "
        "and deleted after four.",
        "## A million searches with a picture",
        _searching(known),
        "## A million pictures indexed",
        _indexing(known),
        "## What Qdrant needs for a million images",
        _qdrant(known),
        "## The largest gallery of the free cluster",
        _free(known),
        "## From ten thousand to a billion",
        _scales(known),
        "## The prices",
        _prices(prices),
    ]
    return "\n\n".join(parts) + "\n"


def _opening(prices: Mapping[str, Any]) -> str:
    return f"""# What it costs

Written by `scripts/cost` from what `scripts/bench/cold` and `scripts/bench/speed` measured and from
prices of {prices["region"]} gathered on {prices["gathered"]}; a test writes it anew and compares.
Put in your own prices (`scripts/costing/prices.json`) and durations, and run it again. USD; free
tiers and taxes are left out. {prices["note"]}

A function is billed for the time it takes: `processor ms / min(1, MB / {CPU_MB}) + waiting`. The
work on one picture is one thread's, so memory beyond {CPU_MB} MB buys nothing; below, it stretches
the time as much as it cuts the price. No real account was billed for these figures."""


def _items(columns: Sequence[Mapping[str, float]], heads: Sequence[str], times: int) -> str:
    lines = ["| item | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for item in columns[0]:
        cells = " | ".join(f"{column[item] * times:,.2f}" for column in columns)
        lines.append(f"| {item} | {cells} |")
    sums = " | ".join(f"**{sum(column.values()) * times:,.2f}**" for column in columns)
    return "\n".join([*lines, f"| **together** | {sums} |"])


def _searching(known: Inputs) -> str:
    share, wait = known.assumed["cold_share"], known.assumed["qdrant_wait_ms"]
    ms = (1 - share) * known.search_ms + share * known.cold_ms
    seconds = billed_s(ms, wait, CPU_MB)
    table = _items([search_usd(known, mb) for mb in MEMORIES], [f"{mb} MB" for mb in MEMORIES], M)
    return f"""{table}

`{1 - share:g} x {known.search_ms:g} ms (warm) + {share:g} x {known.cold_ms:g} ms (cold)
= {ms:.1f} ms`, and {wait:g} ms of waiting: {seconds:.4f} s at {CPU_MB} MB. `{seconds:.4f} s x
{CPU_MB / 1024:.3f} GB x {known.usd["lambda_gb_second"]} + {known.usd["lambda_request"]:.7f}`, a
million times. A query picture over 512 KB counts as several calls of the HTTP API."""


def _indexing(known: Inputs) -> str:
    kinds = [(SMALL, mb) for mb in MEMORIES] + [(LARGE, CPU_MB)]
    heads = [f"{kind}, {mb} MB" for kind, mb in kinds]
    table = _items([indexing_usd(known, kind, mb) for kind, mb in kinds], heads, M)
    seconds = indexing_s(known, SMALL, CPU_MB)
    return f"""{table}

`{known.embed_ms[SMALL]:.1f} ms of the processor + 3 x {known.assumed["s3_wait_ms"]:g} ms (S3)
+ 2 x {known.assumed["qdrant_wait_ms"]:g} ms (Qdrant) = {seconds:.4f} s` for the small one at
{CPU_MB} MB. Pictures of an import with `scripts/import` cost nothing but the machine it runs on."""


def _qdrant(known: Inputs) -> str:
    lines = [
        "| width | " + " | ".join(f"memory, {kind}" for kind in BITS) + " | disk |",
        "| --- |" + " --- |" * (len(BITS) + 1),
    ]
    for dims in WIDTHS:
        cells = [f"{memory_gb(known, M, dims, kind):.2f} GB" for kind in BITS]
        lines.append(f"| {dims} | " + " | ".join(cells) + f" | {disk_gb(known, M, dims):.1f} GB |")
    table = "\n".join(lines)
    return f"""{table}

Memory: `10^6 x (width x bits / 8 x {known.assumed["memory_factor"]:g} +
{known.assumed["graph_bytes"]:g} bytes of graph)`. With quantization the full vectors stay on disk
and the best hits are scored again with them; without a fast disk that costs milliseconds. Disk:
`10^6 x width x 4 x {known.disk_factor:.2f}`, the factor as the embedded store's folder measured.
Collections that Lookalike makes on a server are float32; quantization is set in Qdrant."""


def _free(known: Inputs) -> str:
    lines = ["| width | " + " | ".join(BITS) + " |", "| --- |" + " --- |" * len(BITS)]
    for dims in WIDTHS:
        cells = []
        for kind in BITS:
            most, full = largest_free(known, dims, kind)
            cells.append(f"{most // 1000 * 1000:,} ({full})")
        lines.append(f"| {dims} | " + " | ".join(cells) + " |")
    given = known.assumed
    return "\n".join(lines) + (
        f"\n\nImages, and what is full then: {given['free_memory_gb']:g} GB of memory less "
        f"{given['free_taken_gb']:g} GB for the server, {given['free_disk_gb']:g} GB of disk. "
        "Formulas as above; nobody filled a cluster to try."
    )


def _scales(known: Inputs) -> str:
    lines = [
        "| images | quantization | memory of one copy | shards | copies | nodes | servers, USD a "
        "month | disk, all copies | ingest functions | indexed in | indexing, USD |",
        "| --- |" + " --- |" * 10,
    ]
    seconds = indexing_s(known, SMALL, CPU_MB)
    each = sum(indexing_usd(known, SMALL, CPU_MB).values())
    for images, kind, copies, functions in SCALES:
        memory, shards = memory_gb(known, images, 1280, kind), nodes(known, images, 1280, kind)
        servers = memory / known.assumed["node_full"] * copies * known.usd["server_gb_month"]
        hours = images * seconds / functions / 3600
        cells = [f"{images:,}", kind, f"{memory:,.1f} GB", shards, copies, shards * copies]
        cells += [f"{servers:,.0f}", f"{disk_gb(known, images, 1280) * copies:,.0f} GB"]
        cells += [functions, _duration(hours), f"{images * each:,.2f}"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    given = known.assumed
    return (
        "\n".join(lines)
        + f"""

At 1,280 dimensions; at 320 memory and disk of the vectors are a quarter. Shards: `memory of one
copy / ({given["node_gb"]:g} GB x {given["node_full"]:g})`, one a node. Servers: `memory /
{given["node_full"]:g} x copies x {known.usd["server_gb_month"]} USD`. Indexed in: `images x
{seconds:.4f} s / functions`, if Qdrant keeps up.

- **Up to 100,000**: nothing to decide; one node, full vectors.
- **From a million**: two copies, so that a node may fail; int8 with rescoring, the full vectors on
  disk; `IngestConcurrency` up, `RequestsPerSecond` as needed.
- **From ten million**: 4 bits with rescoring (oversampling 2 to 4); shards over several nodes; the
  daily comparison lists the bucket, 1,000 pictures a request, and takes `images / 1,000` of them.
- **A hundred million and more**: an account's limit of functions at once must be raised for such
  an import; every search asks every shard, so more copies, not more shards, carry more searches;
  a comparison must go by prefix. Nothing of this size was tried."""
    )


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"


def _prices(prices: Mapping[str, Any]) -> str:
    lines = ["| what | USD | source |", "| --- | --- | --- |"]
    for price in prices["prices"].values():
        usd = f"{price['usd']:.10f}".rstrip("0").rstrip(".")
        lines.append(f"| {price['what']} | {usd} | {price['source']} |")
    lines += ["", "| assumed | value |", "| --- | --- |"]
    lines += [f"| {given['what']} | {given['value']:g} |" for given in prices["assumed"].values()]
    return "\n".join(lines)
