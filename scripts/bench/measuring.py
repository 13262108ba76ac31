"""What the benches share: a timer, a report and drawn photos."""

import io
import json
import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, process_time
from typing import Any

from PIL import Image

from functions.cli import demo
from model.quality.machine import machine

ROOT = Path(__file__).resolve().parents[2]


class Timer:
    """Milliseconds of the clock and of the processor, by name."""

    def __init__(self, warm_up: int = 1) -> None:
        """Ignore the first `warm_up` times of each name."""
        self._warm_up = warm_up
        self._ms: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Time the block."""
        started = perf_counter(), process_time()
        yield
        spent = (perf_counter() - started[0]) * 1000, (process_time() - started[1]) * 1000
        self._ms.setdefault(name, []).append(spent)

    def processor_ms(self) -> dict[str, float]:
        """Return the median of the processor's time, by name."""
        return {
            name: round(median(processor for _, processor in spent[self._warm_up :]), 2)
            for name, spent in self._ms.items()
        }

    def summary(self) -> dict[str, dict[str, float]]:
        """Return median and 95th percentile of the clock, and the processor's median, by name."""
        figures = {}
        for name, processor in self.processor_ms().items():
            clock = [clock for clock, _ in self._ms[name][self._warm_up :]]
            p50, p95 = round(median(clock), 2), round(quantiles(clock, n=20)[-1], 2)
            figures[name] = {"p50": p50, "p95": p95, "processor": processor}
        return figures


def report(bench: str, results: Mapping[str, Any], write: bool) -> None:
    """Print results with the machine and its load, as JSON; keep them too if wanted."""
    load = [round(load, 1) for load in os.getloadavg()]  # of the last 1, 5 and 15 minutes
    text = json.dumps({"machine": machine("qdrant-edge-py"), "load": load, **results}, indent=1)
    print(text)
    if write:
        (ROOT / "scripts" / "bench" / "results" / f"{bench}.json").write_text(text + "\n")


def photos(count: int, width: int, height: int) -> list[bytes]:
    """Draw JPEG files with the grain of a photo, the same on every machine."""
    drawn = []
    for number in range(count):
        dice = random.Random(number)
        image = demo.picture(sorted(demo.THINGS)[number % len(demo.THINGS)], dice)
        grain = Image.frombytes("L", (512, 512), dice.randbytes(512 * 512))
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        noise = grain.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")
        file = io.BytesIO()
        Image.blend(image, noise, 0.12).save(file, "JPEG", quality=88)
        drawn.append(file.getvalue())
    return drawn
