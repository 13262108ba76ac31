"""What a cold start loads, counted: a package that is not needed, or many more modules, fails here.

Milliseconds are measured by scripts/bench/cold and tested nowhere.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.bench.starting.stand_in import qdrant_stand_in

ROOT = Path(__file__).resolve().parents[2]
# Without click, httpx leaves out its command line, as in the image, where there is none.
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
LAPTOP_ONLY = {"qdrant_edge", "uvicorn", "typer", "rich", "pi_heif"}
NOWHERE = LAPTOP_ONLY | {"grpc", "google.protobuf", "boto3", "s3transfer", "qdrant_client.grpc"}
NOWHERE |= {"qdrant_client.conversions.conversion", "qdrant_client.serverless", "moto"}
# Both packages themselves are listed, as None: they cannot be imported.
NOWHERE |= {"pydantic.v1.main", "h2.config"}
API, INGEST = "functions.api.handler", "functions.ingest.handler"
WEB = {"fastapi", "starlette", "mangum"}
AWS = {"botocore", "jmespath", "dateutil"}


@pytest.fixture(scope="module")
def qdrant():
    with qdrant_stand_in() as address:
        yield address


def told(code: str, handler: str, qdrant: str, *, deployed: bool) -> list[str]:
    """Give what a function tells that has built all that it needs, and waits for its calls."""
    settings = {"QDRANT_URL": qdrant}
    if deployed:
        settings |= {
            "LOOKALIKE_BUCKET": "pictures",
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": qdrant,
            "QDRANT_API_KEY_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:k",
        }
    command = [sys.executable, "-W", "ignore", "-c", code.format(handler)]
    ran = subprocess.run(command, cwd=ROOT, env=FUNCTION | settings, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split()


# The most modules: what there were on Python 3.11 and 3.13, whichever are more, and 2 % of room.
@pytest.mark.parametrize(
    ("handler", "deployed", "needless", "most"),
    [
        (API, False, AWS | {"aws_lambda_powertools"}, 840),
        (API, True, {"aws_lambda_powertools"}, 955),
        (INGEST, True, WEB, 850),
    ],
    ids=["api", "api as deployed", "ingest as deployed"],
)
def test_a_function_starts_with_what_it_needs(qdrant, handler, deployed, needless, most):
    modules = set(told(LOAD, handler, qdrant, deployed=deployed))

    assert modules & (NOWHERE | needless) == set()
    assert {"onnxruntime", "qdrant_client"} < modules
    assert len(modules) <= most


@pytest.mark.parametrize("handler", [API, INGEST])
def test_the_collector_rests_during_the_start_only(qdrant, handler):
    assert told(COLLECTOR, handler, qdrant, deployed=True) == ["True", "True"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
@pytest.mark.parametrize("handler", [API, INGEST])
def test_a_function_starts_with_the_threads_that_it_needs(qdrant, handler):
    # Its own and onnxruntime's; numpy's would be one more for every core.
    assert told(THREADS, handler, qdrant, deployed=True) == ["2"]
