"""The bench that takes a cold start apart loads what the function loads, as the function does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench.starting.stand_in import qdrant_stand_in

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = {"AWS_LAMBDA_FUNCTION_NAME": "lookalike", "PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
def qdrant():
    with qdrant_stand_in() as address:
        yield address


def loaded(module: str, qdrant: str) -> list[str]:
    """Give the modules in the order in which their loading began."""
    code = f"import sys, {module}; print(*sys.modules)"
    run = [sys.executable, "-W", "ignore", "-c", code]
    environment = FUNCTION | {"QDRANT_URL": qdrant}
    return subprocess.check_output(run, cwd=ROOT, env=environment, text=True).split()


def test_the_parts_are_those_of_the_handler_and_begin_where_it_begins(qdrant):
    parts = loaded("scripts.bench.starting.parts", qdrant)
    handler = loaded("functions.api.handler", qdrant)

    assert {name.partition(".")[0] for name in set(parts) - set(handler)} == {"scripts"}
    assert parts.index("functions") < min(parts.index("fastapi"), parts.index("numpy"))
