"""Tells where the time of one request went. Knows nothing."""

from time import perf_counter


class Stopwatch:
    """Milliseconds by stage, each from the end of the stage before."""

    def __init__(self) -> None:
        """Start now."""
        self.took_ms: dict[str, float] = {}
        self._start = self._last = perf_counter()

    def elapsed_s(self) -> float:
        """Give the seconds since the start."""
        return perf_counter() - self._start

    def lap(self, stage: str) -> None:
        """End a stage; a stage that comes again adds up."""
        now = perf_counter()
        self.took_ms[stage] = self.took_ms.get(stage, 0.0) + (now - self._last) * 1000
        self._last = now
