"""How long the work in progress can still take. Depends on nothing.

Whoever is waited for sets a limit: a call, a start. It holds for everything inside it, also in the
threads of anyio, which get a copy of the context.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Limit the work inside to these seconds, or to fewer if a limit around it ends earlier."""
    token = _ends_at.set(min(_ends_at.get(), monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(token)


def restart(seconds: float, end: float) -> None:
    """Limit the rest of the work in this context to these seconds from now, but not past `end`."""
    _ends_at.set(min(end, monotonic() + seconds))


def end() -> float:
    """Return when the work must end, by time.monotonic; infinity without a limit."""
    return _ends_at.get()


def seconds_left() -> float:
    """Return how long the work can still take: infinity without a limit, negative once over."""
    return _ends_at.get() - monotonic()
