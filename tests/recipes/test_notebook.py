"""The walkthrough, run in a real kernel and compared with its committed outputs."""

import json
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.drawing import jpeg
from tests.end_to_end.server import ROOT, environment_of
from tests.recipes.notebook import NOTEBOOK
from tests.recipes.reading import agree

MAX_BYTES = 1_000_000
COMMITTED = nbformat.read(NOTEBOOK, as_version=4)


def executed(notebook: Path, output_path: Path) -> nbformat.NotebookNode:
    command = [sys.executable, "-m", "tests.recipes.notebook", str(notebook), str(output_path)]
    process = subprocess.run(
        command,
        cwd=ROOT,
        env=environment_of(output_path.parent),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return nbformat.read(output_path, as_version=4)


def outputs(notebook: nbformat.NotebookNode) -> list[tuple[int, str, str]]:
    """Return every output with its cell's number: text as it is, pictures by their type."""
    found = []
    for number, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                found.append((number, output.name, output.text))
            else:
                found.append((number, output.output_type, " ".join(sorted(output.data))))
                found.append((number, "text/plain", output.data["text/plain"]))
    return found


def test_the_walkthrough_reproduces_its_committed_outputs(tmp_path):
    again = executed(NOTEBOOK, tmp_path / "again.ipynb")

    for before, now in zip(outputs(COMMITTED), outputs(again), strict=True):
        assert before[:2] == now[:2]
        assert agree(before[2], now[2]), f"{before[2]}\n{now[2]}"


def test_the_walkthrough_works_with_your_own_folder(tmp_path):
    folder = tmp_path / "pictures"
    for number in range(6):
        path = folder / str(number % 2) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(number))
    (folder / "broken.jpg").write_bytes(jpeg(1)[:900])
    own = nbformat.from_dict(COMMITTED)
    first = next(cell for cell in own.cells if cell.cell_type == "code")
    assert first.source.startswith("OWN_FOLDER = None")
    first.source = first.source.replace("None", repr(str(folder)), 1)
    nbformat.write(own, tmp_path / "own.ipynb")

    texts = [
        text for _, _, text in outputs(executed(tmp_path / "own.ipynb", tmp_path / "out.ipynb"))
    ]

    assert any(text.startswith("refused broken.jpg") for text in texts)
    assert "6 pictures in the gallery\n" in texts


def test_the_committed_walkthrough_was_run_in_order_and_shows_pictures():
    cells = [cell for cell in COMMITTED.cells if cell.cell_type == "code"]
    kinds = [kind for _, _, kind in outputs(COMMITTED)]

    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert sum("image/png" in kind for kind in kinds) == 5
    assert "stderr" not in kinds


@pytest.mark.parametrize("path", ["/home/", "/root/", "/tmp/", "/usr/", "/work/", "Users"])
def test_the_committed_walkthrough_contains_no_path_of_a_machine(path):
    for cell in COMMITTED.cells:
        texts = [text for _, _, text in outputs(nbformat.from_dict({"cells": [cell]}))]
        assert not any(path in text for text in texts)
    assert path not in json.dumps(COMMITTED.metadata)


def test_the_committed_walkthrough_is_small():
    assert NOTEBOOK.stat().st_size < MAX_BYTES
