"""What is built on a laptop, under `sam local` and in a deployed function."""

import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import boto3
import pytest
from moto import mock_aws

from functions.gallery.bootstrap import build_gallery, is_index_in_memory
from functions.gallery.errors import SettingsError, StoreDenied
from functions.gallery.intake.add import Submission
from functions.gallery.settings import Settings
from functions.runtime import under_sam_local
from tests.drawing import jpeg

ROOT = Path(__file__).resolve().parents[2]
DEPLOYED = {"AWS_LAMBDA_FUNCTION_NAME": "api", "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/21/[1]ab"}
SAM_LOCAL = {
    "AWS_LAMBDA_FUNCTION_NAME": "api",
    "AWS_LAMBDA_LOG_STREAM_NAME": "$LATEST",
    "AWS_SAM_LOCAL": "true",
}


def set_environment(monkeypatch, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def locked_qdrant():
    """Yield the address of a server that refuses every key, and the keys it received."""
    received_keys = []

    class Locked(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            received_keys.append(self.headers["api-key"])
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Locked)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", received_keys
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_deployed_function_without_a_qdrant_server_does_not_start(monkeypatch):
    set_environment(monkeypatch, DEPLOYED)

    with pytest.raises(SettingsError, match="QDRANT_URL is not set"):
        build_gallery(Settings())


def test_a_deployed_function_is_not_mistaken_for_sam_local(monkeypatch):
    set_environment(monkeypatch, DEPLOYED | {"AWS_SAM_LOCAL": "true"})

    assert not under_sam_local()


def test_sam_local_needs_no_settings_and_keeps_its_index_in_memory(monkeypatch, tmp_path):
    set_environment(monkeypatch, SAM_LOCAL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))

    gallery = build_gallery(Settings())
    gallery.add(Submission(lambda: jpeg(1), name="a.jpg"))

    assert gallery.stats().images == 1
    assert is_index_in_memory(Settings())
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]


@pytest.mark.parametrize(
    "secret", ["hush", "hush\n", '{"key": "hush"}', '{"QDRANT_API_KEY":"hush\\n"}']
)
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_the_qdrant_key_is_read_from_the_secret(monkeypatch, locked_qdrant, tmp_path, secret):
    address, received_keys = locked_qdrant
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        arn = secrets.create_secret(Name="qdrant", SecretString=secret)["ARN"]

        settings = {"qdrant_url": address, "qdrant_api_key_secret_arn": arn}

        with pytest.raises(StoreDenied):
            build_gallery(Settings(lookalike_data=tmp_path, **settings))

    assert set(received_keys) == {"hush"}


@pytest.mark.parametrize(
    "secret", ["hush hush", '{"user": "hush", "key": "hush"}', "{}", '{"a": []}']
)
def test_a_secret_without_a_single_key_is_refused_without_showing_it(monkeypatch, tmp_path, secret):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        arn = boto3.client("secretsmanager").create_secret(Name="qdrant", SecretString=secret)[
            "ARN"
        ]
        settings = {"qdrant_url": "http://127.0.0.1:1", "qdrant_api_key_secret_arn": arn}

        with pytest.raises(SettingsError, match="store the key alone") as refusal:
            build_gallery(Settings(lookalike_data=tmp_path, **settings))

    assert "hush" not in str(refusal.value)


def test_an_unreadable_secret_is_reported_with_its_setting(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:gone-AbCdEf"

    with mock_aws(), pytest.raises(SettingsError, match="QDRANT_API_KEY_SECRET_ARN"):
        settings = {"qdrant_url": "http://127.0.0.1:1", "qdrant_api_key_secret_arn": arn}
        build_gallery(Settings(lookalike_data=tmp_path, **settings))


def test_under_sam_local_the_api_starts_without_aws_libraries():
    script = "import functions.api.handler, sys; print(*{n.partition('.')[0] for n in sys.modules})"
    environment = SAM_LOCAL | {"PATH": ""}
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True
    )

    assert process.returncode == 0, process.stderr
    assert set(process.stdout.split()).isdisjoint({"boto3", "botocore", "qdrant_edge", "uvicorn"})
