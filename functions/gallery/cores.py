"""How many processor cores this process may use. Knows nothing."""

import os


def cores() -> int:
    """Count the cores; where the system can say which are allowed, only those."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
