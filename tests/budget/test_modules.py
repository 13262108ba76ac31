"""What a cold start loads: an unneeded package, or too many modules, fails here.

Times are measured by scripts/bench/cold and not tested.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from functions.gallery.embedding.card import read_card
from functions.gallery.originals import identity
from functions.gallery.records import CollectionSpec
from functions.gallery.stores.ownership import Owner
from functions.gallery.stores.server.store import QdrantStore
from scripts.bench.starting.stand_in import qdrant_stand_in

ROOT = Path(__file__).resolve().parents[2]
# Without click, as in the image, httpx does not load its command line.
LOAD = "import sys; sys.modules['click'] = None; import {}; print(*sys.modules)"
THREADS = "import {}, os; print(len(os.listdir('/proc/self/task')))"
COLLECTOR = "import {}, gc; print(gc.isenabled(), gc.get_freeze_count() > 50_000)"
FUNCTION = {
    "AWS_LAMBDA_FUNCTION_NAME": "lookalike",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "PATH": os.environ["PATH"],
}
LAPTOP_ONLY = {"qdrant_edge", "uvicorn", "typer", "rich"}
NEVER_LOADED = LAPTOP_ONLY | {
    "grpc",
    "google.protobuf",
    "boto3",
    "s3transfer",
    "qdrant_client",
    "moto",
}
# pydantic.v1 and h2 themselves are in sys.modules as None, which blocks their import.
NEVER_LOADED |= {"pydantic.v1.main", "h2.config"}
NEVER_LOADED |= {"pi_heif", "fastapi_offline"}  # /docs serves its files
API, INGEST = "functions.api.handler", "functions.ingest.handler"
WEB = {"fastapi", "starlette", "mangum"}
AWS = {"botocore", "jmespath", "dateutil"}


@pytest.fixture
def qdrant():
    with qdrant_stand_in() as address:
        yield address


def output_of(code: str, handler: str, qdrant: str, *, deployed: bool) -> list[str]:
    """Start a function until it is ready for calls, run `code` in it and return what it prints.

    Its collection is there already: making one takes qdrant_client.
    """
    card = read_card(ROOT / "model")
    owner = Owner(identity.of_bucket("pictures") if deployed else identity.OF_A_FUNCTION)
    QdrantStore.connect(qdrant, None, CollectionSpec(card.id, card.dims), owner).close()
    settings = {"QDRANT_URL": qdrant}
    if deployed:
        settings |= {
            "LOOKALIKE_BUCKET": "pictures",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": qdrant,
            "QDRANT_API_KEY_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:k",
        }
    command = [sys.executable, "-W", "ignore", "-c", code.format(handler)]
    process = subprocess.run(
        command, cwd=ROOT, env=FUNCTION | settings, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.splitlines()[-1].split()  # after a log, if the machine is slow


# Modules: the larger number of Python 3.11 and 3.13, plus 2 %.
@pytest.mark.parametrize(
    ("handler", "deployed", "unneeded", "max_modules"),
    [
        (API, False, AWS | {"aws_lambda_powertools"}, 765),
        (API, True, {"aws_lambda_powertools"}, 905),
        (INGEST, True, WEB, 795),
    ],
    ids=["api", "api as deployed", "ingest as deployed"],
)
def test_a_function_loads_only_the_packages_it_needs(
    qdrant, handler, deployed, unneeded, max_modules
):
    modules = set(output_of(LOAD, handler, qdrant, deployed=deployed))

    assert modules & (NEVER_LOADED | unneeded) == set()
    assert {"onnxruntime", "httpx"} < modules
    assert len(modules) <= max_modules


@pytest.mark.parametrize("handler", [API, INGEST])
def test_the_garbage_collector_is_off_only_during_start_up(qdrant, handler):
    assert output_of(COLLECTOR, handler, qdrant, deployed=True) == ["True", "True"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads in /proc")
@pytest.mark.parametrize("handler", [API, INGEST])
def test_a_function_starts_only_the_threads_it_needs(qdrant, handler):
    # Its own; numpy would add one per core, and onnxruntime one that reports to its maker.
    assert output_of(THREADS, handler, qdrant, deployed=True) == ["1"]
