"""Work spread over threads, with the results in order. Depends on nothing."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_threads(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield the result of each item, in order, reading only a few items ahead.

    If the caller stops early, work in progress is finished and the rest is not started.
    """
    waiting = iter(items)
    running: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        while True:
            for item in islice(waiting, 2 * workers - len(running)):
                running.append(pool.submit(work, item))
            if not running:
                return
            yield running.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
