"""Work spread over threads: results in order, slots shared fairly. Depends on nothing."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import islice
from threading import Event, Lock
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order, reading only a few items ahead.

    The work has the caller's context: its time limit, its budget. If the caller stops early, work
    in progress is finished and the rest is not started.
    """
    waiting = iter(items)
    running: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        while True:
            for item in islice(waiting, 2 * workers - len(running)):
                running.append(pool.submit(copy_context().run, work, item))
            if not running:
                return
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


class Cores:
    """Cores with one thing to do each; one without lends a hand."""

    def __init__(self, count: int) -> None:
        """Know how many there are; a thread is started when two can share the work of one."""
        self._count, self._busy, self._lock = count, 0, Lock()
        self._pool = ThreadPoolExecutor(max(1, count - 1))

    def map(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the result of each item, in order; an idle core does all but the first."""
        with self._lock:
            helped = len(items) > 1 and self._busy + 1 < self._count
            self._busy += 1 + helped
        try:
            if not helped:
                return [work(item) for item in items]
            others = self._pool.submit(lambda: [work(item) for item in items[1:]])
            try:
                first = work(items[0])
            finally:
                wait([others])
            return [first, *others.result()]
        finally:
            with self._lock:
                self._busy -= 1 + helped


class FairSemaphore:
    """A few slots for many threads; a free slot goes to the next caller in turn (round robin).

    A caller is a request, whose work can be in several threads. One that has much work gets as many
    turns as one that has little.
    """

    def __init__(self, slots: int) -> None:
        """Start with all slots free."""
        self._free = slots
        self._waiting: dict[object, deque[Event]] = {}  # in the order of their turns
        self._lock = Lock()

    def acquire(self, caller: object, timeout_s: float) -> bool:
        """Take a slot; returns False if the caller did not get one in time."""
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return True
            granted = Event()
            self._waiting.setdefault(caller, deque()).append(granted)
        granted.wait(timeout_s)
        with self._lock:
            if not granted.is_set():
                self._waiting[caller].remove(granted)
                if not self._waiting[caller]:
                    del self._waiting[caller]
            return granted.is_set()

    def release(self) -> None:
        """Pass the slot on, or free it if nobody waits."""
        with self._lock:
            caller = next(iter(self._waiting), None)
            if caller is None:
                self._free += 1
                return
            waiting = self._waiting.pop(caller)
            waiting.popleft().set()
            if waiting:
                self._waiting[caller] = waiting  # now last in turn
