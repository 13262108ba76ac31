"""docs/clients.md as printed: clients generated, type-checked and run against the application."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from functions.gallery.bootstrap import build_gallery
from scripts.api_examples import settings_of
from scripts.environment import prepare
from tests.drawing import jpeg
from tests.end_to_end.server import served

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests" / "clients"
DOCS = (ROOT / "docs" / "clients.md").read_text()
INSTALLS = ("pip install", "npm install")  # done once by the fixtures, with the same versions
EXPECTED_OUTPUT = [
    "added shoes/red.jpg added",
    "refused 409 name-taken",
    "by picture shoes/red.jpg",
    "by id shoes/red.jpg",
    "refused 422 #/limit",
    "removed shoes/red.jpg",
]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)


@pytest.fixture(scope="module")
def python_tools() -> Path:
    return prepare(ROOT / ".venv-clients", "tests/clients/requirements.txt")


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Install what package-lock.json pins, once."""
    modules, lock = HERE / "node_modules", HERE / "package-lock.json"
    stamp = modules / ".installed"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        subprocess.run(["npm", "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=600)
        stamp.write_text(lock.read_text())
    return modules


@pytest.fixture
def address(tmp_path):
    settings = settings_of(tmp_path / "data")
    gallery = build_gallery(settings)
    with served(gallery, settings) as address:
        yield address
    gallery.close()


@pytest.fixture
def folder(tmp_path):
    """A folder as the reader has it: openapi.json, the page's files, two pictures."""
    folder = tmp_path / "client"
    folder.mkdir()
    shutil.copy(ROOT / "docs" / "openapi.json", folder)
    for block in [*blocks("yaml"), *blocks("python"), *blocks("ts")]:
        first, _, _ = block.partition("\n")
        (folder / first.split()[1]).write_text(block)
    for number, name in enumerate(("one.jpg", "two.jpg"), start=1):
        (folder / name).write_bytes(jpeg(number))
    return folder


def run(commands: str, folder: Path, address: str, tools: Path) -> list[str]:
    """Run the page's commands except the installs, and return their output lines."""
    lines = [line for line in commands.splitlines() if not line.startswith(INSTALLS)]
    script = "set -e\n" + "\n".join(lines).replace("http://127.0.0.1:8000", address)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "KEY": "the-write-key"}
    result = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Warning" not in result.stdout + result.stderr, result.stdout + result.stderr
    return result.stdout.replace("'", "").replace("[", "").replace("]", "").splitlines()


def test_the_python_client_is_generated_checked_and_run(folder, address, python_tools):
    output = run(blocks("sh")[0], folder, address, python_tools)

    assert output[-len(EXPECTED_OUTPUT) :][:4] == EXPECTED_OUTPUT[:4]
    assert output[-2].startswith(EXPECTED_OUTPUT[4])
    assert output[-1] == EXPECTED_OUTPUT[5]


def test_the_typescript_client_is_generated_checked_and_run(folder, address, node_modules):
    (folder / "node_modules").symlink_to(node_modules)

    output = [
        " ".join(line.split()) for line in run(blocks("sh")[1], folder, address, node_modules)
    ]

    assert output[-len(EXPECTED_OUTPUT) :][:4] == EXPECTED_OUTPUT[:4]
    assert output[-2].startswith("refused 422 invalid-parameters #/limit")
    assert output[-1] == EXPECTED_OUTPUT[5]


def test_the_page_names_the_versions_that_are_tested():
    pinned = dict(
        line.split("==") for line in (HERE / "requirements.txt").read_text().split() if "==" in line
    )
    packages = json.loads((HERE / "package.json").read_text())["devDependencies"]

    assert dict(re.findall(r"(openapi-python-client|mypy)==([\d.]+)", DOCS)).items() <= {
        *pinned.items()
    }
    assert dict(re.findall(r"([@\w/-]+)@(\d[\d.]+)", DOCS)) == packages


def test_the_lock_names_no_registry():
    assert "resolved" not in (HERE / "package-lock.json").read_text()
