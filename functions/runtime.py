"""Where this process runs (Lambda, `sam local`, anywhere else), its cores, and start-up settings.

Depends on nothing. Imported before everything else, so that a Lambda function starts faster.
"""

import gc
import os
import sys
from pathlib import Path

# Lambda ends a start after 10 s, of which imports and the model take about two; what is not built
# in time is tried again by the first call.
START_S = 4.0
# The gateway waits 30 s and the API function runs 29 s (template.yaml); the rest is for what does
# not wait for the store.
CALL_S = 24.0
# So long before Lambda ends a call of the ingest function, no store is asked any more; requests to
# the bucket that are in progress need up to 18 s to give up (originals/aws.py).
ANSWER_S = 20.0


def in_function() -> bool:
    """Return whether the Lambda runtime, real or emulated, runs this process."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def under_sam_local() -> bool:
    """Return whether `sam local` runs this process on somebody's own machine.

    AWS_SAM_LOCAL alone is not enough: setting it on a deployed function must not open the gallery
    to the world. Deployed functions have dated log streams (2026/11/21/...), `sam local` uses
    "$LATEST".
    """
    is_dated = "/" in os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
    return os.environ.get("AWS_SAM_LOCAL") == "true" and not is_dated


def command(name: str) -> str:
    """Return how to run a command here: in a checkout it is a file, else `lookalike` runs it."""
    is_installed = not (Path(__file__).parents[1] / "scripts").is_dir() and not in_function()
    return f"lookalike {name}" if is_installed else f"scripts/{name}"


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def speed_up_start() -> None:
    """Leave out work that a starting Lambda function does not need; elsewhere do nothing.

    - The garbage collector is off until `finish_start`: start-up creates some 190,000 objects and
      nearly all of them stay.
    - numpy starts no linear algebra threads: a function has one core and small products.
    - FastAPI checks every model against pydantic's v1 models; if those cannot be imported, it skips
      the check and their import.
    - httpcore would import HTTP/2, which nothing here uses; it counts as not installed.
    """
    if not in_function():
        return
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for left_out in ("pydantic.v1", "h2"):
        sys.modules.setdefault(left_out, None)  # type: ignore[arg-type]


def send_no_telemetry() -> None:
    """Keep onnxruntime, from 1.29, from reporting to its maker; it looks when it is imported."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def finish_start() -> None:
    """Turn the garbage collector back on once a function is built, sparing what exists by then."""
    gc.freeze()
    gc.enable()
