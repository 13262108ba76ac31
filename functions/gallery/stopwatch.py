"""Measures where the time of one request went. Depends on nothing."""

from time import perf_counter


class Stopwatch:
    """Milliseconds per stage, each counted from the end of the previous stage."""

    def __init__(self) -> None:
        """Start now."""
        self.took_ms: dict[str, float] = {}
        self._start = self._last = perf_counter()

    def elapsed_s(self) -> float:
        """Return the seconds since the start."""
        return perf_counter() - self._start

    def lap(self, stage: str) -> None:
        """End a stage; the times of repeated stages add up."""
        now = perf_counter()
        self.took_ms[stage] = self.took_ms.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
