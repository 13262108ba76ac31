"""The first start in a checkout, and starts after something went wrong with its environment.

It is the real scripts/environment.py, with one small package of a folder in place of the fifty.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
import venv
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.server import ROOT

pytestmark = pytest.mark.slow
COMMAND = """\
#!/usr/bin/env python3
from environment import enter

enter("scripts/requirements.txt")

import sys, tiny

print(tiny.__version__, sys.prefix)
"""
# As on Debian, where it is a package of its own.
NO_ENSUREPIP = "import sys\nsys.modules['ensurepip'] = None\n"


class Checkout:
    """A folder with a command that needs the package tiny."""

    def __init__(self, folder: Path, packages: Path) -> None:
        self.folder = folder
        self.venv = folder / ".venv"
        self.environment = {
            "PATH": f"{Path(sys.executable).resolve().parent}:/usr/bin:/bin",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(packages),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.folder / "scripts" / "hello"],
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, **more: str) -> tuple[int, str]:
        process = self.start(**more)
        output, _ = process.communicate(timeout=120)
        return process.returncode, output

    @property
    def packages(self) -> Path:
        (folder,) = self.venv.glob("lib/python*/site-packages")
        return folder


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packages")
    for version in ("1.0", "2.0"):
        info = f"tiny-{version}.dist-info"
        files = {
            "tiny.py": f"__version__ = '{version}'\n",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
        with zipfile.ZipFile(folder / f"tiny-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in (files | {f"{info}/RECORD": record}).items():
                wheel.writestr(name, text)
    return folder


@pytest.fixture(scope="session")
def fresh(packages, tmp_path_factory):
    """A checkout as git makes it."""
    folder = tmp_path_factory.mktemp("fresh") / "checkout"
    for name in (
        "scripts/environment.py",
        "functions/__init__.py",
        "functions/runtime.py",
        "functions/cli/__init__.py",
        "functions/cli/interrupts.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    (folder / "scripts" / "requirements.txt").write_text("# What it needs.\ntiny==1.0\n")
    (folder / "scripts" / "hello").write_text(COMMAND)
    (folder / "scripts" / "hello").chmod(0o755)
    return folder


@pytest.fixture(scope="session")
def first_run(fresh, packages):
    """A checkout after its first start, what that printed, and how far it was at the first line."""
    checkout = Checkout(fresh.with_name("complete"), packages)
    shutil.copytree(fresh, checkout.folder)
    process = checkout.start()
    first = process.stdout.readline()
    made = list(checkout.venv.glob("lib/python*/site-packages/pip-*.dist-info"))
    rest, _ = process.communicate(timeout=120)
    return checkout.folder, first + rest, made


@pytest.fixture
def new(fresh, packages, tmp_path):
    shutil.copytree(fresh, tmp_path / "checkout")
    return Checkout(tmp_path / "checkout", packages)


@pytest.fixture
def complete(first_run, packages, tmp_path):
    shutil.copytree(first_run[0], tmp_path / "complete", symlinks=True)
    return Checkout(tmp_path / "complete", packages)


def test_the_first_start_says_at_once_what_it_does(first_run):
    folder, output, made = first_run

    assert "Creating a virtual environment in .venv" in output
    assert "Installing 1 packages into .venv, once\n  tiny 1.0" in output
    assert output.splitlines()[-1] == f"1.0 {folder / '.venv'}"
    assert made == []


def test_later_starts_write_nothing_so_a_checkout_of_somebody_else_works(complete):
    (complete.folder / ".venv.lock").unlink()
    (complete.folder / ".venv.lock").mkdir()  # a file that not even root can open to write

    assert complete.run() == (0, f"1.0 {complete.venv}\n")


def test_an_incomplete_environment_that_cannot_be_written_is_explained(new):
    (new.folder / ".venv.lock").mkdir()

    code, output = new.run()

    assert code == 1
    assert "cannot be written" in output
    assert "Traceback" not in output


def test_changed_requirements_are_installed(complete):
    (complete.folder / "scripts" / "requirements.txt").write_text("tiny==2.0\n")

    code, output = complete.run()

    assert (code, output.splitlines()[-1]) == (0, f"2.0 {complete.venv}")


def test_a_package_that_was_not_installed_to_its_end_is_installed_again(complete):
    (complete.packages / "tiny.py").unlink()
    (complete.packages / "tiny-1.0.dist-info" / "INSTALLER").unlink()

    code, output = complete.run()

    assert (code, output.splitlines()[-1]) == (0, f"1.0 {complete.venv}")


def test_an_upgrade_of_python_makes_the_environment_again(complete):
    # What the links of an environment lead to then has another version.
    complete.packages.parent.rename(complete.packages.parent.with_name("python3.10"))

    code, output = complete.run()

    assert (code, output.splitlines()[-1]) == (0, f"1.0 {complete.venv}")


def test_a_python_that_was_removed_makes_the_environment_again(complete):
    python = complete.venv / "bin" / "python"
    python.unlink()
    python.symlink_to("/usr/bin/python3.0")

    code, output = complete.run()

    assert (code, output.splitlines()[-1]) == (0, f"1.0 {complete.venv}")


@pytest.mark.parametrize("line", ["Creating", "Installing"])
def test_a_first_start_that_ctrl_c_ended_is_finished_by_the_next(new, line):
    process = new.start()
    for printed in process.stdout:
        if printed.startswith(line):
            break
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=30)

    again = new.run()

    assert process.returncode == -signal.SIGINT
    assert "environment.py" not in output  # no traceback of ours
    assert (again[0], again[1].splitlines()[-1]) == (0, f"1.0 {new.venv}")


def test_without_python3_venv_it_says_what_to_install_and_then_works(new, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(NO_ENSUREPIP)

    code, output = new.run(PYTHONPATH=str(tmp_path / "site"))
    again = new.run()

    assert code == 1
    assert "apt install python3-venv" in output
    assert again[0] == 0


def test_an_environment_with_the_packages_is_used_as_it_is(new, complete):
    python = str(complete.venv / "bin")

    code, output = new.run(PATH=f"{python}:/usr/bin:/bin")

    assert (code, output) == (0, f"1.0 {complete.venv}\n")
    assert not new.venv.exists()


def test_an_environment_without_the_packages_is_left_alone(complete, tmp_path):
    venv.create(tmp_path / "other")

    result = complete.run(PATH=f"{tmp_path / 'other' / 'bin'}:/usr/bin:/bin")

    assert result == (0, f"1.0 {complete.venv}\n")


def test_without_an_environment_of_its_own_other_versions_do_and_what_is_missing_is_named(
    new, complete
):
    (new.folder / "scripts" / "requirements.txt").write_text("tiny==2.0\nother==1.0\n")
    path = {"PATH": f"{complete.venv / 'bin'}:/usr/bin:/bin", "LOOKALIKE_NO_VENV": "1"}

    lacking = new.run(**path)
    (new.folder / "scripts" / "requirements.txt").write_text("tiny==2.0\n")
    running = new.run(**path)

    assert lacking[0] == 1
    assert "lacks other; run: " in lacking[1]
    assert running == (0, f"1.0 {complete.venv}\n")
    assert not new.venv.exists()
