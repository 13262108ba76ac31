"""Runs a handler under Lambda's runtime client, with a stand-in for Lambda's runtime API.

Linux only: the processor's time comes from /proc.
"""

import json
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from scripts.bench.measuring import ROOT
from scripts.bench.starting.stand_in import Headers, serve

_ON_LAMBDA = {
    "PATH": os.environ["PATH"],
    "PYTHONPATH": str(ROOT),
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_LAMBDA_FUNCTION_NAME": "lookalike",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
}


@dataclass
class Function:
    """A function that takes one event at a time."""

    process_id: int = 0
    events: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)
    results: "SimpleQueue[Any]" = field(default_factory=SimpleQueue)

    def invoke(self, event: Any) -> Any:
        """Return what the handler returns, or the error that the runtime client reports."""
        self.events.put(event)
        return self.results.get(timeout=120)

    def processor_ms(self) -> float:
        """Return the processor's time since the start of the process."""
        stat = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) * 1000 / os.sysconf("SC_CLK_TCK")


@contextmanager
def start(handler: str, python: str, settings: Mapping[str, str]) -> Iterator[Function]:
    """Start a function with these settings and no other environment of ours."""
    function = Function()

    def respond(request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, Any, Headers]:
        if request.command == "GET":  # .../invocation/next
            deadline = round(time.time() * 1000) + 60_000
            return (
                200,
                function.events.get(),
                {
                    "Lambda-Runtime-Aws-Request-Id": "1",
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:f",
                },
            )
        function.results.put(json.loads(body))  # .../invocation/1/response or error, .../init/error
        return 202, {"status": "OK"}, {}

    with serve(respond) as address:
        environment = _ON_LAMBDA | {"AWS_LAMBDA_RUNTIME_API": address} | settings
        command = [python, "-m", "awslambdaric", handler]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, **quiet) as process:
            function.process_id = process.pid
            try:
                yield function
            finally:
                process.kill()
