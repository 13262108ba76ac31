"""Nothing is reported to the makers of the libraries.

onnxruntime 1.29 and later write a device id and a queue of events below the home directory when
they are imported, and send them ten seconds later, unless they are told not to.
"""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# onnxruntime reports nothing where it sees these.
SILENT = {"CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS", "TF_BUILD", "GITHUB_ACTIONS"}


def written_by(program, home):
    """Run a program without network; return the files that it writes below its home directory."""
    kept = {name: value for name, value in os.environ.items() if name not in SILENT}
    away = "http://127.0.0.1:9"  # nobody listens there
    environment = kept | {"HOME": str(home), "HTTPS_PROXY": away, "https_proxy": away}
    environment.pop("XDG_CACHE_HOME", None)
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=True)
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "program",
    [
        "import functions.gallery.embedding.embedder",
        "import functions.api.app",
        "import functions.ingest.handler",
        "import model.quality.vectors",
    ],
)
def test_no_device_id_is_made(tmp_path, program):
    assert written_by(program, tmp_path) == []


def test_a_device_id_is_made_by_the_library_alone(tmp_path):
    assert "deviceid" in written_by("import onnxruntime", tmp_path)
