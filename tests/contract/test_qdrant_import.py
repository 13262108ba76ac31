"""The fast import of qdrant_client: the same requests as the plain one, and no side effects."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import wire_traffic

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
STORE = "import functions.gallery.stores.server.store"
PLAIN = "import qdrant_client"
REPORT = """
import gc, json, sys
import pydantic
from functions.gallery.stores.server import client
print(json.dumps({
    "light": client.IS_LIGHT,
    "grpc": "grpc" in sys.modules,
    "base": pydantic.BaseModel.__module__,
    "collector": gc.isenabled(),
    "placeholders": [n for n, m in sys.modules.items() if type(m).__name__ == "_Placeholder"],
}))
"""
# Makes the import fail once, halfway.
FAIL_ONCE = """
import sys
class FailOnce:
    times = 0
    def find_spec(self, name, path, target=None):
        if name == "qdrant_client.local.qdrant_local" and not self.times:
            self.times += 1
            raise RuntimeError("not the shape that was expected")
sys.meta_path.insert(0, FailOnce())
"""
OTHER_VERSION = """
import importlib.metadata
of = importlib.metadata.version
importlib.metadata.version = lambda name: "1.21.0" if name == "qdrant-client" else of(name)
"""


def run_python(*statements: str) -> str:
    command = [sys.executable, "-W", "error", "-c", "\n".join(statements)]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_the_versions_in_the_image_are_imported_fast_without_side_effects():
    state = json.loads(run_python(STORE, REPORT))

    assert state == {
        "light": True,
        "grpc": False,
        "base": "pydantic.main",
        "collector": True,
        "placeholders": [],
    }


def test_grpc_can_be_imported_afterwards():
    output = run_python(STORE, "import grpc; print(grpc.insecure_channel('127.0.0.1:9').close())")

    assert output.strip() == "None"


@pytest.mark.parametrize(
    "problem", [FAIL_ONCE, OTHER_VERSION], ids=["it stumbles", "other version"]
)
def test_anything_unexpected_falls_back_to_the_plain_import(problem):
    state = json.loads(run_python(problem, STORE, REPORT))

    assert (state["light"], state["grpc"], state["base"]) == (False, True, "pydantic.main")
    assert state["collector"] and not state["placeholders"]


@pytest.mark.parametrize(
    "problem", [FAIL_ONCE, OTHER_VERSION], ids=["it stumbles", "other version"]
)
def test_the_plain_import_works_after_a_fallback(problem):
    state = json.loads(
        run_python(problem, "from tests.contract.wire_traffic import report", "report()")
    )

    assert state == wire_traffic.traffic() | {"light": False}


def test_both_imports_send_and_receive_the_same_data():
    run = "from tests.contract.wire_traffic import report"

    light, plain = (json.loads(run_python(*first, run, "report()")) for first in ([], [PLAIN]))

    assert (light.pop("light"), plain.pop("light")) == (True, False)
    assert len(light["requests"]) > 20
    assert light == plain


def test_the_tests_of_wire_and_local_mode_pass_with_the_plain_import_too():
    arguments = ["-q", "-p", "no:cacheprovider", "-k", "wire or qdrant-memory"]
    files = ["tests/contract/test_qdrant_wire.py", "tests/contract/test_store_contract.py"]

    output = run_python(
        PLAIN, "import pytest, sys", f"code = pytest.main({[*arguments, *files]})", "sys.exit(code)"
    )

    assert " passed" in output


def test_threads_that_build_models_at_the_same_time_all_get_results():
    found = run_python(
        "from tests.contract.wire_traffic import searches_at_once",
        "print(searches_at_once(threads=16))",
    )

    assert found.split() == ["16"]
