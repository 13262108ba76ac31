"""The real `sam build` and `sam local invoke`, if there is a container engine."""

import json
import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx
import numpy as np
import pytest
from moto.server import ThreadedMotoServer

from model.teach.folder import write_model
from model.teach.maps import LinearMap
from scripts.environment import SAM_VENV, prepare
from tests.container.engine import BASE_IMAGE, needs_engine
from tests.drawing import jpeg, scene, written
from tests.end_to_end.lambda_emulator import EVENTS, event

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "apifunction:lookalike"  # named after the function by sam, tagged by template.yaml
INSPECT_IMAGE = """
import json, pathlib, shutil, sys
task = pathlib.Path("/var/task")
code = [p for p in task.glob("functions/**/*.py")]
made = [p for p in code if list(p.parent.glob(f"__pycache__/{p.stem}.*.pyc"))]
print(json.dumps({
    "top": sorted(p.name for p in task.iterdir() if p.suffix != ".dist-info"),
    "code": len(code), "byte code": len(made),
    "model": sorted(p.name for p in (task / "model").iterdir()),
    "page": (task / "functions/api/built/page.html").read_text().count("<script"),
    "tests": [str(p) for p in task.rglob("tests")],
    "services": sorted(p.name for p in task.glob("botocore/data/*") if p.is_dir()),
    "compilers": [n for n in ("cc", "gcc", "clang", "make") if shutil.which(n)],
}))
"""


pytestmark = needs_engine


