"""Counts the calls in progress, so that a store is not closed during one."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from functions.gallery.errors import StoreError


class InFlight:
    """The calls in progress; closing refuses new ones and waits for these to end."""

    def __init__(self) -> None:
        """Start open, with no call."""
        self._changed = Condition()
        self._calls = 0
        self._closed = False

    @contextmanager
    def call(self) -> Iterator[None]:
        """Count one call; raises StoreError once closed."""
        with self._changed:
            if self._closed:
                raise StoreError("The embedded store was closed; open it again")
            self._calls += 1
        try:
            yield
        finally:
            with self._changed:
                self._calls -= 1
                self._changed.notify_all()

    def close(self) -> bool:
        """Refuse new calls and wait for the last one to end; False if closed before."""
        with self._changed:
            first, self._closed = not self._closed, True
            self._changed.wait_for(lambda: self._calls == 0)
            return first
