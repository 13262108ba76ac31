"""Runs docs/walkthrough.ipynb from top to bottom, in a kernel of its own.

    python -m tests.recipes.notebook [NOTEBOOK WHERE]

writes it with its outputs in its own place, or another notebook to WHERE. Of the machine nothing is
kept: neither times nor versions.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import nbformat

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "walkthrough.ipynb"


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run every cell; raises CellExecutionError at the first that fails."""
    # Only now, for it reads where it may write when it is loaded.
    from nbclient import NotebookClient

    # Where matplotlib looks for fonts for the first time it may say so, and this is not the place.
    importlib.import_module("matplotlib.font_manager")
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute()
    notebook.metadata.language_info = {"name": "python"}
    return notebook


def main(notebook: Path, where: Path) -> None:
    """Run a notebook and write it with its outputs."""
    with tempfile.TemporaryDirectory() as home:
        own = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
        os.environ.update(dict.fromkeys(own, home))
        nbformat.write(execute(nbformat.read(notebook, as_version=4)), where)


if __name__ == "__main__":
    main(*(map(Path, sys.argv[1:]) if len(sys.argv) > 1 else (NOTEBOOK, NOTEBOOK)))
