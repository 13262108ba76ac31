"""What calls and months cost: the arithmetic of docs/cost.md. Knows prices and durations only."""

from collections.abc import Mapping

from scripts.costing.inputs import Inputs

CPU_MB = 1769  # of memory with which a function has one whole processor
HOURS = 720  # of a month

# Requests that wait for one another; tests/unit/test_cost.py counts them.
S3_READS = (
    4  # of a new picture: HEAD, GET of its refusal (there is none, which costs as much), GET,
)
# HEAD again (functions/gallery/syncing.py)
QDRANT_A_PICTURE = 2  # what is known of it, then the point
QDRANT_A_SEARCH = 2  # the hits, then their records
QUEUE_A_PICTURE = 3  # sent, received, deleted, each by itself

# What is charged as a metric of one's own, by the hour in which it is sent.
ROUTE_METRICS = 2 * 6  # template.yaml: two routes, DetailedMetricsEnabled
CALL_METRICS = 4  # functions/ingest/handler.py, with each call
COMPARISON_METRICS = 1  # and with each comparison
COMPARISONS = 30  # a month: template.yaml, ReconcileSchedule
COMPARED_AT_ONCE = 200  # functions/gallery/reconciling.py, in one request to Qdrant
LISTED_AT_ONCE = 1_000  # by S3
INGEST_FUNCTIONS = 5  # template.yaml, IngestConcurrency


def billed_s(processor_ms: float, wait_ms: float, memory_mb: int) -> float:
    """Give the seconds that a function is billed: one thread's work, and what it waits for."""
    return (processor_ms / min(1.0, memory_mb / CPU_MB) + wait_ms) / 1000


def compute_usd(seconds: float, memory_mb: int, usd: Mapping[str, float]) -> float:
    """Price the run of a function."""
    return seconds * memory_mb / 1024 * usd["lambda_gb_second"] + usd["lambda_request"]


def traced_share(known: Inputs, calls_a_second: float) -> float:
    """Give the share of calls that are traced: the first of each second, and some of the others."""
    rate = max(1.0, calls_a_second)
    return (1 + (rate - 1) * known.assumed["traced_beyond"]) / rate


def to_qdrant_usd(known: Inputs, kb: float) -> float:
    """Price what is sent to Qdrant, as far as it leaves AWS; inside a region it is free."""
    return known.assumed["qdrant_outside"] * kb / 1e6 * known.usd["data_out_gb"]


def search_ms(known: Inputs) -> tuple[float, float]:
    """Give the processor's ms of a search, and those it waits, with its share of cold starts."""
    share = known.assumed["cold_share"]
    waits = (
        QDRANT_A_SEARCH * known.assumed["qdrant_wait_ms"] + share * known.assumed["start_wait_ms"]
    )
    return (1 - share) * known.search_ms + share * known.cold_ms, waits


def search_usd(known: Inputs, memory_mb: int) -> dict[str, float]:
    """Price one search with a picture, by item."""
    usd, assumed = known.usd, known.assumed
    return {
        "Lambda": compute_usd(billed_s(*search_ms(known), memory_mb), memory_mb, usd),
        "HTTP API": assumed["query_512kb"] * usd["http_api_call"],
        "data out": assumed["answer_kb"] / 1e6 * usd["data_out_gb"],
        "data to Qdrant": to_qdrant_usd(known, assumed["vector_kb"]),
        "traces": traced_share(known, assumed["searches_a_second"]) * usd["trace"],
        "logs": assumed["log_kb"] / 1e6 * usd["log_gb"],
    }


def indexing_s(known: Inputs, kind: str, memory_mb: int) -> float:
    """Give the billed seconds of one picture from the bucket."""
    waits = S3_READS * known.assumed["s3_wait_ms"]
    waits += QDRANT_A_PICTURE * known.assumed["qdrant_wait_ms"]
    return billed_s(known.embed_ms[kind], waits, memory_mb)


def indexing_usd(
    known: Inputs, kind: str, memory_mb: int, functions: int = INGEST_FUNCTIONS
) -> dict[str, float]:
    """Price one of many pictures that come into the bucket at once, by item."""
    usd = known.usd
    seconds = indexing_s(known, kind, memory_mb)
    return {
        "Lambda": compute_usd(seconds, memory_mb, usd),
        "S3 requests": usd["s3_put"] + S3_READS * usd["s3_get"],
        "event and queue": usd["bucket_event"] + QUEUE_A_PICTURE * usd["queue_request"],
        "data to Qdrant": to_qdrant_usd(known, known.assumed["vector_kb"]),
        "traces": traced_share(known, functions / seconds) * usd["trace"],
        "logs": known.assumed["log_kb"] / 1e6 * usd["log_gb"],
    }


def comparison_s(known: Inputs, images: int) -> float:
    """Give the billed seconds of one comparison of bucket and index that finds them equal."""
    given = known.assumed
    waits = images / COMPARED_AT_ONCE * given["qdrant_wait_ms"] + given["start_wait_ms"]
    waits += images / LISTED_AT_ONCE * given["s3_wait_ms"]
    return billed_s(known.cold_ms + images * given["compare_ms"], waits, CPU_MB)


def comparison_usd(known: Inputs, images: int) -> float:
    """Price it: the function, the bucket's lists, the ids sent to Qdrant."""
    lists = images / LISTED_AT_ONCE * known.usd["s3_put"]
    ids = to_qdrant_usd(known, images * known.assumed["id_kb"])
    return compute_usd(comparison_s(known, images), CPU_MB, known.usd) + lists + ids


def month_usd(known: Inputs, *, busy: bool = False, images: int = 0) -> dict[str, float]:
    """Price a month by item, calls, pictures and Qdrant left out; busy: some came in every hour."""
    usd, given = known.usd, known.assumed
    sent = HOURS * (ROUTE_METRICS + CALL_METRICS) if busy else COMPARISONS * CALL_METRICS
    sent += COMPARISONS * COMPARISON_METRICS
    return {
        "secret": usd["secret_month"],
        "six alarms": 6 * usd["alarm_month"],
        "dashboard": usd["dashboard_month"],
        "metrics": sent / HOURS * usd["metric_month"],
        "image in ECR": given["image_gb"] * usd["ecr_gb_month"],
        "polls of the queue": given["pollers"]
        * HOURS
        * 3600
        / given["poll_s"]
        * usd["queue_request"],
        f"{COMPARISONS} comparisons": COMPARISONS * comparison_usd(known, images),
    }


def stored_usd(known: Inputs, images: int) -> float:
    """Price a month of the pictures in the bucket."""
    return images * known.assumed["picture_kb"] / 1e6 * known.usd["s3_gb_month"]
