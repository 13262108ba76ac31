"""Times the same works in turn, by the clock and by the processor."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median, quantiles
from time import perf_counter, process_time


class Timing:
    """The milliseconds of each work; its first run only wakes it and does not count."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._took: dict[str, list[tuple[float, float]]] = {}

    @contextmanager
    def measured(self, name: str) -> Iterator[None]:
        """Note the time of the work done inside."""
        began = perf_counter(), process_time()
        yield
        ended = perf_counter(), process_time()
        spent = (ended[0] - began[0]) * 1000, (ended[1] - began[1]) * 1000
        self._took.setdefault(name, []).append(spent)

    def ms(self) -> dict[str, dict[str, float]]:
        """Give the median and the 95th percentile of the clock, and the processor's median."""
        told = {}
        for name, (_, *took) in self._took.items():
            clock, processor = zip(*took, strict=True)
            told[name] = {
                "p50": round(median(clock), 2),
                "p95": round(quantiles(clock, n=20)[-1], 2),
                "processor": round(median(processor), 2),
            }
        return told
