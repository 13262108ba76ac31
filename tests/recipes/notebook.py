"""Run docs/walkthrough.ipynb from top to bottom, in its own kernel.

    python -m tests.recipes.notebook [NOTEBOOK OUTPUT]

Without arguments, the walkthrough is overwritten with its new outputs; otherwise NOTEBOOK is run
and saved as OUTPUT. Nothing about the machine is saved: no times, no versions.
"""

import importlib
import os
import sys
import tempfile
from pathlib import Path

import nbformat

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "walkthrough.ipynb"


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run every cell. Raises CellExecutionError at the first one that fails."""
    # Imported here because it reads its folders from the environment on import.
    from nbclient import NotebookClient

    # On its first run matplotlib can print a message about fonts; keep it out of the outputs.
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


def main(notebook: Path, output: Path) -> None:
    """Run a notebook and write it with its outputs."""
    with tempfile.TemporaryDirectory() as home:
        variables = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")
        os.environ.update(dict.fromkeys(variables, home))
        nbformat.write(execute(nbformat.read(notebook, as_version=4)), output)


if __name__ == "__main__":
    main(*(map(Path, sys.argv[1:]) if len(sys.argv) > 1 else (NOTEBOOK, NOTEBOOK)))
