"""One lock per key, made when it is needed. Depends on nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Condition


class KeyedLock:
    """Lets one thread at a time change an image while others change other images."""

    def __init__(self) -> None:
        """Start with no key locked."""
        self._changed = Condition()
        self._held: set[str] = set()

    @contextmanager
    def hold(self, keys: Iterable[str]) -> Iterator[None]:
        """Wait until nobody holds any of these keys, then hold all of them."""
        wanted = set(keys)
        with self._changed:
            self._changed.wait_for(lambda: self._held.isdisjoint(wanted))
            self._held |= wanted
        try:
            yield
        finally:
            with self._changed:
                self._held -= wanted
                self._changed.notify_all()
