"""Our errors for what Qdrant's core raises; it has texts but no error classes of its own."""

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from functions.gallery.errors import (
    ImageNotFound,
    LookalikeError,
    StoreError,
    StoreFull,
    StoreRejected,
)
from functions.gallery.stores.embedded.folder import rebuild_advice

log = logging.getLogger(__name__)


@contextmanager
def map_errors(root: Path) -> Iterator[None]:
    """Raise a failure of the core as one of our errors; its own text goes to the log."""
    try:
        yield
    except LookalikeError:
        raise
    except (TypeError, ValueError, OverflowError) as error:
        log.warning("%s: %s", root, error)
        raise StoreRejected("The embedded store cannot hold a value of this request") from error
    except BaseException as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise StoreFull(f"No room left in {root}; free some space") from error
        # A Rust panic is not an Exception, and its class cannot be imported.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        if "No point with id" in str(error):
            raise ImageNotFound("The image was removed in the meantime") from error
        log.error("%s: %s", root, error)
        raise StoreError(
            f"The store in {root} failed; if this happens again, {rebuild_advice(root)}"
        ) from error
