"""One side of a comparison, in a process of its own: takes file names, gives milliseconds by stage.

Milliseconds are the processor's: both sides work on one core, and other work on the machine then
counts less. Standard library only, for the other side runs in an environment of its own.
"""

import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any


class Stages:
    """The time of one picture, stage by stage."""

    def __init__(self) -> None:
        """Start the clock."""
        self.ms: dict[str, float] = {}
        self._since = process_time()

    def end(self, stage: str) -> None:
        """Charge the time since the stage before to this one."""
        now = process_time()
        self.ms[stage] = (now - self._since) * 1000
        self._since = now


def peak_mb() -> int:
    """Give the most memory that this process has held; of Linux's own count, where there is one.

    The other, ru_maxrss, begins with what the process that started this one held.
    """
    status = Path("/proc/self/status")
    if status.exists():
        told = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(told["VmHWM"].split()[0]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def serve(embed: Callable[[bytes, Stages], Any]) -> None:
    """Answer one line for each that comes; a line is the name of a file."""
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        data = Path(line.strip()).read_bytes()
        stages = Stages()
        embed(data, stages)
        print(json.dumps({"ms": stages.ms, "peak_mb": peak_mb()}), flush=True)
