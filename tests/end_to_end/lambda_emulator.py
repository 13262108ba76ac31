"""Run a handler as Lambda does, with its real runtime client and an emulator of the runtime API.

The emulator comes with the SAM CLI; no container is involved.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from scripts.environment import SAM_VENV, prepare
from tests.end_to_end.server import free_port

ROOT = Path(__file__).resolve().parents[2]
EVENTS = Path(__file__).parent / "events"
MACHINES = {"x86_64": "x86_64", "aarch64": "arm64"}
SAM_LOCAL = {"AWS_SAM_LOCAL": "true"}


class Function:
    """A function in the emulator, which starts with the first call and runs one at a time."""

    def __init__(self, address: str, log: Path, emulator: int) -> None:
        self._address = f"{address}/2015-03-31/functions/function/invocations"
        self._log = log
        self._emulator = Path(f"/proc/{emulator}")

    def invoke(self, event: dict[str, Any]) -> Any:
        """Return the handler's result, or the error that Lambda would report."""
        return httpx.post(self._address, content=json.dumps(event), timeout=120).json()

    def processor_ms(self) -> float:
        """Return the CPU time of the running function, including its start."""
        (runtime,) = " ".join(
            task.read_text() for task in self._emulator.glob("task/*/children")
        ).split()
        fields = Path(f"/proc/{runtime}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")

    @property
    def log(self) -> str:
        return self._log.read_text()


@contextmanager
def function(
    handler: str, folder: Path, python: str = sys.executable, **environment: str
) -> Iterator[Function]:
    """Run this handler with only these environment variables, in the empty folder `folder`/task."""
    task = folder / "task"
    task.mkdir()
    emulator = folder / "emulator"
    if not emulator.exists():
        shutil.copy(_emulator_of_sam(), emulator)
    api, runtime = free_port(), free_port()
    command = [
        *(str(emulator), "--log-level", "info"),
        # Without both addresses it listens on every interface.
        *("--runtime-interface-emulator-address", f"127.0.0.1:{api}"),
        *("--runtime-api-address", f"127.0.0.1:{runtime}"),
        *(python, "-m", "awslambdaric", handler),
    ]
    log = folder / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=task,
            env=_lambda_environment(folder) | environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(api)
        yield Function(f"http://127.0.0.1:{api}", log, process.pid)
    finally:
        process.terminate()
        process.wait(timeout=30)


def event(name: str) -> dict[str, Any]:
    """Read an event file."""
    return json.loads((EVENTS / f"{name}.json").read_text())


def _lambda_environment(folder: Path) -> dict[str, str]:
    temporary = folder / "tmp"
    temporary.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_LAMBDA_FUNCTION_NAME": "lookalike",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
    }


def _emulator_of_sam() -> Path:
    prepare(SAM_VENV, "tests/sam/requirements.txt")
    machine = MACHINES[os.uname().machine]
    (emulator,) = SAM_VENV.glob(f"lib/python*/site-packages/samcli/local/rapid/*rie-{machine}")
    return emulator


def _wait_for(port: int) -> None:
    transport = httpx.HTTPTransport(retries=10)  # retries to connect after growing pauses
    with httpx.Client(transport=transport) as client:
        client.get(f"http://127.0.0.1:{port}/")
