"""The light import of qdrant_client against the plain one: the same on the wire, and no traces."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract import wire_traffic

ROOT = Path(__file__).resolve().parents[2]
STORE = "import functions.gallery.stores.qdrant_store"
PLAIN = "import qdrant_client"
TELL = """
import gc, json, sys
import pydantic
from functions.gallery.stores import qdrant_import
print(json.dumps({
    "light": qdrant_import.IS_LIGHT,
    "grpc": "grpc" in sys.modules,
    "base": pydantic.BaseModel.__module__,
    "collector": gc.isenabled(),
    "stand-ins": [n for n, m in sys.modules.items() if type(m).__name__ == "_StandIn"],
}))
"""
# Lets an import fail once, when half of the client is there.
STUMBLE = """
import sys
class Stumble:
    times = 0
    def find_spec(self, name, path, target=None):
        if name == "qdrant_client.local.qdrant_local" and not self.times:
            self.times += 1
            raise RuntimeError("not the shape that was expected")
sys.meta_path.insert(0, Stumble())
"""
OTHER_VERSION = """
import importlib.metadata
of = importlib.metadata.version
importlib.metadata.version = lambda name: "1.21.0" if name == "qdrant-client" else of(name)
"""


def python(*statements: str) -> str:
    command = [sys.executable, "-W", "error", "-c", "\n".join(statements)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_versions_that_the_image_installs_are_imported_the_light_way_without_traces():
    told = json.loads(python(STORE, TELL))

    assert told == {
        "light": True,
        "grpc": False,
        "base": "pydantic.main",
        "collector": True,
        "stand-ins": [],
    }


def test_grpc_can_be_had_afterwards_by_whoever_wants_it():
    made = python(STORE, "import grpc; print(grpc.insecure_channel('127.0.0.1:9').close())")

    assert made.strip() == "None"


@pytest.mark.parametrize("trouble", [STUMBLE, OTHER_VERSION], ids=["it stumbles", "other version"])
def test_what_is_not_as_expected_is_imported_the_plain_way(trouble):
    told = json.loads(python(trouble, STORE, TELL))

    assert (told["light"], told["grpc"], told["base"]) == (False, True, "pydantic.main")
    assert told["collector"] and not told["stand-ins"]


@pytest.mark.parametrize("trouble", [STUMBLE, OTHER_VERSION], ids=["it stumbles", "other version"])
def test_the_plain_way_out_works(trouble):
    told = json.loads(python(trouble, "from tests.contract.wire_traffic import tell", "tell()"))

    assert told == wire_traffic.traffic() | {"light": False}


def test_both_imports_say_and_hear_the_same_on_the_wire():
    run = "from tests.contract.wire_traffic import tell"

    light, plain = (json.loads(python(*first, run, "tell()")) for first in ([], [PLAIN]))

    assert (light.pop("light"), plain.pop("light")) == (True, False)
    assert len(light["requests"]) > 20
    assert light == plain


def test_the_tests_of_the_wire_and_of_local_mode_hold_with_the_plain_import_too():
    arguments = ["-q", "-p", "no:cacheprovider", "-k", "wire or qdrant-memory"]
    files = ["tests/contract/test_qdrant_wire.py", "tests/contract/test_store_contract.py"]

    said = python(
        PLAIN, "import pytest, sys", f"code = pytest.main({[*arguments, *files]})", "sys.exit(code)"
    )

    assert " passed" in said


def test_threads_that_build_the_models_at_the_same_time_all_get_their_answers():
    found = python(
        "from tests.contract.wire_traffic import searches_at_once",
        "print(searches_at_once(threads=16))",
    )

    assert found.split() == ["16"]
