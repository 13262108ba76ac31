"""All the code that runs: the core library (gallery) and its entry points (api, ingest)."""

from functions import runtime

runtime.send_no_telemetry()
runtime.speed_up_start()
