"""All the code that runs: the core library (gallery), and the entry points api, ingest and cli."""

from functions import runtime

__version__ = "0.1.0"  # the only place: pyproject.toml and --version read it

runtime.send_no_telemetry()
runtime.speed_up_start()
