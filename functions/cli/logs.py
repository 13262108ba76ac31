"""Sets up the log of a server. Depends on logging only."""

import logging
import sys
import time


def log_to_stderr(level: str) -> None:
    """Write records of this level and above to standard error, one line each, with UTC time.

    The level is that of Lookalike and its HTTP server. Libraries keep to warnings: at `debug` the
    clients of Qdrant and S3 print the headers that they send, and with them their keys.
    """
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in ("functions", "uvicorn"):
        logging.getLogger(name).setLevel(level.upper())
