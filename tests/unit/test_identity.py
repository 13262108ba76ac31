"""The identity of a data folder: written once, kept when the folder moves."""

import subprocess
import sys
from pathlib import Path

import pytest

from functions.gallery.errors import StoreError
from functions.gallery.originals.identity import FILE, of_folder

ROOT = Path(__file__).resolve().parents[2]
START = """
import sys
from pathlib import Path
from functions.gallery.originals.identity import of_folder
input()
print(of_folder(Path(sys.argv[1])))
"""


def test_a_folder_keeps_its_identity_when_it_is_moved(tmp_path):
    first = of_folder(tmp_path / "data")

    (tmp_path / "data").rename(tmp_path / "moved")

    assert of_folder(tmp_path / "moved") == first
    assert of_folder(tmp_path / "data") != first


def test_processes_that_start_together_agree(tmp_path):
    command = [sys.executable, "-c", START, str(tmp_path / "data")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, cwd=ROOT, **pipes) for _ in range(4)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()

    identities = {process.communicate()[0] for process in processes}

    assert len(identities) == 1
    assert identities.pop().startswith("folder:")


def test_a_file_that_a_power_failure_left_empty_is_written_again(tmp_path):
    (tmp_path / FILE).touch()

    identity = of_folder(tmp_path)

    assert identity == of_folder(tmp_path) != "folder:"


def test_a_folder_that_cannot_be_written_is_reported_by_name(tmp_path):
    (tmp_path / FILE).mkdir()

    with pytest.raises(StoreError, match=r"gallery-id.*LOOKALIKE_DATA"):
        of_folder(tmp_path)
