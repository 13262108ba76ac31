"""Reads the template as CloudFormation gets it, with the SAM CLI's own programs."""

import os
import subprocess
from pathlib import Path
from typing import Any

from scripts.environment import SAM_VENV, prepare

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
REGION = "eu-west-1"


def sam_program(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the SAM CLI's environment, far from any account."""
    programs = prepare(SAM_VENV, "tests/sam/requirements.txt")
    nobody = {"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0", "PATH": os.environ["PATH"]}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=ROOT,
        env=nobody | {"HOME": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    found = {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def inside(value: Any, key: str) -> list[Any]:
    """Find what stands under this key, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in inside(each, key)]
    if not isinstance(value, dict):
        return []
    here = [value[key]] if key in value else []
    return here + [found for each in value.values() for found in inside(each, key)]