def sam(*arguments: str, **environment: str) -> str:
    """Run the SAM CLI and return its standard output, which is the function's response."""
    programs = prepare(SAM_VENV, "tests/sam/requirements.txt")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LOOKALIKE_", "QDRANT_"))}
    aws = {"AWS_DEFAULT_REGION": "eu-west-1", "SAM_CLI_TELEMETRY": "0"}
    credentials = {"AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"}
    result = subprocess.run(
        [str(programs / "sam"), *arguments],
        cwd=ROOT,
        env=kept | aws | credentials | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> str:
    """Build the image, with a taught model in it, and return the path of the built template."""
    folder = tmp_path_factory.mktemp("build")
    template = (ROOT / "template.yaml").read_text()
    if BASE_IMAGE:
        tag = "DockerTag: lookalike"
        template = template.replace(tag, f'{tag}, DockerBuildArgs: {{BASE_IMAGE: "{BASE_IMAGE}"}}')
    (folder / "template.yaml").write_text(template)
    source = ("--template", str(folder / "template.yaml"), "--base-dir", str(ROOT))
    with taught_model(ROOT / "model" / "own"):
        sam("build", *source, "--build-dir", str(folder / "build"))
    return str(folder / "build" / "template.yaml")


@contextmanager
def taught_model(folder: Path) -> Iterator[None]:
    """Write a model of 16 numbers, as scripts/teach does, unless there is one of the tester's."""
    if folder.exists():
        yield
        return
    matrix = np.random.default_rng(0).normal(size=(1280, 16)).astype(np.float32)
    bands = json.loads((ROOT / "model" / "card.json").read_text())["bands"]
    write_model(
        ROOT / "model", folder, LinearMap(np.zeros(1280, np.float32), matrix), bands, {"seed": 0}
    )
    try:
        yield
    finally:
        shutil.rmtree(folder)


def invoke(built: str, function: str, name: str | Path, **environment: str) -> Any:
    """Return the function's response. Its log is not used: sam sometimes loses the end of it."""
    file = str(name if isinstance(name, Path) else EVENTS / f"{name}.json")
    output = sam("local", "invoke", function, "--template", built, "--event", file, **environment)
    return json.loads(output)


class Bucket:
    """The bucket named in the events, on our own S3 server that containers can reach."""

    def __init__(self, address: str) -> None:
        created = event("eventbridge-created")["detail"]
        self.environment = {
            "AWS_ENDPOINT_URL": address,
            "LOOKALIKE_BUCKET": created["bucket"]["name"],
        }
        s3 = boto3.resource(
            "s3",
            endpoint_url=address,
            region_name="eu-west-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        self._bucket = s3.Bucket(created["bucket"]["name"])
        self._bucket.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self._key = created["object"]["key"]

    def put(self, data: bytes) -> None:
        self._bucket.put_object(Key=self._key, Body=data)

    def refused(self) -> int:
        return len(list(self._bucket.objects.filter(Prefix=".lookalike/refused/")))


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Sends nothing; finds the address that containers can reach.
        probe.connect(("192.0.2.1", 9))
        host = probe.getsockname()[0]
    server = ThreadedMotoServer(ip_address="0.0.0.0", port=0, verbose=False)
    server.start()
    address = f"http://{host}:{server.get_host_and_port()[1]}"
    httpx.post(f"{address}/moto-api/reset")  # all servers in one process share their contents
    yield Bucket(address)
    server.stop()


def test_an_api_call_works_without_any_configuration(built):
    response = invoke(built, "ApiFunction", "http-get")

    assert response["statusCode"] == 200
    assert response["headers"]["x-lookalike-store"] == "memory"


def test_a_taught_model_in_the_image_is_used_if_the_parameter_names_it(built):
    by_default, taught = (
        json.loads(invoke(built, "ApiFunction", "http-get", **environment)["body"])["model"]
        for environment in ({}, {"LOOKALIKE_MODEL": "model/own"})
    )

    assert "taught" not in by_default
    assert "-taught-" in taught


def test_pictures_that_need_libraries_of_their_own_are_accepted_in_base64(built, tmp_path):
    files = {
        "JPEG": jpeg(1),
        "WEBP": written(scene(2), "WEBP"),
        "AVIF": written(scene(3), "AVIF"),
        "HEIF": (ROOT / "tests" / "data" / "drawn.heic").read_bytes(),
    }
    body = json.dumps({"items": [{"image": b64encode(f).decode()} for f in files.values()]})
    call = event("http-add-binary") | {"body": b64encode(body.encode()).decode()}
    call |= {"rawPath": "/v1/images/batch", "rawQueryString": "", "queryStringParameters": {}}
    call["requestContext"]["http"]["path"] = "/v1/images/batch"
    call["headers"] |= {"content-type": "application/json", "content-length": str(len(body))}
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(call))

    response = invoke(built, "ApiFunction", path)

    assert response["statusCode"] == 200
    results = json.loads(response["body"])["results"]
    assert [result["status"] for result in results] == [201] * len(files)
    assert [result["added"]["image"]["format"] for result in results] == list(files)


def test_objects_in_the_bucket_are_refused_or_indexed(built, bucket):
    bucket.put(b"no picture at all")
    responses = [invoke(built, "IngestFunction", "s3-put", **bucket.environment)]
    refused = bucket.refused()
    bucket.put(jpeg(1, 160, 120))  # indexing it clears the refusal

    responses.append(invoke(built, "IngestFunction", "queue-eventbridge", **bucket.environment))

    assert responses == [{"batchItemFailures": []}] * 2
    assert (refused, bucket.refused()) == (1, 0)


def test_the_image_contains_byte_code_and_nothing_that_it_does_not_need():
    command = ["docker", "run", "--rm", "--entrypoint", "python", IMAGE, "-c", INSPECT_IMAGE]
    inside = json.loads(subprocess.check_output(command, text=True))

    assert {"functions", "model", "requirements.txt"} <= set(inside["top"])
    assert {"scripts", "infra", "tests", "README.md"}.isdisjoint(inside["top"])
    assert inside["byte code"] == inside["code"] > 30
    assert inside["model"] == ["card.json", "head.onnx", "mobilenetv2-1.0-224-int8.onnx", "own"]
    assert inside["services"] == ["s3", "secretsmanager", "sqs"]
    assert inside["page"] == 1
    assert inside["tests"] == inside["compilers"] == []
