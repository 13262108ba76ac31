"""The key of a Qdrant server, read again when the server refuses it. Depends on nothing."""

from collections.abc import Callable
from threading import Lock
from time import monotonic

ReadKey = Callable[[], str | None]

# A key without the right to write is refused at every write, and each read of a secret takes a
# request and is billed.
_READ_AGAIN_AFTER_S = 30.0


class ServerKey:
    """The key in use; safe to share between threads."""

    def __init__(self, key: str | ReadKey | None, clock: Callable[[], float] = monotonic) -> None:
        """Read the key; one that is a text or None stays as it is."""
        self._read = key if callable(key) else lambda: key
        self._clock = clock
        self._lock = Lock()
        self.value = self._read()
        self._may_read_at = clock()

    def renew(self, refused: str | None) -> bool:
        """Return whether there is another key than the one that was refused.

        Raises what reading it raises.
        """
        with self._lock:
            if self.value == refused and self._clock() >= self._may_read_at:
                self.value = self._read()
                self._may_read_at = self._clock() + _READ_AGAIN_AFTER_S
            return self.value != refused
