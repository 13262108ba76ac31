"""The API function taken apart: imports what its handler would, in the same order, and times it.

Every part is charged with what nobody before it has loaded. Prints one line of JSON when the first
call is answered; runs under the runtime client in place of functions.api.handler.
"""

import importlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PACKAGES = (
    ("fastapi, mangum", ("fastapi", "mangum")),
    ("numpy", ("numpy",)),
    ("Pillow, our pictures", ("functions.gallery.pictures",)),
    ("settings", ("functions.gallery.settings",)),
    ("our API", ("functions.api.app",)),
    ("onnxruntime", ("functions.gallery.embedder",)),
    ("httpx", ("httpx",)),
    ("qdrant_client", ("functions.gallery.stores.qdrant_store",)),
)
BUILT = {"_open_embedder": "model", "_open_store": "store", "_open_originals": "originals"}


def since_start() -> float:
    """Give the seconds since this process was started, to the hundredth."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / 100


class Parts:
    """Milliseconds of the clock and of the processor, by part."""

    def __init__(self) -> None:
        """Charge what was before to the interpreter and the runtime client."""
        spent = [since_start() * 1000, time.process_time() * 1000]
        self.ms = {"interpreter, runtime client": spent}

    def timed(self, part: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Make `work` add its time to this part."""

        def run(*given: Any) -> Any:
            before = time.perf_counter(), time.process_time()
            done = work(*given)
            after = time.perf_counter(), time.process_time()
            spent = self.ms.setdefault(part, [0.0, 0.0])
            for clock in (0, 1):
                spent[clock] += (after[clock] - before[clock]) * 1000
            return done

        return run


# As a handler does by its name: what functions/__init__.py sets, it sets before FastAPI and numpy.
importlib.import_module("functions")
parts = Parts()
for part, modules in PACKAGES:
    for module in modules:
        parts.timed(part, importlib.import_module)(module)
bootstrap: Any = parts.timed("rest", importlib.import_module)("functions.gallery.bootstrap")
for function, part in BUILT.items():
    setattr(bootstrap, function, parts.timed(part, getattr(bootstrap, function)))
handler = parts.timed("application", importlib.import_module)("functions.api.handler")
for part in BUILT.values():  # which were built while the handler was imported
    for clock in (0, 1):
        parts.ms["application"][clock] -= parts.ms[part][clock]


def handle(event: Any, context: Any) -> Any:
    """Answer one call, and tell what it took until then."""
    answer = parts.timed("first search", handler.handle)(event, context)
    print(json.dumps({"parts": parts.ms}), flush=True)
    return answer
