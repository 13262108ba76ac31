"""The last part of docs/cost.md: what galleries of ten thousand to a billion images cost."""

from scripts.costing.arithmetic import (
    COMPARISONS,
    CPU_MB,
    comparison_s,
    comparison_usd,
    indexing_s,
    indexing_usd,
    month_usd,
    stored_usd,
)
from scripts.costing.index_sizes import disk_gb, index_usd, memory_gb, servers
from scripts.costing.inputs import Inputs
from scripts.costing.tables import duration, money, table

DIMS = 1280
SMALL = "JPEG, 500 x 375"
# Images, quantization, copies of the index, ingest functions at once.
SCALES = (
    (10_000, "float32", 1, 5),
    (100_000, "float32", 1, 5),
    (1_000_000, "int8", 2, 20),
    (10_000_000, "4 bit", 2, 50),
    (100_000_000, "4 bit", 2, 200),
    (1_000_000_000, "4 bit", 2, 500),
)


def scales(known: Inputs) -> str:
    """Write the tables, how they came about, and what changes on the way."""
    given, usd = known.assumed, known.usd
    seconds = indexing_s(known, SMALL, CPU_MB)
    largest = SCALES[-1][0]
    days = comparison_s(known, largest) / 86_400
    return f"""A month, searches left out, in USD:

{_months(known)}

At {DIMS:,} dimensions. Servers: of one copy the fewest that hold `memory / {given["node_full"]:g}`,
each a shard, of {given["node_gb_least"]:g} to {given["node_gb_most"]:g} GB; `servers x copies x
GB x {usd["server_gb_month"]} USD`. Disks: `disk / {given["node_full"]:g}` in whole GB a server, at
{usd["disk_gb_month"]} USD. Pictures: {given["picture_kb"]:g} KB each, without the discounts of
large amounts. Comparisons: {COMPARISONS} that find bucket and index equal. The rest: the table of
a month above, if nobody calls. A gallery that fits the free cluster needs neither server nor disk.

Filling it once, with small pictures through the bucket:

{_fillings(known)}

Indexed in: `images x {seconds:.4f} s / functions`, if Qdrant keeps up.

- **Up to 100,000**: nothing to decide; one server, full vectors.
- **From a million**: two copies, so that a server may fail; int8 with rescoring, the full vectors
  on disk; `IngestConcurrency` up, `RequestsPerSecond` as needed.
- **From ten million**: 4 bits with rescoring (oversampling 2 to 4); the daily comparison lists the
  bucket, 1,000 pictures a request.
- **A hundred million and more**: shards over several servers; an account's limit of functions at
  once must be raised for such an import; every search asks every shard, so more copies, not more
  shards, carry more searches; one comparison of {largest:,} images takes {days:.1f} days, so it
  should not begin daily (`ReconcileSchedule`). Nothing of this size was tried."""


def _months(known: Inputs) -> str:
    heads = ["images", "quantization", "memory of one copy", "disk of one copy", "servers of all"]
    heads += ["servers", "disks", "pictures", f"{COMPARISONS} comparisons", "the rest", "together"]
    rows = []
    for images, kind, copies, _ in SCALES:
        count, size = servers(known, images, DIMS, kind)
        compared = COMPARISONS * comparison_usd(known, images)
        rest = sum(month_usd(known, images=images).values()) - compared
        items = [*index_usd(known, images, DIMS, kind, copies), stored_usd(known, images)]
        items += [compared, rest]
        memory, disk = memory_gb(known, images, DIMS, kind), disk_gb(known, images, DIMS)
        cells = [f"{images:,}", kind, f"{memory:,.2f} GB", f"{disk:,.2f} GB"]
        cells += [f"{count * copies} x {size:g} GB", *map(money, items), f"**{money(sum(items))}**"]
        rows.append(cells)
    return table(heads, rows)


def _fillings(known: Inputs) -> str:
    rows = []
    for images, _, _, functions in SCALES:
        hours = images * indexing_s(known, SMALL, CPU_MB) / functions / 3600
        usd = images * sum(indexing_usd(known, SMALL, CPU_MB, functions).values())
        rows.append([f"{images:,}", functions, duration(hours), money(usd)])
    return table(["images", "ingest functions", "indexed in", "USD"], rows)
