"""All of Lookalike that runs: the heart (gallery) and the doors to it (api, ingest).

A Lambda function is made to start sooner here, before anything else is imported:

- the garbage collector rests until the function is built, for its start makes some 190,000
  objects and nearly all of them stay; `place.settle` turns it on again;
- numpy starts no threads for linear algebra: a function has one core, its products are small;
- FastAPI asks of every model whether it is one of pydantic's old ones. Where these cannot be
  imported it knows the answer, and they need not be;
- HTTP/2, which httpcore would import and nobody here speaks, counts as not installed.
"""

import gc
import os
import sys

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for left_out in ("pydantic.v1", "h2"):
        sys.modules.setdefault(left_out, None)  # type: ignore[arg-type]
