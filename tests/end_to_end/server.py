"""Start the real commands and the real server, and call them over real HTTP."""

import os
import pty
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
from fastapi import FastAPI

from functions.api.app import create_app
from functions.cli.connections import bounded_server
from functions.gallery.gallery import Gallery
from functions.gallery.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def served(gallery: Gallery, settings: Settings) -> AbstractContextManager[str]:
    """Serve a gallery from a thread of this process and yield its address."""
    return serving(create_app(gallery, settings))


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application from a thread of this process and yield its address."""
    port = free_port()
    server = bounded_server(app, host="127.0.0.1", port=port, log_level="critical")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def wait_for(address: str, seconds: float = 60) -> None:
    """Return once the server responds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            httpx.get(f"{address}/healthz").raise_for_status()
            return
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def output_until(part: str, process: subprocess.Popen[str]) -> str:
    """Return a script's output up to and including the first line that contains this part."""
    output = ""
    for line in process.stdout or ():
        output += line
        if part in line:
            return output
    raise AssertionError(f"the script ended without printing {part!r}: {output}")


@contextmanager
def answered(text: str) -> Iterator[int]:
    """Yield a terminal to read from, on which somebody has typed this text."""
    ours, theirs = pty.openpty()
    os.write(ours, text.encode())
    try:
        yield theirs
    finally:
        os.close(ours)
        os.close(theirs)


def command(name: str, *arguments: object) -> list[str]:
    """Return the command line for a script in the tests' own environment."""
    return [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]


def environment_of(data: Path, **more: str) -> dict[str, str]:
    """Return an environment with this data folder and without the tester's own settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOOKALIKE_", "QDRANT_"))}
    return kept | {"LOOKALIKE_DATA": str(data), "COLUMNS": "200"} | more


def run(name: str, *arguments: object, data: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script and wait for it to finish."""
    return subprocess.run(
        command(name, *arguments),
        env=environment_of(data, **more),
        capture_output=True,
        text=True,
        timeout=120,
    )


@contextmanager
def started(
    name: str, *arguments: object, data: Path, **more: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a script and stop it at the end of the block."""
    process = subprocess.Popen(
        command(name, *arguments),
        env=environment_of(data, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)
