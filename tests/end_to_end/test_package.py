"""The package: built as `pip install .` builds it, installed without a network, run elsewhere."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx
import pytest

from functions import __version__
from functions.cli.main import COMMANDS
from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, environment_of, free_port, output_until

pytestmark = pytest.mark.slow
LEFT_OUT = ("functions/api/built/", "model/own/")  # made by users


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build the wheel from what git has, because setuptools leaves a build folder behind."""
    checkout, built = (tmp_path_factory.mktemp(name) for name in ("checkout", "built"))
    for name in files_of_the_checkout():
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    command += ["--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(checkout)]
    subprocess.run(command, check=True, timeout=120)
    (path,) = built.iterdir()
    return path


def files_of_the_checkout() -> list[str]:
    """Return the files that git has or would take."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def lookalike(wheel, tmp_path_factory):
    """The command in an environment of its own, whose dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": folder, "platbase": folder}))
    (site / "tests.pth").write_text(sysconfig.get_path("purelib"))
    command = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet"]
    command += ["--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run(command, check=True, timeout=120)
    return folder / "bin" / "lookalike"


def run(lookalike: Path, *arguments: object, here: Path) -> subprocess.CompletedProcess[str]:
    environment = environment_of(here / "data")
    del environment["LOOKALIKE_DATA"]
    return subprocess.run(
        [lookalike, *map(str, arguments)],
        cwd=here,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture(scope="session")
def here(lookalike, tmp_path_factory):
    """A folder with a picture that was imported into ./data."""
    here = tmp_path_factory.mktemp("here")
    (here / "1.jpg").write_bytes(jpeg(1))
    imported = run(lookalike, "import", ".", here=here)
    assert imported.returncode == 0, imported.stdout + imported.stderr
    return here


def test_the_wheel_has_every_file_that_runs(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())

    wanted = {
        name
        for name in files_of_the_checkout()
        if name.startswith(("functions/", "model/")) and not name.startswith(LEFT_OUT)
    }
    assert {name for name in packed if ".dist-info/" not in name} == wanted


def test_the_wheel_needs_exactly_what_the_requirements_pin(wheel):
    with zipfile.ZipFile(wheel) as packed:
        metadata = Parser().parsestr(
            packed.read(f"lookalike-{__version__}.dist-info/METADATA").decode()
        )

    files = (ROOT / "requirements.txt", ROOT / "functions" / "cli" / "requirements.txt")
    pins = [
        pin
        for file in files
        for pin in re.findall(r"^[\w.-]+==[^\s]+", file.read_text(), re.MULTILINE)
    ]
    needed = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert sorted(needed) == sorted(pins)
    assert metadata["Version"] == __version__


def test_pictures_are_imported_served_and_searched_from_another_folder(lookalike, here):
    port = free_port()
    server = subprocess.Popen(
        [lookalike, "serve", "--port", str(port)],
        cwd=here,
        env=environment_of(here / "data"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output_until("Ctrl-C stops it", server)
        address = f"http://127.0.0.1:{port}"
        found = httpx.post(f"{address}/v1/search", content=jpeg(1)).json()["results"]
        page = httpx.get(address)
        docs = httpx.get(f"{address}/docs/swagger-ui.css")
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert found[0]["name"] == "1.jpg"
    assert "<title>" in page.text
    assert docs.status_code == 200


@pytest.mark.parametrize("name", ["duplicates", "reconcile", "reindex", "key"])
def test_the_other_commands_run_too(lookalike, here, name):
    result = run(lookalike, name, *(["write"] if name == "key" else []), here=here)

    assert result.returncode == 0, result.stdout + result.stderr


def test_version_and_help_are_those_of_this_checkout(lookalike, tmp_path):
    version = run(lookalike, "--version", here=tmp_path)
    help = run(lookalike, "--help", here=tmp_path)

    assert version.stdout == f"lookalike {__version__}\n"
    assert [name for name in COMMANDS if f"│ {name} " not in help.stdout] == []
    teach = run(lookalike, "teach", "--help", here=tmp_path)
    assert "--label" in teach.stdout


def test_an_error_names_the_command_that_is_installed(lookalike, here, tmp_path):
    shutil.copytree(here / "data", tmp_path / "data")
    (index,) = (tmp_path / "data" / "index").rglob("mutable_id_tracker.mappings")
    os.truncate(index, index.stat().st_size // 2)

    damaged = run(lookalike, "reconcile", here=tmp_path)

    assert damaged.returncode == 2
    assert "run lookalike reconcile" in " ".join(damaged.stderr.split())
