"""Requests in parts that a proxy in front of the server accepts. Depends on errors.

nginx takes 1 MB unless it is told otherwise; the server itself takes 32 MB.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from functions.gallery.errors import StoreRejected
from functions.gallery.stores.server.errors import is_too_large

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class Parts:
    """Sends many items, at most `size` at once: half of it, from then on, after a 413."""

    size: int

    def send(
        self, items: Sequence[Item], request: Callable[[Sequence[Item]], Result]
    ) -> list[Result]:
        """Return the result of each request; raises StoreRejected if one item is too large."""
        results: list[Result] = []
        start = 0
        while start < len(items):
            part = items[start : start + self.size]
            try:
                results.append(request(part))
            except StoreRejected as error:
                if not is_too_large(error) or len(part) == 1:
                    raise
                self.size = len(part) // 2
            else:
                start += len(part)
        return results
