"""Read the template as CloudFormation receives it, with the SAM CLI's own programs."""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.environment import SAM_VENV, prepare

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"
REGION = "eu-west-1"


def sam_program(
    *command: str, given: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a program from the SAM CLI's environment, without an AWS account."""
    programs = prepare(SAM_VENV, "tests/sam/requirements.txt")
    known = {name: os.environ[name] for name in ("PATH", "HOME")}
    known |= {"AWS_DEFAULT_REGION": REGION, "SAM_CLI_TELEMETRY": "0"}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=ROOT,
        env=known | environment,
        input=given,
        start_new_session=True,  # else what is not shown is asked on the developer's terminal
        capture_output=True,
        text=True,
    )


def transform(values: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the template as CloudFormation receives it, for each set of parameter values."""
    script = Path(__file__).parent / "transform.py"
    lines = "\n".join(map(json.dumps, values))
    result = sam_program("python", str(script), str(TEMPLATE), given=lines)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    found = {n: r["Properties"] for n, r in resources.items() if r["Type"] == kind}
    assert found, f"the template has no {kind}"
    return found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def find_all(value: Any, key: str) -> list[Any]:
    """Return every value under this key, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in find_all(each, key)]
    if not isinstance(value, dict):
        return []
    here = [value[key]] if key in value else []
    return here + [found for each in value.values() for found in find_all(each, key)]
