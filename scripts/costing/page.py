"""Writes docs/cost.md, all of it, from prices and measured durations."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from scripts.costing.arithmetic import (
    CPU_MB,
    INGEST_FUNCTIONS,
    QDRANT_A_PICTURE,
    QDRANT_A_SEARCH,
    S3_READS,
    billed_s,
    indexing_s,
    indexing_usd,
    month_usd,
    search_ms,
    search_usd,
)
from scripts.costing.index_sizes import BITS, disk_gb, largest_free, memory_gb
from scripts.costing.inputs import Inputs, inputs
from scripts.costing.scales import SMALL, scales
from scripts.costing.tables import money, table

MEMORIES = (1024, CPU_MB, 3008)
WIDTHS = (1280, 640, 320, 160)
LARGE = "JPEG, 4032 x 3024"
FAST = 50  # searches a second: template.yaml, RequestsPerSecond
M = 1_000_000


def page(prices: Mapping[str, Any], cold: Mapping[str, Any], speed: Mapping[str, Any]) -> str:
    """Write the whole page."""
    known = inputs(prices, cold, speed)
    parts = [
        _opening(prices),
        "## A month",
        _month(known),
        "## A million searches with a picture",
        _searching(known),
        "## A million pictures indexed",
        _indexing(known),
        "## What Qdrant needs for a million images",
        _qdrant(known),
        "## The largest gallery of the free cluster",
        _free(known),
        "## From ten thousand to a billion",
        scales(known),
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
    rows = [[item, *(money(each[item] * times) for each in columns)] for item in columns[0]]
    sums = [f"**{money(sum(each.values()) * times)}**" for each in columns]
    return table(["item", *heads], [*rows, ["**together**", *sums]])


def _month(known: Inputs) -> str:
    months = [month_usd(known), month_usd(known, busy=True)]
    given, usd = known.assumed, known.usd
    return f"""The calls themselves, pictures and Qdrant left out:

{_items(months, ["nobody calls", "calls in every hour"], 1)}

Metrics are those of the API's routes and of the ingest function. The comparisons are of an empty
bucket; the last table has others. Pictures cost {usd["s3_gb_month"]} USD a GB and month: a million
of {given["picture_kb"]:g} KB, {money(given["picture_kb"] * usd["s3_gb_month"])} USD. A free Qdrant
Cloud cluster costs nothing, but is suspended after a week without a call and deleted after four."""


def _searching(known: Inputs) -> str:
    share, given = known.assumed["cold_share"], known.assumed
    ms, waits = search_ms(known)
    seconds = billed_s(ms, waits, CPU_MB)
    items = _items([search_usd(known, mb) for mb in MEMORIES], [f"{mb} MB" for mb in MEMORIES], M)
    near = _million(known, qdrant_outside=0)
    fast = _million(known, searches_a_second=FAST)
    both = _million(known, qdrant_outside=0, searches_a_second=FAST)
    return f"""{items}

`{1 - share:g} x {known.search_ms:g} ms (warm) + {share:g} x {known.cold_ms:g} ms (cold) = {ms:.1f}
ms` of the processor; `{QDRANT_A_SEARCH} x {given["qdrant_wait_ms"]:g} ms (Qdrant) + {share:g} x
{given["start_wait_ms"]:g} ms (cold) = {waits:g} ms` of waiting: {seconds:.4f} s at {CPU_MB} MB.
`{seconds:.4f} s x {CPU_MB / 1024:.3f} GB x {known.usd["lambda_gb_second"]} +
{known.usd["lambda_request"]:.7f}`, a million times. A query picture over 512 KB counts as several
calls of the HTTP API.

Two items depend on where and how fast. Data to Qdrant are {given["vector_kb"]:g} KB a search, here
all paid as data out; with Qdrant in the region of the functions they are free, and a million costs
{near} USD at {CPU_MB} MB. X-Ray traces the first call of each second and
{given["traced_beyond"] * 100:g} % of the others, so at {given["searches_a_second"]:g} a second or
fewer all of them; at {FAST} a second a million costs {fast} USD, and with Qdrant near by {both}.
With `Traces=PassThrough` no call is traced."""


def _million(known: Inputs, **assumed: float) -> str:
    other = replace(known, assumed={**known.assumed, **assumed})
    return money(sum(search_usd(other, CPU_MB).values()) * M)


def _indexing(known: Inputs) -> str:
    kinds = [(SMALL, mb) for mb in MEMORIES] + [(LARGE, CPU_MB)]
    heads = [f"{kind}, {mb} MB" for kind, mb in kinds]
    items = _items([indexing_usd(known, kind, mb) for kind, mb in kinds], heads, M)
    seconds, given = indexing_s(known, SMALL, CPU_MB), known.assumed
    sent = M * indexing_usd(known, SMALL, CPU_MB)["data to Qdrant"]
    return f"""{items}

`{known.embed_ms[SMALL]:.1f} ms of the processor + {S3_READS} x {given["s3_wait_ms"]:g} ms (S3)
+ {QDRANT_A_PICTURE} x {given["qdrant_wait_ms"]:g} ms (Qdrant) = {seconds:.4f} s` for the small one
at {CPU_MB} MB. The reads of S3 are two HEAD and two GET, one of these of a refusal that is not
there. All come at once, to {INGEST_FUNCTIONS} functions, each picture as a call of its own; of a
trickle every call is traced, {money(M * known.usd["trace"])} USD. With Qdrant in the region of the
functions {money(sent)} USD less. Pictures of an import with `scripts/import` cost nothing but the
machine it runs on, and what it sends."""


def _qdrant(known: Inputs) -> str:
    rows = []
    for dims in WIDTHS:
        cells = [f"{memory_gb(known, M, dims, kind):.2f} GB" for kind in BITS]
        rows.append([dims, *cells, f"{disk_gb(known, M, dims):.1f} GB"])
    given, (image, number) = known.assumed, known.disk_bytes
    return f"""{table(["width", *(f"memory, {kind}" for kind in BITS), "disk"], rows)}

Memory: `10^6 x (width x bits / 8 x {given["memory_factor"]:g} + {given["graph_bytes"]:g} bytes of
graph + {given["hash_bytes"]:g} of the perceptual hash + {given["record_bytes"]:g} of ids and
indexes of the fields)`. With quantization the full vectors stay on disk and the best hits are
scored again with them; without a fast disk that costs milliseconds.
Disk: `10^6 x ({image:,.0f} bytes + width x {number:.2f})`, fitted to folders of the embedded store
at two widths. Collections that Lookalike makes on a server are float32; quantization is set in
Qdrant."""


def _free(known: Inputs) -> str:
    rows = []
    for dims in WIDTHS:
        most = [largest_free(known, dims, kind) for kind in BITS]
        rows.append([dims, *(f"{count // 1000 * 1000:,} ({full})" for count, full in most)])
    given = known.assumed
    return f"""{table(["width", *BITS], rows)}

Images, and what is full then: {given["free_memory_gb"]:g} GB of memory less
{given["free_taken_gb"]:g} GB for the server, {given["free_disk_gb"]:g} GB of disk. Formulas as
above; nobody filled a cluster to try."""


def _prices(prices: Mapping[str, Any]) -> str:
    rows = []
    for price in prices["prices"].values():
        usd = f"{price['usd']:.10f}".rstrip("0").rstrip(".")
        rows.append([price["what"], usd, price["source"]])
    given = [[each["what"], f"{each['value']:g}"] for each in prices["assumed"].values()]
    return table(["what", "USD", "source"], rows) + "\n\n" + table(["assumed", "value"], given)
